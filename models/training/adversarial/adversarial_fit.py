"""The loop of adversarial training: resumable to the step, with the loss curve of an unbroken run."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.files import check_output_file, writable_folder
from accelsim.interrupt import stop_if_pressed
from accelsim.nn.attacks.target import Target
from accelsim.nn.base.device import device_of
from accelsim.nn.base.random_module import reseed
from accelsim.nn.base.seeds import MAX_SEED
from accelsim.nn.data.cifar import ImageSet, to_float
from models.training.adversarial.adversarial_losses import (
    adversarial_images,
    attack_of,
    loss_of,
    perturbed_weights,
)
from models.training.adversarial.adversarial_recipe import AdversarialRecipe
from models.training.adversarial.curve import Curve, Say
from models.training.augment import augment
from models.training.order import batch_at, stream
from models.training.training_state import State, Validation, load_state, save_state

VALIDATION_BATCH = 250

Keep = Callable[[str, State], None]
"""Called with `best` or `last` when the network is worth keeping as such."""


def split(data: ImageSet, recipe: AdversarialRecipe) -> tuple[ImageSet, ImageSet]:
    """(training images, held-out images): a seeded permutation, cut. Raises AccelsimError if too few are left."""
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(recipe.seed))
    held, rest = order[: recipe.held_out], order[recipe.held_out :]
    rest = rest[: recipe.images] if recipe.images else rest
    if len(rest) < max(recipe.batch_size, recipe.images):
        raise AccelsimError(
            f"recipe: held_out {recipe.held_out} leaves {len(order) - recipe.held_out} of {len(data)} images, needs "
            f"{max(recipe.batch_size, recipe.images)} (images, and at least batch_size)"
        )
    return ImageSet(data.images[rest], data.labels[rest]), ImageSet(data.images[held], data.labels[held])


def fit(
    network: nn.Module,
    recipe: AdversarialRecipe,
    data: ImageSet,
    out: Path,
    *,
    identity: dict[str, Any] | None = None,
    keep: Keep = lambda kind, state: None,
    say: Say = lambda text: None,
) -> State:
    """Train `network` in place, on its device, from `out`'s state if it has one; to the end of the recipe.

    identity: JSON on what was loaded into the network, beside the recipe; another one is refused on resuming.
    Every draw (order, augmentation, attack, random layers) is a function of the recipe's seed and the step.
    Raises AccelsimError when `out` holds another run or a damaged one or cannot be written, or the loss is no longer finite.
    """
    writable_folder(out)
    out.mkdir(parents=True, exist_ok=True)
    run = _Run(network, recipe, data, identity or {})
    progress = out / "progress.safetensors"
    check_output_file(progress, regular_only=True)
    state = load_state(progress, network, run.optimizer, run.identity)
    curve = Curve(out / "log.csv", recipe, run.total, run.per_epoch, state.step, say)
    saved_at = time.monotonic()
    while state.step < run.total:
        stop_if_pressed()
        loss, right = run.step(state.step)
        state.step += 1
        curve.add(state.step, loss, right)
        ends = state.step % (recipe.validate_every * run.per_epoch) == 0 or state.step == run.total
        if ends:
            before = state.best
            found = validate(network, recipe, run.held_out, epoch=-(-state.step // run.per_epoch))
            network.train()
            state.history.append(found)
            say(
                f"epoch {found['epoch']:.0f}: held out clean {found['clean']:.2f} % robust {found['robust']:.2f} %"
            )
            if found["robust"] > before:
                keep("best", state)
        if ends or time.monotonic() - saved_at > recipe.checkpoint_seconds:
            save_state(progress, network, run.optimizer, state, run.identity)
            saved_at = time.monotonic()
    keep("last", state)
    return state


class _Run:
    """What stays the same from step to step."""

    def __init__(
        self, network: nn.Module, recipe: AdversarialRecipe, data: ImageSet, identity: dict[str, Any]
    ) -> None:
        self.device = device_of(network)
        training, self.held_out = split(data, recipe)
        self.data = ImageSet(training.images.to(self.device), training.labels.to(self.device))
        self.recipe = recipe
        self.network = network.train()
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.running: Any = torch.compile(network) if recipe.compile else network
        self.parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.SGD(
            self.parameters,
            lr=recipe.lr,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            nesterov=recipe.nesterov and recipe.momentum > 0,
        )
        self.per_epoch = recipe.steps_per_epoch(len(training))
        self.total = recipe.epochs * self.per_epoch
        # As JSON gives it back.
        self.identity: dict[str, Any] = json.loads(
            json.dumps({"recipe": recipe.model_dump(mode="json"), **identity})
        )

    def step(self, step: int) -> tuple[float, float]:
        """One step of the optimizer: (loss, per cent of the attacked images right)."""
        recipe, running = self.recipe, self.running
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.lr_at(step, self.per_epoch)
        generator = stream(recipe.seed, 1, step)
        x, labels = batch_at(self.data, recipe.seed, recipe.batch_size, step)
        x = augment(x, x.shape[-1], recipe.crop_padding, generator)
        reseed(self.network, int(torch.randint(0, MAX_SEED, (), generator=generator)))
        # No cache: it would keep the bfloat16 copies of weights that AWP has moved since.
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=recipe.bf16, cache_enabled=False):
            attacked = adversarial_images(running, x, labels, recipe, generator)
            moved: AbstractContextManager[None] = nullcontext()
            if recipe.weight_perturbation and step >= recipe.perturb_from * self.per_epoch:
                here, _ = loss_of(running, x, attacked, labels, recipe)
                moved = perturbed_weights(self.parameters, here, recipe.weight_perturbation)
            with moved:
                loss, logits = loss_of(running, x, attacked, labels, recipe)
                self.optimizer.zero_grad(set_to_none=True)
                torch.autograd.backward(loss)
        value = loss.item()
        if not math.isfinite(value):
            raise AccelsimError(f"{recipe.network}: loss is {value} at step {step}; lower lr")
        if not all(
            bool(torch.isfinite(each.grad).all())
            for group in self.optimizer.param_groups
            for each in group["params"]
            if each.grad is not None
        ):
            raise AccelsimError(f"{recipe.network}: a gradient is not finite at step {step}; lower lr")
        self.optimizer.step()
        return value, 100.0 * float((logits.argmax(dim=1) == labels).double().mean())


def validate(network: nn.Module, recipe: AdversarialRecipe, data: ImageSet, epoch: int) -> Validation:
    """Accuracy of held-out images, clean and under the recipe's PGD in eval mode; `network` is left in eval mode."""
    device = device_of(network)
    network.eval()
    reseed(network, recipe.seed)
    pgd = attack_of(recipe)
    generator = torch.Generator().manual_seed(recipe.seed)
    target = Target(network)
    clean = robust = 0
    for start in range(0, len(data), VALIDATION_BATCH):
        part = slice(start, start + VALIDATION_BATCH)
        x: Tensor = to_float(data.images[part].to(device)).contiguous(memory_format=torch.channels_last)
        labels = data.labels[part].to(device)
        attacked = pgd.perturb(target, x, labels, generator)
        clean += int(target.correct(x, labels).sum())
        robust += int(target.correct(attacked, labels).sum())
    return {"epoch": float(epoch), "clean": 100.0 * clean / len(data), "robust": 100.0 * robust / len(data)}
