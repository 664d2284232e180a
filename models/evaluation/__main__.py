"""Accuracy under attack.

    python -m models.evaluation --checkpoint CONVERTED --data DATA --out OUT --schemes dense,unstructured-90 --attacks all

OUT gets results.csv (a row an attack and variant), table.csv (the paper's columns, the worst case, BitOPs), warnings.txt
where something makes them doubtful, and records/, from which the same command goes on if it was stopped, or was asked for
more images or attacks. Tables and worst case are of the attacks that this call names.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from accelsim.errors import AccelsimError
from accelsim.files import writable_folder
from accelsim.nn.attacks.attack import Attack
from accelsim.nn.attacks.catalogue import ADAPTIVE, PAPER, attack_named
from accelsim.nn.data.cifar import load_cifar, to_float
from accelsim.nn.data.cifar_layout import DATASETS
from accelsim.nn.device import torch_device, use_threads
from accelsim.nn.injection.controls import CONTROLS
from accelsim.nn.seeds import check_seed
from models.command import exit_code
from models.evaluation.bitops import network_layers, variant_bitops
from models.evaluation.calibration import calibration_batches
from models.evaluation.doubts import write_doubts
from models.evaluation.run import Plan, evaluate, load_subject
from models.evaluation.tables import is_bounded, write_tables
from models.evaluation.variants import PROJECTIONS, Variant, product

SETS = {"paper": PAPER, "adaptive": ADAPTIVE, "all": (*PAPER, *ADAPTIVE)}


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 0, 2 for bad input, 130 if interrupted."""
    args = _parser().parse_args(argv)
    return exit_code(lambda: _evaluate(args))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.evaluation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--checkpoint", required=True, type=Path, help="a converted or a training checkpoint")
    parser.add_argument("--data", help="folder of the data set's binary files (default: $ACCELSIM_DATA)")
    parser.add_argument("--dataset", default="cifar10", choices=DATASETS)
    parser.add_argument("--out", required=True, type=Path, help="folder for tables and records")
    parser.add_argument("--schemes", default="dense", help="comma-separated: dense,unstructured-90,nm-1of8")
    parser.add_argument("--controls", default="none", help=f"comma-separated: {','.join(CONTROLS)}")
    parser.add_argument("--projections", default="fixed", help=f"comma-separated: {','.join(PROJECTIONS)}")
    parser.add_argument(
        "--attacks",
        default="paper",
        help=f"comma-separated names (accelsim/nn/attacks/catalogue.py), or {', '.join(SETS)}",
    )
    parser.add_argument("--images", type=int, default=1000, help="the first so many test images")
    parser.add_argument("--batch", type=int, help="images at a time (default: 100, or --images if fewer)")
    parser.add_argument(
        "--draws", type=int, default=10, help="fresh draws of the noise that judge each image"
    )
    parser.add_argument("--pool", type=int, default=8, help="draws of P that refit and projected choose from")
    parser.add_argument("--calibration", type=int, default=2000, help="training images that refit distils on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--substitute",
        type=Path,
        help="checkpoint that transfer attacks take gradients of, without its noise",
    )
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:<number>")
    parser.add_argument("--threads", type=int, help="torch threads (default: all cores)")
    return parser


def _evaluate(args: argparse.Namespace) -> None:
    use_threads(args.threads)
    check_seed("evaluation", args.seed)
    device = torch_device(args.device)
    variants = product(_names(args.schemes), _names(args.controls), _names(args.projections))
    batch = min(100, args.images) if args.batch is None else args.batch
    plan = Plan(
        args.out,
        attacks_of(args.attacks),
        tuple(variants),
        args.images,
        batch,
        args.draws,
        args.seed,
        args.pool,
    )
    if args.calibration < 1:
        raise AccelsimError(f"evaluation: calibration is {args.calibration}, must be at least 1")
    writable_folder(plan.out)
    subject = load_subject(args.checkpoint)
    subject.model.to(device)
    dense = Variant.parse("dense")
    substitute = (
        None if args.substitute is None else dense.network(load_subject(args.substitute).model).to(device)
    )
    data = load_cifar(args.dataset, args.data, train=False)
    calibration: list[Tensor] = []
    if any(variant.projection == "refit" for variant in variants):
        training = load_cifar(args.dataset, args.data, train=True)
        calibration = calibration_batches(training, args.calibration, args.seed, device)
    found = evaluate(
        plan,
        subject,
        data,
        substitute=substitute,
        calibration=calibration,
        say=lambda text: print(text, flush=True),
    )
    layers = network_layers(subject, to_float(data.images[:1].to(device)))
    costs = {
        variant.name: variant_bitops(layers, variant) if subject.is_converted else None
        for variant in variants
    }
    write_tables(
        plan.out, found.results, found.worst, dataset=args.dataset, network=subject.network, bitops=costs
    )
    bounded = ", ".join(attack.name for attack in plan.attacks if is_bounded(attack))
    for variant_name, case in found.worst.items():
        if case is not None:
            print(
                f"{variant_name} worst case: one {case.one:.2f} mean {case.mean:.2f} worst {case.worst:.2f} % "
                f"(of {bounded})"
            )
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    write_doubts(plan.out / "warnings.txt", found.warnings)
    print(f"written: {plan.out / 'table.csv'}, {plan.out / 'results.csv'}")


def attacks_of(text: str) -> tuple[Attack, ...]:
    """Attacks by name or set, in order, each once. Raises AccelsimError for an unknown name."""
    names = [name for part in _names(text) for name in SETS.get(part, (part,))]
    return tuple(attack_named(name) for name in dict.fromkeys(names))


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise AccelsimError(f"{text!r} names nothing; give names separated by commas")
    return names


if __name__ == "__main__":
    sys.exit(main())
