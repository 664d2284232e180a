"""The tables of docs/validation.md that `accelsim validate-rtl` writes."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from accelsim.components.component_registry import RTL_ACTION_NAMES
from accelsim.engine import ENGINES
from accelsim.files import check_output_file, replaced
from accelsim.marked import between, fill_document
from accelsim.rtl.validation.validate import LAYERS_PER_MACHINE, Outcome
from accelsim.rtl.verilator.build import verilator_version
from accelsim.rtl.yosys import yosys_version
from accelsim.tables import frame_of, markdown_table
from accelsim.version import __version__

MARKER = "validate-rtl"


def markdown(
    random: Sequence[Outcome], full: Sequence[Outcome], seed: int, simulator: str, seconds: float
) -> str:
    """What was compared, with which tools, and the two tables; those without a row are left out."""
    every = [*random, *full]
    wrong = sum(bool(outcome.differences) for outcome in every)
    parts = [
        f"{len(every)} layers, {sum(o.cycles for o in every):,} core cycles and {sum(o.words for o in every):,} words of z' "
        f"simulated in RTL; {len(every) - wrong} agree in all, {wrong} differ. For each: every word of z' against the "
        f"fixed-point reference, and {len(RTL_ACTION_NAMES)} counts against the {' and the '.join(ENGINES)} engine.\n",
        f"Made on {date.today():%d %B %Y} in {_minutes(seconds)} by accelsim {__version__}: "
        f"{tools(simulator, bool(full))}.\n",
    ]
    if random:
        machines = -(-len(random) // LAYERS_PER_MACHINE)
        parts.append(
            f"Random machines and layers, seeds {seed} to {seed + machines - 1}, in {_named(simulator)}:\n\n"
            + _random_table(random)
        )
    if full:
        parts.append(
            "Whole layers of ResNet-18 on one CIFAR-10 image, on the shipped machines, in Verilator:\n\n"
            + _full_table(full)
        )
    differing = [outcome for outcome in every if outcome.differences]
    if differing:
        parts.append(
            "Differences:\n\n"
            + "".join(f"- {o.machine}, {o.group}, {o.what}: {'; '.join(o.differences)}\n" for o in differing)
        )
    return "\n".join(parts)


def tools(simulator: str, full: bool) -> str:
    """The versions of what took part. Raises AccelsimError if one is missing."""
    used = [f"Python {platform.python_version()}", f"Amaranth {importlib.metadata.version('amaranth')}"]
    if full or simulator == "verilator":
        used += [yosys_version(), verilator_version()]
    return ", ".join(used)


def check_report(path: Path) -> None:
    """Raise AccelsimError, before the work, if `write_report` could not write there."""
    check_output_file(path)
    if path.is_file():
        between(path, MARKER)


def write_report(path: Path, text: str) -> None:
    """Write the tables to a Markdown file: between the markers of one that exists, else as the whole file.

    Raises AccelsimError if a file exists that has no markers: it is something else.
    """
    if path.is_file():
        fill_document(path, {MARKER: text})
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path) as temporary:
        temporary.write_text(f"<!-- {MARKER} -->\n{text}<!-- /{MARKER} -->\n", encoding="utf-8")


def _random_table(outcomes: Sequence[Outcome]) -> str:
    rows = []
    for group in dict.fromkeys(outcome.group for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.group == group]
        rows.append(
            {
                "machines": _named(group),
                "layers": len(own),
                "core cycles": sum(outcome.cycles for outcome in own),
                "words of z'": sum(outcome.words for outcome in own),
                "layers that differ": sum(bool(outcome.differences) for outcome in own),
                "s": sum(outcome.seconds for outcome in own),
            }
        )
    formats = {"core cycles": ",", "words of z'": ",", "s": ".0f"}
    return markdown_table(frame_of(rows), formats=formats)


def _full_table(outcomes: Sequence[Outcome]) -> str:
    rows = [
        {
            "layer": outcome.what,
            "scheme": outcome.group,
            "machine": outcome.machine,
            "core cycles": outcome.cycles,
            "words of z'": outcome.words,
            "counts and words that differ": len(outcome.differences),
            "s": outcome.seconds,
            "cycles/s": outcome.cycles / outcome.seconds if outcome.seconds else None,
        }
        for outcome in outcomes
    ]
    formats = {"core cycles": ",", "words of z'": ",", "s": ".1f", "cycles/s": ",.0f"}
    return markdown_table(frame_of(rows), formats=formats)


def _named(name: str) -> str:
    return {"nm": "N:M", "amaranth": "Amaranth's simulator", "verilator": "Verilator"}.get(name, name)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
