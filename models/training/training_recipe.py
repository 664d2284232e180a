"""Training recipes: a YAML file, validated, that fixes the whole schedule before the first step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from accelsim.config.source import MAX_FILE_BYTES
from accelsim.errors import AccelsimError
from accelsim.files import read_text
from accelsim.nn.base.seeds import MAX_SEED

Schema = TypeVar("Schema", bound=BaseModel)


class Phase(BaseModel):
    """A run of epochs at one image size."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(ge=8, le=32, description="image side in pixels")
    images: int = Field(gt=0, description="training images shown in this phase")


class Recipe(BaseModel):
    """Everything that decides a training run apart from the data.

    The learning rate is a function of the share of training images already shown (one cycle: linear from
    0 to `max_lr` over `warmup`, then linear to 0), so a resumed run follows the same curve.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str = Field(description="a name in accelsim.nn.networks, or your own as module:factory")
    seed: int = Field(ge=0, le=MAX_SEED, description="of weights, order and augmentation")
    batch_size: int = Field(gt=1, description="images of a step")
    phases: tuple[Phase, ...] = Field(min_length=1, description="one after the other, small images first")
    max_lr: float = Field(gt=0, description="peak of the one-cycle learning rate")
    warmup: float = Field(gt=0, lt=1, description="share of the images shown while the learning rate rises")
    momentum: float = Field(ge=0, lt=1, description="of SGD with Nesterov's momentum")
    weight_decay: float = Field(ge=0, description="L2 penalty of SGD")
    label_smoothing: float = Field(ge=0, lt=1, description="share of the target spread over all classes")
    crop_padding: int = Field(ge=0, le=8, description="pixels added around an image before a random crop")
    bf16: bool = Field(description="autocast convolutions to bfloat16; weights stay float32")
    checkpoint_seconds: float = Field(gt=0, description="longest time between checkpoints, seconds")

    def sizes(self) -> list[int]:
        """The image size of every step, in order; each phase runs whole batches (at least one)."""
        return [p.size for p in self.phases for _ in range(max(1, round(p.images / self.batch_size)))]

    def lr(self, progress: float) -> float:
        """Learning rate at `progress` in [0, 1]."""
        rising = progress / self.warmup
        falling = (1.0 - progress) / (1.0 - self.warmup)
        return self.max_lr * max(0.0, min(rising, falling, 1.0))


def load_recipe(path: Path | str) -> Recipe:
    """Read and validate a recipe. Raises AccelsimError naming the file and the first wrong field."""
    return read_recipe(path, Recipe)


def read_recipe(path: Path | str, schema: type[Schema], changes: Sequence[str] = ()) -> Schema:
    """A YAML file as a recipe of any schema, with `changes` of the form KEY=VALUE (VALUE in YAML) to its fields.

    Raises AccelsimError naming the file and the first wrong field.
    """
    text = read_text(path, "recipe", max_bytes=MAX_FILE_BYTES)
    try:
        raw = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # the last two: of a date, of deep nesting
        raise AccelsimError(f"{path}: not YAML: {str(error).splitlines()[0]}") from error
    if changes and isinstance(raw, dict):
        raw |= dict(map(_change, changes))
    try:
        return schema.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "recipe"
        raise AccelsimError(f"{path}: {field}: {first['msg']}") from error


def _change(text: str) -> tuple[str, object]:
    key, equals, value = text.partition("=")
    try:
        if key and equals:
            return key, yaml.safe_load(value)
    except yaml.YAMLError:
        pass
    raise AccelsimError(f"recipe: change {text!r}, must be KEY=VALUE with a VALUE in YAML")
