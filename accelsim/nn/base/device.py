"""Where a network computes: the CPU unless another device is asked for."""

from __future__ import annotations

from itertools import chain

import torch
from torch import nn

from accelsim.errors import AccelsimError


def torch_device(name: str) -> torch.device:
    """The device `cpu`, `cuda` or `cuda:<number>`.

    Raises AccelsimError for another name, and where this machine, or its build of torch, has no such device.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise AccelsimError(f"device: {name!r} is unknown; allowed: cpu, cuda, cuda:<number>")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= count:
        raise AccelsimError(f"device: {name} is not there; torch sees {count} CUDA devices; use cpu")
    return device


def use_threads(count: int | None) -> None:
    """Let torch use so many threads of the CPU; None leaves it be. Raises AccelsimError below 1."""
    if count is None:
        return
    if count < 1:
        raise AccelsimError(f"threads: {count}, must be at least 1")
    torch.set_num_threads(count)


def device_of(network: nn.Module) -> torch.device:
    """Where a network's tensors lie: that of its first parameter or buffer; the CPU if it has neither."""
    first = next(chain(network.parameters(), network.buffers()), None)
    return torch.device("cpu") if first is None else first.device
