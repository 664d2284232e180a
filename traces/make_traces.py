"""Make the bundled traces again: train, distill, evaluate, export.

    python traces/make_traces.py --data DATA                              all that can be made from scratch
    python traces/make_traces.py resnet18 --data DATA --weights W          from a finished training
    python traces/make_traces.py resnet18-none --data DATA --converted C   from a converted checkpoint: as it is if it has
                                                                           the form of the plan, else its weights anew
    python traces/make_traces.py resnet18-w16-at --data DATA --converted C  the adversarially trained one, which
                                                                           `python -m models.robust` makes

DATA holds CIFAR-10's binary files (default: $ACCELSIM_DATA). WORK/<network> keeps what is slow to make: the
training checkpoint (a stopped training goes on from it), the converted checkpoint, and accuracies.jsonl, a line for each
scheme measured (a stopped measurement goes on from it).
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import torch

from accelsim.cli.options import FILE, FOLDER, data_option
from accelsim.cli.program import program
from accelsim.errors import AccelsimError
from accelsim.forms import Form
from accelsim.nn.base.tensor_files import load_tensors
from accelsim.nn.data.cifar import load_cifar10
from accelsim.nn.injection.converted_checkpoint import Converted, load_converted, save_converted, undefended
from accelsim.nn.preparation import convert_and_distill, preparation_record, prepare
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
    dense_images, scheme_images: test images to measure the accuracy on, under dense and the others (0: do not).
    form, k_ratio: of the approximation.
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
    form: Form = "patch"
    k_ratio: float | None = None


NM_OF_8 = ("nm-7of8", "nm-6of8", "nm-4of8", "nm-2of8", "nm-1of8")
RESNET18_SCHEMES = (
    "dense",
    *(f"unstructured-{noise}" for noise in ("12.5", "25", "50", "75", "80", "87.5", "90", "99")),
    *NM_OF_8,
    "nm-2of4",
    "nm-1of2",
)
FEWER_BITS = ("dense-8", "dense-4", "noise-100")
"""What stands beside noise injection: the whole network in fewer bits, or nothing but z~."""
ROBUST_SCHEMES = (
    "dense",
    *(f"unstructured-{n}" for n in ("10", "12.5", "20", "25", "30", "50", "75", "80", "87.5", "90", "99")),
    *NM_OF_8,
)
ROBUST_TRAINING = (
    "adversarially trained on CIFAR-10's training images by models/recipes/adversarial/cpu-1h.yaml"
)
PLANS = {
    "resnet18": Plan(
        recipe="cpu-1h.yaml",
        trace="resnet18-cifar10.h5",
        schemes=RESNET18_SCHEMES,
        trace_images=tuple(range(8)),
        distill_images=2000,
        dense_images=10_000,
        scheme_images=1000,
    ),
    "resnet18-none": Plan(
        recipe="cpu-1h.yaml",
        trace="resnet18-none-cifar10.h5",
        schemes=(
            *RESNET18_SCHEMES,
            *FEWER_BITS,
            *("unstructured-50-8bit", "unstructured-87.5-8bit", "nm-4of8-8bit", "nm-1of8-8bit"),
            "unstructured-90-calibrated",
        ),
        trace_images=tuple(range(8)),
        distill_images=2000,
        dense_images=1000,
        scheme_images=1000,
        form="none",
    ),
    "resnet18-pixel": Plan(
        recipe="cpu-1h.yaml",
        trace="resnet18-pixel-cifar10.h5",
        schemes=(*RESNET18_SCHEMES, "noise-100"),
        trace_images=(0, 1),
        distill_images=2000,
        dense_images=1000,
        scheme_images=1000,
        form="pixel",
        k_ratio=0.5,
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
        schemes=ROBUST_SCHEMES,
        trace_images=tuple(range(4)),
        distill_images=1000,
        dense_images=10_000,
        scheme_images=300,
        training=ROBUST_TRAINING,
    ),
    "resnet18-w16-at-none": Plan(
        recipe="adversarial/cpu-1h.yaml",
        trace="resnet18-w16-at-none-cifar10.h5",
        schemes=(*ROBUST_SCHEMES, *FEWER_BITS),
        trace_images=tuple(range(4)),
        distill_images=1000,
        dense_images=1000,
        scheme_images=1000,
        training=ROBUST_TRAINING,
        form="none",
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
    prepare(
        path,
        train_set,
        weights=weights,
        images=plan.distill_images,
        seed=plan.seed,
        form=plan.form,
        k_ratio=plan.k_ratio,
    )
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


def with_form(plan: Plan, data: str | None, work: Path, converted: Path) -> Path:
    """The checkpoint `converted`, or one of the same weights with the plan's form, if it has another."""
    found = load_converted(converted)
    if found.record.get("form", "patch") == plan.form:
        return converted
    path = work / "converted.safetensors"
    if path.exists():
        return path
    network, fits = convert_and_distill(
        undefended(found),
        load_cifar10(data, train=True),
        images=plan.distill_images,
        seed=plan.seed,
        form=plan.form,
        k_ratio=plan.k_ratio,
        progress=print,
    )
    for fit in fits:
        print(
            f"{fit.name}: error {fit.relative_error:.4f} float, {fit.relative_error_int4:.4f} INT4",
            flush=True,
        )
    kept = {key: value for key, value in found.record.items() if key in ("seeds", "training", "recipe")}
    record = kept | preparation_record(plan.seed, plan.distill_images, plan.form, plan.k_ratio)
    record["seeds"] = kept.get("seeds", {}) | record["seeds"]
    save_converted(path, network, found.network, record)
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


