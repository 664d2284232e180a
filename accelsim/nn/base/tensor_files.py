"""Checkpoints: weights as safetensors, optimizer state beside them, both written atomically."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.files import readable_file, replaced
from accelsim.trace.container import one_line


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Write tensors and JSON-able metadata (one header entry, `accelsim`) to a safetensors file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # clone: safetensors refuses tensors that share memory, and wants them contiguous.
    plain = {k: v.detach().clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}
    with replaced(path, regular_only=True) as temporary:
        save_file(plain, temporary, metadata={"accelsim": json.dumps(metadata)})


def load_tensors(path: Path | str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and metadata of a safetensors file; {} for one that save_tensors did not write.

    Raises AccelsimError when the file is missing, damaged, or another kind of file.
    """
    hint = "; python -m models.training.train and accelsim prepare make them"
    readable_file(path, "checkpoint", hint=hint)
    try:
        with safe_open(path, framework="pt") as handle:
            header = handle.metadata() or {}
            tensors = {key: handle.get_tensor(key) for key in handle.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, SafetensorError) as error:
        raise AccelsimError(f"{path}: cannot read the checkpoint: {error}") from error
    try:
        metadata = json.loads(header.get("accelsim", "{}"))
    except ValueError as error:
        raise AccelsimError(f"{path}: header entry accelsim is not JSON: {error}") from error
    if not isinstance(metadata, dict):
        raise AccelsimError(f"{path}: header entry accelsim is {type(metadata).__name__}, must be an object")
    return tensors, metadata


def check_finite_tensors(tensors: dict[str, Tensor], path: Path | str) -> None:
    """Raise AccelsimError naming a tensor that holds NaN or infinity: no network computes anything with one."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor.float()).all()):
            raise AccelsimError(f"{path}: tensor {name!r} holds values that are not finite")


def load_network_weights(network: nn.Module, tensors: dict[str, Tensor], path: Path | str) -> None:
    """Copy checkpoint tensors into a network; AccelsimError when they are not finite, or names or shapes do not fit."""
    check_finite_tensors(tensors, path)
    try:
        network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()})
    except RuntimeError as error:
        last = str(error).splitlines()[-1].strip()
        raise AccelsimError(f"{path}: does not fit the network: {last}") from error


def save_progress(path: Path, optimizer: torch.optim.Optimizer, step: int) -> None:
    """Optimizer state and position. Random draws need no state: each is a function of seed and step."""
    with replaced(path, regular_only=True) as temporary:
        torch.save({"optimizer": optimizer.state_dict(), "step": step}, temporary)


def load_progress(path: Path, optimizer: torch.optim.Optimizer) -> int:
    """Restore the optimizer, on the device of its parameters, and return the step to go on from.

    Raises AccelsimError when the file is missing, damaged, or of another network or optimizer.
    """
    # A damaged file fails in whatever way its bytes lead to.
    with one_line(f"{path}: cannot read the optimizer's state (remove it to start afresh)"):
        readable_file(path, "optimizer's state")
        # CPU: the run may have stood on a device that this machine lacks; load_state_dict moves it on.
        state = torch.load(path, weights_only=True, map_location="cpu")
        optimizer.load_state_dict(state["optimizer"])
        return int(state["step"])
