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

from accelsim.version import MODEL_VERSION
from tests.behaviour import algorithm, commands, simulated

DIGEST = Path(__file__).with_name("digest.json")

PACKAGES = ("numpy", "numba", "pandas", "torch", "amaranth", "pyosys")


@dataclass(frozen=True)
class Section:
    """A part of the digest, and the optional packages that it needs."""

    compute: Callable[[], dict[str, str]]
    needs: tuple[str, ...] = ()
    is_model: bool = False
    """Whether its keys are counts and costs alone, so that another value is another version of the model."""

    @property
    def missing(self) -> list[str]:
        """Return the packages that are not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


SECTIONS: dict[str, Section] = {
    "simulate": Section(simulated.simulations, is_model=True),
    "reference": Section(simulated.reference_engine, is_model=True),
    "variants": Section(simulated.machine_variants, is_model=True),
    "prices": Section(simulated.machine_prices, is_model=True),
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


def model_differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return the keys of counts and costs that both have and that are not the same.

    Labels, which are names of the rows, may change without the model.
    """
    sections = [f"{name}/" for name, section in SECTIONS.items() if section.is_model]
    return [
        key
        for key in before
        if key in after and before[key] != after[key]
        if key.startswith(tuple(sections)) and not key.endswith("/labels")
    ]


def environment() -> dict[str, str]:
    """Return what the digest was recorded with; for whoever finds a difference, not compared."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
