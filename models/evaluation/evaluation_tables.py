"""results.csv and table.csv of an evaluation, and the attacks that its tables compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from accelsim.tables import frame_of, write_csv
from models.study.accuracies import NUMBERS, Numbers, Result


def write_tables(
    folder: Path,
    results: Sequence[Result],
    worst: Mapping[str, Numbers | None],
    *,
    dataset: str,
    network: str,
    bitops: Mapping[str, int | None],
) -> None:
    """Write results.csv (a row per attack) and table.csv (a row per variant, the paper's columns first) in `folder`."""
    rows = [
        {
            "variant": each.variant,
            "attack": each.attack,
            "images": each.images,
            "draws": each.draws,
            **_numbers(each.numbers),
            "ensemble": each.ensemble,
            "mean_l2": each.mean_l2,
        }
        for each in results
    ]
    write_csv(
        frame_of(rows),
        folder / "results.csv",
        formats=dict.fromkeys((*NUMBERS, "ensemble", "mean_l2"), ".4f"),
    )
    attacks = list(dict.fromkeys(each.attack for each in results))
    table = []
    for variant in dict.fromkeys(each.variant for each in results):
        mine = {each.attack: each for each in results if each.variant == variant}
        cells = [(name, mine[name].numbers if name in mine else None) for name in attacks]
        cells.append(("worst case", worst.get(variant)))
        table.append(
            {"dataset": dataset, "network": network, "method": variant}
            | {f"{name}:{key}": value for name, found in cells for key, value in _numbers(found).items()}
            | {"bitops": bitops.get(variant), "images": min(each.images for each in mine.values())}
        )
    formats = {column: ".2f" for column in table[0] if column.endswith(tuple(f":{key}" for key in NUMBERS))}
    write_csv(frame_of(table), folder / "table.csv", formats=formats)


def _numbers(found: Numbers | None) -> dict[str, float | None]:
    return {key: None if found is None else getattr(found, key) for key in NUMBERS}
