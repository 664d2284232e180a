"""Adversarial training, from scratch or from the weights of a run before.

    python -m models.training.adversarial --data DATA --out OUT --recipe models/recipes/adversarial/smoke.yaml
    python -m models.training.adversarial ... --start RUN/best.safetensors --set network=resnet18-rpf

OUT gets best.safetensors and last.safetensors (training checkpoints), log.csv (the loss curve), validation.csv, and
progress.safetensors, from which the same command goes on wherever it was stopped.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from accelsim.errors import AccelsimError
from accelsim.nn.accuracy import load_trained
from accelsim.nn.data.cifar import ImageSet, load_cifar
from accelsim.nn.device import torch_device, use_threads
from accelsim.nn.injection.converted_checkpoint import tensors_sha256
from accelsim.nn.networks import make_network, with_baseline
from accelsim.nn.tensor_files import save_tensors
from models.command import exit_code
from models.training.adversarial.adversarial_fit import fit
from models.training.adversarial.adversarial_recipe import AdversarialRecipe, load_adversarial_recipe
from models.training.adversarial.training_state import State, write_history


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


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 0, 2 for bad input, 130 if interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m models.training.adversarial",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", help="folder of the data set's binary files (default: $ACCELSIM_DATA)")
    parser.add_argument("--out", required=True, type=Path, help="folder for checkpoints and logs")
    parser.add_argument("--recipe", required=True, type=Path, help="YAML, see models/recipes/adversarial")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a field of the recipe"
    )
    parser.add_argument("--start", type=Path, help="training checkpoint to begin with (default: new weights)")
    parser.add_argument("--threads", type=int, help="torch threads (default: all cores)")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:<number>")
    args = parser.parse_args(argv)
    return exit_code(lambda: _run(args), goes_on_from="the last checkpoint")


def _run(args: argparse.Namespace) -> None:
    use_threads(args.threads)
    recipe = load_adversarial_recipe(args.recipe, args.set)
    data = load_cifar(recipe.dataset, args.data, train=True)
    state = train(recipe, data, args.out, args.device, quiet=False, start=args.start)
    last = state.history[-1]
    print(
        f"{recipe.network}: held out clean {last['clean']:.2f} % robust {last['robust']:.2f} %, best {state.best:.2f} %"
    )


if __name__ == "__main__":
    sys.exit(main())
