"""Geometry of layers against counting windows one by one; refusals in one line."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from accelsim.errors import AccelsimError
from accelsim.trace import Approximation, LayerShape

CONV = {"kind": "conv", "c_in": 8, "c_out": 8, "kernel": (3, 3), "h_in": 8, "w_in": 8}


def windows(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Count the places at which a dilated window lies inside the padded input."""
    count = 0
    for start in range(0, size + 2 * padding, stride):
        taps = [start + dilation * tap for tap in range(kernel)]
        count += taps[-1] < size + 2 * padding
    return count


small = st.integers(1, 4)


@settings(deadline=None)
@given(
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    kernel=st.tuples(small, small),
    stride=st.tuples(small, small),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dilation=st.tuples(small, small),
    groups=small,
)
def test_geometry_counts_windows(size, kernel, stride, padding, dilation, groups):
    out = [windows(size[i], kernel[i], stride[i], padding[i], dilation[i]) for i in (0, 1)]
    assume(min(out) >= 1)
    shape = LayerShape(
        kind="conv",
        c_in=2 * groups,
        c_out=3 * groups,
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        h_in=size[0],
        w_in=size[1],
    )
    assert (shape.h_out, shape.w_out) == tuple(out)
    assert shape.positions == out[0] * out[1]
    assert shape.d == 2 * kernel[0] * kernel[1]
    assert shape.n == 3 * groups
    assert shape.macs == sum(shape.d for _ in range(out[0] * out[1] * shape.n))


def test_resnet_layer_by_hand():
    shape = LayerShape(
        kind="conv", c_in=64, c_out=128, kernel=(3, 3), stride=(2, 2), padding=(1, 1), h_in=32, w_in=32
    )
    assert (shape.positions, shape.n, shape.d, shape.macs) == (256, 128, 576, 18_874_368)


def test_linear_is_one_position():
    shape = LayerShape.linear(512, 10)
    assert (shape.positions, shape.n, shape.d, shape.macs) == (1, 10, 512, 5120)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: LayerShape(**CONV | {"kind": "pool"}), "kind"),
        (lambda: LayerShape(**CONV | {"stride": (0, 1)}), "stride[0]"),
        (lambda: LayerShape(**CONV | {"stride": 2}), "stride"),
        (lambda: LayerShape(**CONV | {"padding": (0, -1)}), "padding[1]"),
        (lambda: LayerShape(**CONV | {"c_in": 8.0}), "c_in"),
        (lambda: LayerShape(**CONV | {"c_in": True}), "c_in"),
        (lambda: LayerShape(**CONV | {"c_out": -8}), "c_out"),
        (lambda: LayerShape(**CONV | {"c_out": 10**30}), "c_out"),
        (lambda: LayerShape(**CONV | {"groups": 3}), "groups"),
        (lambda: LayerShape(**CONV | {"kernel": (9, 9)}), "does not fit"),
        (lambda: LayerShape(**CONV | {"h_in": 1 << 20, "w_in": 1 << 20}), "mask bytes"),
        (lambda: LayerShape(**CONV | {"kind": "linear"}), "linear"),
        (lambda: Approximation(k=0, nnz=0, seed=0), "k is 0"),
        (lambda: Approximation(k=1, nnz=-1, seed=0), "nnz"),
        (lambda: Approximation(k=1, nnz=1, seed="x"), "seed"),
    ],
)
def test_refusals_are_one_line(make, word):
    with pytest.raises(AccelsimError) as caught:
        make()
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)
