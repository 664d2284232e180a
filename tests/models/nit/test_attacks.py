"""The attacks against foolbox where it has them, against their definitions where it has not."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from models.nit import attacks
from models.nit.attacks import Budget

SIDE = 8
BUDGET = Budget(eps=0.1, step=0.03, steps=7, momentum=0.9)


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """A smooth, deterministic classifier of 8 x 8 images."""
    torch.manual_seed(4)
    return (
        nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 30), nn.Tanh(), nn.Linear(30, 4)).double().eval()
    )


@pytest.fixture(scope="module")
def images() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return torch.rand(16, SIDE * SIDE, generator=generator).double(), torch.randint(
        0, 4, (16,), generator=generator
    )


def _gradient(network: nn.Module) -> attacks.Gradient:
    def gradient(x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        at = x.detach().requires_grad_()
        (back,) = torch.autograd.grad(F.cross_entropy(network(at), labels, reduction="sum"), at)
        return back

    return gradient


def _foolbox(network: nn.Module, attack, images) -> torch.Tensor:
    foolbox = pytest.importorskip("foolbox", reason="foolbox, of the extra dev, is the oracle")
    x, labels = images
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    _, clipped, _ = attack(foolbox)(model, x.reshape(-1, 1, SIDE, SIDE), labels, epsilons=BUDGET.eps)
    return clipped.flatten(1)


def test_fgsm_equals_foolbox(network, images):
    theirs = _foolbox(network, lambda f: f.attacks.FGSM(random_start=False), images)
    torch.testing.assert_close(attacks.fgsm(_gradient(network), *images, BUDGET), theirs)


def test_bim_equals_foolbox(network, images):
    theirs = _foolbox(
        network,
        lambda f: f.attacks.LinfBasicIterativeAttack(
            abs_stepsize=BUDGET.step, steps=BUDGET.steps, random_start=False
        ),
        images,
    )
    torch.testing.assert_close(attacks.bim(_gradient(network), *images, BUDGET), theirs)


def test_mim_equals_its_definition(network, images):
    """Dong et al. 2018, Eqs. 6 and 7, image by image (foolbox leaves out the division by the L1 norm)."""
    x, labels = images
    found = attacks.mim(_gradient(network), x, labels, BUDGET)
    for own, label, ours in zip(x, labels, found, strict=True):
        running, at = torch.zeros_like(own), own.clone()
        for _ in range(BUDGET.steps):
            fresh = _gradient(network)(at[None], label[None])[0]
            running = BUDGET.momentum * running + fresh / fresh.abs().sum()
            at = at + BUDGET.step * running.sign()
            at = torch.minimum(torch.maximum(at, own - BUDGET.eps), own + BUDGET.eps).clamp(0, 1)
        torch.testing.assert_close(ours, at)


def test_pgd_equals_foolbox_from_its_start(network, images):
    """PGD is BIM from a random point of the ball; with foolbox's point ours must end where foolbox does."""
    x, labels = images
    first = Budget(BUDGET.eps, 0.0, 1)
    start = attacks.pgd(_gradient(network), x, labels, first, torch.Generator().manual_seed(1))
    assert ((start - x).abs() <= BUDGET.eps + 1e-12).all() and (start != x).any(dim=1).all()
    ours = attacks.pgd(_gradient(network), x, labels, BUDGET, torch.Generator().manual_seed(1))
    at = start
    for _ in range(BUDGET.steps):
        at = at + BUDGET.step * _gradient(network)(at, labels).sign()
        at = torch.minimum(torch.maximum(at, x - BUDGET.eps), x + BUDGET.eps).clamp(0, 1)
    torch.testing.assert_close(ours, at)


