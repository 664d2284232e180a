"""Make the bundled traces again: train, distill, evaluate, export.

    python traces/make_traces.py --data DATA                              ResNet-18 and WideResNet, from scratch
    python traces/make_traces.py resnet18 --data DATA --weights W          from a finished training
    python traces/make_traces.py resnet18 --data DATA --converted C        from a converted checkpoint
    python traces/make_traces.py resnet18-w16-at --data DATA --converted C  the adversarially trained one, which
                                                                           `python -m models.robust` makes

DATA holds CIFAR-10's binary files (default: $ACCELSIM_DATA). WORK/<network> keeps what is slow to make: the
training checkpoint (a stopped training goes on from it) and the converted checkpoint.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import click
import torch

from accelsim.cli.options import FILE, FOLDER, data_option
from accelsim.cli.program import program
from accelsim.errors import AccelsimError
from accelsim.nn.base.tensor_files import load_tensors
from accelsim.nn.data.cifar import load_cifar10
from accelsim.nn.injection.converted_checkpoint import Converted, load_converted, save_converted
from accelsim.nn.preparation import prepare
from accelsim.nn.trace_export import evaluate_schemes, export_from_checkpoint
from accelsim.trace import Scheme
from models.training.train import train
from models.training.training_recipe import Recipe, load_recipe

HERE = Path(__file__).parent
RECIPES = HERE.parent / "models" / "recipes"


@dataclass(frozen=True)
class Plan:
    """How one bundled trace is made. Counts are of CIFAR-10 images.

    training: of a network that models.robust has made, how it was trained, in words; then only --converted will do.
    dense_images, scheme_images: test images to measure the accuracy on, without and with noise (0: do not).
    """

    recipe: str
    trace: str
    schemes: tuple[str, ...]
    trace_images: tuple[int, ...]
    distill_images: int
    dense_images: int
    scheme_images: int
    seed: int = 1
    training: str = ""


NM_OF_8 = ("nm-7of8", "nm-6of8", "nm-4of8", "nm-2of8", "nm-1of8")
PLANS = {
    "resnet18": Plan(
        recipe="cpu-1h.yaml",
        trace="resnet18-cifar10.h5",
        schemes=(
            "dense",
            *(f"unstructured-{noise}" for noise in ("12.5", "25", "50", "75", "80", "87.5", "90", "99")),
            *NM_OF_8,
            "nm-2of4",
            "nm-1of2",
        ),
        trace_images=tuple(range(8)),
        distill_images=2000,
        dense_images=10_000,
        scheme_images=1000,
    ),
    "wrn34-10": Plan(
        recipe="wrn34-10-minutes.yaml",
        trace="wrn34-10-cifar10.h5",
        schemes=(
            "dense",
            *(f"unstructured-{noise}" for noise in ("12.5", "25", "50", "75", "87.5", "90", "99")),
            *NM_OF_8,
        ),
        trace_images=(0,),
        distill_images=400,
        dense_images=1000,
        scheme_images=0,
    ),
    "resnet18-w16-at": Plan(
        recipe="adversarial/cpu-1h.yaml",
        trace="resnet18-w16-at-cifar10.h5",
        schemes=(
            "dense",
            *(
                f"unstructured-{n}"
                for n in ("10", "12.5", "20", "25", "30", "50", "75", "80", "87.5", "90", "99")
            ),
            *NM_OF_8,
        ),
        trace_images=tuple(range(4)),
        distill_images=1000,
        dense_images=10_000,
        scheme_images=300,
        training="adversarially trained on CIFAR-10's training images by models/recipes/adversarial/cpu-1h.yaml",
    ),
}
DEFAULT = tuple(name for name, plan in PLANS.items() if not plan.training)


def make_converted(plan: Plan, data: str | None, work: Path, weights: Path | None) -> Path:
    """Train (unless `weights` is given) and distill; returns the converted checkpoint."""
    if plan.training:
        raise AccelsimError(f"{plan.trace}: made of a network of models.robust; give its --converted")
    train_set = load_cifar10(data, train=True)
    if weights is None:
        train(load_recipe(RECIPES / plan.recipe), train_set, work)
        weights = work / "weights.safetensors"
    path = work / "converted.safetensors"
    prepare(path, train_set, weights=weights, images=plan.distill_images, seed=plan.seed)
    converted = load_converted(path)
    _, metadata = load_tensors(weights)
    if "recipe" not in metadata:
        raise AccelsimError(f"{weights}: not a checkpoint of models.training.train; it names no recipe")
    recipe = Recipe.model_validate(metadata["recipe"])
    training = {
        "training": describe_training(recipe, plan.recipe, metadata["step"]),
        "recipe": metadata["recipe"],
    }
    seeds = converted.record["seeds"] | {"training": recipe.seed}
    record = converted.record | training | {"seeds": seeds}
    save_converted(path, converted.model, converted.network, record)
    return path


def describe_training(recipe: Recipe, file: str, step: int) -> str:
    """How far a network was trained, in words, from the recipe and the steps really taken."""
    sizes = recipe.sizes()[:step]
    shown = ", ".join(
        f"{sizes.count(size) * recipe.batch_size:,} at {size}x{size}" for size in dict.fromkeys(sizes)
    )
    state = "finished" if step == len(recipe.sizes()) else f"stopped at step {step} of {len(recipe.sizes())}"
    return (
        f"trained on CIFAR-10's 50,000 training images by models/recipes/{file} ({state}; "
        f"{len(sizes) * recipe.batch_size:,} augmented images shown: {shown} pixels); not adversarially trained"
    )


def measure(plan: Plan, data: str | None, path: Path) -> None:
    """Add the measured accuracies and the trace's notes to the converted checkpoint's record."""
    converted = load_converted(path)
    test = load_cifar10(data, train=False)
    dense, *noisy = (Scheme.parse(name) for name in plan.schemes)
    accuracies = evaluate_schemes(converted.model, test, [dense], plan.dense_images)
    if plan.scheme_images:
        for scheme in noisy:
            accuracies |= evaluate_schemes(converted.model, test, [scheme], plan.scheme_images)
            print(f"{scheme.name}: {accuracies[scheme.name]}", flush=True)
    right, tested = accuracies["dense"]
    notes = (
        f"{converted.network}{'' if plan.training else ', full width'}: "
        f"{plan.training or converted.record['training']}. Clean test accuracy without noise "
        f"{right:.4f} of {tested:,} images. Weights rounded to float16, then W~ and b~ of every convolution "
        f"distilled on {converted.record['distill_images']:,} training images by {fitted(converted)} (k = d / "
        f"{1 / converted.record['k_ratio']:g}) and quantized to INT4. Linear layers stay dense."
    )
    record = converted.record | {"accuracies": accuracies, "notes": notes}
    save_converted(path, converted.model, converted.network, record)


def fitted(converted: Converted) -> str:
    """How W~ and b~ were found, in words."""
    epochs = converted.record.get("distill_epochs")
    return "least squares" if epochs is None else f"{epochs} epochs of momentum SGD"


def make(
    plan: Plan, data: str | None, work: Path, out: Path, weights: Path | None, converted: Path | None
) -> None:
    """One trace, from as far back as what is given allows."""
    if converted is None:
        converted = make_converted(plan, data, work, weights)
        measure(plan, data, converted)
    elif "notes" not in load_converted(converted).record:
        measure(plan, data, converted)
    # One thread: each sum then has one order, so the masks do not depend on the machine's core count.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    schemes = [Scheme.parse(name) for name in plan.schemes]
    export_from_checkpoint(converted, data, out / plan.trace, schemes, plan.trace_images, overwrite=True)
    torch.set_num_threads(threads)
    report(load_converted(converted), out / plan.trace)


def report(converted: Converted, trace: Path) -> None:
    """Print the accuracy table and the sizes."""
    print(converted.record["notes"])
    for name, (share, tested) in converted.record["accuracies"].items():
        print(f"  {Scheme.parse(name).label:32} {share:.4f} of {tested}")
    print(f"{trace}: {trace.stat().st_size:,} bytes, weights_sha256 {converted.weights_sha256}")


NETWORKS = f"NETWORK is one of {', '.join(PLANS)}. Default: {' and '.join(DEFAULT)}."


@program("python traces/make_traces.py", f"{__doc__}\n{NETWORKS}", goes_on_from="the last checkpoint")
@click.argument("networks", nargs=-1, metavar="[NETWORK]...")
@data_option
@click.option(
    "--work", type=FOLDER, default=Path("out/training"), show_default=True, help="Folder for checkpoints."
)
@click.option("--weights", type=FILE, help="A finished training's weights.safetensors.")
@click.option("--converted", type=FILE, help="A converted checkpoint with its record.")
@click.option(
    "--out", type=FOLDER, default=HERE, show_default="beside this script", help="Folder for the trace."
)
def main(
    networks: tuple[str, ...],
    data: str | None,
    work: Path,
    weights: Path | None,
    converted: Path | None,
    out: Path,
) -> None:
    """Make the traces of `networks`, or of the default ones."""
    chosen = networks or DEFAULT
    for network in chosen:
        if network not in PLANS:
            raise AccelsimError(f"network: {network!r}, must be one of {', '.join(PLANS)}")
    if (weights or converted) and len(chosen) > 1:
        raise AccelsimError("--weights and --converted belong to one network; name it")
    for network in chosen:
        make(PLANS[network], data, work / network, out, weights, converted)


if __name__ == "__main__":
    sys.exit(main())
