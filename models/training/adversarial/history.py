"""The validations of a run as a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from accelsim.files import replaced
from models.training.training_state import Validation


def write_history(path: Path, history: Sequence[Validation]) -> None:
    """epoch, clean and robust accuracy (per cent of the held-out images), one row a validation."""
    with replaced(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("epoch", "clean", "robust"))
        writer.writerows(
            (int(entry["epoch"]), f"{entry['clean']:.3f}", f"{entry['robust']:.3f}") for entry in history
        )
