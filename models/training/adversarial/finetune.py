"""Fine-tuning of a converted network with its noise in force: one epoch for each ratio or structure (section 4.1).

    python -m models.training.adversarial.finetune --checkpoint CONVERTED --scheme unstructured-90 \\
        --recipe models/recipes/adversarial/finetune.yaml --data DATA --out OUT

OUT gets converted.safetensors, a converted checkpoint like the one it began with. W~ and b~ keep their INT4 codes, which are
quantized once; everything else learns.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from accelsim.errors import AccelsimError
from accelsim.nn.data.cifar import ImageSet, load_cifar
from accelsim.nn.device import torch_device, use_threads
from accelsim.nn.injection.controls import CONTROLS, set_control
from accelsim.nn.injection.conversion import non_essential_layers, set_scheme
from accelsim.nn.injection.converted_checkpoint import load_converted, round_weights, save_converted
from accelsim.trace import Scheme
from models.command import exit_code
from models.training.adversarial.adversarial_fit import fit
from models.training.adversarial.adversarial_recipe import AdversarialRecipe, load_adversarial_recipe
from models.training.adversarial.training_state import State, write_history


def finetune(
    checkpoint: Path | str,
    scheme: Scheme,
    recipe: AdversarialRecipe,
    data: ImageSet,
    out: Path,
    device: str = "cpu",
    quiet: bool = True,
    control: str = "none",
) -> State:
    """Fine-tune under `scheme` and write `out`/converted.safetensors, its weights rounded to float16.

    control: what the non-essential neurons get, of accelsim.nn.injection.controls; none: z~.
    The recipe's network must be the checkpoint's. Raises AccelsimError if it is not, for a dense scheme, for an unknown
    control, and as fit does.
    """
    target = torch_device(device)
    if scheme.is_dense:
        raise AccelsimError("finetune: scheme is dense; fine-tune under a scheme with noise")
    converted = load_converted(checkpoint, scheme=scheme)
    if converted.network != recipe.network:
        raise AccelsimError(
            f"{checkpoint}: network is {converted.network}, but the recipe's is {recipe.network}; change the recipe"
        )
    model = set_control(converted.model.to(target), control)
    for _, layer in non_essential_layers(model):
        layer.w_approx.requires_grad_(False)
        layer.b_approx.requires_grad_(False)
    identity = {"finetune": {"scheme": scheme.name, "weights_sha256": converted.weights_sha256}}
    if control != "none":
        identity["finetune"]["control"] = control
    say = (lambda text: None) if quiet else _print
    state = fit(model, recipe, data, out, identity=identity, say=say)
    write_history(out / "validation.csv", state.history)
    finished = round_weights(set_scheme(model, Scheme.dense())).eval().cpu()
    # Accuracies in the record were those of the weights before.
    record = {key: value for key, value in converted.record.items() if key not in ("accuracies", "notes")}
    tuned = {
        **identity["finetune"],
        "recipe": recipe.model_dump(mode="json"),
        "validation": state.history[-1],
    }
    save_converted(out / "converted.safetensors", finished, converted.network, record | {"finetuned": tuned})
    return state


def _print(text: str) -> None:
    print(text, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 0, 2 for bad input, 130 if interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m models.training.adversarial.finetune",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--checkpoint", required=True, type=Path, help="a converted checkpoint")
    parser.add_argument("--scheme", required=True, help="unstructured-90, nm-1of8 ...")
    parser.add_argument("--control", default="none", help=", ".join(CONTROLS))
    parser.add_argument("--data", help="folder of the data set's binary files (default: $ACCELSIM_DATA)")
    parser.add_argument("--out", required=True, type=Path, help="folder for the checkpoint and logs")
    parser.add_argument("--recipe", required=True, type=Path, help="YAML, see models/recipes/adversarial")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a field of the recipe"
    )
    parser.add_argument("--threads", type=int, help="torch threads (default: all cores)")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:<number>")
    args = parser.parse_args(argv)
    return exit_code(lambda: _run(args), goes_on_from="the last checkpoint")


def _run(args: argparse.Namespace) -> None:
    use_threads(args.threads)
    recipe = load_adversarial_recipe(args.recipe, args.set)
    data = load_cifar(recipe.dataset, args.data, train=True)
    scheme = Scheme.parse(args.scheme)
    finetune(args.checkpoint, scheme, recipe, data, args.out, args.device, False, args.control)
    print(f"written: {args.out / 'converted.safetensors'}")


if __name__ == "__main__":
    sys.exit(main())
