"""From records to tables: three numbers an attack, and the worst case over attacks.

    one     accuracy of one fresh draw of the noise
    mean    expected accuracy: the mean over the fresh draws
    worst   share of images that every draw gets right

They are the same for a network without noise. The worst case takes, image by image, the attack that does most harm, among
those bounded by the paper's eps; cw-l2 has no such bound, and a larger eps is another question. Of a random network the
`mean` of the worst case is the least of several estimates from a few draws each, and so a little too low; `one` and `worst`
are lower still by intent.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accelsim.files import replaced
from accelsim.nn.attacks.attack import Attack
from accelsim.nn.attacks.catalogue import attack_named
from models.evaluation.record import Rights

PAPER_EPS = 8 / 255
_NEVER_BELOW = 1e-9


@dataclass(frozen=True)
class Numbers:
    """Accuracies in per cent."""

    one: float
    mean: float
    worst: float

    @classmethod
    def of(cls, rights: Rights) -> Numbers:
        """Of at least one image."""
        draws = np.array(rights, dtype=bool)
        return cls(100 * draws[:, 0].mean(), 100 * draws.mean(), 100 * draws.all(axis=1).mean())


@dataclass(frozen=True)
class Result:
    """One attack on one variant."""

    variant: str
    attack: str
    images: int
    draws: int
    numbers: Numbers
    mean_l2: float


def worst_case(rights: Mapping[str, Rights]) -> Numbers | None:
    """The three numbers of an attacker who picks the attack for every image; None without an attack to pick.

    rights: by name of attack, of the same images. `mean` takes the attack of least expected accuracy.
    """
    counted = [np.array(each, dtype=bool) for name, each in rights.items() if is_bounded(attack_named(name))]
    if len(counted) < 2:
        return None
    one = np.stack([draws[:, 0] for draws in counted]).all(axis=0)
    mean = np.stack([draws.mean(axis=1) for draws in counted]).min(axis=0)
    worst = np.stack([draws.all(axis=1) for draws in counted]).all(axis=0)
    return Numbers(100 * one.mean(), 100 * mean.mean(), 100 * worst.mean())


def write_tables(
    folder: Path,
    results: Sequence[Result],
    worst: Mapping[str, Numbers | None],
    *,
    dataset: str,
    network: str,
    bitops: Mapping[str, int | None],
) -> None:
    """results.csv (a row an attack) and table.csv (a row a variant, the paper's columns first) in `folder`."""
    rows = [
        {
            "variant": each.variant,
            "attack": each.attack,
            "images": each.images,
            "draws": each.draws,
            "one": f"{each.numbers.one:.4f}",
            "mean": f"{each.numbers.mean:.4f}",
            "worst": f"{each.numbers.worst:.4f}",
            "mean_l2": f"{each.mean_l2:.4f}",
        }
        for each in results
    ]
    write_rows(folder / "results.csv", rows)
    attacks = list(dict.fromkeys(each.attack for each in results))
    table = []
    for variant in dict.fromkeys(each.variant for each in results):
        mine = {each.attack: each for each in results if each.variant == variant}
        row: dict[str, object] = {"dataset": dataset, "network": network, "method": variant}
        for attack in attacks:
            for number in ("one", "mean", "worst"):
                value = f"{getattr(mine[attack].numbers, number):.2f}" if attack in mine else ""
                row[f"{attack}:{number}"] = value
        for number in ("one", "mean", "worst"):
            case = worst.get(variant)
            row[f"worst case:{number}"] = "" if case is None else f"{getattr(case, number):.2f}"
        row["bitops"] = "" if bitops.get(variant) is None else bitops[variant]
        row["images"] = min(each.images for each in mine.values())
        table.append(row)
    write_rows(folder / "table.csv", table)


def is_bounded(attack: Attack) -> bool:
    """True if no pixel changes by more than the paper's eps: only these attacks are compared with each other."""
    return attack.eps is not None and attack.eps <= PAPER_EPS + _NEVER_BELOW


def write_rows(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """A CSV file of at least one row; all rows have the same columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
