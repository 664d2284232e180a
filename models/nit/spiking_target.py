"""A spiking network as an attacker meets it: losses, and gradients through a surrogate or by likelihood ratios."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from accelsim.errors import AccelsimError
from accelsim.nn.attacks.target import LossName, Target
from accelsim.nn.spiking.run_settings import Settings
from accelsim.nn.spiking.spiking_networks import SpikingNetwork
from models.nit.estimator import centred, cross_entropy, input_gradient

LR_REPLICATIONS = 100
"""Draws that a likelihood-ratio gradient is estimated from."""


@dataclass(frozen=True)
class SpikingTarget(Target):
    """A spiking network as it is attacked and used: with its noise or without, and the loss its training had.

    Attributes:
        network: Of images (N, pixels) in [0, 1].
        draws: Draws of the noise that the attacker averages; one where the network has none.
        noisy: Whether it is run with its noise.
        loss_scale: Factor of the outputs in the loss.
        width: Of the rectangular surrogate that gradients pass spikes through; None for the network's own.
        by_ratio: Whether gradients are estimated by likelihood ratios instead: right for a Heaviside network, though noisy.
        generator: What the network's noise, and encoding, are drawn from.
    """

    network: SpikingNetwork
    noisy: bool = True
    loss_scale: float = 1.0
    width: float | None = None
    by_ratio: bool = False
    generator: torch.Generator = field(default_factory=torch.Generator, compare=False)

    @classmethod
    def trained(cls, network: SpikingNetwork, settings: Settings, seed: int = 0) -> SpikingTarget:
        """Return a network of these settings as its training ran it, with its draws from a seed."""
        generator = torch.Generator().manual_seed(seed)
        return cls(network, noisy=settings.noisy, loss_scale=settings.loss_scale, generator=generator)

    def run(self, x: Tensor) -> Tensor:
        """Return the class scores (N, classes) of one draw of the noise."""
        return self._outputs(x, 1).mean(dim=1)

    def losses(self, x: Tensor, labels: Tensor) -> Tensor:
        """Return each image's loss, the mean over the attacker's draws: (N,)."""
        with torch.no_grad():
            return self._losses(x, labels)

    def gradient(self, x: Tensor, labels: Tensor, loss: LossName = "cross-entropy") -> Tensor:
        """Return d loss / d x, shaped as x: the mean over the attacker's draws.

        Raises:
            AccelsimError: The loss is `margin`; or `by_ratio`, and the network gets its image as random spikes, so that x
                moves no mean of the noise.
        """
        if loss != "cross-entropy":
            raise AccelsimError(f"loss: {loss}, must be cross-entropy for a spiking network")
        if self.by_ratio:
            return self._likelihood_ratio_gradient(x, labels)
        own = self.network.surrogate_width if self.width is None else self.width
        with torch.enable_grad(), self.network.surrogate(own):
            at = x.detach().requires_grad_()
            total = self._losses(at, labels).sum()
        (back,) = torch.autograd.grad(total, at)
        return back

    @torch.no_grad()
    def accuracy(self, x: Tensor, labels: Tensor, draws: int = 1) -> float:
        """Return the share of images whose class scores, averaged over `draws` passes, are highest at the label."""
        scores = self._outputs(x, draws).mean(dim=1)
        return float((scores.argmax(dim=1) == labels).to(torch.float64).mean())

    def _outputs(self, x: Tensor, draws: int) -> Tensor:
        return self.network.run(x, draws, self.generator, noisy=self.noisy).outputs

    def _losses(self, x: Tensor, labels: Tensor) -> Tensor:
        draws = self.draws if self.noisy else 1
        return cross_entropy(self._outputs(x, draws), labels, self.loss_scale).mean(dim=1)

    @torch.no_grad()
    def _likelihood_ratio_gradient(self, x: Tensor, labels: Tensor) -> Tensor:
        network = self.network
        if network.encoding != "current":
            raise AccelsimError(
                f"encoding: {network.encoding}, must be current for a likelihood-ratio gradient of the input"
            )
        seen = network.run(x, LR_REPLICATIONS, self.generator, record=True, antithetic=True)
        weights = centred(cross_entropy(seen.outputs, labels, self.loss_scale), antithetic=True)
        return input_gradient(network.noisy_layers()[0], seen.records[0], weights)
