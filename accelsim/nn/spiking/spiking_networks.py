"""Networks of noisy layers: an ANN of any activation, and a spiking network of LIF neurons."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.nn.spiking.lif import Lif
from accelsim.nn.spiking.noisy_layer import NoisyLayer, Record, draw_noise

Readout = Literal["last", "count"]
Encoding = Literal["current", "rate"]


@dataclass(frozen=True)
class Pass:
    """One pass: `outputs` (N, C, classes) and, if asked for, a record of every layer with noise.

    signals: if asked for, what each layer hands on, in a spiking network its spikes: (T, N, C, out).
    """

    outputs: Tensor
    records: tuple[Record, ...]
    signals: tuple[Tensor, ...] = ()


class NoisyNetwork(nn.Module, ABC):
    """Fully connected layers of the given sizes, noise before every activation.

    sizes: inputs, hidden layers, classes. sigma: noise level that all neurons begin with (the paper: 1).
    """

    steps = 1
    """Time steps T; 1 without time."""

    def __init__(self, sizes: Sequence[int], sigma: float, seed: int) -> None:
        super().__init__()
        if len(sizes) < 2 or min(sizes) < 1:
            raise AccelsimError(f"sizes: {list(sizes)}, must be two or more whole numbers above 0")
        generator = torch.Generator().manual_seed(seed)
        self.sizes = tuple(sizes)
        self.layers = nn.ModuleList(
            NoisyLayer(inputs, outputs, sigma, generator) for inputs, outputs in pairwise(sizes)
        )

    def noisy_layers(self) -> list[NoisyLayer]:
        """The layers, first to last."""
        return [layer for layer in self.layers if isinstance(layer, NoisyLayer)]

    def run(
        self,
        x: Tensor,
        replications: int,
        generator: torch.Generator,
        *,
        record: bool = False,
        antithetic: bool = False,
        noisy: bool = True,
    ) -> Pass:
        """Feed x (N, inputs) `replications` times with fresh noise; `noisy=False` leaves the noise out."""
        # Layer by layer, all steps of one before the next: nothing feeds back.
        signal = self.encode(x, generator)
        records, signals = [], []
        for index, layer in enumerate(self.noisy_layers()):
            v = layer.mean(signal).expand(self.steps, -1, -1, -1)
            if noisy:
                noise = draw_noise(self.steps, len(x), replications, v.shape[-1], generator, antithetic)
                if record:
                    records.append(Record(signal, noise))
                v = v + layer.sigma * noise
            signal = self.respond(v, last=index == len(self.layers) - 1)
            if record:
                signals.append(signal)
        return Pass(self.read(signal), tuple(records), tuple(signals))

    def encode(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """What the first layer receives for x (N, inputs): (T or 1, N, C or 1, inputs), 1 where it is the same for all."""
        return x[None, :, None, :]

    @abstractmethod
    def respond(self, v: Tensor, *, last: bool) -> Tensor:
        """What a layer hands on: v (T, N, C, out) with its noise to the next layer's input, the same shape."""

    @abstractmethod
    def read(self, signal: Tensor) -> Tensor:
        """The outputs (N, C, classes) of what the last layer hands on (T, N, C, classes)."""


class NoisyPerceptron(NoisyNetwork):
    """x' = activation(theta x + bias + sigma epsilon), layer by layer; the last layer has no activation.

    activation: any function of a tensor, smooth or not, that autograd need not know.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: Callable[[Tensor], Tensor] = torch.relu,
        *,
        sigma: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__(sizes, sigma, seed)
        self.activation = activation

    def respond(self, v: Tensor, *, last: bool) -> Tensor:
        return v if last else self.activation(v)

    def read(self, signal: Tensor) -> Tensor:
        return signal[0]


class SpikingNetwork(NoisyNetwork):
    """LIF layers over T steps (Eq. 7).

    encoding "current": the image is the constant input current of every step. "rate": a pixel p in [0, 1] is a spike
    with probability p, drawn anew at every step and alike for all replications; gradients pass it straight through.
    readout "last" gives the spikes of the last layer at step T, as the paper says; "count" their mean
    over the steps, which tells ten classes apart more finely.
    surrogate_width: with a width, gradients pass spikes by the rectangular surrogate (STBP); with None
    nothing is differentiable.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        steps: int = 8,
        neuron: Lif | None = None,
        readout: Readout = "last",
        encoding: Encoding = "current",
        sigma: float = 1.0,
        seed: int = 0,
        surrogate_width: float | None = None,
    ) -> None:
        super().__init__(sizes, sigma, seed)
        if steps < 1:
            raise AccelsimError(f"steps: {steps}, must be 1 or more")
        self.steps = steps
        self.neuron = neuron or Lif()
        self.readout: Readout = readout
        self.encoding: Encoding = encoding
        self.surrogate_width = surrogate_width

    def encode(self, x: Tensor, generator: torch.Generator) -> Tensor:
        if self.encoding == "current":
            return super().encode(x, generator)
        spikes = (torch.rand(self.steps, *x.shape, generator=generator) < x).to(x.dtype)
        # The sum is exactly the spikes, and its derivative with respect to x is 1.
        return (spikes + (x - x.detach()))[:, :, None, :]

    def respond(self, v: Tensor, *, last: bool) -> Tensor:
        return self._spikes(v)

    def read(self, signal: Tensor) -> Tensor:
        return signal[-1] if self.readout == "last" else signal.mean(dim=0)

    @contextmanager
    def surrogate(self, width: float | None) -> Iterator[None]:
        """Within the block, gradients pass spikes by a rectangle of this width (None: not at all)."""
        before, self.surrogate_width = self.surrogate_width, width
        try:
            yield
        finally:
            self.surrogate_width = before

    def _spikes(self, current: Tensor) -> Tensor:
        u = torch.zeros_like(current[0])
        spikes = torch.zeros_like(u)
        fired = []
        for now in current:
            u = self.neuron.integrate(u, spikes, now)
            if self.surrogate_width is None:
                spikes = self.neuron.fire(u)
            else:
                spikes = self.neuron.fire_with_surrogate(u, self.surrogate_width)
            fired.append(spikes)
        return torch.stack(fired)
