"""Why a reproduction of the NIT paper differs from it: two tables of docs/nit.md, from runs on MNIST.

    python -m models.nit.findings --mnist FOLDER --runs out/nit --out out/nit-findings --docs docs

The first trains networks that differ in one choice each; the second attacks the networks of models.nit.reproduce (seed 0)
through surrogates of several widths, which takes seconds. Networks that OUT holds are not trained again. With --docs the
tables go into nit.md and their numbers into results/.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from accelsim.errors import AccelsimError
from accelsim.marked import between, fill_document
from accelsim.nn.data.idx import load_digits, split_digits
from accelsim.nn.spiking.spike_export import trained_network
from models.command import exit_code
from models.nit.ablation import ATTACKED_IMAGES, CHOICES, row_of
from models.nit.named_rows import NamedRow, read_rows, rows_markdown, write_rows
from models.nit.reproduce import SPLIT_SEED, TABLE_METHODS
from models.nit.robustness import Target
from models.nit.widths import by_width

TABLES = {"nit-choices": "choice", "nit-widths": "method"}
"""Marker in nit.md, which is also the name of the file of results, and the title of its first column."""


def contents(results: Path) -> dict[str, str]:
    """What stands between each marker of nit.md, from the files of results in a folder."""
    return {name: rows_markdown(title, read_rows(results / f"{name}.csv")) for name, title in TABLES.items()}


def find(mnist: Path, runs: Path, out: Path) -> None:
    """Both files of results, in `out`.

    Raises AccelsimError when data or runs are missing.
    """
    data = load_digits(mnist)
    split = split_digits(len(data), SPLIT_SEED)
    attacked = split.test[:ATTACKED_IMAGES]
    out.mkdir(parents=True, exist_ok=True)
    by_method = []
    for method in TABLE_METHODS["mnist"]:
        network, settings = trained_network(runs / "mnist" / f"{method}-seed0")
        row = by_width(Target(network, settings.noisy, settings.loss_scale), data, attacked)
        by_method.append(_told(NamedRow(method, row)))
        write_rows(out / "nit-widths.csv", TABLES["nit-widths"], by_method)
    rows: list[NamedRow] = []
    for choice in CHOICES:
        rows.append(_told(row_of(choice, data, split, out)))
        write_rows(out / "nit-choices.csv", TABLES["nit-choices"], rows)


def _told(row: NamedRow) -> NamedRow:
    print(
        row.name + ": " + ", ".join(f"{name} {value:.1f}" for name, value in row.values.items()), flush=True
    )
    return row


def write_documents(out: Path, docs: Path) -> None:
    """Copy the files of results into `docs`/results and fill nit.md.

    Raises AccelsimError when a file or a marker is missing.
    """
    (docs / "results").mkdir(parents=True, exist_ok=True)
    for name, title in TABLES.items():
        write_rows(docs / "results" / f"{name}.csv", title, read_rows(out / f"{name}.csv"))
    fill_document(docs / "nit.md", contents(docs / "results"))


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m models.nit.findings",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--mnist", type=Path, required=True, help="folder of MNIST's four idx files")
    parser.add_argument(
        "--runs", type=Path, required=True, help="folder that models.nit.reproduce has filled"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for runs and results")
    parser.add_argument("--docs", type=Path, help="folder of the documents that get the tables, too")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args(argv)
    return exit_code(lambda: _run(args))


def _run(args: argparse.Namespace) -> None:
    if args.threads < 1:
        raise AccelsimError(f"--threads: {args.threads}, must be 1 or more")
    torch.set_num_threads(args.threads)
    if args.docs is not None:
        # Before the work, not after.
        for name in TABLES:
            between(args.docs / "nit.md", name)
    find(args.mnist, args.runs, args.out)
    if args.docs is not None:
        write_documents(args.out, args.docs)


if __name__ == "__main__":
    sys.exit(main())
