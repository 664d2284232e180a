"""Layers that draw at every forward pass: each has a stream of its own, so that a run can be repeated."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from accelsim.nn.base.seeds import check_seed


class RandomModule(nn.Module):
    """A module whose forward pass draws from `generator(device)`. Streams are no part of a checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self._seed = 0
        self._generators: dict[torch.device, torch.Generator] = {}

    def reseed(self, seed: int) -> None:
        """Start the stream afresh, on every device."""
        self._seed = seed
        self._generators = {}

    def generator(self, device: torch.device) -> torch.Generator:
        """The stream on a device; devices give other numbers for the same seed."""
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self._seed)
        return self._generators[device]


def random_modules(model: nn.Module) -> Iterator[RandomModule]:
    """Every module of `model` that draws, in `modules` order."""
    return (module for module in model.modules() if isinstance(module, RandomModule))


def is_random(model: nn.Module) -> bool:
    """True if two passes over the same images may differ."""
    return any(True for _ in random_modules(model))


def reseed(model: nn.Module, seed: int) -> None:
    """Give every module that draws a stream that is a function of `seed` and of its place in the model.

    Raises AccelsimError unless seed is a whole number from 0 to 2^31 - 1.
    """
    check_seed("reseed", seed)
    for index, module in enumerate(random_modules(model)):
        module.reseed(seed * 1_000_003 + index)
