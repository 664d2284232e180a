"""Our attacks against foolbox, torchattacks and pyautoattack on the same network and images.

torchattacks is in no extra (its metadata pin an old requests); installed with --no-deps it is tested against too.
"""

from __future__ import annotations

import copy
import random

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.nn.attacks import BIM, FGSM, MIFGSM, PGD, AutoAttack, CarliniWagner, Square, Target

EPS, STEP, STEPS = 0.06, 0.015, 8
STEPPING = {"eps": EPS, "step": STEP, "steps": STEPS}


def robust(network: nn.Module, attacked: Tensor, labels: Tensor) -> float:
    """Share still right."""
    return float(Target(network).correct(attacked, labels).double().mean())


class Raised(nn.Module):
    """All logits 50 higher, which changes no prediction."""

    def forward(self, logits: Tensor) -> Tensor:
        return logits + 50.0


def test_iterated_fgsm_equals_foolbox(classifier, labelled) -> None:
    foolbox = pytest.importorskip("foolbox", reason="foolbox, of the extra dev, is the oracle")
    model = foolbox.PyTorchModel(classifier, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.LinfPGD(abs_stepsize=STEP, steps=STEPS, random_start=False)
    _, theirs, _ = attack(model, *labelled, epsilons=EPS)
    ours = BIM(classifier, **STEPPING)(*labelled)
    torch.testing.assert_close(ours, theirs)
    assert 0.0 < robust(classifier, ours, labelled[1]) < 0.9


def test_one_step_equals_foolbox(classifier, labelled) -> None:
    foolbox = pytest.importorskip("foolbox", reason="foolbox, of the extra dev, is the oracle")
    model = foolbox.PyTorchModel(classifier, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.LinfFastGradientAttack(random_start=False)
    _, theirs, _ = attack(model, *labelled, epsilons=EPS)
    ours = FGSM(classifier, eps=EPS)(*labelled)
    torch.testing.assert_close(ours, theirs)
    assert 0.0 < robust(classifier, ours, labelled[1]) < 1.0


@pytest.mark.parametrize("decay", [0.0, 1.0])
def test_momentum_breaks_as_many_as_foolbox(classifier, labelled, decay: float) -> None:
    """foolbox adds gradients as they are; the paper, torchattacks and ours scale each by its L1 norm first."""
    foolbox = pytest.importorskip("foolbox", reason="foolbox, of the extra dev, is the oracle")
    model = foolbox.PyTorchModel(classifier, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.LinfMomentumIterativeFastGradientMethod(
        momentum=decay, abs_stepsize=STEP, steps=STEPS
    )
    _, theirs, _ = attack(model, *labelled, epsilons=EPS)
    ours = MIFGSM(classifier, **STEPPING, momentum=decay)(*labelled)
    difference = robust(classifier, ours, labelled[1]) - robust(classifier, theirs, labelled[1])
    assert abs(difference) <= 0.01 and 0.0 < robust(classifier, ours, labelled[1]) < 0.9
    if not decay:
        torch.testing.assert_close(ours, theirs)


def test_pgd_breaks_as_many_as_foolbox(classifier, labelled) -> None:
    foolbox = pytest.importorskip("foolbox", reason="foolbox, of the extra dev, is the oracle")
    model = foolbox.PyTorchModel(classifier, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.LinfPGD(abs_stepsize=STEP, steps=30, random_start=True)
    torch.manual_seed(0)
    _, theirs, _ = attack(model, *labelled, epsilons=EPS)
    ours = PGD(classifier, eps=EPS, step=STEP, steps=30)(*labelled, seed=0)
    difference = robust(classifier, ours, labelled[1]) - robust(classifier, theirs, labelled[1])
    assert abs(difference) <= 0.01


def test_carlini_wagner_against_foolbox(classifier, labelled) -> None:
    """foolbox minimizes the same objective; it stops early and projects its start a little differently."""
    foolbox = pytest.importorskip("foolbox", reason="foolbox, of the extra dev, is the oracle")
    x, labels = labelled
    model = foolbox.PyTorchModel(classifier, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.L2CarliniWagnerAttack(
        binary_search_steps=1, steps=200, stepsize=0.01, initial_const=1.0, abort_early=False
    )
    theirs, _, misled = attack(model, x, labels, epsilons=None)
    ours = CarliniWagner(classifier, c=1.0, steps=200)(x, labels)
    success = 1.0 - robust(classifier, ours, labels)
    assert abs(success - float(misled.double().mean())) <= 0.01 and success > 0.5
    both = misled & ~Target(classifier).correct(ours, labels)[:, 0]
    distances = [(image - x)[both].flatten(1).norm(dim=1) for image in (ours, theirs)]
    assert float(distances[0].mean()) == pytest.approx(float(distances[1].mean()), rel=0.01)


@pytest.mark.parametrize("name", ["fgsm", "bim", "mifgsm", "cw"])
def test_equal_to_torchattacks(classifier, labelled, name: str) -> None:
    torchattacks = pytest.importorskip(
        "torchattacks", reason="in no extra; pip install --no-deps torchattacks"
    )
    x, labels = labelled
    # torchattacks' CW takes 0 for one of the wrong logits, and stops when the loss has risen between two of its checks:
    # logits above 0 and small steps keep it from both.
    raised = nn.Sequential(classifier, Raised())
    theirs, ours = {
        "fgsm": (
            lambda: torchattacks.FGSM(classifier, eps=EPS),
            lambda: FGSM(classifier, eps=EPS)(x, labels),
        ),
        "bim": (
            lambda: torchattacks.PGD(classifier, eps=EPS, alpha=STEP, steps=STEPS, random_start=False),
            lambda: BIM(classifier, **STEPPING)(x, labels),
        ),
        "mifgsm": (
            lambda: torchattacks.MIFGSM(classifier, eps=EPS, alpha=STEP, steps=STEPS, decay=1.0),
            lambda: MIFGSM(classifier, **STEPPING)(x, labels),
        ),
        "cw": (
            lambda: torchattacks.CW(raised, c=0.5, kappa=0, steps=60, lr=0.002),
            lambda: CarliniWagner(classifier, c=0.5, steps=60, lr=0.002)(x, labels),
        ),
    }[name]
    expected, found = theirs()(x, labels), ours()
    if name == "cw":
        assert abs(robust(classifier, found, labels) - robust(classifier, expected, labels)) <= 0.01
        torch.testing.assert_close(found, expected, atol=2e-3, rtol=0)
        assert 0.0 < robust(classifier, found, labels) < 1.0
    else:
        torch.testing.assert_close(found, expected)


def test_square_breaks_as_many_as_the_package(classifier, labelled) -> None:
    package = pytest.importorskip("pyautoattack.square", reason="of the extra attacks")
    x, labels = labelled
    with torch.random.fork_rng():
        attack = package.SquareAttack(
            classifier,
            p_init=0.8,
            n_queries=300,
            eps=0.1,
            norm="Linf",
            seed=0,
            device="cpu",
            resc_schedule=True,
        )
        expected = robust(classifier, attack.perturb(x, labels), labels)
    ours = Square(classifier, eps=0.1, queries=300)(x, labels, seed=0)
    assert 0.02 < expected < 0.98
    assert abs(robust(classifier, ours, labels) - expected) <= 0.06


@pytest.mark.slow
def test_autoattack_is_no_weaker_than_pgd_and_leaves_the_generators(classifier, labelled) -> None:
    pytest.importorskip("pyautoattack", reason="of the extra attacks")
    x, labels = labelled[0][:6], labelled[1][:6]
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    attacked = AutoAttack(classifier, eps=0.04)(x, labels, seed=1)
    assert torch.equal(torch.get_rng_state(), before[0]) and random.getstate() == before[1]
    assert np.array_equal(np.random.get_state()[1], before[2])
    assert float((attacked - x).abs().max()) <= 0.04 + 1e-6
    by_pgd = PGD(classifier, eps=0.04, step=0.01, steps=20)(x, labels, seed=1)
    assert robust(classifier, attacked, labels) <= robust(classifier, by_pgd, labels) < 1.0


@pytest.mark.slow
def test_autoattack_takes_channels_last(classifier, labelled) -> None:
    """As evaluations run: the package views gradients flat, which that layout denies it."""
    pytest.importorskip("pyautoattack", reason="of the extra attacks")
    network = copy.deepcopy(classifier).to(memory_format=torch.channels_last)
    x = labelled[0][:4].contiguous(memory_format=torch.channels_last)
    attacked = AutoAttack(network, eps=0.3)(x, labelled[1][:4], seed=1)
    assert attacked.shape == x.shape and robust(classifier, attacked, labelled[1][:4]) == 0.0


def test_autoattack_needs_four_classes() -> None:
    pytest.importorskip("pyautoattack", reason="of the extra attacks")
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    with pytest.raises(AccelsimError, match="3 classes; the DLR loss needs 4"):
        AutoAttack(network.eval(), eps=0.1)(torch.rand(2, 3, 2, 2), torch.tensor([0, 1]))
