"""Adversarial training, from scratch or from the weights of a run before.

    python -m models.training.adversarial --data DATA --out OUT --recipe models/recipes/adversarial/smoke.yaml
    python -m models.training.adversarial ... --start RUN/best.safetensors --set network=resnet18-rpf

OUT gets best.safetensors and last.safetensors (training checkpoints), log.csv (the loss curve), validation.csv, and
progress.safetensors, from which the same command goes on wherever it was stopped.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import torch

from accelsim.cli.options import (
    FILE,
    data_option,
    device_option,
    out_folder_option,
    recipe_changes_option,
    recipe_option,
    threads_option,
)
from accelsim.cli.program import program
from accelsim.errors import AccelsimError
from accelsim.nn.base.device import torch_device, use_threads
from accelsim.nn.base.tensor_files import save_tensors
from accelsim.nn.clean_accuracy import load_trained
from accelsim.nn.data.cifar import ImageSet, load_cifar
from accelsim.nn.injection.converted_checkpoint import tensors_sha256
from accelsim.nn.networks import make_network, with_baseline
from models.training.adversarial.adversarial_fit import fit
from models.training.adversarial.adversarial_recipe import AdversarialRecipe, load_adversarial_recipe
from models.training.training_state import State, write_history


def train(
    recipe: AdversarialRecipe,
    data: ImageSet,
    out: Path,
    device: str = "cpu",
    quiet: bool = True,
    start: Path | None = None,
) -> State:
    """Train the recipe's network from its seed's initial weights; best and last checkpoints in `out`.

    start: a training checkpoint whose weights to begin with, of the same network, or of the one that it is a baseline of.
    Raises AccelsimError as fit does, for an unknown network or device, and when the network has fewer classes than labels.
    """
    target = torch_device(device)
    torch.manual_seed(recipe.seed)
    origin: dict[str, Any] = {}
    if start is None:
        network = make_network(recipe.network)
    else:
        before, name = load_trained(start)
        origin = {"start": {"network": name, "weights_sha256": tensors_sha256(dict(before.state_dict()))}}
        network = with_baseline(before, name, recipe.network)
    network.to(target)
    with torch.no_grad():
        classes = network.eval()(torch.zeros(1, *data.images.shape[1:], device=target)).shape[1]
    if classes <= int(data.labels.max()):
        raise AccelsimError(
            f"recipe: network {recipe.network} has {classes} classes, {recipe.dataset} labels up to "
            f"{int(data.labels.max())}; take {recipe.network}-{recipe.dataset}"
        )

    def keep(kind: str, state: State) -> None:
        metadata = {
            "network": recipe.network,
            "recipe": recipe.model_dump(mode="json"),
            **origin,
            "step": state.step,
            "validation": state.history[-1],
        }
        save_tensors(out / f"{kind}.safetensors", dict(network.state_dict()), metadata)
        write_history(out / "validation.csv", state.history)

    return fit(
        network, recipe, data, out, identity=origin, keep=keep, say=(lambda text: None) if quiet else _print
    )


def _print(text: str) -> None:
    print(text, flush=True)


@program("python -m models.training.adversarial", __doc__, goes_on_from="the last checkpoint")
@data_option
@out_folder_option("Folder for checkpoints and logs.")
@recipe_option("YAML recipe, see models/recipes/adversarial.")
@recipe_changes_option
@click.option("--start", type=FILE, help="A training checkpoint to begin with. Default: new weights.")
@threads_option
@device_option
def main(
    data: str | None,
    out: Path,
    recipe_file: Path,
    changes: tuple[str, ...],
    start: Path | None,
    threads: int | None,
    device: str,
) -> None:
    """Train, then tell the accuracy on the images that were held out."""
    use_threads(threads)
    recipe = load_adversarial_recipe(recipe_file, changes)
    images = load_cifar(recipe.dataset, data, train=True)
    state = train(recipe, images, out, device, quiet=False, start=start)
    last = state.history[-1]
    print(
        f"{recipe.network}: held out clean {last['clean']:.2f} % robust {last['robust']:.2f} %, best {state.best:.2f} %"
    )


if __name__ == "__main__":
    sys.exit(main())
