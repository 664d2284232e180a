"""What pictures have in common: the names and colours of what they show, their style, and how they are saved."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import AccelsimError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
FONT_SIZE = 8

GROUP_COLOURS = {
    "compute": "#4477aa",
    "sram": "#66ccee",
    "registers": "#ccbb44",
    "dram": "#aa3377",
    "leakage": "#bbbbbb",
}
"""Colours of the energy groups (`accelsim.energy.GROUPS`)."""

_GROUP_TITLES = {"sram": "SRAM", "dram": "DRAM"}
_NETWORK_TITLES = {"resnet18": "ResNet-18", "wrn34-10": "WideResNet-34-10"}


def group_title(group: str) -> str:
    """Return an energy group's name for people."""
    return _GROUP_TITLES.get(group, group)


def network_title(network: str) -> str:
    """Return a network's name for people."""
    return _NETWORK_TITLES.get(network, network)


def check_picture(path: str | Path) -> None:
    """Raise AccelsimError unless the file's name ends in one of `SUFFIXES`."""
    if Path(path).suffix not in SUFFIXES:
        raise AccelsimError(f"{path}: allowed are files that end in {', '.join(SUFFIXES)}")


def picture_style() -> AbstractContextManager[None]:
    """Return a context in which matplotlib draws in the style of all pictures."""
    import matplotlib as mpl

    return mpl.rc_context({"font.size": FONT_SIZE, "axes.spines.top": False, "axes.spines.right": False})


def save_picture(figure: Figure, path: Path) -> None:
    """Save a figure in the format of the suffix (`SUFFIXES`); the same figure gives the same bytes."""
    import matplotlib as mpl

    metadata: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix, {})
    with mpl.rc_context({"svg.hashsalt": "accelsim"}):
        figure.savefig(path, dpi=150, metadata=metadata)
