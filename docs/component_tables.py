"""Tables of the documents that the components make: counts, energy charges and parts of the area."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from accelsim.components.component import Component, LogicPart
from accelsim.components.component_registry import COMPONENTS


def counts_markdown() -> str:
    """Return the counts in the order of their columns (docs/machine.md, section 7)."""
    actions = sorted(
        ((action, each.name) for each in COMPONENTS for action in each.actions),
        key=lambda pair: pair[0].column,
    )
    head = ("count", "component", "unit", "per block, unless said otherwise")
    return _table(head, ((f"`{a.name}`", component, a.unit, a.meaning) for a, component in actions))


def charges_markdown() -> str:
    """Return the items of the energy in their order (docs/energy.md, section "Energy")."""
    charges = sorted(
        ((charge, each.name) for each in COMPONENTS for charge in each.charges),
        key=lambda pair: pair[0].place,
    )
    head = ("item", "component", "group", "charge")
    return _table(head, ((f"`{c.name}`", component, c.group, c.formula) for c, component in charges))


def parts_markdown() -> str:
    """Return what the area of a core is built of, component by component (docs/energy.md, section "Area")."""
    head = ("item", "component", "block", "how many")
    return _table(head, (row for each in COMPONENTS for row in _parts(each)))


def _parts(component: Component) -> Iterable[Sequence[str]]:
    for part in component.parts:
        block = f"`{part.block}`" if isinstance(part, LogicPart) else "SRAM macro"
        yield f"`{part.name}`", component.name, block, part.formula


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
