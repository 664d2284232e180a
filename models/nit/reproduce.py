"""Tables 2 and 3 of the NIT paper, from runs: train every method with every seed, attack it, average.

    python -m models.nit.reproduce --mnist FOLDER --fashion-mnist FOLDER --out OUT --docs docs

OUT gets a folder for each run, with its weights and one JSON file of accuracies, and the two tables as CSV and
Markdown. What is there already is not computed again, so a run that was stopped goes on where it was. With --docs
the results and the tables also go into the documents: results/nit.csv, nit.md and reproduction.md.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from accelsim.cli.options import out_folder_option
from accelsim.cli.program import program
from accelsim.errors import AccelsimError
from accelsim.files import appended, replaced
from accelsim.marked import between, fill_document
from accelsim.nn.base.device import use_threads
from accelsim.nn.data.idx import DigitSet, Split, load_digits, split_digits
from accelsim.nn.spiking.run_settings import METHODS, MethodName, Settings
from accelsim.nn.spiking.spiking_networks import SpikingNetwork
from accelsim.trace.container import one_line
from accelsim.version import __version__
from models.nit.nit_columns import ALL, PREDICTION_DRAWS, NitColumn
from models.nit.nit_results import ResultRow, write_results
from models.nit.nit_tables import MARKER, documents, tables_markdown
from models.nit.spiking_target import SpikingTarget
from models.nit.training import train
from models.study.records import ValuesRecord

RESULTS = "nit.csv"
SPLIT_SEED = 0
ATTACKED_IMAGES = 1000
SMOKE_IMAGES = 20
COLUMNS = ALL
TABLE_METHODS: dict[str, tuple[MethodName, ...]] = {
    "mnist": ("stbp", "stbp-n", "nit", "nit-s"),
    "fashion-mnist": METHODS,
}


@dataclass(frozen=True)
class RunPlan:
    """What one call computes."""

    data: dict[str, Path]
    out: Path
    seeds: tuple[int, ...]
    epochs: int
    images: int
    columns: tuple[NitColumn, ...] = ALL

    def runs(self) -> Iterator[tuple[str, int, MethodName]]:
        """Yield runs seed by seed: a stopped call leaves whole tables of fewer seeds; STBP before what it attacks."""
        for seed in self.seeds:
            for dataset in self.data:
                for method in TABLE_METHODS[dataset]:
                    yield dataset, seed, method

    def settings(self, method: MethodName, seed: int) -> Settings:
        """Return how one run is trained. STBP's exact gradients bear no such rates as the estimates do."""
        return Settings(method=method, seed=seed, epochs=self.epochs, lr=2e-3 if method == "stbp" else 5e-3)

    def folder(self, dataset: str, method: str, seed: int) -> Path:
        """Return where a run's files are."""
        return self.out / dataset / f"{method}-seed{seed}"


def reproduce(plan: RunPlan) -> list[ResultRow]:
    """Compute every run of the plan, then the tables in `plan.out`.

    Raises:
        AccelsimError: Data are missing, or `plan.out` holds runs of other settings.
    """
    started = time.monotonic()
    sets = {name: load_digits(folder) for name, folder in plan.data.items()}
    runs = list(plan.runs())
    rows: list[ResultRow] = []
    for number, (dataset, seed, method) in enumerate(runs, start=1):
        label = f"[{number}/{len(runs)} {dataset}] {method} seed {seed}"
        rows.append(_AttackedRun(plan, sets[dataset], dataset, plan.settings(method, seed), label).row())
        write_results(plan.out / "results.csv", rows)
        with replaced(plan.out / "tables.md") as temporary:
            temporary.write_text(tables_markdown(rows), encoding="utf-8")
    print(f"{len(runs)} runs in {time.monotonic() - started:.0f} s: {plan.out / 'tables.md'}", flush=True)
    return rows


def write_documents(docs: Path, rows: Sequence[ResultRow]) -> None:
    """Put the results and their tables into the documents of the folder `docs`.

    Raises:
        AccelsimError: A document is missing, or its markers.
    """
    write_results(docs / "results" / RESULTS, rows)
    for name, content in documents(rows).items():
        fill_document(docs / name, {MARKER: content})


