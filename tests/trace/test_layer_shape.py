"""Geometry against counting windows one by one; scheme names and labels; refusals in one line."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from accelsim.errors import AccelsimError
from accelsim.trace import Approximation, LayerShape, Scheme

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
    ("scheme", "name", "label"),
    [
        (Scheme.dense(), "dense", "dense"),
        (Scheme.unstructured(noise=0.9), "unstructured-90", "90 % noise, unstructured"),
        (Scheme.unstructured(noise=0.875), "unstructured-87.5", "87.5 % noise, unstructured"),
        (
            Scheme.unstructured(noise=0.5, scope="position"),
            "unstructured-50-position",
            "50 % noise, unstructured, per position",
        ),
        (Scheme.nm(keep=1, of=8), "nm-1of8", "1:8 kept (noise 7:8)"),
        (Scheme.nm(keep=2, of=4), "nm-2of4", "2:4 kept (noise 2:4)"),
    ],
)
def test_names(scheme, name, label):
    assert scheme.name == name
    assert scheme.label == label
    assert Scheme.parse(name) == scheme


def test_nm_noise_is_the_rest():
    assert Scheme.nm(keep=1, of=8).noise == 0.875


@settings(deadline=None)
@given(noise=st.floats(0, 1), scope=st.sampled_from(["image", "position", "calibrated"]))
def test_parse_inverts_name_of_any_noise(noise, scope):
    scheme = Scheme.unstructured(noise=noise, scope=scope)
    assert Scheme.parse(scheme.name) == scheme
    assert math.isclose(scheme.noise, noise, abs_tol=5.1e-7)


@settings(deadline=None)
@given(of=st.integers(1, 1024), data=st.data())
def test_parse_inverts_name_of_any_nm(of, data):
    scheme = Scheme.nm(keep=data.draw(st.integers(1, of)), of=of)
    assert Scheme.parse(scheme.name) == scheme


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
        (lambda: Scheme.unstructured(noise=math.nan), "noise"),
        (lambda: Scheme.unstructured(noise=90), "noise"),
        (lambda: Scheme.unstructured(noise="0.9"), "noise"),
        (lambda: Scheme.unstructured(noise=0.9, scope="batch"), "scope"),
        (lambda: Scheme.nm(keep=9, of=8), "keep"),
        (lambda: Scheme.nm(keep=0, of=8), "keep"),
        (lambda: Scheme.nm(keep=1, of=0), "of"),
        (lambda: Scheme("dense", noise=0.5), "dense"),
        (lambda: Scheme("nm", noise=0.5, keep=1, of=8), "noise"),
        (lambda: Scheme("block"), "kind"),
        (lambda: Scheme.parse("nm-1:8"), "nm-1:8"),
        (lambda: Scheme.parse("unstructured-101"), "noise"),
        (lambda: Scheme.parse("\n"), "unknown"),
    ],
)
def test_refusals_are_one_line(make, word):
    with pytest.raises(AccelsimError) as caught:
        make()
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)
