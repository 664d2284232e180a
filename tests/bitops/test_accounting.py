"""BitOPs by hand, by masks and by the simulator's counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim import open_trace, simulate
from accelsim.bitops import counted_bitops, essential_neurons, layer_bitops, trace_bitops
from accelsim.bitops.accounting import BitOps, with_k_ratio
from accelsim.bitops.trace_bitops import layer_trace_bitops
from accelsim.counts import Counts
from accelsim.errors import AccelsimError
from accelsim.trace import Approximation, LayerInfo, LayerShape, LayerTrace, Scheme
from accelsim.trace.synthetic import write_synthetic_trace

SHAPE = LayerShape(kind="conv", c_in=4, c_out=6, kernel=(3, 3), padding=(1, 1), h_in=5, w_in=2, groups=2)
LAYER = LayerInfo("conv", 0, SHAPE, Approximation(k=7, nnz=40, seed=1))


def test_a_layer_by_hand() -> None:
    # 10 positions of 6 neurons of 18 inputs; 2 groups, each projected by 40 additions.
    assert layer_bitops(LAYER, Scheme.dense()) == BitOps(precise=10 * 6 * 18 * (256 + 16))
    noisy = layer_bitops(LAYER, Scheme.unstructured(noise=0.75))
    assert noisy == BitOps(15 * 18 * 272, approximate=10 * 6 * 7 * 20, projection=10 * 2 * 40 * 16)
    assert noisy.total == 73_440 + 8_400 + 12_800
    # Groups of two of each convolution group's three channels: 1 of 2 and 1 of the last 1, twice.
    assert layer_bitops(LAYER, Scheme.nm(keep=1, of=2)).precise == 10 * 4 * 18 * 272
    always_dense = LayerInfo("fc", 1, SHAPE, None)
    assert layer_bitops(always_dense, Scheme.nm(keep=1, of=2)) == layer_bitops(LAYER, Scheme.dense())


def test_another_k() -> None:
    assert with_k_ratio(LAYER, 1.0).approximation == Approximation(k=18, nnz=108, seed=1)
    for wrong in (0.0, 1.01, float("nan")):
        with pytest.raises(AccelsimError, match="k_ratio is"):
            with_k_ratio(LAYER, wrong)


@settings(max_examples=40, deadline=None)
@given(
    groups=st.integers(1, 3),
    per_group=st.integers(1, 9),
    scheme=st.sampled_from(
        [Scheme.unstructured(0.3), Scheme.unstructured(0.61, "position"), Scheme.nm(keep=2, of=5)]
    ),
    seed=st.integers(0, 99),
)
def test_the_scheme_alone_tells_what_masks_count(
    groups: int, per_group: int, scheme: Scheme, seed: int
) -> None:
    """Masks drawn at random as the scheme wants them, neuron by neuron, hold as many as it says."""
    n = groups * per_group
    shape = LayerShape(kind="conv", c_in=groups, c_out=n, kernel=(1, 1), h_in=3, w_in=4, groups=groups)
    rng = np.random.default_rng(seed)
    masks = np.zeros((1, 12, n), dtype=bool)
    if scheme.kind == "nm":
        for position in range(12):
            for start in range(0, n, per_group):
                for first in range(0, per_group, scheme.of):
                    members = np.arange(first, min(first + scheme.of, per_group)) + start
                    kept = rng.permutation(members)[: scheme.keep]
                    masks[0, position, kept] = True
    elif scheme.scope == "position":
        for position in range(12):
            masks[0, position, rng.permutation(n)[: round((1 - scheme.noise) * n)]] = True
    else:
        masks.reshape(-1)[rng.permutation(12 * n)[: round((1 - scheme.noise) * 12 * n)]] = True
    assert masks.sum() == essential_neurons(shape, scheme)
    info = LayerInfo("conv", 0, shape, Approximation(k=1, nnz=1, seed=0))
    layer = LayerTrace.from_masks("conv", shape, scheme, masks, info.approximation)
    assert layer_trace_bitops(layer) == layer_bitops(info, scheme)


def test_a_calibrated_threshold_needs_masks() -> None:
    with pytest.raises(AccelsimError, match="unstructured-90-calibrated: how many"):
        essential_neurons(SHAPE, Scheme.unstructured(0.9, "calibrated"))


@pytest.mark.parametrize(
    ("machine", "schemes"),
    [
        ("unstructured", ["dense", "unstructured-75", "unstructured-50"]),
        ("structured", ["nm-1of8", "nm-4of8"]),
    ],
)
def test_masks_and_simulated_counts_agree(small_trace: Path, machine: str, schemes: list[str]) -> None:
    trace = open_trace(small_trace)
    rows = simulate(trace, machine, schemes=schemes).layers
    for scheme in schemes:
        mine = rows[rows["scheme"] == scheme]
        names = ("brick_ops_4bit", "brick_ops_16bit", "projection_additions")
        counts = Counts(**{name: int(mine[name].sum()) for name in names})
        assert counted_bitops(counts) == trace_bitops(trace, scheme)
        assert trace_bitops(trace, scheme).precise > 0


def test_images_add_up(small_trace: Path) -> None:
    trace = open_trace(small_trace)
    one, other = (trace_bitops(trace, "unstructured-75", slice(i, i + 1)) for i in range(2))
    assert one + other == trace_bitops(trace, "unstructured-75")


def test_calibrated_masks_are_counted(tmp_path: Path) -> None:
    scheme = Scheme.unstructured(0.8, "calibrated")
    write_synthetic_trace(tmp_path / "c.h5", [Scheme.dense(), scheme], images=1, seed=5, network="small")
    trace = open_trace(tmp_path / "c.h5")
    essential = sum(
        int(np.unpackbits(layer.masks).sum()) * layer.shape.d
        for name in (each.name for each in trace.layers)
        if (layer := trace.layer(name, scheme.name)).masks is not None
    )
    dense = sum(layer.shape.macs for layer in trace.layers if layer.approximation is None)
    assert trace_bitops(trace, scheme.name).precise == 272 * (essential + dense)
