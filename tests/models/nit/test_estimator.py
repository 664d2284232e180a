"""The likelihood-ratio estimator is unbiased: against autograd, finite differences and its own definition."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from torch import Tensor

from accelsim.errors import AccelsimError
from accelsim.nn.spiking.lif import Lif
from accelsim.nn.spiking.noisy_layer import NoisyLayer, Record
from accelsim.nn.spiking.spiking_networks import NoisyPerceptron, SpikingNetwork
from models.nit.estimator import centred, cross_entropy, input_gradient, lr_gradient

# An estimate is accepted within this many standard errors of the truth, in every coordinate. Of the at most
# 100 coordinates of a test, one is beyond 4.5 by chance once in 1,500 runs; the seeds are fixed.
STANDARD_ERRORS = 4.5
BATCHES = 40


def _estimates(network, x, labels, *, method="exact", antithetic=True, replications=4000, loss=cross_entropy):
    """Per layer and parameter: BATCHES independent estimates, stacked."""
    generator = torch.Generator().manual_seed(5)
    rows: list[list[Tensor]] = []
    for _ in range(BATCHES):
        seen = network.run(x, replications, generator, record=True, antithetic=antithetic)
        weights = centred(loss(seen.outputs, labels), antithetic)
        row = []
        for layer, record in zip(network.noisy_layers(), seen.records, strict=True):
            gradient = lr_gradient(layer, record, weights, method)
            row += [gradient.weight, gradient.bias, gradient.sigma]
        rows.append(row)
    return [torch.stack(parts).to(torch.float64) for parts in zip(*rows, strict=True)]


def _assert_agree(estimates: Tensor, truth: Tensor, truth_error: Tensor | float = 0.0) -> None:
    mean = estimates.mean(dim=0)
    error = (estimates.var(dim=0) / len(estimates) + torch.as_tensor(truth_error) ** 2).sqrt()
    assert (error > 0).all()
    worst = ((mean - truth).abs() / error).max()
    assert worst < STANDARD_ERRORS, f"{worst:.1f} standard errors"


@pytest.mark.parametrize("antithetic", [False, True])
@torch.no_grad()
def test_perceptron_agrees_with_autograd(antithetic):
    """Pathwise derivatives (autograd through theta x + sigma epsilon) estimate the same gradient."""
    network = NoisyPerceptron((3, 4, 2), torch.tanh, sigma=0.7, seed=1)
    generator = torch.Generator().manual_seed(2)
    for layer in network.noisy_layers():
        layer.sigma.copy_(0.4 + torch.rand(layer.sigma.shape, generator=generator))
    x, labels = torch.rand(5, 3, generator=generator) * 2 - 1, torch.tensor([0, 1, 1, 0, 1])
    with torch.enable_grad():
        truths = []
        for _ in range(BATCHES):
            network.zero_grad()
            cross_entropy(network.run(x, 4000, generator).outputs, labels).mean().backward()
            truths.append(
                [
                    p.grad.clone()
                    for layer in network.noisy_layers()
                    for p in (layer.weight, layer.bias, layer.sigma)
                ]
            )
    for estimate, *truth in zip(_estimates(network, x, labels, antithetic=antithetic), *truths, strict=True):
        sample = torch.stack(truth).to(torch.float64)
        _assert_agree(estimate, sample.mean(dim=0), sample.std(dim=0) / math.sqrt(BATCHES))


def test_any_activation_and_any_loss():
    """Neither of them differentiable: spikes as activation, right or wrong as loss; the expectation is a closed form.

    A hidden neuron fires with probability Phi(mean / sigma), by itself; given who fires, the outputs are normal, and the
    wrong one is the larger with a probability that is a Phi too. Autograd differentiates that sum over all who may fire.
    """
    network = NoisyPerceptron((2, 3, 2), lambda v: (v > 0.0).to(v.dtype), sigma=0.7, seed=2)
    x, labels = torch.tensor([[0.9, -0.4], [0.2, 0.8]]), torch.tensor([0, 1])

    def wrong(outputs, labels):
        return (outputs.argmax(dim=2) != labels[:, None]).float()

    first, last = network.noisy_layers()
    normal = torch.distributions.Normal(0.0, 1.0)
    fires = normal.cdf(first.mean(x) / first.sigma)
    expected = torch.zeros(())
    for pattern in product((0.0, 1.0), repeat=3):
        hidden = torch.tensor(pattern)
        probability = (fires * hidden + (1.0 - fires) * (1.0 - hidden)).prod(dim=1)
        right, other = last.mean(hidden)[labels], last.mean(hidden)[1 - labels]
        lost = normal.cdf((other - right) / last.sigma.square().sum().sqrt())
        expected = expected + (probability * lost).mean()
    expected.backward()
    truth = [p.grad for layer in (first, last) for p in (layer.weight, layer.bias, layer.sigma)]
    with torch.no_grad():
        estimates = _estimates(network, x, labels, loss=wrong)
    for estimate, exact in zip(estimates, truth, strict=True):
        _assert_agree(estimate, exact)


@torch.no_grad()
def test_spiking_network_agrees_with_finite_differences():
    """Of E[loss] of a Heaviside network, which no autograd can differentiate; every parameter in turn."""
    network = SpikingNetwork((2, 2, 2), steps=3, neuron=Lif(0.5, 0.6), readout="count", sigma=0.8, seed=3)
    x, labels = torch.tensor([[0.9, 0.2], [0.1, 0.7]]), torch.tensor([0, 1])
    estimates = iter(_estimates(network, x, labels))
    width, draws = 0.1, 60_000

    def expected(seed: int) -> float:
        generator = torch.Generator().manual_seed(seed)
        return float(cross_entropy(network.run(x, draws, generator).outputs.double(), labels).mean())

    for layer in network.noisy_layers():
        for parameter in (layer.weight, layer.bias, layer.sigma):
            truth, errors = torch.zeros(parameter.shape).double(), torch.zeros(parameter.shape).double()
            for place in range(parameter.numel()):
                slopes = []
                # The same draws on both sides take most of the variance out of their difference.
                for seed in range(8):
                    parameter.view(-1)[place] += width
                    above = expected(seed)
                    parameter.view(-1)[place] -= 2 * width
                    below = expected(seed)
                    parameter.view(-1)[place] += width
                    slopes.append((above - below) / (2 * width))
                sample = torch.tensor(slopes).double()
                truth.view(-1)[place], errors.view(-1)[place] = (
                    sample.mean(),
                    sample.std() / math.sqrt(len(slopes)),
                )
            # The central difference is itself off by the third derivative: at most about width^2 / 6 here.
            _assert_agree(next(estimates), truth, errors + width**2 / 6)


def test_one_neuron_by_hand():
    """v = 2 * 3 + 1 + 0.5 * epsilon; losses 7 and 4 at epsilon 1 and -2."""
    layer = NoisyLayer(1, 1, 0.5, torch.Generator())
    record = Record(torch.tensor([[[[3.0]]]]), torch.tensor([1.0, -2.0]).reshape(1, 1, 2, 1))
    exact = lr_gradient(layer, record, torch.tensor([[7.0, 4.0]]))
    # theta: mean of 7 * 3 * 1 / 0.5 = 42 and 4 * 3 * -2 / 0.5 = -48; sigma: of 7 * 0 and 4 * 3 / 0.5 = 24.
    assert (exact.weight.item(), exact.bias.item(), exact.sigma.item()) == (-3.0, -1.0, 12.0)
    sign = lr_gradient(layer, record, torch.tensor([[7.0, 4.0]]), "sign")
    # theta: mean of 7 * +1 and 4 * -1; sigma keeps its size.
    assert (sign.weight.item(), sign.bias.item(), sign.sigma.item()) == (1.5, 1.5, 12.0)


@pytest.mark.parametrize("method", ["exact", "sign"])
@torch.no_grad()
def test_estimator_equals_its_definition(method):
    """Eqs. 1, 3 and 8 term by term, in loops, with zero inputs (whose sign is +1) and negative ones."""
    generator = torch.Generator().manual_seed(9)
    for steps, own_steps, own_replications in ((1, 1, 1), (3, 1, 1), (3, 3, 5), (2, 2, 1)):
        layer = NoisyLayer(4, 3, 1.0, generator)
        layer.sigma.copy_(torch.rand(3, generator=generator) + 0.3)
        inputs = torch.randint(-1, 2, (own_steps, 2, own_replications, 4), generator=generator).float()
        noise = torch.randn(steps, 2, 5, 3, generator=generator)
        losses = torch.rand(2, 5, generator=generator)
        found = lr_gradient(layer, Record(inputs, noise), losses, method)
        weight, bias, sigma = torch.zeros(3, 4), torch.zeros(3), torch.zeros(3)
        for t in range(steps):
            for n in range(2):
                for c in range(5):
                    for i in range(3):
                        epsilon, level = noise[t, n, c, i].item(), layer.sigma[i].item()
                        sigma[i] += losses[n, c] * (epsilon**2 - 1) / level / 10
                        for j in [*range(4), None]:
                            x = 1.0 if j is None else inputs[t % own_steps, n, c % own_replications, j].item()
                            score = x * epsilon / level
                            if method == "sign":
                                score = 1.0 if score >= 0 else -1.0
                            if j is None:
                                bias[i] += losses[n, c] * score / 10
                            else:
                                weight[i, j] += losses[n, c] * score / 10
        torch.testing.assert_close(found.weight, weight)
        torch.testing.assert_close(found.bias, bias)
        torch.testing.assert_close(found.sigma, sigma)


@torch.no_grad()
def test_sign_estimator_agrees_with_its_expectation():
    """One linear neuron, loss = v: E[v sign(x epsilon / sigma)] = sigma E|epsilon| sign(x) (Eq. 5)."""
    layer = NoisyLayer(2, 1, 0.6, torch.Generator().manual_seed(0))
    x = torch.tensor([[[[2.0, -0.5]]]])
    generator = torch.Generator().manual_seed(1)
    found = []
    for _ in range(BATCHES):
        noise = torch.randn(1, 1, 20_000, 1, generator=generator)
        losses = (layer.mean(x[0]) + layer.sigma * noise[0])[..., 0]
        found.append(lr_gradient(layer, Record(x, noise), losses, "sign").weight)
    expected = 0.6 * math.sqrt(2 / math.pi) * torch.tensor([[1.0, -1.0]]).double()
    _assert_agree(torch.stack(found).double(), expected)


@torch.no_grad()
def test_input_gradient_agrees_with_finite_differences():
    network = SpikingNetwork((2, 3, 2), steps=2, neuron=Lif(0.3, 0.5), readout="count", sigma=0.9, seed=4)
    labels = torch.tensor([1])
    x = torch.tensor([[0.4, 0.8]])
    generator = torch.Generator().manual_seed(6)
    found = []
    for _ in range(BATCHES):
        seen = network.run(x, 8000, generator, record=True, antithetic=True)
        weights = centred(cross_entropy(seen.outputs, labels), antithetic=True)
        found.append(input_gradient(network.noisy_layers()[0], seen.records[0], weights))

    def expected(at: Tensor, seed: int) -> Tensor:
        outputs = network.run(at, 200_000, torch.Generator().manual_seed(seed)).outputs.double()
        return cross_entropy(outputs, labels).mean()

    width = 0.05
    slopes = torch.stack(
        [
            torch.stack(
                [(expected(x + d, s) - expected(x - d, s)) / (2 * width) for d in torch.eye(2) * width]
            )
            for s in range(8)
        ]
    )
    _assert_agree(
        torch.stack(found).double(), slopes.mean(dim=0)[None], slopes.std(dim=0)[None] / math.sqrt(8)
    )


def test_baseline_leaves_out_the_replication_and_its_mirror():
    losses = torch.tensor([[1.0, 2.0, 6.0, 3.0]])
    alone = torch.tensor([[1 - 11 / 3, 2 - 10 / 3, 6 - 6 / 3, 3 - 9 / 3]])
    torch.testing.assert_close(centred(losses, antithetic=False), alone)
    # Mirrors: replications 0 and 2, 1 and 3. The mean of the other pair is 2.5 and 3.5.
    assert centred(losses, antithetic=True).tolist() == [[-1.5, -1.5, 3.5, -0.5]]
    assert centred(losses[:, :1], antithetic=False).tolist() == [[1.0]]
    with pytest.raises(AccelsimError, match="replications: 3, must be even"):
        centred(losses[:, :3], antithetic=True)
