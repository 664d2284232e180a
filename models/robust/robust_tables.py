"""The tables of the documents from results.csv, the paper's numbers beside ours. Needs no PyTorch.

There are two studies of one network: in the first, of many rows, fine-tuning is 50 steps; in the second, of few, it is the
paper's epoch.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from accelsim.bitops.paper_tables import Published, published
from accelsim.files import read_text
from accelsim.tables import frame_of, markdown_table

Line = Mapping[str, str]

WORST = "worst case"
NOT_RUN = "not run"
PAPER_ATTACKS = {
    "clean": "clean",
    "pgd20": "pgd20",
    "fgsm": "fgsm",
    "mifgsm": "mifgsm",
    "cw_l2": "cw-l2",
    "autoattack": "autoattack",
}
"""Columns of the paper's tables to attacks."""

TITLES = {
    "clean": "clean",
    "pgd20": "PGD-20",
    "fgsm": "FGSM",
    "mifgsm": "MIFGSM",
    "cw-l2": "CW-l2",
    "autoattack": "AutoAttack",
    "transfer-pgd20": "PGD-20 from `at`",
    "eot10-pgd20": "EOT-10 PGD-20",
    "bpda-pgd20": "BPDA PGD-20",
    "pgd100-r5": "PGD-100, 5 starts",
    "square": "Square",
    WORST: "worst case",
}
CHEAP = ("clean", "pgd20", "fgsm", "mifgsm", "transfer-pgd20")
OURS = {
    "overfitting-at": "at",
    "rse-add": "rse-add",
    "rse-multiply": "rse-multiply",
    "rpf": "rpf",
}
"""The paper's methods to rows; noise injection by its scheme."""

STUDIED = ("cifar10", "resnet18")
"""The data set and network of the paper that the results stand beside, at whatever width."""


def read_results(path: Path) -> list[dict[str, str]]:
    """The lines of results.csv as text. Raises AccelsimError when it cannot be read."""
    return list(csv.DictReader(io.StringIO(read_text(path, "file of results"), newline="")))


def documents(folder: Path) -> dict[str, dict[str, str]]:
    """Document under docs/ to what stands between each of its markers, from the tables of both studies in `folder`.

    Raises AccelsimError when one of them cannot be read.
    """
    names = ("results", "common", "epoch", "epoch-common", "figure-co-design")
    lines, common, epoch, epoch_common, costs = (read_results(folder / f"{name}.csv") for name in names)
    measured = measured_tables(lines) | epoch_tables(epoch)
    measured |= {"common": common_table(common), "epoch-common": common_table(epoch_common)}
    measured |= {"co-design": codesign_table(costs)}
    return {"reproduction.md": {"robust": paper_tables(lines, epoch)}, "robustness.md": measured}


def codesign_table(costs: Sequence[Line]) -> str:
    """Accuracy, BitOPs and simulated costs by scheme; costs also relative to the dense scheme, which must be there."""
    (dense,) = (line for line in costs if line["scheme"] == "dense")

    def relative(line: Line, column: str, unit: float) -> str:
        value, whole = float(line[column]), float(dense[column])
        return f"{value / unit:.4g} ({value / whole:.3f})"

    units = {"bitops": 1e9, "energy_pj": 1e6, "latency_us": 1e3}
    rows = [
        [f"`{line['scheme']}`", line["machine"], f"{float(line['accuracy']):.1f}"]
        + [relative(line, column, unit) for column, unit in units.items()]
        for line in costs
    ]
    return _markdown(["scheme", "machine", "PGD-20, %", "10^9 BitOPs", "energy, uJ", "latency, ms"], rows)


def measured_tables(lines: Sequence[Line]) -> dict[str, str]:
    """Marker to table, for docs/robustness.md: the paper's attacks, stronger ones, distilled and controls, redrawn P."""
    rows = list(dict.fromkeys(line["row"] for line in lines))
    own = [row for row in rows if ":" not in row and "+" not in row]
    controls = [row for row in rows if row.startswith("unstructured-90+")]
    distilled = [row for row in rows if row.startswith("converted:")]
    compared = [row for row in own if row == "at" or f"converted:{row}" in distilled]
    redrawn = [row for row in rows if row.startswith("unstructured-90:")]
    strong = (
        "pgd20",
        "transfer-pgd20",
        "cw-l2",
        "bpda-pgd20",
        "eot10-pgd20",
        "pgd100-r5",
        "square",
        "autoattack",
        WORST,
    )
    hit = [row for row in [*own, *distilled] if any(_line(lines, row, attack) for attack in strong[2:-1])]
    return {
        "cheap": _table(lines, own, CHEAP),
        "strong": _table(
            lines, [*hit, *(row for row in controls if _line(lines, row, "eot10-pgd20"))], strong
        ),
        "distilled": _table(lines, [*compared, *controls, *distilled], ("clean", "pgd20")),
        "differences": _table(lines, [*own, *controls, *distilled], CHEAP, _difference),
        "redrawn": _table(lines, ["unstructured-90", *redrawn], ("clean", "pgd20")),
    }


