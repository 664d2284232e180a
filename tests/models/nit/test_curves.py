"""Training of ANNs for Figure 3: backpropagation against plain torch, and the schedule of NIT-S+."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from accelsim.errors import AccelsimError
from accelsim.nn.spiking.spiking_networks import NoisyPerceptron
from models.nit.curves import Images, Schedule, learning_curve, train_perceptron


def _images(count: int = 240, seed: int = 0) -> Images:
    """Class c of 4: pixels 4c to 4c + 3 are bright."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 4, (count,), generator=generator)
    pixels = torch.rand(count, 16, generator=generator) * 0.5
    for image, label in zip(pixels, labels.tolist(), strict=True):
        image[4 * label : 4 * label + 4] += 0.5
    return Images(pixels, labels)


def test_backpropagation_is_plain_adam() -> None:
    images, network = _images(), NoisyPerceptron((16, 8, 4), seed=3)
    first, last = network.noisy_layers()
    w1, b1, w2, b2 = (
        p.detach().clone().requires_grad_() for p in (first.weight, first.bias, last.weight, last.bias)
    )
    train_perceptron(network, "bp", images, Schedule(epochs=2, batch=100, lr=0.01, seed=5))
    optimizer = torch.optim.Adam([w1, b1, w2, b2], lr=0.01)
    generator = torch.Generator().manual_seed(5)
    for _ in range(2):
        for index in torch.randperm(240, generator=generator).split(100):
            optimizer.zero_grad()
            outputs = torch.relu(images.pixels[index] @ w1.T + b1) @ w2.T + b2
            F.cross_entropy(outputs, images.labels[index]).backward()
            optimizer.step()
    torch.testing.assert_close(first.weight, w1)
    torch.testing.assert_close(last.bias, b2)
    assert bool((first.sigma == 1.0).all())


@pytest.mark.parametrize("rule", ["bp", "nit", "nit-s", "nit-s+"])
def test_learns(rule: str) -> None:
    curve = learning_curve(
        NoisyPerceptron((16, 8, 4)), rule, _images(), _images(seed=1), Schedule(60, sign_epochs=30, lr=0.02)
    )
    assert len(curve) == 60
    assert curve[-1].train_loss < 0.5 * curve[0].train_loss
    assert curve[-1].accuracy > 0.9


def test_schedule_begins_with_the_sign() -> None:
    def losses(rule: str, sign_epochs: int) -> list[float]:
        network = NoisyPerceptron((16, 8, 4))
        schedule = Schedule(6, sign_epochs=sign_epochs, lr=0.02)
        curve = learning_curve(network, rule, _images(), _images(20), schedule)
        return [epoch.train_loss for epoch in curve]

    sign, exact, both = losses("nit-s", 0), losses("nit", 0), losses("nit-s+", 4)
    assert both[:4] == sign[:4] and both[4:] != sign[4:]
    assert losses("nit-s+", 0) == exact != sign
    assert losses("nit-s+", 6) == sign


@pytest.mark.parametrize(("epochs", "sign_epochs"), [(0, 0), (3, 4), (3, -1)])
def test_refuses_impossible_schedules(epochs: int, sign_epochs: int) -> None:
    with pytest.raises(AccelsimError, match="must be 1 or more, and not more than all"):
        Schedule(epochs, sign_epochs=sign_epochs)
