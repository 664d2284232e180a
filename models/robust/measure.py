"""Attack the rows of a study; results.csv has a line for each row and attack, and for the worst case over attacks.

Every record is of one attack on one row, so several processes may measure different networks into the same folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from accelsim.errors import AccelsimError
from models.attacks.catalogue import attack_named
from models.data.cifar import ImageSet, load_cifar, to_float
from models.device import torch_device
from models.evaluation.bitops import network_layers, variant_bitops
from models.evaluation.calibration import calibration_batches
from models.evaluation.record import Record, Rights, read_record
from models.evaluation.run import Plan, Subject, evaluate, load_subject
from models.evaluation.tables import Numbers, is_bounded, worst_case, write_rows
from models.evaluation.variants import Variant
from models.robust.interval import paired, wilson
from models.robust.make import checkpoint_of, timed
from models.robust.plan import AT, Block, Row, Study
from models.robust.tables import WORST

RESULTS = "results.csv"

Say = Callable[[str], None]


def measure(
    study: Study, names: Sequence[str], data: Path | str | None, out: Path, device: str, say: Say
) -> None:
    """Run the blocks of the plan, in order, on the rows whose network is one of `names`; resumes batch by batch.

    Networks that are not made yet are left out, and told. data: folder of the data set's files.
    """
    dataset = study.training.dataset
    test = load_cifar(dataset, data, train=False)
    bench = _Bench(study, test, data, out, device, say)
    for block in study.plan.evaluation.blocks:
        for text in block.rows:
            row = study.plan.row(text)
            if row.network in names:
                bench.run(block, row)


class _Bench:
    """Loads a checkpoint when a row first needs it, and keeps the last."""

    def __init__(
        self, study: Study, test: ImageSet, data: Path | str | None, out: Path, device: str, say: Say
    ) -> None:
        self._study, self._test, self._data, self._out, self._say = study, test, data, out, say
        self._device = torch_device(device)
        self._loaded: tuple[str, Subject] | None = None

    def run(self, block: Block, row: Row) -> None:
        path = checkpoint_of(self._out, self._study, row.network)
        if not path.is_file():
            self._say(f"{row.name}: left out, {path} is not made yet")
            return
        how, attacks = self._study.plan.evaluation, block.all_attacks()
        variant = Variant.parse(row.variant)
        plan = Plan(
            self._out / "evaluation" / row.network,
            attacks,
            (variant,),
            block.images,
            how.batch,
            how.draws,
            how.seed,
            how.pool,
        )
        calibration = []
        if variant.projection == "refit":
            training = load_cifar(self._study.training.dataset, self._data, train=True)
            calibration = calibration_batches(training, how.calibration, how.seed, self._device)
        substitute = None
        if any(attack.needs_substitute for attack in attacks):
            substitute = self._subject(AT).model
        with timed(self._out, f"{row.name} {' '.join(attack.name for attack in attacks)}"):
            evaluate(
                plan,
                self._subject(row.network),
                self._test,
                substitute=substitute,
                calibration=calibration,
                say=lambda text: self._say(f"{row.network}: {text}"),
            )

    def _subject(self, network: str) -> Subject:
        if self._loaded is None or self._loaded[0] != network:
            subject = load_subject(checkpoint_of(self._out, self._study, network))
            subject.model.to(self._device)
            self._loaded = (network, subject)
        return self._loaded[1]


def results(study: Study, out: Path) -> list[dict[str, object]]:
    """A line for each record of a row of the plan, in the plan's order; every record of at least one image counts.

    Accuracies in per cent; low and high: the 95 % interval of the mean (Wilson's), for the number of images alone.
    difference, in points, with its own interval: to the reference under the same attack, on the images of both.
    """
    lines: list[dict[str, object]] = []
    costs = _Costs(study, out)
    blocks = study.plan.evaluation.blocks
    reference = _rights(study, out, study.plan.evaluation.reference)
    for text in dict.fromkeys(row for block in blocks for row in block.rows):
        row, rights = study.plan.row(text), _rights(study, out, text)
        for name, each in rights.items():
            compared = (
                {} if text == study.plan.evaluation.reference else _difference(each, reference.get(name))
            )
            lines.append(_line(row, name, Numbers.of(each), each, costs) | compared)
        bounded = _bounded(rights)
        case = worst_case(bounded)
        if case is not None:
            lines.append(_line(row, WORST, case, next(iter(bounded.values())), costs))
    return lines


def _rights(study: Study, out: Path, text: str) -> dict[str, Rights]:
    """What has been measured of a row, by attack: as many images as the plan asks for, or fewer."""
    row = study.plan.row(text)
    found: dict[str, Rights] = {}
    for block in study.plan.evaluation.blocks:
        for attack in block.all_attacks() if text in block.rows else ():
            record = _record(out, row, attack.name)
            if record is not None and record.rights:
                longest = max(block.images, len(found.get(attack.name, ())))
                found[attack.name] = record.rights[:longest]
    return found


def _difference(rights: Rights, reference: Rights | None) -> dict[str, object]:
    images = min(len(rights), len(reference or ()))
    if reference is None or images < 2:
        return {}
    ours, theirs = ([sum(image) / len(image) for image in each[:images]] for each in (rights, reference))
    points = [f"{100 * value:.2f}" for value in paired(ours, theirs)]
    return dict(zip(("difference", "difference_low", "difference_high"), points, strict=True))


def write_results(study: Study, out: Path) -> Path:
    """results.csv in `out`. Raises AccelsimError if nothing is measured yet."""
    lines = results(study, out)
    if not lines:
        raise AccelsimError(f"{out}: no record of the plan's rows; measure first")
    write_rows(out / RESULTS, lines)
    return out / RESULTS


def _bounded(rights: Mapping[str, Rights]) -> dict[str, Rights]:
    """The attacks bounded by the paper's eps, all of as many images: those that an attack has not seen count as right.

    Each image then answers to the attacks that it has met, and the worst case is never above that of fewer attacks.
    """
    bounded = {name: each for name, each in rights.items() if is_bounded(attack_named(name))}
    images = max((len(each) for each in bounded.values()), default=0)
    return {name: [*each, *[(True,) * len(each[0])] * (images - len(each))] for name, each in bounded.items()}


def _record(out: Path, row: Row, attack: str) -> Record | None:
    path = Record.path_of(out / "evaluation" / row.network / "records", row.variant, attack)
    return read_record(path) if path.is_file() else None


def _line(row: Row, attack: str, numbers: Numbers, rights: Rights, costs: _Costs) -> dict[str, object]:
    low, high = wilson(numbers.mean / 100, len(rights))
    return {
        "row": row.name,
        "network": row.network,
        "variant": row.variant,
        "attack": attack,
        "images": len(rights),
        "draws": len(rights[0]),
        "one": f"{numbers.one:.2f}",
        "mean": f"{numbers.mean:.2f}",
        "worst": f"{numbers.worst:.2f}",
        "low": f"{100 * low:.2f}",
        "high": f"{100 * high:.2f}",
        "difference": "",
        "difference_low": "",
        "difference_high": "",
        "bitops": costs.of(row),
    }


class _Costs:
    """BitOPs of an image under a variant; empty where the accounting has no word for it."""

    def __init__(self, study: Study, out: Path) -> None:
        self._study, self._out = study, out
        self._known: dict[Row, object] = {}

    def of(self, row: Row) -> object:
        if row not in self._known:
            self._known[row] = self._count(row)
        return self._known[row]

    def _count(self, row: Row) -> object:
        subject = load_subject(checkpoint_of(self._out, self._study, row.network))
        if not subject.is_converted and subject.network != self._study.training.network:
            return ""  # a baseline with random layers
        layers = network_layers(subject, to_float(torch.zeros(1, 3, 32, 32, dtype=torch.uint8)))
        found = variant_bitops(layers, Variant.parse(row.variant))
        return "" if found is None else found