def common_table(lines: Sequence[Line]) -> str:
    """Rows and attacks of common.csv, whose cells are all of the same images."""
    rows = list(dict.fromkeys(line["row"] for line in lines))
    return _table(lines, rows, list(dict.fromkeys(line["attack"] for line in lines)))


def epoch_tables(lines: Sequence[Line]) -> dict[str, str]:
    """Marker to table, for docs/robustness.md: what an epoch of fine-tuning comes to."""
    rows = list(dict.fromkeys(line["row"] for line in lines))
    return {
        "epoch": _table(lines, rows, (*CHEAP, "bpda-pgd20", WORST)),
        "epoch-differences": _table(lines, rows, CHEAP, _difference),
    }


def _table(
    lines: Sequence[Line],
    rows: Sequence[str],
    attacks: Sequence[str],
    cell: Callable[[Line | None], str] | None = None,
) -> str:
    """A row for each of `rows` that says anything; attacks that none of them has met are left out."""
    show = cell or _accuracy
    shown = [attack for attack in attacks if any(show(_line(lines, row, attack)) for row in rows)]
    table = [[f"`{row}`", *(show(_line(lines, row, attack)) for attack in shown)] for row in rows]
    table = [cells for cells in table if any(cells[1:])]
    return _markdown(["", *(TITLES[attack] for attack in shown)], table)


def paper_tables(lines: Sequence[Line], epoch: Sequence[Line]) -> str:
    """Tables 1 to 4: a line of the paper's, then ours, which says what was not run, and a third where there is an epoch."""
    parts = []
    for number, what in (
        (1, "robust accuracy, ResNet-18"),
        (2, "robust accuracy, WideResNet-34-10"),
        (4, "ratios and structures, ResNet-18"),
    ):
        entries = [entry for entry in published() if entry.table == number]
        for dataset in dict.fromkeys(entry.dataset for entry in entries):
            mine = [entry for entry in entries if entry.dataset == dataset]
            parts.append(
                (number, f"**Table {number}: {what}, {dataset}**\n\n" + _paper_table(lines, epoch, mine))
            )
    parts.append((3, "**Table 3: WideResNet-34-10 against other methods**\n\n" + _table3()))
    return "\n".join(text for _, text in sorted(parts, key=lambda part: part[0]))


def _paper_table(lines: Sequence[Line], epoch: Sequence[Line], entries: Sequence[Published]) -> str:
    columns = [name for name in PAPER_ATTACKS if any(name in entry.accuracy for entry in entries)]
    table = []
    for entry in entries:
        printed = [_number(entry.accuracy.get(name)) for name in columns]
        table.append([entry.method, "paper", *printed])
        table.append([entry.method, "ours", *_beside(lines, entry, columns)])
        longer = _beside(epoch, entry, columns)
        if (
            set(longer) != {NOT_RUN} and entry.method not in OURS
        ):  # those are the same networks in both studies
            table.append([entry.method, "ours, an epoch", *longer])
    return _markdown(["method", "", *(TITLES[PAPER_ATTACKS[name]] for name in columns)], table)


def _beside(lines: Sequence[Line], entry: Published, columns: Iterable[str]) -> list[str]:
    row = OURS.get(entry.method, entry.scheme.name)
    is_studied = (entry.dataset, entry.network) == STUDIED
    return [
        _accuracy(_line(lines, row, PAPER_ATTACKS[name]) if is_studied else None, blank=NOT_RUN)
        for name in columns
    ]


def _table3() -> str:
    with Path(__file__).with_name("table3.csv").open(newline="", encoding="ascii") as file:
        rows = list(csv.DictReader(file))
    titles = ["CIFAR-10 PGD-20", "CIFAR-10 AutoAttack", "CIFAR-100 PGD-20", "CIFAR-100 AutoAttack"]
    table = [[*(each or "-" for each in row.values()), NOT_RUN] for row in rows]
    return _markdown(["method (the paper's numbers)", *titles, "ours"], table)


def _line(lines: Iterable[Line], row: str, attack: str) -> Line | None:
    return next((line for line in lines if (line["row"], line["attack"]) == (row, attack)), None)


def _accuracy(line: Line | None, blank: str = "") -> str:
    """Mean over draws, its 95 % interval, and the number of images."""
    if line is None:
        return blank
    mean, low, high = (float(line[key]) for key in ("mean", "low", "high"))
    return f"{mean:.1f} [{low:.0f}, {high:.0f}] of {line['images']}"


def _difference(line: Line | None) -> str:
    """To the reference, in points, with its 95 % interval."""
    if line is None or not line["difference"]:
        return ""
    middle, low, high = (float(line[key]) for key in ("difference", "difference_low", "difference_high"))
    return f"{middle:+.1f} [{low:+.1f}, {high:+.1f}]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return markdown_table(frame_of(rows, header), align="l" + "r" * (len(header) - 1))
