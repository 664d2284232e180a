"""Schemes: ids and labels, masks against a plain sort and counting by hand, and refusals in one line."""

from __future__ import annotations

import itertools
import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import AccelsimError
from accelsim.schemes import (
    BASELINE,
    NmScheme,
    Scheme,
    UnstructuredScheme,
    keep_largest,
    keep_n_of_m,
    parse_scheme,
)

NAMES = ("unstructured-90", "unstructured-62.5-position", "nm-1of8", "nm-3of5")


def largest_by_sorting(values: list[float], keep: int) -> list[bool]:
    """Sort by (value descending, index ascending) and take the first `keep`."""
    order = sorted(range(len(values)), key=lambda i: (-values[i], i))
    return [i in order[:keep] for i in range(len(values))]


def mask_by_sorting(scheme: Scheme, z: np.ndarray, groups: int) -> np.ndarray:
    """The rule of each scheme, one neuron after the other."""
    mask = np.zeros(z.shape, bool)
    images, positions, n = z.shape
    for image in range(images):
        magnitude = np.abs(z[image])
        if isinstance(scheme, UnstructuredScheme) and scheme.scope == "image":
            keep = round((1 - scheme.noise) * positions * n)
            mask[image] = np.reshape(largest_by_sorting(magnitude.flatten().tolist(), keep), (positions, n))
            continue
        for position in range(positions):
            row = magnitude[position].tolist()
            if isinstance(scheme, NmScheme):
                for first in range(0, n, n // groups):
                    for start in range(first, first + n // groups, scheme.of):
                        stop = min(start + scheme.of, first + n // groups)
                        mask[image, position, start:stop] = largest_by_sorting(row[start:stop], scheme.keep)
            else:
                mask[image, position] = largest_by_sorting(row, round((1 - scheme.noise) * n))
    return mask


# Small integers make many ties.
@given(values=st.lists(st.integers(0, 4), min_size=1, max_size=40), keep=st.integers(0, 41))
@pytest.mark.parametrize("library", [np.array, torch.tensor])
@settings(deadline=None)
def test_keep_largest_is_exact_with_ties(library, values: list[int], keep: int) -> None:
    row = [float(v) for v in values]
    mask = keep_largest(library([row, row[::-1]]), keep)
    assert mask[0].tolist() == largest_by_sorting(row, keep)
    assert mask[1].tolist() == largest_by_sorting(row[::-1], keep)
    assert mask.sum(1).tolist() == [min(keep, len(row))] * 2


@given(
    n_per_group=st.integers(1, 21),
    groups=st.integers(1, 3),
    keep=st.integers(1, 8),
    extra=st.integers(0, 5),
    seed=st.integers(0, 99),
)
@settings(deadline=None)
def test_keep_n_of_m_starts_anew_at_each_group(n_per_group, groups, keep, extra, seed) -> None:
    of = keep + extra
    magnitude = np.random.default_rng(seed).integers(0, 5, (2, 3, n_per_group * groups)).astype(np.float32)
    mask = keep_n_of_m(torch.from_numpy(magnitude), keep, of, groups).numpy()
    assert (mask == keep_n_of_m(magnitude, keep, of, groups)).all()
    for image, position, group in np.ndindex(2, 3, groups):
        start = group * n_per_group
        for first in range(start, start + n_per_group, of):
            last = min(first + of, start + n_per_group)
            expected = largest_by_sorting(magnitude[image, position, first:last].tolist(), keep)
            assert mask[image, position, first:last].tolist() == expected
            assert sum(expected) == min(keep, last - first)


@pytest.mark.parametrize(("name", "groups", "seed"), list(itertools.product(NAMES, (1, 2), (0, 1))))
def test_masks_are_the_rule_in_both_libraries(name: str, groups: int, seed: int) -> None:
    scheme = parse_scheme(name)
    z = np.random.default_rng(seed).integers(-6, 7, (3, 5, 18)).astype(np.float32)
    expected = mask_by_sorting(scheme, z, groups)
    assert (scheme.essential_mask(z, groups) == expected).all()
    assert (scheme.essential_mask(torch.from_numpy(z), groups).numpy() == expected).all()
    assert expected.sum() == 3 * scheme.essential_count(5, 18, groups)
    scheme.check_masks(expected, groups)


@pytest.mark.parametrize("library", [np.array, torch.tensor])
def test_a_calibrated_threshold_is_the_only_rule(library) -> None:
    scheme = Scheme.unstructured(0.75, "calibrated")
    z = library([[[0.5, -2.0, 1.9, 0.0], [-3.0, 2.0, 2.5, 7.0]]])
    mask = scheme.essential_mask(z, 1, {0.75: 2.0}.__getitem__)
    assert mask.tolist() == [[[False, True, False, False], [True, True, True, True]]]
    assert scheme.essential_count(2, 4, 1) is None  # five of eight here, although the share is 0.75
    with pytest.raises(AccelsimError, match="calibrated"):
        scheme.essential_mask(z)
    assert Scheme.unstructured(0.0, "calibrated").essential_mask(z).tolist() == [[[True] * 4] * 2]


def test_dense_is_every_neuron() -> None:
    z = np.zeros((1, 2, 3))
    assert BASELINE.essential_mask(z).all() and BASELINE.essential_count(2, 3, 1) == 6
    assert BASELINE.essential_mask(torch.zeros(1, 2, 3)).all()
    assert (BASELINE.selector_kind, BASELINE.rows_per_unit, BASELINE.noise) == (None, 1, 0.0)


def test_nm_masks_that_break_a_group_are_named() -> None:
    masks = np.zeros((2, 2, 10), bool)
    masks[:, :, [0, 4, 5, 9]] = True  # 1:4 of five channels a group: of 4, then of 1
    scheme = Scheme.nm(keep=1, of=4)
    scheme.check_masks(masks, groups=2)
    masks[1, 0, 9] = False
    with pytest.raises(AccelsimError) as caught:
        scheme.check_masks(masks, groups=2, first_image=10)
    assert str(caught.value) == "image 11, position 0, channels 9..9: 0 essential; 1:4 needs exactly 1"


@pytest.mark.parametrize(
    ("name", "selector", "unit", "series", "header"),
    [
        ("dense", None, 1, None, (None, 0, 0)),
        ("unstructured-90", "threshold", 1, "unstructured", ("image", 0, 0)),
        ("unstructured-90-position", "threshold", 1, None, ("position", 0, 0)),
        ("nm-1of8", "nm", 8, "structured", (None, 1, 8)),
        ("nm-1of4", "nm", 4, None, (None, 1, 4)),
    ],
)
def test_what_others_ask(name, selector, unit, series, header) -> None:
    scheme = parse_scheme(name)
    assert (scheme.selector_kind, scheme.rows_per_unit, scheme.figure5_series) == (selector, unit, series)
    assert (scheme.scope, scheme.keep, scheme.of) == header
    assert not hasattr(scheme, "kept")


@pytest.mark.parametrize("name", ["dense", *NAMES])
def test_schemes_are_values(name: str) -> None:
    scheme = parse_scheme(name)
    assert pickle.loads(pickle.dumps(scheme)) == scheme and len({scheme, parse_scheme(name)}) == 1
    assert isinstance(scheme, Scheme) and Scheme.parse(scheme.name) == scheme


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
        (lambda: Scheme.unstructured(noise=math.nan), "noise"),
        (lambda: Scheme.unstructured(noise=90), "noise"),
        (lambda: Scheme.unstructured(noise="0.9"), "noise"),
        (lambda: Scheme.unstructured(noise=0.9, scope="batch"), "scope"),
        (lambda: Scheme.nm(keep=9, of=8), "keep"),
        (lambda: Scheme.nm(keep=0, of=8), "keep"),
        (lambda: Scheme.nm(keep=1, of=0), "of"),
        (lambda: Scheme.parse("nm-1:8"), "nm-1:8"),
        (lambda: Scheme.parse("unstructured-101"), "noise"),
        (lambda: Scheme.parse("\n"), "unknown"),
        (lambda: Scheme.parse("nm-9of8"), "keep"),
    ],
)
def test_refusals_are_one_line(make, word):
    with pytest.raises(AccelsimError) as caught:
        make()
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)
