"""What an evaluation says a converted network costs, and what a simulation of its trace counts: the same integer."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import Tensor, nn

from accelsim import open_trace, simulate
from accelsim.bitops import counted_bitops, trace_bitops
from accelsim.counts import Counts
from accelsim.nn.injection.conversion import convert, set_scheme
from accelsim.nn.injection.distillation import distill
from accelsim.nn.trace_export import export_trace
from accelsim.trace import Scheme
from models.study.subject import Subject, network_layers, variant_bitops
from models.study.variants import Variant

MACHINES = {
    "unstructured": ("dense", "unstructured-70", "unstructured-50-position"),
    "structured": ("nm-1of4", "nm-2of8"),
}
COUNTED = ("brick_ops_4bit", "brick_ops_16bit", "projection_additions")


@pytest.mark.parametrize("linear", [False, True])
def test_a_converted_network_costs_what_its_simulation_counts(
    tmp_path: Path, small_network: nn.Module, images: Tensor, linear: bool
) -> None:
    """Plain, strided, grouped and 1x1 convolutions, a linear layer precise or not; masks of two real passes."""
    model = convert(small_network, Scheme.dense(), form="patch", k_ratio=0.5, seed=1, linear=linear)
    distill(model, images.repeat(7, 1, 1, 1).split(48))
    schemes = [Scheme.parse(name) for names in MACHINES.values() for name in names]
    export_trace(model, images[:2], [0, 1], tmp_path / "t.h5", schemes, network="n", dataset="d")
    trace = open_trace(tmp_path / "t.h5")
    layers = network_layers(Subject(set_scheme(model, Scheme.dense()), "n", "0"), images[:1])
    for machine, names in MACHINES.items():
        rows = simulate(trace, machine, schemes=names).layers
        for name in names:
            mine = rows[rows["scheme"] == name]
            counts = Counts(**{column: int(mine[column].sum()) for column in COUNTED})
            said = variant_bitops(layers, Variant.parse(name))
            assert counted_bitops(counts).total == trace_bitops(trace, name).total == 2 * said
