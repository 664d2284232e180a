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
from typing import Any

from accelsim import AccelsimError, Machine, compare, load_machine, load_technology, simulate
from accelsim.energy import iso_area_vpus
from accelsim.inputs import as_trace
from accelsim.report.claims import paired
from accelsim.results.normalize import normalized

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


def sizes(trace: Any, images: slice) -> None:
    print("| machine | position_block | accumulators | VPUs at equal area | EDP, pJ s | |")
    print("| --- | ---: | ---: | ---: | ---: | --- |")
    for name in SCHEMES:
        for block in BLOCKS:
            for accumulators in ACCUMULATORS:
                if accumulators >= block:
                    machine = changed(name, position_block=block, accumulators_per_vpu=accumulators)
                    _judge(name, (block, accumulators), machine, trace, images)


def front_ends(trace: Any, images: slice) -> None:
    print("\n| machine | lanes | quantizers | VPUs at equal area | EDP, pJ s | |")
    print("| --- | ---: | ---: | ---: | ---: | --- |")
    for name in ("unstructured", "structured"):
        for lanes in LANES:
            for quantizers in QUANTIZERS:
                machine = changed(name, "projection", lanes=lanes, quantizers=quantizers)
                _judge(name, (lanes, quantizers), machine, trace, images)


def _judge(name: str, choice: tuple[int, int], machine: Machine, trace: Any, images: slice) -> None:
    """Print the row of a choice: ``machine``, a variant of the shipped one of that name, at equal area."""
    mark = "shipped" if machine == load_machine(name).resized(vpus=machine.mvu.vpus) else ""
    machine = machine.resized(vpus=iso_area_vpus(machine, load_machine("unstructured"), load_technology()))
    row = f"| {name} | {choice[0]} | {choice[1]} | {machine.mvu.vpus} |"
    try:
        edp = simulate(trace, machine, schemes=SCHEMES[name], images=images).summary["edp_pj_us"]
    except AccelsimError as error:
        print(f"{row} {error} | |")
        return
    print(f"{row} {math.exp(sum(map(math.log, edp)) / len(edp)) / 1e6:.4g} | {mark} |")


def alternatives(trace: Any, images: slice) -> None:
    """Structured against unstructured with other machines, all at the area of the shipped ``unstructured.yaml``."""
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
    print("\n| change | VPUs U, S | noise % | time S / U | SRAM energy S / U | energy S / U | EDP S / U |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for title, pair in variants.items():
        machines = [load_machine("dense"), *pair]
        machines = [each.resized(vpus=iso_area_vpus(each, budget, technology)) for each in machines]
        results = compare(trace, machines, schemes=schemes, images=images, iso_area_with=None)
        vpus = ", ".join(str(machine.mvu.vpus) for machine in machines[1:])
        for row in paired(normalized(results.summary)).itertuples():
            cells = [
                f"{getattr(row, f'{column}_s') / getattr(row, f'{column}_u'):.2f}"
                for column in ("time_rel", "sram_rel", "energy_rel", "edp_rel")
            ]
            print(f"| {title} | {vpus} | {100 * row.noise:g} | " + " | ".join(cells) + " |")


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
    sizes(trace, slice(0, arguments.images))
    front_ends(trace, slice(0, arguments.images))
    alternatives(trace, slice(0, arguments.images))


if __name__ == "__main__":
    main()
