"""The results of simulations, and how they are stored."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.counts import COUNT_NAMES, Counts
from accelsim.errors import AccelsimError
from accelsim.files import check_output_file, replaced, writable_folder
from accelsim.json_text import json_text
from accelsim.results.folder_checksums import CHECKSUMS, write_checksums
from accelsim.results.result_rows import KEYS, cost_columns, utilization_columns
from accelsim.tables import write_csv

if TYPE_CHECKING:
    import pandas as pd

    from accelsim.config import Machine, Technology

FILES = ("layers.csv", "layers.parquet", "images.csv", "images.parquet", "summary.csv", "results.json")
"""The files that `Results.write` writes; the tables are named after the property of `Results` that they hold."""


def check_results_folder(out: str | Path) -> None:
    """Raise AccelsimError, before the work, if `Results.write` could not write to `out`, a folder that may be missing."""
    writable_folder(out)
    for name in (*FILES, CHECKSUMS):
        if os.path.lexists(Path(out) / name):
            check_output_file(Path(out) / name, regular_only=_is_parquet(name))


def _is_parquet(name: str) -> bool:
    return name.endswith(".parquet")


@dataclass
class Results:
    """Rows of simulations and where they came from.

    ``rows``: one dict per (machine, scheme, image, layer); see ``accelsim.results.result_rows`` for the columns.
    ``machines``: the machines by name; ``technology``: what energies were computed with.
    ``provenance``: package version, hashes and content of machine, technology and trace.
    """

    technology: Technology
    machines: dict[str, Machine] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)

    def extend(self, other: Results) -> None:
        """Take in the rows of ``other``: other simulations, with the same technology, engine and version.

        Raises AccelsimError if those differ, a simulation is in both, or a name stands for two machines or traces.
        """
        if other.technology != self.technology:
            raise AccelsimError("results: cannot join results of different technologies")
        for name, machine in other.machines.items():
            if self.machines.get(name, machine) != machine:
                raise AccelsimError(f"results: two different machines are named {name}; rename one")
        for key in ("machines", "traces"):
            mine, theirs = self.provenance.get(key, {}), other.provenance.get(key, {})
            for name in mine.keys() & theirs.keys():
                if mine[name] != theirs[name]:
                    raise AccelsimError(f"results: two different {key} are named {name}")
        identity = (*KEYS, "layer_index")
        known = {tuple(row[name] for name in identity) for row in self.rows}
        for row in other.rows:
            if tuple(row[name] for name in identity) in known:
                raise AccelsimError(f"results: {row['scheme']} on {row['machine']} is in both")
        for key in ("accelsim_version", "model_version", "engine", "technology"):
            if self.provenance.setdefault(key, other.provenance.get(key)) != other.provenance.get(key):
                raise AccelsimError(f"results: cannot join results of different {key}")
        for key in ("machines", "traces"):
            self.provenance[key] = self.provenance.get(key, {}) | other.provenance.get(key, {})
        self.machines |= other.machines
        self.rows += other.rows

    @property
    def layers(self) -> pd.DataFrame:
        """One row per (machine, scheme, image, layer)."""
        import pandas as pd

        return pd.DataFrame(self.rows)

    @property
    def images(self) -> pd.DataFrame:
        """One row per (machine, scheme, image): counts summed over layers, costs computed from the sums."""
        import pandas as pd

        sums: dict[tuple[Any, ...], Counts] = {}
        for row in self.rows:
            key = tuple(row[name] for name in KEYS)
            counts = Counts(**{name: row[name] for name in COUNT_NAMES})
            sums[key] = sums.get(key, Counts()) + counts
        rows = []
        for key, counts in sums.items():
            machine = self.machines[key[KEYS.index("machine")]]
            rows.append(
                dict(zip(KEYS, key, strict=True))
                | cost_columns(counts, machine, self.technology)
                | utilization_columns(counts, machine)
                | counts.as_dict()
            )
        return pd.DataFrame(rows)

    @property
    def summary(self) -> pd.DataFrame:
        """One row per (network, machine, scheme): the mean over images, and how many there were."""
        keys = [name for name in KEYS if name != "image_id"]
        grouped = self.images.drop(columns="image_id").groupby(keys, sort=False)
        means = grouped.mean(numeric_only=True)
        means.insert(0, "images", grouped.size())
        return means.reset_index()

    def write(self, out: str | Path) -> list[Path]:
        """Write ``layers`` and ``images`` as CSV and Parquet, ``summary.csv`` and ``results.json`` into a folder.

        Their SHA-256 go into `CHECKSUMS` beside them. Existing files of those names are replaced, each in one step. Returns
        the paths. Raises AccelsimError if the folder cannot be made or written.
        """
        folder = Path(out)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AccelsimError(f"{folder}: cannot write results: {error.strerror or error}") from None
        paths: list[Path] = []
        tables: dict[str, pd.DataFrame] = {}
        for name in FILES:
            stem, _, suffix = name.partition(".")
            if suffix == "json":
                with replaced(folder / name, paths) as temporary:
                    temporary.write_text(json_text(self.as_json(), indent=1) + "\n", encoding="utf-8")
                continue
            if stem not in tables:
                tables[stem] = getattr(self, stem)
            if suffix == "csv":
                paths.append(write_csv(tables[stem], folder / name))
            else:
                with replaced(folder / name, paths, regular_only=True) as temporary:
                    tables[stem].to_parquet(temporary, index=False)
        write_checksums(folder, paths)
        return paths

    def as_json(self) -> dict[str, Any]:
        """Summary rows and provenance, of plain JSON types."""
        return {
            "summary": json.loads(self.summary.to_json(orient="records", double_precision=15)),
            "provenance": self.provenance,
        }
