"""Plans of a whole study: a YAML file that names the recipes, the networks to make of them, and what is measured of each.

A network is known by a name:

    at                  the adversarially trained one
    converted           the same with P, W~ and b~ distilled; nothing learned after
    unstructured-90     `converted`, fine-tuned under that scheme; unstructured-90+zeros: under a control of it
    any other           of `continued`: `at`, trained on with changes to the fine-tuning recipe (a baseline's layers, a loss)

A row of the tables is a network and how it is run: `converted:nm-1of8`, `at:dense`. A name alone is run as it was trained.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from accelsim.errors import AccelsimError
from accelsim.forms import Form
from accelsim.nn.attacks.catalogue import NamedAttack, attacks_of
from accelsim.nn.base.seeds import MAX_SEED
from models.study.variants import Variant
from models.training.adversarial.adversarial_recipe import AdversarialRecipe, load_adversarial_recipe
from models.training.training_recipe import read_recipe

AT, CONVERTED = "at", "converted"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Distillation(_Part):
    """How W~ and b~ are found; see accelsim.nn.injection.distillation. images: of the training set, shown `epochs` times."""

    method: Literal["lstsq", "sgd"] = Field(description="exact, or the paper's momentum SGD")
    epochs: int = Field(ge=1, le=10_000, description="passes over the images, with sgd")
    images: int = Field(ge=1, description="training images that teach W~ and b~")
    form: Form = Field("patch", description="of the approximation: none, pixel or patch")
    k_ratio: float | None = Field(None, gt=0, le=1, description="rows of P as a share of its columns")
    seed: int = Field(ge=0, le=MAX_SEED, description="of P, of the images and of the pixels drawn")


class Block(_Part):
    """Attacks, each on the first `images` test images, of rows; attacks may name a set: paper, adaptive."""

    attacks: tuple[str, ...] = Field(
        min_length=1, description="names of accelsim/nn/attacks/catalogue.py, or paper, adaptive"
    )
    rows: tuple[str, ...] = Field(min_length=1, description="a network, or network:variant")
    images: int = Field(ge=1, description="the first so many test images")

    def all_attacks(self) -> tuple[NamedAttack, ...]:
        """Return the attacks in order, each once."""
        return attacks_of(self.attacks)


class Evaluation(_Part):
    """What models.evaluation is asked for."""

    seed: int = Field(ge=0, le=MAX_SEED, description="of attacks and draws")
    batch: int = Field(ge=1, description="images at a time")
    draws: int = Field(ge=1, description="fresh draws of the noise that judge each image")
    pool: int = Field(ge=2, description="draws of P that refit and projected choose from")
    calibration: int = Field(ge=1, description="training images that redrawn projections are refitted on")
    reference: str = Field(default=AT, description="row that the others are compared with, image by image")
    blocks: tuple[Block, ...] = Field(min_length=1, description="in the order in which they are run")


class Row(_Part):
    """A network and how it is run."""

    network: str
    variant: str

    @property
    def name(self) -> str:
        """The network's name alone where it is run as it was trained."""
        return self.network if self.variant in (self.network, "dense") else f"{self.network}:{self.variant}"


class RobustPlan(_Part):
    """A study: what is trained, what is made of it, what is measured."""

    training: Path = Field(description="recipe of adversarial training, relative to this file")
    finetuning: Path = Field(description="recipe of everything that follows it, relative to this file")
    distillation: Distillation = Field(description="how W~ and b~ are found")
    finetuned: tuple[str, ...] = Field(description="schemes, with a control after '+' if any")
    continued: dict[str, tuple[str, ...]] = Field(
        description="networks trained on from `at`: changes to the finetuning recipe, KEY=VALUE"
    )
    evaluation: Evaluation = Field(description="rows and attacks")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        try:
            for name in self.finetuned:
                found = Variant.parse(name)
                if found.scheme.is_dense or found.projection != "fixed" or found.name != name:
                    raise ValueError(
                        f"finetuned: {name!r} must be a scheme with noise, and a control if any, as they are named"
                    )
            for name in self.continued:
                if not name.replace("-", "").isalnum() or name in (AT, CONVERTED, *self.finetuned):
                    raise ValueError(
                        f"continued: {name!r} must be letters, digits and '-', and no other network"
                    )
            self.row(self.evaluation.reference)
            for block in self.evaluation.blocks:
                block.all_attacks()
                for row in block.rows:
                    self.row(row)
        except AccelsimError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def networks(self) -> tuple[str, ...]:
        """All that are made, in the order in which they are."""
        return (AT, CONVERTED, *self.finetuned, *self.continued)

    def row(self, text: str) -> Row:
        """A row by name. Raises AccelsimError for an unknown network or variant."""
        network, colon, variant = text.partition(":")
        if network not in self.networks:
            raise AccelsimError(
                f"row {text!r}: network {network!r} must be one of {', '.join(self.networks)}"
            )
        own = network if network in self.finetuned else "dense"
        row = Row(network=network, variant=Variant.parse(variant).name if colon else own)
        if row.variant != "dense" and network not in (CONVERTED, *self.finetuned):
            raise AccelsimError(f"row {text!r}: {network} has no P, W~ and b~: it can only be run dense")
        return row


class Study(_Part):
    """A plan with its recipes, read and with the changes of each network."""

    plan: RobustPlan
    training: AdversarialRecipe
    finetuning: AdversarialRecipe
    continued: dict[str, AdversarialRecipe]


def load_study(path: Path | str) -> Study:
    """Read a plan and its recipes. Raises AccelsimError naming file and first wrong field."""
    plan = read_recipe(path, RobustPlan)
    folder = Path(path).parent
    training = load_adversarial_recipe(folder / plan.training)
    finetuning = load_adversarial_recipe(folder / plan.finetuning)
    for field in ("network", "dataset"):
        ours, theirs = getattr(finetuning, field), getattr(training, field)
        if ours != theirs:
            raise AccelsimError(f"{folder / plan.finetuning}: {field} is {ours}, the training's is {theirs}")
    continued = {
        name: load_adversarial_recipe(folder / plan.finetuning, changes)
        for name, changes in plan.continued.items()
    }
    return Study(plan=plan, training=training, finetuning=finetuning, continued=continued)
