"""Recipes of adversarial training: a YAML file that fixes everything but the data before the first step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from accelsim.nn.base.seeds import MAX_SEED
from accelsim.nn.data.cifar_layout import DATASETS
from models.training.training_recipe import read_recipe


class AttackRecipe(BaseModel):
    """PGD in the largest pixel change, in 1/255; the training attack, and the one that validation uses in eval mode."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    eps_255: float = Field(gt=0, le=255, description="largest change of a pixel, in 1/255")
    step_255: float = Field(gt=0, le=255, description="change of a pixel in one step, in 1/255")
    steps: int = Field(ge=1, le=1000, description="steps of projected gradient ascent")


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

    network: str = Field(description="a name in accelsim.nn.networks, or your own as module:factory")
    dataset: str = Field(description=f"one of {', '.join(DATASETS)}")
    seed: int = Field(
        ge=0, le=MAX_SEED, description="of weights, held-out images, order, augmentation and attack"
    )
    epochs: int = Field(ge=1, le=10_000, description="passes over the training images")
    batch_size: int = Field(gt=1, le=65_536, description="images of a step")
    images: int = Field(ge=0, description="training images used, of those not held out; 0: all")
    held_out: int = Field(
        ge=1, description="training images that never teach, and choose the best checkpoint"
    )
    validate_every: int = Field(ge=1, description="epochs between validations under the attack")
    lr: float = Field(gt=0, description="learning rate at its highest")
    schedule: Literal["steps", "one-cycle"] = Field(
        description="steps: times 0.1 at each milestone; one-cycle: linear up over warmup, then linear to 0"
    )
    milestones: tuple[int, ...] = Field(default=(), description="epochs of schedule steps, rising")
    warmup: float = Field(gt=0, lt=1, default=0.3, description="share of the steps of one-cycle that rise")
    momentum: float = Field(ge=0, lt=1, description="of SGD")
    weight_decay: float = Field(ge=0, description="L2 penalty of SGD")
    nesterov: bool = Field(default=False, description="Nesterov's momentum")
    loss: Literal["pgd", "trades", "plain"] = Field(
        description="cross-entropy on attacked images (pgd), TRADES, or cross-entropy on clean images (plain)"
    )
    trades_beta: float = Field(gt=0, default=6.0, description="weight of the robust term of TRADES")
    weight_perturbation: float = Field(
        ge=0, default=0.0, description="gamma of AWP on top of the loss; 0: none"
    )
    perturb_from: int = Field(ge=0, default=0, description="first epoch of AWP, from 0")
    attack: AttackRecipe = Field(description="the training attack, which validation uses too")
    crop_padding: int = Field(ge=0, le=8, description="pixels added around an image before a random crop")
    bf16: bool = Field(description="autocast to bfloat16; weights stay float32")
    compile: bool = Field(description="torch.compile the network (worth it on a GPU)")
    log_every: int = Field(ge=1, description="steps between lines of log.csv")
    checkpoint_seconds: float = Field(gt=0, description="longest time between checkpoints, seconds")

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