def measure(plan: Plan, data: str | None, path: Path, work: Path) -> None:
    """Add the measured accuracies and the trace's notes to the converted checkpoint's record."""
    converted = load_converted(path)
    test = load_cifar10(data, train=False)
    accuracies = measured(work / "accuracies.jsonl", converted.weights_sha256)
    for name in plan.schemes:
        images = plan.dense_images if name == "dense" else plan.scheme_images
        if not images or accuracies.get(name, (0.0, 0))[1] == images:
            continue
        accuracies |= evaluate_schemes(converted.model, test, [Scheme.parse(name)], images)
        line = {
            "scheme": name,
            "accuracy": accuracies[name][0],
            "images": images,
            "weights_sha256": converted.weights_sha256,
        }
        with (work / "accuracies.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(f"{name}: {accuracies[name]}", flush=True)
    right, tested = accuracies["dense"]
    notes = (
        f"{converted.network}{'' if plan.training else ', full width'}: "
        f"{plan.training or converted.record['training']}. Clean test accuracy without noise "
        f"{right:.4f} of {tested:,} images. Weights rounded to float16, then W~ and b~ of every convolution "
        f"distilled on {converted.record['distill_images']:,} training images by {fitted(converted)} "
        f"({projected(converted)}) and quantized to INT4. Linear layers stay dense."
    )
    kept = {name: each for name, each in accuracies.items() if name in plan.schemes}
    record = converted.record | {"accuracies": kept, "notes": notes}
    save_converted(path, converted.model, converted.network, record)


def measured(path: Path, weights_sha256: str) -> dict[str, tuple[float, int]]:
    """Scheme to (accuracy, images) of the lines that a measurement of these weights has left."""
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {
        line["scheme"]: (line["accuracy"], line["images"])
        for line in lines
        if line["weights_sha256"] == weights_sha256
    }


def projected(converted: Converted) -> str:
    """What W~ meets, in words."""
    form, k_ratio = converted.record.get("form", "patch"), converted.record.get("k_ratio", 0.25)
    return {
        "none": "W~ meets x itself in INT4",
        "pixel": f"P of each pixel's channels, k_c = {k_ratio:g} of them",
        "patch": f"k = d / {1 / k_ratio:g}",
    }[form]


def fitted(converted: Converted) -> str:
    """How W~ and b~ were found, in words."""
    epochs = converted.record.get("distill_epochs")
    return "least squares" if epochs is None else f"{epochs} epochs of momentum SGD"


def make(
    plan: Plan, data: str | None, work: Path, out: Path, weights: Path | None, converted: Path | None
) -> None:
    """One trace, from as far back as what is given allows."""
    work.mkdir(parents=True, exist_ok=True)
    given = converted
    converted = with_form(plan, data, work, given) if given else make_converted(plan, data, work, weights)
    if "notes" not in load_converted(converted).record:
        measure(plan, data, converted, work)
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