@dataclass
class _AttackedRun:
    """A network trained by one method with one seed, and attacked."""

    plan: RunPlan
    data: DigitSet
    dataset: str
    settings: Settings
    label: str

    @property
    def folder(self) -> Path:
        return self.plan.folder(self.dataset, self.settings.method, self.settings.seed)

    @property
    def split(self) -> Split:
        return split_digits(len(self.data), SPLIT_SEED)

    def row(self) -> ResultRow:
        """Train, attack, and return the row of the results."""
        settings = self.settings
        target = self._trained()
        substitute = target
        if settings.method != "stbp":
            # Already trained: it comes first; this only loads it.
            undefended = self.plan.settings("stbp", settings.seed)
            folder = self.plan.folder(self.dataset, "stbp", settings.seed)
            substitute = SpikingTarget.trained(
                train(undefended, self.data, self.split.train, folder), undefended
            )
        record = self._attacked(target, substitute)
        known, cpu_s = record.groups["accuracy"], record.groups["cpu_s"]
        names = {column.name for column in COLUMNS}
        attack_s = sum(cpu_s.values()) if all(name in cpu_s for name in known if name in names) else None
        train_s = _train_seconds(self.folder, settings.epochs)
        return ResultRow(
            self.dataset,
            settings.method,
            settings.seed,
            settings.epochs,
            self.plan.images,
            # As they are written, so that tables made from the file are these.
            {column: round(value, 2) for column, value in known.items()},
            None if train_s is None or attack_s is None else round(train_s + attack_s),
        )

    def _trained(self) -> SpikingTarget:
        self.folder.mkdir(parents=True, exist_ok=True)
        started = time.process_time()

        def told(epoch: int, loss: float, network: SpikingNetwork) -> None:
            nonlocal started
            images, labels = self.data.take(self.split.validation[:2000])
            accuracy = SpikingTarget.trained(network, self.settings, epoch).accuracy(images, labels)
            seconds = time.process_time() - started
            line = {"epoch": epoch, "loss": loss, "validation": accuracy, "cpu_s": seconds}
            started = time.process_time()
            with appended(self.folder / "log.jsonl") as log:
                log.write(json.dumps(line) + "\n")
            done = f"epoch {epoch}/{self.settings.epochs}"
            print(f"{self.label}: {done} loss {loss:.3f} validation {accuracy:.3f}", flush=True)

        network = train(self.settings, self.data, self.split.train, self.folder, told)
        return SpikingTarget.trained(network, self.settings)

    def _attacked(self, target: SpikingTarget, substitute: SpikingTarget) -> ValuesRecord:
        """Return accuracies in per cent and the CPU seconds they took, by column."""
        record = self._record()
        accuracy, cpu_s = record.groups["accuracy"], record.groups["cpu_s"]
        for index, column in enumerate(ALL):
            if column not in self.plan.columns or column.name in accuracy:
                continue
            if column.needs_noise and not target.noisy:
                continue
            started = time.process_time()
            # One stream per column, so that a resumed call draws what an unbroken one does.
            seeded = SpikingTarget.trained(
                target.network, self.settings, 7_919 * (self.settings.seed + 1) + index
            )
            attacked = self.split.test[: self.plan.images]
            accuracy[column.name] = column.accuracy(seeded, substitute, self.data, attacked)
            if column.name == "clean":
                images, labels = self.data.take(self.split.test)
                accuracy["clean-all"] = 100.0 * seeded.accuracy(images, labels)
                accuracy["clean-all-mean"] = 100.0 * seeded.accuracy(images, labels, PREDICTION_DRAWS)
            cpu_s[column.name] = round(time.process_time() - started, 1)
            record.save()
        print(
            f"{self.label}: " + " ".join(f"{name} {value:.1f}" for name, value in accuracy.items()),
            flush=True,
        )
        return record

    def _record(self) -> ValuesRecord:
        path = self.folder / "accuracy.json"
        head = {
            "accelsim": __version__,
            "settings": self.settings.model_dump(mode="json"),
            "split_seed": SPLIT_SEED,
            "images": self.plan.images,
        }

        def with_all_settings(found: dict[str, Any]) -> dict[str, Any]:
            # Settings that came later have their defaults in older files.
            with one_line(f"{path}: settings"):
                settings = Settings.model_validate(found.get("settings")).model_dump(mode="json")
            return {**found, "settings": settings}

        return ValuesRecord.open(path, head, ("accuracy", "cpu_s"), with_all_settings)


def _train_seconds(folder: Path, epochs: int) -> float | None:
    """Return the CPU seconds of a finished training from its log, None if an epoch is not in it."""
    log = folder / "log.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    seconds = {line["epoch"]: line["cpu_s"] for line in map(json.loads, lines) if "cpu_s" in line}
    return float(sum(seconds.values())) if len(seconds) == epochs else None


@program("python -m models.nit.reproduce", __doc__, several=("--seeds",))
@click.option("--mnist", type=Path, help="Folder of MNIST's four idx files.")
@click.option("--fashion-mnist", type=Path, help="Folder of Fashion-MNIST's four idx files.")
@out_folder_option("Folder for runs and tables.")
@click.option("--docs", type=Path, help="Folder of the documents that get the tables, too.")
@click.option(
    "--seeds",
    type=int,
    multiple=True,
    default=(0, 1, 2),
    show_default=True,
    help="Random seeds, one per network.",
)
@click.option("--epochs", type=click.IntRange(1), default=15, show_default=True, help="Epochs of training.")
@click.option(
    "--images",
    type=click.IntRange(1),
    default=ATTACKED_IMAGES,
    show_default=True,
    help="Test images that are attacked.",
)
@click.option("--smoke", is_flag=True, help="One seed, one epoch, few images: two minutes.")
@click.option(
    "--threads", type=click.IntRange(1), default=2, show_default=True, help="Number of PyTorch's threads."
)
def main(docs: Path | None, smoke: bool, threads: int, **options: Any) -> None:
    """Reproduce the tables."""
    given = {"mnist": options["mnist"], "fashion-mnist": options["fashion_mnist"]}
    data = {name: folder for name, folder in given.items() if folder is not None}
    if not data:
        raise AccelsimError("no data: give --mnist, --fashion-mnist or both")
    if docs is not None:
        # Before the hours of work, not after.
        for name in documents([]):
            between(docs / name, MARKER)
    use_threads(threads)
    plan = RunPlan(
        data=data,
        out=options["out"],
        seeds=options["seeds"][:1] if smoke else options["seeds"],
        epochs=1 if smoke else options["epochs"],
        images=SMOKE_IMAGES if smoke else options["images"],
        columns=COLUMNS,
    )
    rows = reproduce(plan)
    if docs is not None:
        write_documents(docs, rows)


if __name__ == "__main__":
    sys.exit(main())
