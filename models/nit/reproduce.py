"""Tables 2 and 3 of the NIT paper, from runs: train every method with every seed, attack it, average.

    python -m models.nit.reproduce --mnist FOLDER --fashion-mnist FOLDER --out OUT --docs docs

OUT gets a folder for each run, with its weights and one JSON file of accuracies, and the two tables as CSV and
Markdown. What is there already is not computed again, so a run that was stopped goes on where it was. With --docs
the results and the tables also go into the documents: results/nit.csv, nit.md and reproduction.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from accelsim.errors import AccelsimError
from accelsim.files import appended, read_text, replaced
from accelsim.marked import between, fill_document
from accelsim.nn.data.idx import DigitSet, Split, load_digits, split_digits
from accelsim.nn.spiking.run_settings import METHODS, MethodName, Settings
from accelsim.trace.container import one_line
from accelsim.version import __version__
from models.command import exit_code
from models.nit.attacks import Budget
from models.nit.results import ResultRow, write_results
from models.nit.robustness import COLUMNS, NOISE_COLUMNS, PREDICTION_DRAWS, Target, adversarial
from models.nit.tables import MARKER, documents, tables_markdown
from models.nit.training import train

RESULTS = "nit.csv"
SPLIT_SEED = 0
ATTACKED_IMAGES = 1000
CHUNK = 250
NATTACK_CHUNK = 50
SMOKE_IMAGES = 20
TABLE_METHODS: dict[str, tuple[MethodName, ...]] = {
    "mnist": ("stbp", "stbp-n", "nit", "nit-s"),
    "fashion-mnist": METHODS,
}


@dataclass(frozen=True)
class Plan:
    """What one call computes."""

    data: dict[str, Path]
    out: Path
    seeds: tuple[int, ...]
    epochs: int
    images: int
    columns: tuple[str, ...]

    def runs(self) -> Iterator[tuple[str, int, MethodName]]:
        """Seed by seed, so that a stopped call leaves whole tables of fewer seeds; STBP before what it attacks."""
        for seed in self.seeds:
            for dataset in self.data:
                for method in TABLE_METHODS[dataset]:
                    yield dataset, seed, method

    def settings(self, method: MethodName, seed: int) -> Settings:
        """How one run is trained. STBP's exact gradients bear no such rates as the estimates do."""
        return Settings(method=method, seed=seed, epochs=self.epochs, lr=2e-3 if method == "stbp" else 5e-3)

    def folder(self, dataset: str, method: str, seed: int) -> Path:
        """Where a run's files are."""
        return self.out / dataset / f"{method}-seed{seed}"


def reproduce(plan: Plan, console: Console) -> list[ResultRow]:
    """Every run of the plan, then the tables in `plan.out`.

    Raises AccelsimError when data are missing or `plan.out` holds runs of other settings.
    """
    started = time.monotonic()
    sets = {name: load_digits(folder) for name, folder in plan.data.items()}
    runs = list(plan.runs())
    rows: list[ResultRow] = []
    for number, (dataset, seed, method) in enumerate(runs, start=1):
        row = _run(plan, sets[dataset], dataset, method, seed, console, f"{number}/{len(runs)} {dataset}")
        rows.append(row)
        write_results(plan.out / "results.csv", rows)
        with replaced(plan.out / "tables.md") as temporary:
            temporary.write_text(tables_markdown(rows), encoding="utf-8")
    console.print(f"{len(runs)} runs in {time.monotonic() - started:.0f} s: {plan.out / 'tables.md'}")
    return rows


def write_documents(docs: Path, rows: Sequence[ResultRow]) -> None:
    """Put the results and their tables into the documents of the folder `docs`.

    Raises AccelsimError when a document is missing, or its markers.
    """
    (docs / "results").mkdir(parents=True, exist_ok=True)
    write_results(docs / "results" / RESULTS, rows)
    for name, content in documents(rows).items():
        fill_document(docs / name, {MARKER: content})


def _run(
    plan: Plan, data: DigitSet, dataset: str, method: MethodName, seed: int, console: Console, label: str
) -> ResultRow:
    settings = plan.settings(method, seed)
    split = split_digits(len(data), SPLIT_SEED)
    folder = plan.folder(dataset, method, seed)
    folder.mkdir(parents=True, exist_ok=True)
    started = time.process_time()

    def told(epoch: int, loss: float, network: Any) -> None:
        nonlocal started
        images, labels = data.take(split.validation[:2000])
        accuracy = Target(network, settings.noisy).accuracy(
            images, labels, torch.Generator().manual_seed(epoch)
        )
        line = {"epoch": epoch, "loss": loss, "validation": accuracy, "cpu_s": time.process_time() - started}
        started = time.process_time()
        with appended(folder / "log.jsonl") as log:
            log.write(json.dumps(line) + "\n")
        console.print(
            f"[{label}] {method} seed {seed}: epoch {epoch}/{settings.epochs} loss {loss:.3f} "
            f"validation {accuracy:.3f}",
            markup=False,
            highlight=False,
        )

    network = train(settings, data, split.train, folder, told)
    target = Target(network, settings.noisy, settings.loss_scale)
    substitute = target
    if method != "stbp":
        other = plan.settings("stbp", seed)
        # Already trained: it comes first; this only loads it.
        undefended = train(other, data, split.train, plan.folder(dataset, "stbp", seed))
        substitute = Target(undefended, other.noisy, other.loss_scale)
    values, attack_s = _attack(plan, folder, data, split, settings, target, substitute, console, label)
    train_s = _train_seconds(folder, settings.epochs)
    # As they are written, so that tables made from the file are these.
    accuracy = {column: round(value, 2) for column, value in values.items()}
    cpu_s = None if train_s is None or attack_s is None else round(train_s + attack_s)
    return ResultRow(dataset, method, seed, settings.epochs, plan.images, accuracy, cpu_s)


