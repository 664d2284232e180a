"""The behaviour digest: one SHA-256 for each piece of what accelsim computes, from its public surface.

It pins counts, energies, tables, masks and Verilog to the digit, so that code can be rearranged without a doubt about
what it does. Keys begin with the name of their section, and are as fine as is needed to tell what has changed.

Record it anew, after a deliberate change, with::

    python -m tests.behaviour.record             every section
    python -m tests.behaviour.record figure5     that one
"""

from __future__ import annotations

import importlib.util
import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tests.behaviour import algorithm, commands, simulated

DIGEST = Path(__file__).with_name("digest.json")

MODEL_VERSION = 1
"""What a new digest file starts with. A person raises the number in the file when counts change on purpose."""

PACKAGES = ("numpy", "numba", "pandas", "torch", "amaranth", "pyosys")


@dataclass(frozen=True)
class Section:
    """A part of the digest, and the optional packages that it needs."""

    compute: Callable[[], dict[str, str]]
    needs: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """Return the packages that are not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


SECTIONS: dict[str, Section] = {
    "simulate": Section(simulated.simulations),
    "reference": Section(simulated.reference_engine),
    "variants": Section(simulated.machine_variants),
    "prices": Section(simulated.machine_prices),
    "traces": Section(simulated.trace_files),
    "figure5": Section(commands.figure5),
    "summaries": Section(commands.summaries),
    "sweep": Section(commands.sweep),
    "timeline": Section(commands.timelines),
    "schema": Section(commands.schemas),
    "network": Section(algorithm.network, ("torch",)),
    "verilog": Section(algorithm.verilog, ("amaranth", "pyosys")),
}


def section_digest(name: str) -> dict[str, str]:
    """Return a section's keys, each with the section's name before it, and their SHA-256 (hex)."""
    return {f"{name}/{key}": value for key, value in sorted(SECTIONS[name].compute().items())}


def recorded() -> dict[str, Any]:
    """Return the content of digest.json; if there is none, that of a digest without keys."""
    if not DIGEST.exists():
        return {"model_version": MODEL_VERSION, "recorded_with": {}, "digest": {}}
    content: dict[str, Any] = json.loads(DIGEST.read_text(encoding="utf-8"))
    return content


def section_of(digest: Mapping[str, str], name: str) -> dict[str, str]:
    """Return the keys of one section."""
    return {key: value for key, value in digest.items() if key.startswith(f"{name}/")}


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return a line for every key that is not the same."""
    lines = [f"changed: {key}" for key in before if key in after and before[key] != after[key]]
    lines += [f"gone:    {key}" for key in before if key not in after]
    return lines + [f"new:     {key}" for key in after if key not in before]


def environment() -> dict[str, str]:
    """Return what the digest was recorded with; for whoever finds a difference, not compared."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
