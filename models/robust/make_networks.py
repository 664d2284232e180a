"""Make the networks of a study, each in a folder of its own, going on where an earlier call stopped."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch

from accelsim.errors import AccelsimError
from accelsim.files import appended, replaced
from accelsim.nn.data.cifar import ImageSet
from accelsim.nn.preparation import prepare
from models.robust.robust_plan import AT, CONVERTED, Study
from models.study.variants import Variant
from models.training.adversarial.__main__ import train
from models.training.adversarial.finetune import finetune

TIMES = "times.csv"

Say = Callable[[str], None]


def checkpoint_of(out: Path, study: Study, network: str) -> Path:
    """Where a network's checkpoint lies, made or not."""
    if network == AT or network in study.plan.continued:
        return out / network / ("best.safetensors" if network == AT else "last.safetensors")
    return out / network / "converted.safetensors"


def make_networks(
    study: Study, names: Sequence[str], data: ImageSet, out: Path, device: str, say: Say
) -> None:
    """Make those of `names`, in the plan's order, from training images `data`. What is finished is left as it is.

    Raises AccelsimError when one that it is made from is missing, and as train, prepare and finetune do.
    """
    for name in study.plan.networks:
        if name in names and not _is_finished(out / name):
            say(f"{name}: making")
            with timed(out, name):
                _make(study, name, data, out, device)
            (out / name / "finished").touch()


def _make(study: Study, name: str, data: ImageSet, out: Path, device: str) -> None:
    folder = out / name
    if name == AT:
        train(study.training, data, folder, device, quiet=False)
        return
    if name == CONVERTED:
        how = study.plan.distillation
        fits = prepare(
            folder / "converted.safetensors",
            data,
            weights=_made(out, study, AT),
            form=how.form,
            k_ratio=how.k_ratio,
            images=how.images,
            seed=how.seed,
            device=device,
            method=how.method,
            epochs=how.epochs,
        )
        with replaced(folder / "fits.json") as temporary:
            temporary.write_text(json.dumps([asdict(fit) for fit in fits], indent=1), encoding="utf-8")
        return
    if name in study.plan.finetuned:
        variant, before = Variant.parse(name), _made(out, study, CONVERTED)
        finetune(
            before,
            variant.scheme,
            study.finetuning,
            data,
            folder,
            device,
            quiet=False,
            control=variant.control,
        )
        return
    train(study.continued[name], data, folder, device, quiet=False, start=_made(out, study, AT))


def _made(out: Path, study: Study, network: str) -> Path:
    path = checkpoint_of(out, study, network)
    if not _is_finished(out / network):
        raise AccelsimError(f"{path}: not made yet; make {network} first")
    return path


def _is_finished(folder: Path) -> bool:
    return (folder / "finished").is_file()


@contextmanager
def timed(out: Path, job: str) -> Iterator[None]:
    """Append what the block took to times.csv, also if it was stopped: seconds of the clock and of the processor."""
    began, spent = time.monotonic(), time.process_time()
    try:
        yield
    finally:
        path = out / TIMES
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.is_file()
        with appended(path) as file:
            writer = csv.writer(file, lineterminator="\n")
            if is_new:
                writer.writerow(("job", "seconds", "processor_seconds", "threads"))
            seconds, processor = time.monotonic() - began, time.process_time() - spent
            writer.writerow((job, f"{seconds:.1f}", f"{processor:.1f}", torch.get_num_threads()))
