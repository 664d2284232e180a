"""Where the area of machines goes, item by item, and how many VPUs a machine has at another's area."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from accelsim.config import Machine, Technology
from accelsim.energy import AreaBreakdown, AreaItem, area, iso_area_vpus
from accelsim.errors import AccelsimError


def areas_content(machines: Sequence[Machine], technology: Technology) -> dict[str, Any]:
    """Tables for `accelsim.report.describe.show`: items of one core side by side, totals, and VPUs at equal area.

    The first machine is the reference for the last table. Raises AccelsimError if an SRAM is outside the
    technology's table.
    """
    breakdowns = [area(machine, technology) for machine in machines]
    names = list(dict.fromkeys(item.name for each in breakdowns for item in each.items))
    content: dict[str, Any] = {
        "core": [_row(name, machines, breakdowns, technology) for name in names],
        "total": [
            {
                "machine": machine.name,
                "vpus": machine.mvu.vpus,
                "cores": machine.cores,
                "core_mm2": round(each.core_mm2, 5),
                "total_mm2": round(each.total_mm2, 5),
                "leakage_mw": round(machine.cores * each.leakage_mw(), 4),
            }
            for machine, each in zip(machines, breakdowns, strict=True)
        ],
    }
    if len(machines) > 1:
        content["equal_area"] = [_fit(machine, machines[0], technology) for machine in machines[1:]]
    content["sources"] = [
        {"unit": unit, "um2": block.area_um2, "from": _source(block.source, block.measurement, technology)}
        for unit, block in technology.blocks
        if any(item.unit == unit for each in breakdowns for item in each.items)
    ]
    content["technology"] = {"name": technology.name} | {
        f"measurement {name}": f"{each.tools}; {each.library}; {each.date}"
        for name, each in technology.measurements.items()
    }
    return content


def _row(
    name: str, machines: Sequence[Machine], breakdowns: Sequence[AreaBreakdown], technology: Technology
) -> dict[str, Any]:
    """One item: what it is built of, and for every machine how many and how much."""
    found = [next((item for item in each.items if item.name == name), None) for each in breakdowns]
    row: dict[str, Any] = {
        "item": name,
        "unit": " / ".join(dict.fromkeys(i.unit for i in found if i is not None)),
    }
    for machine, item in zip(machines, found, strict=True):
        row[f"{machine.name}: units"] = 0 if item is None else round(item.count, 2)
        row["mm2" if len(machines) == 1 else f"{machine.name}: mm2"] = (
            0.0 if item is None else round(item.mm2, 5)
        )
    return row


def _fit(machine: Machine, reference: Machine, technology: Technology) -> dict[str, Any]:
    """The largest machine of this kind that is no larger than the reference, and the next that is too large."""
    vpus = iso_area_vpus(machine, reference, technology)
    budget = area(reference, technology).total_mm2
    fits = area(machine.resized(vpus=vpus), technology)
    try:
        more: float | None = area(machine.resized(vpus=vpus + 1), technology).total_mm2
    except AccelsimError:  # outside of what the SRAM table has
        more = None
    return {
        "machine": machine.name,
        f"{reference.name}: mm2": round(budget, 5),
        "vpus": vpus,
        "mm2": round(fits.total_mm2, 5),
        "mm2 with one more": None if more is None else round(more, 5),
        "logic of a VPU um2": round(1e6 * _logic_of_a_vpu(machine, vpus, technology), 1),
    }


def _logic_of_a_vpu(machine: Machine, vpus: int, technology: Technology) -> float:
    """mm2 of logic that one VPU more adds to one core."""

    def logic(count: int) -> float:
        items: tuple[AreaItem, ...] = area(machine.resized(vpus=count), technology).items
        return sum(item.mm2 for item in items if item.kind == "logic")

    return logic(vpus) - logic(vpus - 1) if vpus > 1 else logic(vpus)


def _source(source: str, measurement: str | None, technology: Technology) -> str:
    return f"{source} [{measurement}]" if measurement in technology.measurements else source
