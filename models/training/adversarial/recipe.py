"""Recipes of adversarial training: a YAML file that fixes everything but the data before the first step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.data.cifar import DATASETS
from models.seeds import MAX_SEED
from models.training.recipe import read_recipe


class AttackRecipe(BaseModel):
    """PGD in the largest pixel change, in 1/255; the training attack, and the one that validation uses in eval mode."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    eps_255: float = Field(gt=0, le=255)
    step_255: float = Field(gt=0, le=255)
    steps: int = Field(ge=1, le=1000)


class AdversarialRecipe(BaseModel):
    """Everything that decides a run of adversarial training apart from the data.

    loss: `pgd` (Madry et al. 2018; Rice et al. 2020), `trades` (Zhang et al. 2019, weight `trades_beta`) or `plain`.
    weight_perturbation: gamma of AWP (Wu et al. 2020) on top of the loss, from epoch `perturb_from` on; 0: none.
    schedule: `steps` multiplies lr by 0.1 at each of `milestones` (epochs); `one-cycle` rises linearly over `warmup`
        of the steps, then falls linearly to 0.
    images: training images used, of those not held out (0: all). held_out: training images that never teach and
        choose the best checkpoint, by accuracy under the attack, after every `validate_every` epochs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str
    dataset: str
    seed: int = Field(ge=0, le=MAX_SEED)
    epochs: int = Field(ge=1, le=10_000)
    batch_size: int = Field(gt=1, le=65_536)
    images: int = Field(ge=0)
    held_out: int = Field(ge=1)
    validate_every: int = Field(ge=1)
    lr: float = Field(gt=0)
    schedule: Literal["steps", "one-cycle"]
    milestones: tuple[int, ...] = ()
    warmup: float = Field(gt=0, lt=1, default=0.3)
    momentum: float = Field(ge=0, lt=1)
    weight_decay: float = Field(ge=0)
    nesterov: bool = False
    loss: Literal["pgd", "trades", "plain"]
    trades_beta: float = Field(gt=0, default=6.0)
    weight_perturbation: float = Field(ge=0, default=0.0)
    perturb_from: int = Field(ge=0, default=0)
    attack: AttackRecipe
    crop_padding: int = Field(ge=0, le=8)
    bf16: bool = Field(description="autocast to bfloat16; weights stay float32")
    compile: bool = Field(description="torch.compile the network (worth it on a GPU)")
    log_every: int = Field(ge=1, description="steps between lines of log.csv")
    checkpoint_seconds: float = Field(gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.dataset not in DATASETS:
            raise ValueError(f"dataset is {self.dataset!r}, must be one of {', '.join(DATASETS)}")
        if list(self.milestones) != sorted(set(self.milestones)) or any(m < 1 for m in self.milestones):
            raise ValueError("milestones must be rising epochs from 1 on")
        if self.schedule == "one-cycle" and self.milestones:
            raise ValueError("milestones belong to schedule steps")
        return self

    def steps_per_epoch(self, images: int) -> int:
        """Whole batches in `images` training images, at least 1; a step may so show images of two epochs."""
        return max(1, images // self.batch_size)

    def lr_at(self, step: int, per_epoch: int) -> float:
        """Learning rate of a step, counted from 0."""
        if self.schedule == "steps":
            passed = sum(step // per_epoch >= milestone for milestone in self.milestones)
            return self.lr * math.pow(0.1, passed)
        progress = (step + 1) / (self.epochs * per_epoch + 1)
        return self.lr * min(progress / self.warmup, (1.0 - progress) / (1.0 - self.warmup))


def load_adversarial_recipe(path: Path | str, changes: Sequence[str] = ()) -> AdversarialRecipe:
    """Read and validate a recipe; changes as in read_recipe. Raises AccelsimError naming file and first wrong field."""
    return read_recipe(path, AdversarialRecipe, changes)
