"""The paper's Figures 3 and 4 and the co-design picture, each as a CSV file and a PNG.

    python -m models.evaluation.figures 3 --checkpoint CONVERTED --data DATA --out OUT     stronger eps and more steps
    python -m models.evaluation.figures 4 --checkpoint CONVERTED --data DATA --out OUT     accuracy against ratio
    python -m models.evaluation.figures co-design --table OUT/table.csv --costs RUN/summary.csv --out OUT

Figures 3 and 4 go on where they were stopped, as models.evaluation does. The co-design picture joins a table of
models.evaluation with what `accelsim compare` or `run` wrote, by scheme: accuracy against BitOPs and against energy.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from accelsim.errors import AccelsimError
from accelsim.files import writable_folder
from accelsim.nn.attacks.catalogue import attack_named
from accelsim.nn.data.cifar import load_cifar
from accelsim.nn.data.cifar_layout import DATASETS
from accelsim.nn.device import torch_device, use_threads
from accelsim.nn.seeds import check_seed
from models.command import exit_code
from models.evaluation.plots import plot_codesign, plot_curves
from models.evaluation.run import Plan, evaluate, load_subject
from models.evaluation.tables import Result, write_rows
from models.evaluation.variants import Variant

RATIOS = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99)
EPS_255 = (4, 8, 12, 16)
STEPS = (10, 20, 50, 100)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 0, 2 for bad input, 130 if interrupted."""
    args = _parser().parse_args(argv)
    return exit_code(lambda: _draw(args))


def _draw(args: argparse.Namespace) -> None:
    writable_folder(args.out)
    if args.figure == "co-design":
        plot_codesign(args.table, args.costs, args.accuracy, args.out)
    else:
        _curves(args)
    print(f"written: {args.out / f'figure-{args.figure}.csv'} and .png")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.evaluation.figures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    figures = parser.add_subparsers(dest="figure", required=True)
    for name, text in (
        ("3", "PGD with larger eps and more steps"),
        ("4", "accuracy against the share of noise"),
    ):
        figure = figures.add_parser(name, help=text)
        figure.add_argument("--checkpoint", required=True, type=Path, help="a converted checkpoint")
        figure.add_argument("--data", help="folder of the data set's binary files (default: $ACCELSIM_DATA)")
        figure.add_argument("--dataset", default="cifar10", choices=DATASETS)
        figure.add_argument("--out", required=True, type=Path)
        figure.add_argument("--images", type=int, default=1000)
        figure.add_argument("--batch", type=int, default=100)
        figure.add_argument("--draws", type=int, default=10)
        figure.add_argument("--seed", type=int, default=0)
        figure.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:<number>")
        figure.add_argument("--threads", type=int, help="torch threads (default: all cores)")
    codesign = figures.add_parser("co-design", help="accuracy against BitOPs and simulated energy")
    codesign.add_argument("--table", required=True, type=Path, help="table.csv of models.evaluation")
    codesign.add_argument("--costs", required=True, type=Path, help="summary.csv of accelsim compare or run")
    codesign.add_argument(
        "--accuracy", default="worst case:mean", help="column of the table (default: worst case:mean)"
    )
    codesign.add_argument("--out", required=True, type=Path)
    return parser


def _curves(args: argparse.Namespace) -> None:
    use_threads(args.threads)
    check_seed("figures", args.seed)
    subject = load_subject(args.checkpoint)
    if not subject.is_converted:
        raise AccelsimError(f"{args.checkpoint}: not a converted checkpoint; make one with accelsim prepare")
    subject.model.to(torch_device(args.device))
    names, attacks = figure3() if args.figure == "3" else figure4()
    plan = Plan(
        args.out,
        tuple(map(attack_named, attacks)),
        tuple(map(Variant.parse, names)),
        args.images,
        min(args.batch, args.images),
        args.draws,
        args.seed,
    )
    data = load_cifar(args.dataset, args.data, train=False)
    found = evaluate(plan, subject, data, say=lambda text: print(text, flush=True))
    rows = [_row(args.figure, result) for result in found.results]
    write_rows(args.out / f"figure-{args.figure}.csv", rows)
    plot_curves(args.figure, rows, args.out / f"figure-{args.figure}.png")


def figure3() -> tuple[list[str], list[str]]:
    """(variants, attacks) of Figure 3: PGD-20 with growing eps, and PGD of eps 8/255 with more steps."""
    attacks = [f"pgd20@{eps}" for eps in EPS_255] + [f"pgd{steps}@8" for steps in STEPS if steps != 20]
    return ["dense", "unstructured-90", "unstructured-99"], attacks


def figure4() -> tuple[list[str], list[str]]:
    """(variants, attacks) of Figure 4: the method (a, b), and noise in the essential neurons (c, d)."""
    ratios = [f"unstructured-{ratio}" for ratio in RATIOS]
    return ["dense", *ratios, *(f"{name}+essential" for name in ratios)], ["clean", "pgd20"]


def _row(figure: str, result: Result) -> dict[str, object]:
    variant, attack = Variant.parse(result.variant), attack_named(result.attack)
    numbers = result.numbers
    row: dict[str, object] = {"variant": result.variant, "attack": result.attack, "images": result.images}
    if figure == "3":
        base, _, eps = attack.name.partition("@")
        row |= {"eps_255": int(eps), "steps": int(base.removeprefix("pgd"))}
    else:
        row |= {"noise_percent": round(100 * variant.scheme.noise, 4), "control": variant.control}
    return row | {"one": numbers.one, "mean": numbers.mean, "worst": numbers.worst}


if __name__ == "__main__":
    sys.exit(main())
