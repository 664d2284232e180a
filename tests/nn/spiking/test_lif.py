"""LIF dynamics against snntorch, by hand, and the surrogate against its definition."""

from __future__ import annotations

import pytest
import torch

from accelsim.errors import AccelsimError
from accelsim.nn.spiking.lif import Lif


def _run(neuron: Lif, current: torch.Tensor) -> torch.Tensor:
    u = spikes = torch.zeros_like(current[0])
    fired = []
    for now in current:
        u = neuron.integrate(u, spikes, now)
        spikes = neuron.fire(u)
        fired.append(spikes)
    return torch.stack(fired)


@pytest.mark.parametrize("decay", [0.0, 0.25, 0.9])
def test_equals_snntorch(decay):
    """Every potential and spike of 100 neurons over 200 steps of random currents."""
    snntorch = pytest.importorskip("snntorch", reason="snntorch, of the extra dev, is the oracle")
    neuron = Lif(decay, 1.0)
    theirs = snntorch.Leaky(beta=decay, threshold=1.0, reset_mechanism="zero", reset_delay=True)
    current = torch.randn(200, 100, generator=torch.Generator().manual_seed(3)) * 0.8 + 0.3
    memory = theirs.init_leaky()
    u = spikes = torch.zeros(100)
    count = 0
    for now in current:
        u = neuron.integrate(u, spikes, now)
        spikes = neuron.fire(u)
        their_spikes, memory = theirs(now, memory)
        torch.testing.assert_close(spikes, their_spikes, rtol=0, atol=0)
        torch.testing.assert_close(u, memory, rtol=0, atol=1e-6)
        count += int(spikes.sum())
    assert 1_000 < count < 19_000


def test_by_hand():
    """decay 0.5, threshold 1: 0.8; 0.4 + 0.8 = 1.2 fires; from zero 0.8; 1.2 fires."""
    assert _run(Lif(0.5, 1.0), torch.full((4, 1), 0.8))[:, 0].tolist() == [0, 1, 0, 1]


def test_tie_at_the_threshold_is_a_choice():
    current = torch.full((2, 1), 1.0)
    assert _run(Lif(0.0, 1.0), current)[:, 0].tolist() == [0, 0]
    assert _run(Lif(0.0, 1.0, fires_at_threshold=True), current)[:, 0].tolist() == [1, 1]


def test_surrogate_fires_alike_and_passes_a_rectangle():
    neuron = Lif(0.25, 0.5)
    u = torch.tensor([-1.0, 0.26, 0.3, 0.5, 0.6, 0.74, 0.76], requires_grad=True)
    spikes = neuron.fire_with_surrogate(u, 0.5)
    assert spikes.tolist() == neuron.fire(u).tolist() == [0, 0, 0, 0, 1, 1, 1]
    spikes.sum().backward()
    assert u.grad.tolist() == [0, 2, 2, 2, 2, 2, 0]


@pytest.mark.parametrize(("decay", "threshold"), [(-0.1, 1.0), (1.1, 1.0), (0.5, 0.0), (float("nan"), 1.0)])
def test_refuses_values_out_of_range(decay, threshold):
    with pytest.raises(AccelsimError, match="must be"):
        Lif(decay, threshold)
