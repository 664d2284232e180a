"""Train a network on CIFAR-10 with one-cycle SGD and progressive resizing.

    python -m models.training.train --data DATA --out OUT --recipe models/recipes/cpu-1h.yaml

OUT gets weights.safetensors (network state and the recipe), progress.safetensors (all that a run goes on from) and
log.csv. A run that was stopped goes on from its last checkpoint when started again with the same OUT.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from accelsim.cli.options import data_option, device_option, out_folder_option, recipe_option, threads_option
from accelsim.cli.program import program
from accelsim.errors import AccelsimError
from accelsim.files import appended, check_output_file, writable_folder
from accelsim.interrupt import stop_if_pressed
from accelsim.nn.base.device import torch_device, use_threads
from accelsim.nn.base.tensor_files import load_tensors, save_tensors
from accelsim.nn.clean_accuracy import accuracy
from accelsim.nn.data.cifar import ImageSet, load_cifar10
from accelsim.nn.networks import make_network
from models.training.augment import augment
from models.training.order import batch_at, stream
from models.training.training_recipe import Recipe, load_recipe
from models.training.training_state import State, load_state, save_state

LOG_EVERY_STEPS = 20
WEIGHTS, PROGRESS = "weights.safetensors", "progress.safetensors"


def train(recipe: Recipe, data: ImageSet, out: Path, device: str = "cpu") -> nn.Module:
    """Run the recipe to its end, from `out`'s checkpoint if it has one, and return the trained network.

    Every random draw (initial weights, order of images, augmentation) is a function of recipe.seed and the
    step, so a resumed run sees the same batches as an unbroken one. All are drawn on the CPU, so another
    `device` (accelsim.nn.base.device.torch_device) sees them too; its sums differ in their last bits.
    The network returned is on `device`; what is saved can be loaded on any.
    Raises AccelsimError when the checkpoint in `out` is damaged or was made by another recipe, `out` cannot be
    written, or there is no such device.
    """
    target = torch_device(device)
    writable_folder(out)
    out.mkdir(parents=True, exist_ok=True)
    for name in (WEIGHTS, PROGRESS):
        check_output_file(out / name, regular_only=True)
    torch.manual_seed(recipe.seed)
    network = make_network(recipe.network).train().to(target)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=recipe.max_lr,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.momentum > 0,
    )
    sizes = recipe.sizes()
    step = _resume(network, optimizer, recipe, out)
    saved_at = logged_at = time.monotonic()
    logged_step = step
    while step < len(sizes):
        stop_if_pressed()
        for group in optimizer.param_groups:
            group["lr"] = recipe.lr((step + 1) / (len(sizes) + 1))
        images, labels = (part.to(target) for part in batch_at(data, recipe.seed, recipe.batch_size, step))
        images = augment(images, sizes[step], recipe.crop_padding, stream(recipe.seed, 1, step))
        with torch.autocast(target.type, dtype=torch.bfloat16, enabled=recipe.bf16):
            logits = network(images)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
        if not torch.isfinite(loss):
            raise AccelsimError(f"{recipe.network}: loss is {loss.item()} at step {step}; lower max_lr")
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
        step += 1
        now = time.monotonic()
        if step % LOG_EVERY_STEPS == 0 or step == len(sizes):
            speed = (step - logged_step) * recipe.batch_size / (now - logged_at)
            with appended(out / "log.csv") as log:
                log.write(f"{step},{len(sizes)},{sizes[step - 1]},{loss.item():.4f},{speed:.1f}\n")
            logged_at, logged_step = now, step
        if now - saved_at > recipe.checkpoint_seconds or step == len(sizes):
            _save(network, optimizer, recipe, step, out)
            saved_at = now
    return network


def _save(network: nn.Module, optimizer: torch.optim.SGD, recipe: Recipe, step: int, out: Path) -> None:
    metadata = {"network": recipe.network, "recipe": recipe.model_dump(mode="json"), "step": step}
    save_tensors(out / WEIGHTS, dict(network.state_dict()), metadata)
    # One file, and the last: killed before it, the run goes on from the one before and writes the weights again.
    save_state(out / PROGRESS, network, optimizer, State(step, []), _identity(recipe))


def _resume(network: nn.Module, optimizer: torch.optim.SGD, recipe: Recipe, out: Path) -> int:
    if (out / WEIGHTS).is_file() and not (out / PROGRESS).is_file():
        _, metadata = load_tensors(out / WEIGHTS)
        if metadata.get("recipe") != recipe.model_dump(mode="json"):
            raise AccelsimError(f"{out}: holds a run of another recipe; give another --out or remove it")
    return load_state(out / PROGRESS, network, optimizer, _identity(recipe)).step


def _identity(recipe: Recipe) -> dict[str, Any]:
    return {"recipe": recipe.model_dump(mode="json")}


@program("python -m models.training.train", __doc__, goes_on_from="the last checkpoint")
@data_option
@out_folder_option("Folder for checkpoint and log.")
@recipe_option("YAML recipe, see models/recipes.")
@threads_option
@device_option
def main(data: str | None, out: Path, recipe_file: Path, threads: int | None, device: str) -> None:
    """Train, then measure the accuracy on the test images."""
    use_threads(threads)
    recipe = load_recipe(recipe_file)
    network = train(recipe, load_cifar10(data, train=True), out, device)
    right, images = accuracy(network, load_cifar10(data, train=False))
    print(f"{recipe.network}: {right / images:.4f} of {images} test images right")


if __name__ == "__main__":
    sys.exit(main())
