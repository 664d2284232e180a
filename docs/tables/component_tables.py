"""Tables of the documents that the components make: counts, energy charges and parts of the area."""

from __future__ import annotations

from collections.abc import Iterator

from accelsim.components.component import Component, LogicPart
from accelsim.components.component_registry import COMPONENTS
from accelsim.tables import frame_of, markdown_table


def counts_markdown() -> str:
    """Return the counts in the order of their columns (docs/machine.md, section 7)."""
    pairs = ((action, each.name) for each in COMPONENTS for action in each.actions)
    rows = [
        [f"`{action.name}`", component, action.unit, action.meaning]
        for action, component in sorted(pairs, key=lambda pair: pair[0].column)
    ]
    return markdown_table(frame_of(rows, ["count", "component", "unit", "per block, unless said otherwise"]))


def component_tables() -> dict[str, str]:
    """Return what stands between the markers of docs/energy.md that the components make."""
    return {"charges": _charges(), "parts": _parts()}


def _charges() -> str:
    """Return the items of the energy in their order."""
    pairs = ((charge, each.name) for each in COMPONENTS for charge in each.charges)
    rows = [
        [f"`{charge.name}`", component, charge.group, charge.formula]
        for charge, component in sorted(pairs, key=lambda pair: pair[0].place)
    ]
    return markdown_table(frame_of(rows, ["item", "component", "group", "charge"]))


def _parts() -> str:
    """Return what the area of a core is built of, component by component."""
    rows = [row for each in COMPONENTS for row in _parts_of(each)]
    return markdown_table(frame_of(rows, ["item", "component", "block", "how many"]))


def _parts_of(component: Component) -> Iterator[list[str]]:
    for part in component.parts:
        block = f"`{part.block}`" if isinstance(part, LogicPart) else "SRAM macro"
        yield [f"`{part.name}`", component.name, block, part.formula]
