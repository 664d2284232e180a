"""The tables of docs/energy.md: constants of a technology, areas of machines, and published energies beside ours."""

from __future__ import annotations

from collections.abc import Sequence

from accelsim.config import Machine, Technology
from accelsim.energy.published_energies import HOROWITZ, comparisons, dram_pj_per_bit
from accelsim.report.area_report import areas_content
from accelsim.tables import frame_of, markdown_table


def energy_tables(machines: Sequence[Machine], technology: Technology) -> dict[str, str]:
    """Return what stands between each marker of docs/energy.md."""
    return {
        "published": _published(technology),
        "events": _events(technology),
        "blocks": _blocks(technology),
        "area": _areas(machines, technology),
    }


def _events(technology: Technology) -> str:
    """Return the energy per event, with uniform operands beside it where that was measured, and the source."""
    rows = [
        [f"`{key.removesuffix('_pj')}`", number.value, number.uniform_value, number.source]
        for key, number in technology.events
    ]
    formats = {"pJ": ".4g", "uniform operands": ".4g"}
    return markdown_table(frame_of(rows, ["constant (`events`)", *formats, "from"]), formats=formats)


def _blocks(technology: Technology) -> str:
    """Return area, leakage and shortest period of the blocks, with the source."""
    rows = [
        [f"`{key}`", block.area_um2, block.leakage_uw, block.delay_ns, block.source]
        for key, block in technology.blocks
    ]
    formats = {"um2": ".5g", "uW at rest": ".4g", "ns": ".3f"}
    return markdown_table(frame_of(rows, ["block (`blocks`)", *formats, "from"]), formats=formats)


def _areas(machines: Sequence[Machine], technology: Technology) -> str:
    """Return what `accelsim area` prints: items side by side in mm2, and VPUs at the area of the first machine."""
    content = areas_content(machines, technology)
    names = [machine.name for machine in machines]
    rows = [
        [f"`{row['item']}`", " / ".join(f"`{unit}`" for unit in row["unit"].split(" / "))]
        + [f"{row[f'{name}: units']:g}, {row[f'{name}: mm2']:.4f}" for name in names]
        for row in content["core"]
    ]
    rows.append(["all", "", *(f"{each['vpus']} VPUs, {each['core_mm2']:.4f}" for each in content["total"])])
    items = frame_of(rows, ["item", "built of", *(f"{name}: units, mm2" for name in names)])
    reference = names[0]
    fits = [
        [
            f"`{each['machine']}` beside `{reference}` ({each[f'{reference}: mm2']:.4f})",
            each["vpus"],
            each["mm2"],
            each["mm2 with one more"],
            each["logic of a VPU um2"],
        ]
        for each in content["equal_area"]
    ]
    formats = {"mm2": ".4f", "with one more": ".4f", "logic per VPU, um2": ",.0f"}
    equal = markdown_table(
        frame_of(fits, ["at equal area", "VPUs", *formats]), formats=formats, missing="outside the SRAM table"
    )
    return f"{markdown_table(items)}\n{equal}"


def _published(technology: Technology) -> str:
    """Return a row per comparison; below, what explains those that are off by more than twofold."""
    found = comparisons(technology)
    reasons = list(dict.fromkeys(row.why for row in found if not row.agrees))
    rows = [
        [
            row.name,
            row.ours_pj,
            row.scaled_pj,
            row.published_pj,
            row.ratio,
            row.source,
            row.formula,
            None if row.agrees else f"[{reasons.index(row.why) + 1}]",
        ]
        for row in found
    ]
    formats = {"pJ": ".3g", "at their voltage": ".3g", "published pJ": ".3g", "ratio": ".2f"}
    titles = [f"ours ({technology.name})", *formats, "published by", "from", "why"]
    low, high = dram_pj_per_bit()
    return "\n".join(
        [
            markdown_table(frame_of(rows, titles), formats=formats),
            "Off by more than twofold, because of\n",
            *(f"- [{number}] {reason}." for number, reason in enumerate(reasons, 1)),
            f"\nDRAM by the same source: {low:.3g} to {high:.3g} pJ a bit ({HOROWITZ}; 64 bits / 64).\n",
        ]
    )
