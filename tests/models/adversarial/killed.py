"""A small run of adversarial training that kills itself after a line of its log: python killed.py OUT [LINE]."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import torch
from torch import nn

from accelsim.nn.data.cifar import ImageSet
from accelsim.nn.networks import NETWORKS
from models.training.adversarial.__main__ import train
from models.training.adversarial.adversarial_recipe import AdversarialRecipe
from models.training.adversarial.curve import Curve


def tiny() -> nn.Module:
    pool = nn.AdaptiveAvgPool2d((1, 10))
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), pool, nn.Flatten(), nn.Linear(80, 10)
    )


def recipe(**changes: object) -> AdversarialRecipe:
    fields: dict[str, object] = {
        "network": "tiny",
        "dataset": "cifar10",
        "seed": 3,
        "epochs": 6,
        "batch_size": 10,
        "images": 40,
        "held_out": 10,
        "validate_every": 1,
        "lr": 0.05,
        "schedule": "one-cycle",
        "momentum": 0.9,
        "weight_decay": 0.0005,
        "loss": "pgd",
        "attack": {"eps_255": 8, "step_255": 4, "steps": 2},
        "crop_padding": 2,
        "bf16": False,
        "compile": False,
        "log_every": 1,
        "checkpoint_seconds": 1e-6,
    }
    return AdversarialRecipe.model_validate(fields | changes)


def images() -> ImageSet:
    """50 images whose class is the column of a bright stripe."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 160, (50, 3, 32, 32), generator=generator, dtype=torch.uint8)
    labels = torch.arange(50) % 10
    for i, label in enumerate(labels.tolist()):
        pixels[i, :, :, 3 * label : 3 * label + 4] += 90
    return ImageSet(pixels, labels)


def kill_after_line(step: int) -> None:
    """SIGKILL as soon as the log has the line of a step: it is then ahead of the checkpoint."""
    add = Curve.add

    def add_and_die(self: Curve, at: int, loss: float, right: float) -> None:
        add(self, at, loss, right)
        if at == step:
            os.kill(os.getpid(), signal.SIGKILL)

    Curve.add = add_and_die  # type: ignore[method-assign]


if __name__ == "__main__":
    torch.set_num_threads(1)
    NETWORKS["tiny"] = tiny
    if len(sys.argv) > 2:
        kill_after_line(int(sys.argv[2]))
    train(recipe(), images(), Path(sys.argv[1]))
