"""A whole study by one command: adversarial training, distillation, fine-tuning, baselines, attacks, tables.

    python -m models.robust models/recipes/robust/cpu-1h.yaml --data DATA --out OUT

OUT gets a folder for every network, evaluation/ with a record for every attack, times.csv, results.csv, common.csv (what can
be compared cell by cell) and warnings.txt. Stopped at any moment, the same command goes on. --only and --stages take a part,
so that several processes can share the work.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from accelsim.errors import AccelsimError, suggestion
from accelsim.files import writable_folder
from accelsim.nn.data.cifar import load_cifar
from accelsim.nn.device import torch_device, use_threads
from models.command import exit_code
from models.robust.make import make_networks
from models.robust.measure import measure
from models.robust.plan import load_study
from models.robust.results import write_results

STAGES = ("make", "measure", "results")


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 0, 2 for bad input, 130 if interrupted."""
    args = _parser().parse_args(argv)
    return exit_code(lambda: _run(args))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.robust",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("plan", type=Path, help="YAML, see models/recipes/robust")
    parser.add_argument("--data", help="folder of the data set's binary files (default: $ACCELSIM_DATA)")
    parser.add_argument("--out", required=True, type=Path, help="folder for networks, records and tables")
    parser.add_argument("--stages", default=",".join(STAGES), help="comma-separated (default: all)")
    parser.add_argument("--only", help="comma-separated networks of the plan (default: all)")
    parser.add_argument("--threads", type=int, help="torch threads (default: all cores)")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:<number>")
    return parser


def _run(args: argparse.Namespace) -> None:
    use_threads(args.threads)
    study = load_study(args.plan)
    stages = _chosen("stage", args.stages, STAGES)
    names = _chosen("network", args.only, study.plan.networks)
    torch_device(args.device)
    writable_folder(args.out)
    if "make" in stages:
        data = load_cifar(study.training.dataset, args.data, train=True)
        make_networks(study, names, data, args.out, args.device, _print)
    if "measure" in stages:
        measure(study, names, args.data, args.out, args.device, _print)
    if "results" in stages:
        for path in write_results(study, args.out):
            print(f"written: {path}")


def _chosen(what: str, text: str | None, allowed: Sequence[str]) -> list[str]:
    """The names in `text`; all that are allowed if there is none."""
    if text is None:
        return list(allowed)
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in allowed:
            raise AccelsimError(f"{what} {name!r} is unknown; {suggestion(name, list(allowed))}")
    return names


def _print(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
