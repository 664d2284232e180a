"""Why a reproduction of the NIT paper differs from it: two tables of docs/nit.md, from runs on MNIST.

    python -m models.nit.findings --mnist FOLDER --runs out/nit --out out/nit-findings --docs docs

The first trains networks that differ in one choice each; the second attacks the networks of models.nit.reproduce (seed 0)
through surrogates of several widths, which takes seconds. Networks that OUT holds are not trained again. With --docs the
tables go into nit.md and their numbers into results/.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pandas as pd

from accelsim.cli.options import out_folder_option
from accelsim.cli.program import program
from accelsim.errors import AccelsimError
from accelsim.files import readable_file
from accelsim.marked import between, fill_document
from accelsim.nn.base.device import use_threads
from accelsim.nn.data.idx import load_digits, split_digits
from accelsim.nn.spiking.spike_export import trained_network
from accelsim.tables import frame_of, markdown_table, write_csv
from models.nit.ablation import ATTACKED_IMAGES, CHOICES, row_of
from models.nit.nit_columns import by_width
from models.nit.reproduce import SPLIT_SEED, TABLE_METHODS
from models.nit.spiking_target import SpikingTarget

TABLES = {"nit-choices": "choice", "nit-widths": "method"}
"""Marker in nit.md, which is also the name of the file of results, and the title of its first column."""

Rows = Mapping[str, Mapping[str, float]]
"""Name of a row to its numbers by column; all rows have the same columns."""


def write_rows(path: Path, title: str, rows: Rows) -> None:
    """Write rows as CSV with two decimals; title: of the column of names."""
    frame = frame_of({title: name, **values} for name, values in rows.items())
    write_csv(frame, path, formats=dict.fromkeys(frame.columns[1:], ".2f"))


def read_rows(path: Path) -> pd.DataFrame:
    """Return a CSV file of a column of names and columns of numbers.

    Raises:
        AccelsimError: The file is missing, or is no such file.
    """
    readable_file(path, "table")
    try:
        frame = pd.read_csv(path)
        return frame.astype(dict.fromkeys(frame.columns[1:], float))
    except (OSError, ValueError):
        raise AccelsimError(f"{path}: not a CSV file of names and numbers") from None


def contents(results: Path) -> dict[str, str]:
    """Return what stands between each marker of nit.md, from the files of results in a folder."""
    frames = {name: read_rows(results / f"{name}.csv") for name in TABLES}
    return {
        name: markdown_table(frame, formats=dict.fromkeys(frame.columns[1:], ".1f"))
        for name, frame in frames.items()
    }


def find(mnist: Path, runs: Path, out: Path) -> None:
    """Write both files of results in `out`.

    Raises:
        AccelsimError: Data or runs are missing.
    """
    data = load_digits(mnist)
    split = split_digits(len(data), SPLIT_SEED)
    out.mkdir(parents=True, exist_ok=True)
    by_method: dict[str, dict[str, float]] = {}
    for method in TABLE_METHODS["mnist"]:
        network, settings = trained_network(runs / "mnist" / f"{method}-seed0")
        target = SpikingTarget.trained(network, settings)
        by_method[method] = _told(method, by_width(target, data, split.test[:ATTACKED_IMAGES]))
        write_rows(out / "nit-widths.csv", TABLES["nit-widths"], by_method)
    by_choice = {}
    for choice in CHOICES:
        by_choice[choice] = _told(choice, row_of(choice, data, split, out))
        write_rows(out / "nit-choices.csv", TABLES["nit-choices"], by_choice)


def _told(row: str, values: dict[str, float]) -> dict[str, float]:
    print(f"{row}: " + ", ".join(f"{name} {value:.1f}" for name, value in values.items()), flush=True)
    return values


def write_documents(out: Path, docs: Path) -> None:
    """Copy the files of results into `docs`/results and fill nit.md.

    Raises:
        AccelsimError: A file or a marker is missing.
    """
    for name in TABLES:
        frame = read_rows(out / f"{name}.csv")
        formats = dict.fromkeys(frame.columns[1:], ".2f")
        write_csv(frame, docs / "results" / f"{name}.csv", formats=formats)
    fill_document(docs / "nit.md", contents(docs / "results"))


@program("python -m models.nit.findings", __doc__)
@click.option("--mnist", type=Path, required=True, help="Folder of MNIST's four idx files.")
@click.option("--runs", type=Path, required=True, help="Folder that models.nit.reproduce has filled.")
@out_folder_option("Folder for runs and results.")
@click.option("--docs", type=Path, help="Folder of the documents that get the tables, too.")
@click.option(
    "--threads", type=click.IntRange(1), default=2, show_default=True, help="Number of PyTorch's threads."
)
def main(mnist: Path, runs: Path, out: Path, docs: Path | None, threads: int) -> None:
    """Find what decides the accuracy."""
    use_threads(threads)
    if docs is not None:
        # Before the work, not after.
        for name in TABLES:
            between(docs / "nit.md", name)
    find(mnist, runs, out)
    if docs is not None:
        write_documents(out, docs)


if __name__ == "__main__":
    sys.exit(main())