def test_dim_is_mim_with_the_gradient_of_the_transformed_image(network, images, monkeypatch):
    """With probability one of no transformation DIM is MIM; transformed, it differs and stays in the ball."""
    x, labels = images
    mim = attacks.mim(_gradient(network), x, labels, BUDGET)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "rand", lambda *_, **__: torch.tensor(0.9))
        same = attacks.dim(_gradient(network), x, labels, BUDGET, torch.Generator().manual_seed(2))
    torch.testing.assert_close(same, mim)
    seen = []

    def watched(at: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        seen.append(at)
        return _gradient(network)(at, wanted)

    found = attacks.dim(watched, x, labels, BUDGET, torch.Generator().manual_seed(2))
    assert (found - mim).abs().max() > 0.01
    # A shrunk image has a border of zeros, and holds nothing that the image at that step did not.
    padded = [
        at
        for at in seen
        if (at.reshape(-1, SIDE, SIDE)[:, 0] == 0).all() or (at.reshape(-1, SIDE, SIDE)[:, -1] == 0).all()
    ]
    assert 0 < len(padded) < len(seen)


def test_tim_smooths_the_gradient(images):
    """Of a linear loss with one bright pixel in its gradient, the first step goes up within 3 pixels of it."""
    x, labels = images
    bright = torch.zeros(SIDE, SIDE).double()
    bright[2, 5] = 1.0
    one = Budget(0.1, 0.05, 1)
    middle = torch.full_like(x, 0.5)
    moved = attacks.tim(lambda at, _: bright.flatten().expand_as(at), middle, labels, one) - middle
    expected = torch.zeros(SIDE, SIDE).double()
    expected[0:6, 2:8] = 0.05
    torch.testing.assert_close(moved, expected.flatten().expand_as(moved))


def test_tim_kernel_ends_at_three_standard_deviations():
    """Row by row the normal density at -3, -2 ... 3, as the method's published code samples it."""
    norm = pytest.importorskip("scipy.stats").norm
    row = torch.from_numpy(norm.pdf(range(-3, 4)))
    expected = torch.outer(row, row) / torch.outer(row, row).sum()
    torch.testing.assert_close(attacks.tim_kernel(), expected)


@pytest.mark.parametrize("space", ["tanh", "pixels"])
def test_nattack_finds_the_corner_of_a_linear_loss(space):
    """loss = w . x: the best point of the ball is x + eps sign(w); gradients are never asked for."""
    generator = torch.Generator().manual_seed(8)
    w = torch.randn(12, generator=generator)
    x = torch.rand(5, 12, generator=generator) * 0.6 + 0.2
    labels = torch.zeros(5, dtype=torch.long)
    found = attacks.nattack(
        lambda at, _: at @ w, x, labels, BUDGET, generator, queries=300, rate=0.1, space=space
    )
    assert ((found - x).abs() <= BUDGET.eps + 1e-6).all()
    gain, best = ((found - x) @ w), BUDGET.eps * w.abs().sum()
    assert (gain > 0.9 * best).all()


def test_nattack_moves_black_pixels_in_pixel_space_only():
    """loss = sum of all pixels, half of them black, at the paper's budget: where tanh is flat nothing is gained."""
    x = torch.tensor([[0.0] * 6 + [0.5] * 6])
    labels = torch.zeros(1, dtype=torch.long)

    def moved(space):
        generator = torch.Generator().manual_seed(8)
        return attacks.nattack(lambda at, _: at.sum(dim=1), x, labels, BUDGET, generator, space=space) - x

    published, pixels = moved("tanh"), moved("pixels")
    # At random a black pixel may drift to where tanh is less flat, far below eps all the same.
    assert published[0, :6].max() < 0.02 and published[0, 6:].min() > 0.09
    assert pixels.min() > 0.09


@pytest.mark.parametrize("name", ["fgsm", "bim", "mim", "tim", "pgd", "dim"])
def test_stays_in_the_ball_and_raises_the_loss(network, images, name):
    x, labels = images
    extra = (torch.Generator().manual_seed(3),) if name in ("pgd", "dim") else ()
    found = getattr(attacks, name)(_gradient(network), x, labels, BUDGET, *extra)
    assert ((found - x).abs() <= BUDGET.eps + 1e-12).all()
    assert found.min() >= 0.0 and found.max() <= 1.0
    before, after = (F.cross_entropy(network(at), labels) for at in (x, found))
    assert after > before + 0.01
