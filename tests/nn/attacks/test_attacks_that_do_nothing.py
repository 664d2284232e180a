"""An attack that does nothing is told of, and what attacks take for granted is checked."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from accelsim.errors import AccelsimError
from accelsim.nn.attacks import FGSM, MIFGSM, PGD
from accelsim.nn.attacks.catalogue import attack_named
from accelsim.nn.attacks.target import Target


def network(scale: float) -> nn.Module:
    """Two sure classes: the cross-entropy of a large scale is zero in float32, and so is its gradient."""
    torch.manual_seed(0)
    body = nn.Sequential(nn.Flatten(), nn.Linear(12, 5))
    with torch.no_grad():
        for parameter in body.parameters():
            parameter.mul_(scale)
    return body.eval()


def images(count: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.rand(count, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return x, network(1.0)(x).argmax(dim=1)


@pytest.mark.parametrize("attack", [PGD, FGSM, MIFGSM])
def test_zero_gradients_are_counted(attack: type[PGD]) -> None:
    x, labels = images()
    with pytest.warns(UserWarning, match=r"the gradient is zero for [78] of 8 images"):
        attack(network(1e6))(x, labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        attack(network(1.0))(x, labels)
    labels[:3] = (labels[:3] + 1) % 5  # wrong already: their gradient is not zero
    assert int(Target(network(1e6)).has_zero_gradient(x, labels)[:3].sum()) == 0


def test_preconditions_hold_by_name_too() -> None:
    x, labels = images()
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 5)).eval()
    attack = attack_named("pgd2")

    def run(target: Target, at: torch.Tensor) -> None:
        attack(target, target, at, labels, torch.Generator())

    run(Target(model), x)
    for wrong in (x * 3 - 1, x * torch.nan):
        with pytest.raises(AccelsimError, match=r"attack pgd2: x must be images in \[0, 1\]"):
            run(Target(model), wrong)
        with pytest.raises(AccelsimError, match=r"PGD: x must be images in \[0, 1\]"):
            PGD(model)(wrong, labels)
    for part in (model, model[1]):
        model.eval()
        part.train()
        before = model[1].running_mean.clone()
        for act in (lambda: run(Target(model), x), lambda: PGD(Target(model))(x, labels)):
            with pytest.raises(AccelsimError, match="is in training mode"):
                act()
        assert torch.equal(model[1].running_mean, before)


def test_the_ensemble_is_the_largest_mean_softmax() -> None:
    draws = [torch.tensor([[5.0, 0, 0]]), torch.tensor([[0, 0.5, 0]]), torch.tensor([[0, 0.5, 0]])]

    class Drawn(Target):
        def logits(self, x: torch.Tensor) -> torch.Tensor:
            return draws[int(next(self.numbers))]

    target = Drawn(nn.Identity())
    for label, single, together in ((0, [True, False, False], True), (1, [False, True, True], False)):
        object.__setattr__(target, "numbers", iter(range(3)))
        correct, ensemble = target.judged(torch.zeros(1, 3), torch.tensor([label]), draws=3)
        assert correct.tolist() == [single] and ensemble.tolist() == [together]
