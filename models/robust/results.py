"""The tables of a study from its records.

results.csv has a line for each row and attack, and for the worst case over attacks; common.csv has those that can be
compared cell by cell, warnings.txt what makes the numbers doubtful.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from accelsim.errors import AccelsimError
from accelsim.nn.attacks.catalogue import attack_named
from accelsim.nn.data.cifar import to_float
from models.evaluation.bitops import network_layers, variant_bitops
from models.evaluation.doubts import gaps_of, signs_of, write_doubts
from models.evaluation.record import Record, Rights, read_record
from models.evaluation.run import load_subject
from models.evaluation.tables import Numbers, is_bounded, worst_case, write_rows
from models.evaluation.variants import Variant
from models.robust.interval import paired, wilson
from models.robust.make import checkpoint_of
from models.robust.plan import Row, Study
from models.robust.tables import WORST

RESULTS, COMMON, WARNINGS = "results.csv", "common.csv", "warnings.txt"
AUTOATTACK = "autoattack"


def results(study: Study, out: Path) -> list[dict[str, object]]:
    """A line for each record of a row of the plan, in the plan's order; every record of at least one image counts.

    Accuracies in per cent; low and high: the 95 % interval of the mean (Wilson's), for the number of images alone.
    difference, in points, with its own interval: to the reference under the same attack, on the images of both.
    """
    lines: list[dict[str, object]] = []
    costs = _Costs(study, out)
    reference = rights_of(study, out, study.plan.evaluation.reference)
    for text in _rows(study):
        row, rights = study.plan.row(text), rights_of(study, out, text)
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


def rights_of(study: Study, out: Path, text: str) -> dict[str, Rights]:
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


def common(study: Study, out: Path) -> list[dict[str, object]]:
    """Lines of results.csv for rows that can be compared cell by cell: of the same images, under the same attacks.

    Rows that have met AutoAttack, the attacks that all of these have met, the images that all have been met on.
    """
    known = {text: rights_of(study, out, text) for text in _rows(study)}
    known = {text: rights for text, rights in known.items() if AUTOATTACK in rights}
    if not known:
        return []
    first = next(iter(known.values()))
    attacks = [name for name in first if all(name in rights for rights in known.values())]
    images = min(len(rights[name]) for rights in known.values() for name in attacks)
    lines, costs = [], _Costs(study, out)
    for text, rights in known.items():
        row, part = study.plan.row(text), {name: rights[name][:images] for name in attacks}
        lines += [_line(row, name, Numbers.of(each), each, costs) for name, each in part.items()]
        case = worst_case(part)
        if case is not None:
            lines.append(_line(row, WORST, case, part[AUTOATTACK], costs))
    return lines


def warnings(study: Study, out: Path) -> list[str]:
    """What makes the accuracies doubtful (models.evaluation.doubts), row by row; of attacks on the same images each time."""
    told = []
    for text in _rows(study):
        row, rights = study.plan.row(text), rights_of(study, out, text)
        counts = sorted({len(each) for each in rights.values()}, reverse=True)
        for images in counts:
            part = {name: each[:images] for name, each in rights.items() if len(each) >= images}
            told += [f"{row.name}, {images} images: {sign}" for sign in signs_of(part)]
        if rights:
            is_random = any(len(each[0]) > 1 for each in rights.values())
            is_approximated = not Variant.parse(row.variant).scheme.is_dense
            told += [f"{row.name}: {gap}" for gap in gaps_of(rights, is_random, is_approximated)]
    return told


def write_results(study: Study, out: Path) -> list[Path]:
    """results.csv, common.csv and warnings.txt in `out`, the last two where there is something to say.

    Raises AccelsimError if nothing is measured yet.
    """
    lines = results(study, out)
    if not lines:
        raise AccelsimError(f"{out}: no record of the plan's rows; measure first")
    write_rows(out / RESULTS, lines)
    written = [out / RESULTS]
    if alike := common(study, out):
        write_rows(out / COMMON, alike)
        written.append(out / COMMON)
    told = warnings(study, out)
    write_doubts(out / WARNINGS, told)
    if told:
        written.append(out / WARNINGS)
    return written


def _rows(study: Study) -> list[str]:
    """Of all blocks, each once."""
    return list(dict.fromkeys(row for block in study.plan.evaluation.blocks for row in block.rows))


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
