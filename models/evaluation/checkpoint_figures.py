"""The paper's Figures 3 and 4 and the co-design picture, each as a CSV file and a PNG.

    python -m models.evaluation.checkpoint_figures 3 --checkpoint CONVERTED --data DATA --out OUT
    python -m models.evaluation.checkpoint_figures 4 --checkpoint CONVERTED --data DATA --out OUT
    python -m models.evaluation.checkpoint_figures co-design --table OUT/table.csv --costs RUN/summary.csv --out OUT

Figure 3 is of stronger eps and more steps, Figure 4 of accuracy against ratio; both go on where they were stopped, as
models.evaluation does. The co-design picture joins a table of models.evaluation with what `accelsim compare` or `run` wrote,
by scheme: accuracy against BitOPs and against energy.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click

from accelsim.cli.options import (
    FILE,
    Decorator,
    data_option,
    dataset_option,
    device_option,
    out_folder_option,
    seed_option,
    threads_option,
)
from accelsim.cli.program import program_settings, run_program
from accelsim.errors import AccelsimError
from accelsim.files import writable_folder
from accelsim.nn.attacks.catalogue import attack_named
from accelsim.nn.base.device import torch_device, use_threads
from accelsim.nn.data.cifar import load_cifar
from accelsim.tables import frame_of, write_csv
from models.study.accuracies import Result
from models.study.accuracy_plots import plot_codesign, plot_curves
from models.study.attack_runs import AttackPlan, evaluate
from models.study.subject import load_subject
from models.study.variants import Variant

RATIOS = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99)
EPS_255 = (4, 8, 12, 16)
STEPS = (10, 20, 50, 100)


figures = click.Group("figures", **program_settings(__doc__))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    return run_program(figures, arguments, name="python -m models.evaluation.checkpoint_figures")


def _of_a_checkpoint(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a figure that attacks a checkpoint."""

    def count(flag: str, default: int, text: str) -> Decorator:
        return click.option(flag, type=int, default=default, show_default=True, help=text)

    for option in (
        threads_option,
        device_option,
        seed_option("Random seed of attacks and draws."),
        count("--draws", 10, "Fresh draws of the noise that judge each image."),
        count("--batch", 100, "Number of images at a time."),
        count("--images", 1000, "Number of test images, from the first on."),
        out_folder_option("Folder for the figure and records."),
        dataset_option,
        data_option,
        click.option("--checkpoint", required=True, type=FILE, help="A converted checkpoint."),
    ):
        function = option(function)
    return function


@figures.command("3")
@_of_a_checkpoint
def eps_and_steps(**options: Any) -> None:
    """Draw PGD with larger eps and more steps."""
    _curves("3", SimpleNamespace(**options))


@figures.command("4")
@_of_a_checkpoint
def share_of_noise(**options: Any) -> None:
    """Draw accuracy against the share of noise."""
    _curves("4", SimpleNamespace(**options))


@figures.command("co-design")
@click.option("--table", required=True, type=Path, help="table.csv of models.evaluation.")
@click.option("--costs", required=True, type=Path, help="summary.csv of accelsim compare or run.")
@click.option("--accuracy", default="worst case:mean", show_default=True, help="Column of the table.")
@out_folder_option("Folder for the picture and its table.")
def co_design(table: Path, costs: Path, accuracy: str, out: Path) -> None:
    """Draw accuracy against BitOPs and simulated energy."""
    writable_folder(out)
    plot_codesign(table, costs, accuracy, out)
    _tell("co-design", out)


def _tell(figure: str, out: Path) -> None:
    print(f"written: {out / f'figure-{figure}.csv'} and .png")


def _curves(figure: str, given: SimpleNamespace) -> None:
    writable_folder(given.out)
    use_threads(given.threads)
    subject = load_subject(given.checkpoint)
    if not subject.is_converted:
        raise AccelsimError(f"{given.checkpoint}: not a converted checkpoint; make one with accelsim prepare")
    subject.model.to(torch_device(given.device))
    variants, attacks = figure3() if figure == "3" else figure4()
    plan = AttackPlan(
        given.out,
        tuple(map(attack_named, attacks)),
        tuple(map(Variant.parse, variants)),
        given.images,
        min(given.batch, given.images),
        given.draws,
        given.seed,
    )
    data = load_cifar(given.dataset, given.data, train=False)
    found = evaluate(plan, subject, data, say=lambda text: print(text, flush=True))
    rows = [_row(figure, result) for result in found.results]
    write_csv(frame_of(rows), given.out / f"figure-{figure}.csv")
    plot_curves(figure, rows, given.out / f"figure-{figure}.png")
    _tell(figure, given.out)


def figure3() -> tuple[list[str], list[str]]:
    """Return (variants, attacks) of Figure 3: PGD-20 with growing eps, and PGD of eps 8/255 with more steps."""
    attacks = [f"pgd20@{eps}" for eps in EPS_255] + [f"pgd{steps}@8" for steps in STEPS if steps != 20]
    return ["dense", "unstructured-90", "unstructured-99"], attacks


def figure4() -> tuple[list[str], list[str]]:
    """Return (variants, attacks) of Figure 4: the method (a, b), and noise in the essential neurons (c, d)."""
    ratios = [f"unstructured-{ratio}" for ratio in RATIOS]
    return ["dense", *ratios, *(f"{name}+essential" for name in ratios)], ["clean", "pgd20"]


def _row(figure: str, result: Result) -> dict[str, object]:
    variant, numbers = Variant.parse(result.variant), result.numbers
    row: dict[str, object] = {"variant": result.variant, "attack": result.attack, "images": result.images}
    if figure == "3":
        base, _, eps = result.attack.partition("@")
        row |= {"eps_255": int(eps), "steps": int(base.removeprefix("pgd"))}
    else:
        row |= {"noise_percent": round(100 * variant.scheme.noise, 4), "control": variant.control}
    return row | {"one": numbers.one, "mean": numbers.mean, "worst": numbers.worst}


if __name__ == "__main__":
    sys.exit(main())
