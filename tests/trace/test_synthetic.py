"""Synthetic masks obey their scheme exactly, come again from their seed, and cluster when asked to."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.errors import AccelsimError
from accelsim.trace import LayerShape, Scheme, check_trace, synthetic_layer_trace, write_synthetic_trace
from accelsim.trace.synthetic import synthetic_masks

SHAPE = LayerShape(kind="conv", c_in=4, c_out=36, kernel=(3, 3), padding=(1, 1), groups=2, h_in=12, w_in=10)
WIDE = LayerShape(kind="conv", c_in=4, c_out=64, kernel=(1, 1), h_in=32, w_in=32)


def test_image_scope_keeps_an_exact_count():
    masks = synthetic_masks(SHAPE, Scheme.unstructured(noise=0.9), images=3, seed=1)
    assert masks.sum(axis=(1, 2)).tolist() == [432] * 3  # a tenth of 120 * 36
    assert masks.sum(axis=2).std() > 0


def test_position_scope_keeps_an_exact_count():
    masks = synthetic_masks(SHAPE, Scheme.unstructured(noise=0.75, scope="position"), images=2, seed=1)
    assert (masks.sum(axis=2) == 9).all()


def test_calibrated_scope_hits_the_ratio_on_average():
    masks = synthetic_masks(WIDE, Scheme.unstructured(noise=0.9, scope="calibrated"), images=4, seed=1)
    counts = masks.sum(axis=(1, 2))
    assert len(set(counts.tolist())) > 1
    assert abs(masks.mean() - 0.1) < 4 * np.sqrt(0.1 * 0.9 / masks.size)


@pytest.mark.parametrize("noise", [0.0, 1.0])
@pytest.mark.parametrize("scope", ["image", "position", "calibrated"])
def test_all_and_nothing(noise, scope):
    masks = synthetic_masks(SHAPE, Scheme.unstructured(noise=noise, scope=scope))
    assert masks.mean() == 1 - noise


def test_nm_keeps_exactly_in_each_group():
    masks = synthetic_masks(SHAPE, Scheme.nm(keep=3, of=8), seed=2)
    for first in (0, 18):  # 18 channels a conv group: 8, 8 and a partial group of 2
        assert (masks[..., first : first + 8].sum(axis=2) == 3).all()
        assert (masks[..., first + 8 : first + 16].sum(axis=2) == 3).all()
        assert masks[..., first + 16 : first + 18].all()


def test_seed_decides():
    scheme = Scheme.nm(keep=1, of=4)
    one, same, other = (synthetic_layer_trace(SHAPE, scheme, seed=s).masks for s in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_correlation_makes_neighbours_agree():
    scheme = Scheme.unstructured(noise=0.5)

    def agreement(correlation):
        masks = synthetic_masks(WIDE, scheme, seed=3, correlation=correlation).reshape(32, 32, 64)
        return (masks[:, 0::4] == masks[:, 1::4]).mean()

    assert abs(agreement(0.0) - 0.5) < 0.01
    assert agreement(0.5) > 0.55
    assert agreement(1.0) > 0.99


def test_file_is_sound_and_keeps_the_layers(tmp_path):
    path = write_synthetic_trace(
        tmp_path / "t.h5",
        [Scheme.dense(), Scheme.unstructured(noise=0.8), Scheme.nm(keep=2, of=4)],
        images=3,
        correlation=0.3,
    )
    report = check_trace(path)
    assert report.ok and report.blocks_checked == 6
    assert report.trace.network == report.trace.dataset == "synthetic"
    assert report.essential_fraction["nm-2of4"] == 0.5
    assert abs(report.essential_fraction["unstructured-80"] - 0.2) < 1e-3


def test_dense_has_no_masks():
    assert synthetic_layer_trace(SHAPE, Scheme.dense(), images=3).images == 3
    with pytest.raises(AccelsimError, match="dense"):
        synthetic_masks(SHAPE, Scheme.dense())


@pytest.mark.parametrize("wrong", [{"images": 0}, {"seed": -1}, {"correlation": 1.5}])
def test_refusals(wrong):
    with pytest.raises(AccelsimError, match=next(iter(wrong))):
        synthetic_masks(SHAPE, Scheme.nm(keep=1, of=4), **wrong)
