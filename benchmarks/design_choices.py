"""Why the shipped machines have the block sizes, accumulators and lanes they have, and what other choices would say.

For each kind of machine: all combinations of ``position_block`` and ``accumulators_per_vpu``, then of the projection's
``lanes`` and ``quantizers``, each with as many VPUs as fit into the area of ``hwconfigs/unstructured.yaml``, judged by the
geometric mean of EDP over 50, 75 and 87.5 % noise. Then single changes to the shipped machines, and what they do to the
comparison of structured with unstructured.

    python benchmarks/design_choices.py resnet18-cifar10 --images 1
"""

from __future__ import annotations

import argparse
import math
from itertools import product
from typing import Any

from accelsim import AccelsimError, Machine, compare, load_machine, load_technology, simulate
from accelsim.energy import iso_area_vpus
from accelsim.inputs import as_trace
from accelsim.report.claims import paired
from accelsim.results.normalize import normalized
from accelsim.tables import frame_of, markdown_table

SCHEMES = {
    "dense": ["dense"],
    "unstructured": ["unstructured-50", "unstructured-75", "unstructured-87.5"],
    "structured": ["nm-4of8", "nm-2of8", "nm-1of8"],
}
BLOCKS, ACCUMULATORS = (1, 2, 4), (4, 8, 16, 32)
LANES, QUANTIZERS = range(32, 104, 8), (2, 4, 8)


def changed(name: str, section: str = "mvu", **fields: Any) -> Machine:
    """A shipped machine with other values in one of its sections."""
    data = load_machine(name).model_dump(mode="json")
    data[section] |= fields
    return Machine.model_validate(data)


def sizes(trace: Any, images: slice) -> str:
    """Return the table of block sizes and accumulators as Markdown."""
    rows = [
        _judge(
            name,
            (block, accumulators),
            changed(name, position_block=block, accumulators_per_vpu=accumulators),
            trace,
            images,
        )
        for name, block, accumulators in product(SCHEMES, BLOCKS, ACCUMULATORS)
        if accumulators >= block
    ]
    return _judged(rows, "position_block", "accumulators")


def front_ends(trace: Any, images: slice) -> str:
    """Return the table of the projection's lanes and quantizers as Markdown."""
    rows = [
        _judge(
            name,
            (lanes, quantizers),
            changed(name, "projection", lanes=lanes, quantizers=quantizers),
            trace,
            images,
        )
        for name, lanes, quantizers in product(("unstructured", "structured"), LANES, QUANTIZERS)
    ]
    return _judged(rows, "lanes", "quantizers")


def _judged(rows: list[list[object]], *choices: str) -> str:
    titles = ["machine", *choices, "VPUs at equal area", "EDP, pJ s", ""]
    return markdown_table(frame_of(rows, titles), align="lrrrrl")


def _judge(name: str, choice: tuple[int, int], machine: Machine, trace: Any, images: slice) -> list[object]:
    """Return the row of a choice: ``machine``, a variant of the shipped one of that name, at equal area."""
    mark = "shipped" if machine == load_machine(name).resized(vpus=machine.mvu.vpus) else ""
    machine = machine.resized(vpus=iso_area_vpus(machine, load_machine("unstructured"), load_technology()))
    row: list[object] = [name, *choice, machine.mvu.vpus]
    try:
        edp = simulate(trace, machine, schemes=SCHEMES[name], images=images).summary["edp_pj_us"]
    except AccelsimError as error:
        return [*row, str(error), None]
    return [*row, f"{math.exp(sum(map(math.log, edp)) / len(edp)) / 1e6:.4g}", mark]


def alternatives(trace: Any, images: slice) -> str:
    """Return structured against unstructured as Markdown, with other machines at the area of ``unstructured.yaml``."""
    single = (load_machine("unstructured-single"), load_machine("structured-single"))
    variants: dict[str, tuple[Machine, Machine]] = {
        "as shipped": (changed("unstructured"), changed("structured")),
        "unstructured holds weights too": (changed("unstructured", hold_weights=True), changed("structured")),
        "16 accumulators in both": _both(accumulators_per_vpu=16),
        "8 accumulators in both": _both(accumulators_per_vpu=8),
        "spare VPUs idle": _both(spare_vpus="idle"),
        "one position at a time (`-single.yaml`)": single,
    }
    technology, budget = load_technology(), load_machine("unstructured")
    schemes = SCHEMES["unstructured"] + SCHEMES["structured"]
    measures = {
        "time S / U": "time_rel",
        "SRAM energy S / U": "sram_rel",
        "energy S / U": "energy_rel",
        "EDP S / U": "edp_rel",
    }
    rows = []
    for title, pair in variants.items():
        machines = [load_machine("dense"), *pair]
        machines = [each.resized(vpus=iso_area_vpus(each, budget, technology)) for each in machines]
        results = compare(trace, machines, schemes=schemes, images=images, iso_area_with=None)
        vpus = ", ".join(str(machine.mvu.vpus) for machine in machines[1:])
        for row in paired(normalized(results.summary)).itertuples():
            ratios = [getattr(row, f"{name}_s") / getattr(row, f"{name}_u") for name in measures.values()]
            rows.append([title, vpus, 100 * row.noise, *ratios])
    formats = {"noise %": "g", **dict.fromkeys(measures, ".2f")}
    return markdown_table(frame_of(rows, ["change", "VPUs U, S", *formats]), formats=formats)


def _both(**mvu: Any) -> tuple[Machine, Machine]:
    return changed("unstructured", **mvu), changed("structured", **mvu)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python benchmarks/design_choices.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("trace", nargs="?", default="resnet18-cifar10")
    parser.add_argument("--images", type=int, default=1, help="how many images of the trace")
    arguments = parser.parse_args()
    trace = as_trace(arguments.trace)
    images = slice(0, arguments.images)
    print("\n".join(part(trace, images) for part in (sizes, front_ends, alternatives)), end="")


if __name__ == "__main__":
    main()
