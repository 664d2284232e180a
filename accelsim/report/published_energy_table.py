"""Our energies beside published ones as Markdown: the table that docs/energy.md shows."""

from __future__ import annotations

from accelsim.config import Technology
from accelsim.energy.published_energies import HOROWITZ, comparisons, dram_pj_per_bit


def published_markdown(technology: Technology) -> str:
    """A row per comparison; below, what explains those that are off by more than twofold."""
    rows = comparisons(technology)
    reasons = list(dict.fromkeys(row.why for row in rows if not row.agrees))
    lines = [
        f"| ours ({technology.name}) | pJ | at their voltage | published pJ | ratio | published by | from | why |",
        "| --- | ---: | ---: | ---: | ---: | --- | --- | --- |",
    ]
    for row in rows:
        why = "" if row.agrees else f"[{reasons.index(row.why) + 1}]"
        lines.append(
            f"| {row.name} | {row.ours_pj:.3g} | {row.scaled_pj:.3g} | {row.published_pj:.3g} | {row.ratio:.2f} "
            f"| {row.source} | {row.formula} | {why} |"
        )
    low, high = dram_pj_per_bit()
    lines += ["", "Off by more than twofold, because of", ""]
    lines += [f"- [{number}] {reason}." for number, reason in enumerate(reasons, 1)]
    lines += ["", f"DRAM by the same source: {low:.3g} to {high:.3g} pJ a bit ({HOROWITZ}; 64 bits / 64)."]
    return "\n".join(lines) + "\n"
