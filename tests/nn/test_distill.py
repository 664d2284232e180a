"""Distillation against numpy's least squares, and what it must achieve."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.interrupt import noted
from accelsim.nn.injection import distillation
from accelsim.nn.injection.conversion import convert, non_essential_layers
from accelsim.nn.injection.distillation import distill
from accelsim.nn.injection.layer_fit import GradientDescent, NormalEquations
from accelsim.schemes import Scheme


def rows(seed: int, groups: int = 2, count: int = 400) -> tuple[Tensor, Tensor]:
    """y (groups, rows, 5) and a noisy linear z (groups, rows, 3) of it."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randn(groups, count, 5, generator=generator) + 0.5
    w = torch.randn(groups, 5, 3, generator=generator)
    return y, y @ w + 1.5 + 0.3 * torch.randn(groups, count, 3, generator=generator)


def least_squares(y: Tensor, z: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """W~ (n, k) and b~ (n,) by numpy.linalg.lstsq, group by group."""
    parts = []
    for y_group, z_group in zip(y.double().numpy(), z.double().numpy(), strict=True):
        with_one = np.concatenate([y_group, np.ones((len(y_group), 1))], axis=1)
        parts.append(np.linalg.lstsq(with_one, z_group, rcond=None)[0].T)
    both = np.concatenate(parts)
    return both[:, :-1], both[:, -1]


def test_normal_equations_are_least_squares() -> None:
    y, z = rows(seed=1)
    fit = NormalEquations(ridge=0.0)
    for part in range(0, 400, 100):
        fit.add(y[:, part : part + 100], z[:, part : part + 100])
    w, b = fit.solve()
    expected_w, expected_b = least_squares(y, z)
    np.testing.assert_allclose(w.numpy(), expected_w, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(b.numpy(), expected_b, rtol=1e-4, atol=1e-5)


def test_normal_equations_survive_a_rank_deficient_projection() -> None:
    y, z = rows(seed=2, groups=1)
    y[:, :, 4] = 0
    y[:, :, 3] = y[:, :, 2]
    fit = NormalEquations(ridge=0.0)
    fit.add(y, z)
    w, b = fit.solve()
    expected_w, expected_b = least_squares(y, z)
    np.testing.assert_allclose((y[0] @ w.T + b).numpy(), y[0].numpy() @ expected_w.T + expected_b, atol=1e-3)


def test_momentum_sgd_reaches_the_same_minimum() -> None:
    y, z = rows(seed=3)
    fit = GradientDescent(lr=0.2, momentum=0.9)
    for _ in range(300):
        fit.add(y, z)
    w, b = fit.solve()
    expected_w, expected_b = least_squares(y, z)
    np.testing.assert_allclose(w.numpy(), expected_w, atol=2e-3)
    np.testing.assert_allclose(b.numpy(), expected_b, atol=2e-3)


@pytest.mark.parametrize("method", ["lstsq", "sgd"])
def test_distilling_lowers_eq_1(small_network: nn.Module, images: Tensor, method: str) -> None:
    """W~ = 0, b~ = E z has a relative error of 1; every layer must end well below, INT4 included."""
    model = convert(small_network, Scheme.nm(keep=1, of=2), form="patch", k_ratio=0.5, seed=3)
    batches = list(images.split(16))
    fits = distill(model, batches, method=method, epochs=60, ridge=1e-5)  # type: ignore[arg-type]
    assert [fit.name for fit in fits] == ["0", "2", "5"]
    for fit in fits:
        assert fit.rows >= 48 * 16
        assert 0 <= fit.relative_error < 0.6
        assert fit.relative_error_int4 < 0.75
    assert all(layer.selector.scheme == Scheme.nm(keep=1, of=2) for _, layer in non_essential_layers(model))


def test_layers_learn_from_the_undefended_network(small_network: nn.Module, images: Tensor) -> None:
    """Layer 5 alone learns the same approximation as when the layers before it are converted too."""
    both = convert(small_network, Scheme.unstructured(noise=0.99), seed=5)
    alone = convert(small_network, Scheme.unstructured(noise=0.99), seed=5, skip=["0", "2"])
    # 16 images of 16 pixels a batch: every row is seen and kept, so both errors are over the same rows.
    batches = images.split(16)
    last, only = (distill(model, batches, positions_per_image=16)[-1] for model in (both, alone))
    assert (last.name, only.name) == ("5", "5")
    assert last.relative_error == pytest.approx(only.relative_error, rel=1e-2)


WIDE = 41
"""Unknowns of each neuron of `wide`: k = 40 and the bias."""


def wide() -> nn.Module:
    """A converted layer of d = 144, k = 40; its inputs are drawn by `activations`."""
    torch.manual_seed(0)
    return convert(
        nn.Sequential(nn.Conv2d(16, 32, 3, padding=1)), Scheme.dense(), form="patch", seed=3
    ).eval()


def activations(images: int, seed: int) -> Tensor:
    return torch.randn(images, 16, 8, 8, generator=torch.Generator().manual_seed(seed)).relu()


def test_the_error_told_is_that_of_unseen_images() -> None:
    """At 2 to 8 rows an unknown the fit's own rows flatter it by up to a factor of 3; images it has not seen do not."""
    unseen = activations(200, seed=99)
    for images in (6, 20):
        told, flattering, true = [], [], []
        for seed in range(4):
            model, teaching = wide(), activations(images, seed)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                (fit,) = distill(model, [teaching], ridge=0.0, seed=seed)
            ((_, layer),) = non_essential_layers(model)
            told.append(fit.relative_error_int4)
            with torch.no_grad():
                for errors, x in ((true, unseen), (flattering, teaching)):
                    z = model(x)
                    spread = (z - z.mean((0, 2, 3), keepdim=True)).square().mean()
                    errors.append(((layer.approximate(x) - z).square().mean() / spread).item())
        assert np.mean(told) == pytest.approx(np.mean(true), rel=0.1)
        assert np.mean(told) > np.mean(flattering)


@pytest.mark.parametrize("method", ["lstsq", "sgd"])
def test_too_few_rows_are_refused(method: str) -> None:
    """41 rows determine 41 unknowns exactly, whatever they are; seeing them again does not help."""
    batch = activations(WIDE, seed=1)
    words = r"layer 0 \(k = 40\) saw 41 rows, needs 42 and better 164; give more calibration images or a "
    with pytest.raises(AccelsimError, match=words):
        distill(wide(), [batch], method=method, positions_per_image=1, epochs=20)  # type: ignore[arg-type]
    with pytest.warns(UserWarning, match="saw 42 rows, needs 42 and better 164"):
        (fit,) = distill(wide(), [activations(WIDE + 1, seed=1)], positions_per_image=1)
    assert fit.rows == 42


def test_rows_enough_are_not_warned_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        distill(wide(), [activations(4 * WIDE, seed=1)], positions_per_image=1)
    with pytest.warns(UserWarning) as told:
        distill(wide(), [activations(4 * WIDE - 1, seed=1)], positions_per_image=1)
    assert len(told) == 1 and "\n" not in str(told[0].message)
    assert told[0].filename == __file__


def test_progress_counts_batches_and_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distillation, "TOLD_EVERY_SECONDS", 0.0)
    told: list[str] = []
    batches = activations(4 * WIDE, seed=1).split(2 * WIDE)
    quiet, shown = wide(), wide()
    fits = distill(quiet, batches, method="sgd", epochs=2, positions_per_image=1)
    again = distill(shown, batches, method="sgd", epochs=2, positions_per_image=1, progress=told.append)
    assert fits == again  # to watch changes nothing
    assert told[:2] == ["distill: pass 1/2, 1 batches", "distill: pass 1/2, 2 batches"]
    assert told[2].startswith("distill: pass 2/2, 1 batches of 2, ") and told[3].endswith(" 0 s to go")


def test_a_fit_that_diverges_is_refused() -> None:
    batches = activations(8 * WIDE, seed=1).split(WIDE)
    with pytest.raises(AccelsimError, match="distill: layer 0: W~ is not finite"):
        distill(wide(), batches, method="sgd", lr=1e3, epochs=10)


def test_ctrl_c_between_two_batches_leaves_scheme_and_mode(small_network: nn.Module, images: Tensor) -> None:
    model = convert(small_network, Scheme.nm(keep=1, of=2)).train()

    def batches() -> Iterator[Tensor]:
        yield images
        signal.raise_signal(signal.SIGINT)

    with noted(), pytest.raises(KeyboardInterrupt):
        distill(model, batches())
    assert model.training and not any(layer.is_quantized for _, layer in non_essential_layers(model))
    assert all(layer.selector.scheme == Scheme.nm(keep=1, of=2) for _, layer in non_essential_layers(model))


def test_modes_come_back(small_network: nn.Module, images: Tensor) -> None:
    model = convert(small_network, Scheme.dense()).train()
    model.get_submodule("3").eval()
    distill(model, [images])
    assert model.training and not model.get_submodule("3").training


def test_refusals(small_network: nn.Module, images: Tensor) -> None:
    model = convert(small_network, Scheme.dense())
    with pytest.raises(AccelsimError, match="method is 'adam'"):
        distill(model, [images], method="adam")  # type: ignore[arg-type]
    with pytest.raises(AccelsimError, match="no batches"):
        distill(model, [])
    with pytest.raises(AccelsimError, match="epochs is 0"):
        distill(model, [images], method="sgd", epochs=0)
    with pytest.raises(AccelsimError, match="no converted layer"):
        distill(small_network, [images])
