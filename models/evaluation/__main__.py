"""Accuracy under attack.

    python -m models.evaluation --checkpoint CONVERTED --data DATA --out OUT --schemes dense,unstructured-90 --attacks all

OUT gets results.csv (a row per attack and variant), table.csv (the paper's columns, the worst case, BitOPs), warnings.txt
where something makes them doubtful, and records/, from which the same command goes on if it was stopped, or was asked for
more images or attacks. Tables and worst case are of the attacks that this call names.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import click
from torch import Tensor

from accelsim.cli.options import (
    FILE,
    Decorator,
    Names,
    data_option,
    dataset_option,
    device_option,
    out_folder_option,
    seed_option,
    threads_option,
)
from accelsim.cli.program import program
from accelsim.files import writable_folder
from accelsim.nn.attacks.catalogue import SETS, attacks_of
from accelsim.nn.base.device import torch_device, use_threads
from accelsim.nn.data.cifar import load_cifar, to_float
from accelsim.nn.injection.controls import CONTROLS
from models.evaluation.evaluation_tables import write_tables
from models.study.accuracies import is_bounded
from models.study.attack_runs import AttackPlan, Measurements, evaluate
from models.study.masking_signs import write_doubts
from models.study.subject import calibration_batches, load_subject, network_layers, variant_bitops
from models.study.variants import PROJECTIONS, Variant, product


def names_option(flag: str, default: str, help_text: str) -> Decorator:
    """Return an option that takes comma-separated names."""
    return click.option(flag, type=Names(), default=default, show_default=True, help=help_text)


@program("python -m models.evaluation", __doc__)
@click.option("--checkpoint", required=True, type=FILE, help="A converted or a training checkpoint.")
@data_option
@dataset_option
@out_folder_option("Folder for tables and records.")
@names_option("--schemes", "dense", "Schemes, comma-separated: dense,unstructured-90,nm-1of8.")
@names_option("--controls", "none", f"Controls, comma-separated: {','.join(CONTROLS)}.")
@names_option("--projections", "fixed", f"Projections, comma-separated: {','.join(PROJECTIONS)}.")
@names_option(
    "--attacks",
    "paper",
    f"Attacks, comma-separated names (accelsim/nn/attacks/catalogue.py), or {', '.join(SETS)}.",
)
@click.option(
    "--images", type=int, default=1000, show_default=True, help="Number of test images, from the first on."
)
@click.option("--batch", type=int, help="Number of images at a time. Default: 100, or --images if fewer.")
@click.option(
    "--draws", type=int, default=10, show_default=True, help="Fresh draws of the noise that judge each image."
)
@click.option(
    "--pool", type=int, default=8, show_default=True, help="Draws of P that refit and projected choose from."
)
@click.option(
    "--calibration",
    type=click.IntRange(1),
    default=2000,
    show_default=True,
    help="Training images that refit distils on.",
)
@seed_option("Random seed of attacks and draws.")
@click.option(
    "--substitute", type=FILE, help="Checkpoint that transfer attacks take gradients of, without its noise."
)
@device_option
@threads_option
def main(**options: Any) -> None:
    """Evaluate a checkpoint."""
    given = SimpleNamespace(**options)
    use_threads(given.threads)
    device = torch_device(given.device)
    variants = product(given.schemes, given.controls, given.projections)
    plan = AttackPlan(
        given.out,
        attacks_of(given.attacks),
        tuple(variants),
        given.images,
        min(100, given.images) if given.batch is None else given.batch,
        given.draws,
        given.seed,
        given.pool,
    )
    writable_folder(plan.out)
    subject = load_subject(given.checkpoint)
    subject.model.to(device)
    substitute = None
    if given.substitute is not None:
        substitute = Variant.parse("dense").network(load_subject(given.substitute).model).to(device)
    data = load_cifar(given.dataset, given.data, train=False)
    calibration: list[Tensor] = []
    if any(variant.projection == "refit" for variant in variants):
        training = load_cifar(given.dataset, given.data, train=True)
        calibration = calibration_batches(training, given.calibration, given.seed, device)
    found = evaluate(
        plan,
        subject,
        data,
        substitute=substitute,
        calibration=calibration,
        say=lambda text: print(text, flush=True),
    )
    layers = network_layers(subject, to_float(data.images[:1].to(device)))
    write_tables(
        plan.out,
        found.results,
        found.worst,
        dataset=given.dataset,
        network=subject.network,
        bitops={
            each.name: variant_bitops(layers, each) if subject.is_converted else None for each in variants
        },
    )
    write_doubts(plan.out / "warnings.txt", found.warnings)
    _tell(plan, found)


def _tell(plan: AttackPlan, found: Measurements) -> None:
    bounded = ", ".join(attack.name for attack in plan.attacks if is_bounded(attack))
    for variant, case in found.worst.items():
        if case is not None:
            print(
                f"{variant} worst case: one {case.one:.2f} mean {case.mean:.2f} worst {case.worst:.2f} % (of {bounded})"
            )
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print(f"written: {plan.out / 'table.csv'}, {plan.out / 'results.csv'}")


if __name__ == "__main__":
    sys.exit(main())
