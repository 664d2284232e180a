"""PGD's, TRADES' and AWP's steps against their formulas."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from accelsim.nn.networks import NETWORKS
from models.training.adversarial.__main__ import train
from models.training.adversarial.adversarial_losses import adversarial_images, loss_of, perturbed_weights
from tests.models.adversarial.killed import images, recipe, tiny


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(2)
    return tiny().train()


@pytest.fixture
def batch() -> tuple[Tensor, Tensor]:
    data = images()
    return data.images[:10].float() / 255, data.labels[:10]


def test_pgd_attacks_in_train_mode_within_the_ball(network: nn.Module, batch: tuple[Tensor, Tensor]) -> None:
    x, labels = batch
    before = network[1].running_mean.clone()
    attacked = adversarial_images(network, x, labels, recipe(), torch.Generator().manual_seed(1))
    assert float((attacked - x).abs().max()) <= 8 / 255 + 1e-6 and not torch.equal(
        network[1].running_mean, before
    )
    with torch.no_grad():
        loss, logits = loss_of(network, x, attacked, labels, recipe())
        assert float(loss) > float(F.cross_entropy(network(x), labels))
    assert torch.allclose(loss, F.cross_entropy(logits, labels))
    assert adversarial_images(network, x, labels, recipe(loss="plain"), torch.Generator()) is x


def test_trades_by_its_formula(network: nn.Module, batch: tuple[Tensor, Tensor]) -> None:
    x, labels = batch
    plan = recipe(loss="trades", trades_beta=3.0)
    before = network[1].running_mean.clone()
    attacked = adversarial_images(network, x, labels, plan, torch.Generator().manual_seed(1))
    assert network.training and torch.equal(network[1].running_mean, before)  # attacked in eval mode
    assert 0 < float((attacked - x).abs().max()) <= 8 / 255 + 1e-6

    # The attack raises the divergence that it is after, above that of its own random start.
    def divergence(at: Tensor) -> float:
        network.eval()
        with torch.no_grad():
            p, q = network(x).softmax(1), network(at).softmax(1)
        network.train()
        return float((p * (p.log() - q.log())).sum())

    start = x + 0.001 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    assert divergence(attacked) > 10 * divergence(start)
    loss, _ = loss_of(network, x, attacked, labels, plan)
    q, p = network(attacked).softmax(1), network(x).softmax(1)
    expected = -p.log()[torch.arange(10), labels].mean() + 3.0 * (p * (p.log() - q.log())).sum() / 10
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)


def test_awp_moves_weights_by_gamma_along_the_gradient_and_back(
    network: nn.Module, batch: tuple[Tensor, Tensor]
) -> None:
    x, labels = batch
    parameters = list(network.parameters())
    before = [parameter.detach().clone() for parameter in parameters]

    def loss() -> Tensor:
        return F.cross_entropy(network(x), labels)

    here = loss()
    gradients = torch.autograd.grad(loss(), parameters)
    with perturbed_weights(parameters, here, 0.01):
        for parameter, old, gradient in zip(parameters, before, gradients, strict=True):
            moved = parameter.detach() - old
            if parameter.ndim < 2:
                assert not moved.any()
                continue
            assert float(moved.norm()) == pytest.approx(0.01 * float(old.norm()), rel=1e-3)
            cosine = float((moved * gradient).sum() / moved.norm() / gradient.norm())
            assert cosine == pytest.approx(1.0, abs=1e-4)
        assert loss().item() > here.item()
    assert all(torch.equal(parameter, old) for parameter, old in zip(parameters, before, strict=True))


@pytest.mark.parametrize("bf16", [False, True])
def test_awp_in_a_run_changes_the_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bf16: bool) -> None:
    monkeypatch.setitem(NETWORKS, "tiny", tiny)
    curves = []
    for gamma, first in ((0.0, 0), (0.05, 1), (0.05, 9)):
        out = tmp_path / f"{gamma}-{first}"
        plan = recipe(epochs=2, weight_perturbation=gamma, perturb_from=first, bf16=bf16)
        train(plan, images(), out)
        curves.append([line.split(",")[3] for line in (out / "log.csv").read_text().splitlines()])
    # Four steps an epoch: the same until epoch 1, and for ever if it begins after the end.
    assert curves[0][:5] == curves[1][:5] and curves[0] == curves[2]
    # The loss at weights that were moved up the gradient is higher.
    assert float(curves[1][5]) > float(curves[0][5])


def test_trades_is_finite_where_a_softmax_is_zero(network: nn.Module, batch: tuple[Tensor, Tensor]) -> None:
    """Logits of a range over 104 have probabilities that are 0 in float32."""
    x, labels = batch
    plan = recipe(loss="trades", trades_beta=3.0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(50.0)
        logits = network(x)
        assert float((logits.amax(1) - logits.amin(1)).max()) > 104
    attacked = adversarial_images(network, x, labels, plan, torch.Generator().manual_seed(0))
    loss, _ = loss_of(network, x, attacked, labels, plan)
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    assert torch.isfinite(attacked).all() and torch.isfinite(loss)
    assert all(bool(torch.isfinite(each).all()) for each in gradients)
