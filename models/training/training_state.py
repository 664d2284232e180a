"""The state of a run in one file, so that a kill at any moment leaves one whole state.

progress.safetensors holds the network's tensors as `network.NAME`, the momentum buffers as `momentum.INDEX`, and in its
header the recipe, the step and the history of validations. Random draws need no state: they follow from seed and step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from accelsim.errors import AccelsimError
from accelsim.nn.base.tensor_files import load_network_weights, load_tensors, save_tensors
from accelsim.tables import frame_of, write_csv
from accelsim.trace.container import one_line

Validation = dict[str, float]
"""epoch, clean and robust accuracy in per cent."""


@dataclass
class State:
    """step: how many are done. history: one entry a validation."""

    step: int
    history: list[Validation]

    @property
    def best(self) -> float:
        """Highest accuracy under attack so far, in per cent; -1 before the first validation."""
        return max((entry["robust"] for entry in self.history), default=-1.0)


def save_state(
    path: Path, network: nn.Module, optimizer: torch.optim.SGD, state: State, identity: dict[str, Any]
) -> None:
    """Write everything in one replacement. identity: JSON that decides the run (the recipe, and what was loaded)."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    for index, entry in optimizer.state_dict()["state"].items():
        if entry.get("momentum_buffer") is not None:
            tensors[f"momentum.{index}"] = entry["momentum_buffer"]
    metadata = {"identity": identity, "step": state.step, "history": state.history}
    save_tensors(path, tensors, metadata)


def load_state(path: Path, network: nn.Module, optimizer: torch.optim.SGD, identity: dict[str, Any]) -> State:
    """Restore network and optimizer, where they lie; a fresh State if there is no file.

    Raises AccelsimError when the file is damaged or of another run.
    """
    if not path.is_file():
        return State(0, [])
    tensors, metadata = load_tensors(path)
    if metadata.get("identity") != identity:
        raise AccelsimError(f"{path.parent}: holds a run of another recipe; give another --out or remove it")
    with one_line(f"{path}: damaged"):
        weights = {n.removeprefix("network."): t for n, t in tensors.items() if n.startswith("network.")}
        load_network_weights(network, weights, path)
        found = optimizer.state_dict()
        found["state"] = {
            int(name.removeprefix("momentum.")): {"momentum_buffer": tensor}
            for name, tensor in tensors.items()
            if name.startswith("momentum.")
        }
        optimizer.load_state_dict(found)
        return State(int(metadata["step"]), list(metadata["history"]))


def write_history(path: Path, history: Sequence[Validation]) -> None:
    """Write the validations as CSV: epoch, clean and robust accuracy (per cent of the held-out images)."""
    rows = [(int(entry["epoch"]), entry["clean"], entry["robust"]) for entry in history]
    write_csv(frame_of(rows, ("epoch", "clean", "robust")), path, formats={"clean": ".3f", "robust": ".3f"})