def _train_seconds(folder: Path, epochs: int) -> float | None:
    """CPU seconds of a finished training from its log, None if an epoch is not in it."""
    log = folder / "log.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    seconds = {line["epoch"]: line["cpu_s"] for line in map(json.loads, lines) if "cpu_s" in line}
    return float(sum(seconds.values())) if len(seconds) == epochs else None


def _attack(
    plan: Plan,
    folder: Path,
    data: DigitSet,
    split: Split,
    settings: Settings,
    target: Target,
    substitute: Target,
    console: Console,
    label: str,
) -> tuple[dict[str, float], float | None]:
    """Accuracies in per cent by column; and the CPU seconds they took, None if those of a column are not known."""
    path = folder / "accuracy.json"
    head = {
        "accelsim": __version__,
        "settings": settings.model_dump(mode="json"),
        "split_seed": SPLIT_SEED,
        "images": plan.images,
    }
    known, cpu_s = _known(path, head)
    for column in plan.columns:
        if column in known or (column in NOISE_COLUMNS and not target.noisy):
            continue
        started = time.process_time()
        right, total = 0.0, 0
        # One stream a column, so that a resumed call draws what an unbroken one does.
        generator = torch.Generator().manual_seed(7_919 * (settings.seed + 1) + COLUMNS.index(column))
        for index in torch.split(split.test[: plan.images], NATTACK_CHUNK if column == "nattack" else CHUNK):
            images, labels = data.take(index)
            attacked = adversarial(column, target, substitute, images, labels, Budget(), generator)
            right += target.accuracy(attacked, labels, generator) * len(labels)
            total += len(labels)
        known[column] = 100.0 * right / total
        if column == "clean":
            images, labels = data.take(split.test)
            known["clean-all"] = 100.0 * target.accuracy(images, labels, generator)
            known["clean-all-mean"] = 100.0 * target.accuracy(images, labels, generator, PREDICTION_DRAWS)
        cpu_s[column] = round(time.process_time() - started, 1)
        with replaced(path) as temporary:
            content = {**head, "accuracy": known, "cpu_s": cpu_s}
            temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
    shown = " ".join(f"{name} {value:.1f}" for name, value in known.items())
    console.print(f"[{label}] {settings.method} seed {settings.seed}: {shown}", markup=False, highlight=False)
    timed = all(column in cpu_s for column in known if column in COLUMNS)
    return known, sum(cpu_s.values()) if timed else None


def _known(path: Path, head: dict[str, Any]) -> tuple[dict[str, float], dict[str, float]]:
    """What a file of accuracies holds already: per cent and CPU seconds, by column."""
    if not path.is_file():
        return {}, {}
    text = read_text(path, "file of accuracies")
    try:
        found = json.loads(text)
        accuracy, cpu_s = (
            {str(k): float(v) for k, v in values.items()}
            for values in (found.pop("accuracy"), found.pop("cpu_s", {}))
        )
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise AccelsimError(f"{path}: not a file of accuracies; remove it") from error
    # Settings by value: those that came later have their defaults in older files.
    with one_line(f"{path}: settings"):
        found["settings"] = Settings.model_validate(found.get("settings")).model_dump(mode="json")
    if found != head:
        raise AccelsimError(f"{path}: of other settings, images or version; give another --out or remove it")
    return accuracy, cpu_s


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m models.nit.reproduce",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--mnist", type=Path, help="folder of MNIST's four idx files")
    parser.add_argument("--fashion-mnist", type=Path, help="folder of Fashion-MNIST's four idx files")
    parser.add_argument("--out", type=Path, required=True, help="folder for runs and tables")
    parser.add_argument("--docs", type=Path, help="folder of the documents that get the tables, too")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--images", type=int, default=ATTACKED_IMAGES, help="test images that are attacked")
    parser.add_argument("--smoke", action="store_true", help="one seed, one epoch, few images: two minutes")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args(argv)
    return exit_code(lambda: _reproduce(args))


def _reproduce(args: argparse.Namespace) -> None:
    given = {"mnist": args.mnist, "fashion-mnist": args.fashion_mnist}
    data = {name: folder for name, folder in given.items() if folder is not None}
    if not data:
        raise AccelsimError("no data: give --mnist, --fashion-mnist or both")
    for name, value in (("epochs", args.epochs), ("images", args.images), ("threads", args.threads)):
        if value < 1:
            raise AccelsimError(f"--{name}: {value}, must be 1 or more")
    if args.docs is not None:
        # Before the hours of work, not after.
        for name in documents([]):
            between(args.docs / name, MARKER)
    torch.set_num_threads(args.threads)
    plan = Plan(
        data=data,
        out=args.out,
        seeds=(args.seeds[0],) if args.smoke else tuple(args.seeds),
        epochs=1 if args.smoke else args.epochs,
        images=SMOKE_IMAGES if args.smoke else args.images,
        columns=COLUMNS,
    )
    rows = reproduce(plan, Console(soft_wrap=True))
    if args.docs is not None:
        write_documents(args.docs, rows)


if __name__ == "__main__":
    sys.exit(main())
