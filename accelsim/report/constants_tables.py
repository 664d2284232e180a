"""The constants of a technology, and the areas of machines, as Markdown for the documents."""

from __future__ import annotations

from collections.abc import Sequence

from accelsim.config import Machine, Technology
from accelsim.report.area_report import areas_content


def events_markdown(technology: Technology) -> str:
    """Energy per event, with uniform operands beside it where that was measured, and the source."""
    lines = ["| constant (`events`) | pJ | uniform operands | from |", "| --- | --- | --- | --- |"]
    for key, number in technology.events:
        uniform = "" if number.uniform_value is None else f"{number.uniform_value:.4g}"
        lines.append(f"| `{key.removesuffix('_pj')}` | {number.value:.4g} | {uniform} | {number.source} |")
    return "\n".join(lines) + "\n"


def blocks_markdown(technology: Technology) -> str:
    """Area, leakage and shortest period of the blocks, with the source."""
    lines = ["| block (`blocks`) | um2 | uW at rest | ns | from |", "| --- | --- | --- | --- | --- |"]
    for key, block in technology.blocks:
        lines.append(
            f"| `{key}` | {block.area_um2:.5g} | {block.leakage_uw:.4g} | {block.delay_ns:.3f} | {block.source} |"
        )
    return "\n".join(lines) + "\n"


def areas_markdown(machines: Sequence[Machine], technology: Technology) -> str:
    """What `accelsim area` prints: items side by side in mm2, and VPUs at the area of the first machine."""
    content = areas_content(machines, technology)
    names = [machine.name for machine in machines]
    head = "| item | built of | " + " | ".join(f"{name}: units, mm2" for name in names) + " |"
    lines = [head, "| --- | --- |" + " --- |" * len(names)]
    for row in content["core"]:
        cells = (f"{row[f'{name}: units']:g}, {row[f'{name}: mm2']:.4f}" for name in names)
        units = " / ".join(f"`{unit}`" for unit in row["unit"].split(" / "))
        lines.append(f"| `{row['item']}` | {units} | " + " | ".join(cells) + " |")
    totals = (f"{each['vpus']} VPUs, {each['core_mm2']:.4f}" for each in content["total"])
    lines.append("| all | | " + " | ".join(totals) + " |")
    reference = names[0]
    lines += [
        "",
        "| at equal area | VPUs | mm2 | with one more | logic of a VPU, um2 |",
        "| --- | --- | --- | --- | --- |",
    ]
    for each in content["equal_area"]:
        more = each["mm2 with one more"]
        lines.append(
            f"| `{each['machine']}` beside `{reference}` ({each[f'{reference}: mm2']:.4f}) | {each['vpus']} | "
            f"{each['mm2']:.4f} | {'outside the SRAM table' if more is None else f'{more:.4f}'} | "
            f"{each['logic of a VPU um2']:,.0f} |"
        )
    return "\n".join(lines) + "\n"
