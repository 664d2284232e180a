"""Figures 3 and 4 and the co-design picture from results.csv, without running anything.

    python -m models.robust.study_figures docs/results/robust/results.csv --costs RUN/summary.csv --out docs/images

Figure 4 shows what fine-tuning adds: networks only distilled beside those fine-tuned at each ratio. --costs is what
`accelsim compare` wrote for a trace of the same network; without it the co-design picture is left out.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from accelsim.cli.options import out_folder_option
from accelsim.cli.program import program
from accelsim.errors import AccelsimError
from accelsim.files import writable_folder
from accelsim.schemes import DenseScheme, UnstructuredScheme
from accelsim.tables import frame_of, write_csv
from models.robust.robust_plan import AT, CONVERTED
from models.robust.robust_tables import read_results
from models.study.accuracy_plots import plot_codesign, plot_curves
from models.study.variants import Variant

Line = Mapping[str, str]
_PGD = re.compile(r"pgd(?P<steps>\d+)(?:@(?P<eps>\d+))?")


@program("python -m models.robust.study_figures", __doc__)
@click.argument("results", type=Path)
@click.option("--costs", type=Path, help="summary.csv of accelsim compare, for the co-design picture.")
@click.option("--accuracy", default="pgd20", show_default=True, help="Attack of the co-design picture.")
@out_folder_option("Folder for the pictures.")
def main(results: Path, costs: Path | None, accuracy: str, out: Path) -> None:
    """Draw the figures."""
    writable_folder(out)
    lines = read_results(results)
    for figure, rows in (("3", figure3(lines)), ("4", figure4(lines))):
        if rows:
            plot_curves(figure, rows, out / f"robust-figure-{figure}.png")
        else:
            print(f"figure {figure}: left out, {results} has nothing for it")
    if costs is not None:
        table = out / "robust-accuracy.csv"
        write_csv(frame_of(accuracies(lines, accuracy)), table)
        plot_codesign(table, costs, accuracy, out)


def figure3(lines: Sequence[Line]) -> list[dict[str, object]]:
    """Return rows of plot_curves: PGD of growing eps, and of more steps, on every network that met more than PGD-20."""
    found = [(line, _PGD.fullmatch(line["attack"])) for line in lines]
    pgd = [(line, match) for line, match in found if match]
    wide = {line["row"] for line, match in pgd if match["eps"] or match["steps"] != "20"}
    return [
        {
            "variant": line["row"],
            "eps_255": int(match["eps"] or 8),
            "steps": int(match["steps"]),
            "mean": float(line["mean"]),
        }
        for line, match in sorted(pgd, key=lambda each: int(each[1]["eps"] or 8))
        if line["row"] in wide
    ]


def figure4(lines: Sequence[Line]) -> list[dict[str, object]]:
    """Return rows of plot_curves: clean and PGD-20 against unstructured noise, with and without fine-tuning."""
    rows = []
    for line in lines:
        variant = Variant.parse(line["variant"])
        is_own = line["network"] == line["variant"] or line["network"] in (AT, CONVERTED)
        if line["attack"] not in ("clean", "pgd20") or not is_own:
            continue
        if variant.control not in ("none", "essential"):
            continue
        if not isinstance(variant.scheme, DenseScheme | UnstructuredScheme):
            continue
        tuned = "only distilled" if line["network"] in (AT, CONVERTED) else "fine-tuned"
        labels = ["only distilled", "fine-tuned"] if line["network"] == AT else [tuned]
        rows += [
            {
                "noise_percent": round(100 * variant.scheme.noise, 4),
                "control": variant.control,
                "attack": f"{line['attack']}, {label}",
                "mean": float(line["mean"]),
            }
            for label in labels
        ]
    return sorted(rows, key=lambda row: (str(row["attack"]), float(str(row["noise_percent"]))))


def accuracies(lines: Sequence[Line], attack: str) -> list[dict[str, object]]:
    """Return method, bitops and accuracy of `at` and of every fine-tuned network, as plot_codesign reads them.

    Raises:
        AccelsimError: No network has met the attack.
    """
    rows: list[dict[str, object]] = [
        {"method": line["variant"], "bitops": line["bitops"], attack: line["mean"]}
        for line in lines
        if line["attack"] == attack and (line["network"] == AT or line["network"] == line["variant"])
    ]
    if not rows:
        raise AccelsimError(f"results: no network has met {attack}")
    return rows


if __name__ == "__main__":
    sys.exit(main())
