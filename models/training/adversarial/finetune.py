"""Fine-tuning of a converted network with its noise in force: one epoch for each ratio or structure (section 4.1).

    python -m models.training.adversarial.finetune --checkpoint CONVERTED --scheme unstructured-90 \\
        --recipe models/recipes/adversarial/finetune.yaml --data DATA --out OUT

OUT gets converted.safetensors, a converted checkpoint like the one it began with. W~ and b~ keep their INT4 codes, which are
quantized once; everything else learns.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

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
from accelsim.nn.data.cifar import ImageSet, load_cifar
from accelsim.nn.injection.controls import CONTROLS, set_control
from accelsim.nn.injection.conversion import non_essential_layers, set_scheme
from accelsim.nn.injection.converted_checkpoint import load_converted, round_weights, save_converted
from accelsim.trace import Scheme
from models.training.adversarial.adversarial_fit import fit
from models.training.adversarial.adversarial_recipe import AdversarialRecipe, load_adversarial_recipe
from models.training.training_state import State, write_history


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


@program("python -m models.training.adversarial.finetune", __doc__, goes_on_from="the last checkpoint")
@click.option("--checkpoint", required=True, type=FILE, help="A converted checkpoint.")
@click.option("--scheme", "scheme_name", required=True, help="The scheme: unstructured-90, nm-1of8 ...")
@click.option(
    "--control",
    default="none",
    show_default=True,
    help=f"What the non-essential neurons get: {', '.join(CONTROLS)}.",
)
@data_option
@out_folder_option("Folder for the checkpoint and logs.")
@recipe_option("YAML recipe, see models/recipes/adversarial.")
@recipe_changes_option
@threads_option
@device_option
def main(
    checkpoint: Path,
    scheme_name: str,
    control: str,
    data: str | None,
    out: Path,
    recipe_file: Path,
    changes: tuple[str, ...],
    threads: int | None,
    device: str,
) -> None:
    """Fine-tune a converted checkpoint."""
    use_threads(threads)
    recipe = load_adversarial_recipe(recipe_file, changes)
    images = load_cifar(recipe.dataset, data, train=True)
    finetune(checkpoint, Scheme.parse(scheme_name), recipe, images, out, device, False, control)
    print(f"written: {out / 'converted.safetensors'}")


if __name__ == "__main__":
    sys.exit(main())
