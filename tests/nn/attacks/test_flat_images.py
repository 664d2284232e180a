"""Attacks on flat images (N, pixels): against foolbox where it has them, against their definitions where it has not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from accelsim.nn.attacks import BIM, DIM, FGSM, MIFGSM, PGD, TIM, NAttack, Target
from accelsim.nn.attacks.tim import tim_kernel

SIDE = 8
EPS, STEP, STEPS, MOMENTUM = 0.1, 0.03, 7, 0.9
STEPPING = {"eps": EPS, "step": STEP, "steps": STEPS}
MOVING = {**STEPPING, "momentum": MOMENTUM}


class Given(Target):
    """A target whose gradients or losses are a function."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__(nn.Identity())
        object.__setattr__(self, "function", function)

    def gradient(self, x: Tensor, labels: Tensor, loss: str = "") -> Tensor:
        return self.function(x, labels)

    losses = gradient


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


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


def _gradient(network: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    def gradient(x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        at = x.detach().requires_grad_()
        (back,) = torch.autograd.grad(F.cross_entropy(network(at), labels, reduction="sum"), at)
        return back

    return gradient


def _foolbox(network: nn.Module, attack, images) -> torch.Tensor:
    foolbox = pytest.importorskip("foolbox", reason="foolbox, of the extra dev, is the oracle")
    x, labels = images
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    _, clipped, _ = attack(foolbox)(model, x.reshape(-1, 1, SIDE, SIDE), labels, epsilons=EPS)
    return clipped.flatten(1)


def test_fgsm_equals_foolbox(network, images):
    theirs = _foolbox(network, lambda f: f.attacks.FGSM(random_start=False), images)
    torch.testing.assert_close(FGSM(eps=EPS).perturb(Given(_gradient(network)), *images, seeded(0)), theirs)


def test_bim_equals_foolbox(network, images):
    theirs = _foolbox(
        network,
        lambda f: f.attacks.LinfBasicIterativeAttack(abs_stepsize=STEP, steps=STEPS, random_start=False),
        images,
    )
    torch.testing.assert_close(BIM(**STEPPING).perturb(Given(_gradient(network)), *images, seeded(0)), theirs)


def test_mim_equals_its_definition(network, images):
    """Dong et al. 2018, Eqs. 6 and 7, image by image (foolbox leaves out the division by the L1 norm)."""
    x, labels = images
    found = MIFGSM(**MOVING).perturb(Given(_gradient(network)), x, labels, seeded(0))
    for own, label, ours in zip(x, labels, found, strict=True):
        running, at = torch.zeros_like(own), own.clone()
        for _ in range(STEPS):
            fresh = _gradient(network)(at[None], label[None])[0]
            running = MOMENTUM * running + fresh / fresh.abs().sum()
            at = at + STEP * running.sign()
            at = torch.minimum(torch.maximum(at, own - EPS), own + EPS).clamp(0, 1)
        torch.testing.assert_close(ours, at)


def test_pgd_equals_foolbox_from_its_start(network, images):
    """PGD is BIM from a random point of the ball; with foolbox's point ours must end where foolbox does."""
    x, labels = images
    target = Given(_gradient(network))
    start = PGD(eps=EPS, step=0.0, steps=1).perturb(target, x, labels, seeded(1))
    assert ((start - x).abs() <= EPS + 1e-12).all() and (start != x).any(dim=1).all()
    ours = PGD(**STEPPING).perturb(target, x, labels, seeded(1))
    at = start
    for _ in range(STEPS):
        at = at + STEP * _gradient(network)(at, labels).sign()
        at = torch.minimum(torch.maximum(at, x - EPS), x + EPS).clamp(0, 1)
    torch.testing.assert_close(ours, at)


def test_dim_is_mim_with_the_gradient_of_the_transformed_image(network, images, monkeypatch):
    """With probability one of no transformation DIM is MIM; transformed, it differs and stays in the ball."""
    x, labels = images
    mim = MIFGSM(**MOVING).perturb(Given(_gradient(network)), x, labels, seeded(0))
    with monkeypatch.context() as patch:
        patch.setattr(torch, "rand", lambda *_, **__: torch.tensor(0.9))
        same = DIM(**MOVING).perturb(Given(_gradient(network)), x, labels, seeded(2))
    torch.testing.assert_close(same, mim)
    seen = []

    def watched(at: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        seen.append(at)
        return _gradient(network)(at, wanted)

    found = DIM(**MOVING).perturb(Given(watched), x, labels, seeded(2))
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
    one = TIM(eps=0.1, step=0.05, steps=1, momentum=MOMENTUM)
    middle = torch.full_like(x, 0.5)
    target = Given(lambda at, _: bright.flatten().expand_as(at))
    moved = one.perturb(target, middle, labels, seeded(0)) - middle
    expected = torch.zeros(SIDE, SIDE).double()
    expected[0:6, 2:8] = 0.05
    torch.testing.assert_close(moved, expected.flatten().expand_as(moved))


def test_tim_kernel_ends_at_three_standard_deviations():
    """Row by row the normal density at -3, -2 ... 3, as the method's published code samples it."""
    norm = pytest.importorskip("scipy.stats").norm
    row = torch.from_numpy(norm.pdf(range(-3, 4)))
    expected = torch.outer(row, row) / torch.outer(row, row).sum()
    torch.testing.assert_close(tim_kernel(), expected)


@pytest.mark.parametrize("space", ["tanh", "pixels"])
def test_nattack_finds_the_corner_of_a_linear_loss(space):
    """loss = w . x: the best point of the ball is x + eps sign(w); gradients are never asked for."""
    generator = torch.Generator().manual_seed(8)
    w = torch.randn(12, generator=generator)
    x = torch.rand(5, 12, generator=generator) * 0.6 + 0.2
    labels = torch.zeros(5, dtype=torch.long)
    nattack = NAttack(eps=EPS, queries=300, rate=0.1, space=space)
    found = nattack.perturb(Given(lambda at, _: at @ w), x, labels, generator)
    assert ((found - x).abs() <= EPS + 1e-6).all()
    gain, best = ((found - x) @ w), EPS * w.abs().sum()
    assert (gain > 0.9 * best).all()


def test_nattack_moves_black_pixels_in_pixel_space_only():
    """loss = sum of all pixels, half of them black, at the paper's budget: where tanh is flat nothing is gained."""
    x = torch.tensor([[0.0] * 6 + [0.5] * 6])
    labels = torch.zeros(1, dtype=torch.long)

    def moved(space):
        target = Given(lambda at, _: at.sum(dim=1))
        return NAttack(eps=EPS, space=space).perturb(target, x, labels, seeded(8)) - x

    published, pixels = moved("tanh"), moved("pixels")
    # At random a black pixel may drift to where tanh is less flat, far below eps all the same.
    assert published[0, :6].max() < 0.02 and published[0, 6:].min() > 0.09
    assert pixels.min() > 0.09


@pytest.mark.parametrize(
    "attack",
    [FGSM(eps=EPS), BIM(**STEPPING), PGD(**STEPPING), MIFGSM(**MOVING), TIM(**MOVING), DIM(**MOVING)],
    ids=lambda attack: type(attack).__name__,
)
def test_stays_in_the_ball_and_raises_the_loss(network, images, attack):
    x, labels = images
    found = attack.perturb(Target(network), x, labels, seeded(3))
    assert ((found - x).abs() <= EPS + 1e-12).all()
    assert found.min() >= 0.0 and found.max() <= 1.0
    before, after = (F.cross_entropy(network(at), labels) for at in (x, found))
    assert after > before + 0.01


@pytest.mark.parametrize("attack", [TIM(**MOVING), DIM(**MOVING)], ids=lambda attack: type(attack).__name__)
def test_planes_of_one_channel_are_attacked_as_flat_images_are(network, images, attack):
    x, labels = images
    flat = attack.perturb(Target(network), x, labels, seeded(3))
    planes = attack.perturb(Target(network), x.reshape(-1, 1, SIDE, SIDE), labels, seeded(3))
    torch.testing.assert_close(planes.flatten(1), flat)


def test_tim_smooths_each_channel_by_itself(images):
    """A gradient in the second channel alone moves nothing in the first."""
    _, labels = images
    x = torch.full((len(labels), 2, SIDE, SIDE), 0.5, dtype=torch.float64)
    one = torch.zeros_like(x)
    one[:, 1, 2, 5] = 1.0
    moved = TIM(eps=0.1, step=0.05, steps=1).perturb(Given(lambda at, _: one), x, labels, seeded(0)) - x
    assert not moved[:, 0].any() and moved[:, 1].any()
