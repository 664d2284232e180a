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
from accelsim.tables import frame_of, write_csv
from models.robust.make_networks import checkpoint_of
from models.robust.robust_plan import Row, Study
from models.robust.robust_tables import WORST
from models.study.accuracies import NUMBERS, Numbers, is_bounded, paired, wilson, worst_case
from models.study.masking_signs import gaps_of, signs_of, write_doubts
from models.study.records import AttackRecord, Correct
from models.study.subject import load_subject, network_layers, variant_bitops
from models.study.variants import Variant

RESULTS, COMMON, WARNINGS = "results.csv", "common.csv", "warnings.txt"
AUTOATTACK = "autoattack"
DIFFERENCE = ("difference", "difference_low", "difference_high")
_FORMATS = dict.fromkeys((*NUMBERS, "low", "high", *DIFFERENCE), ".2f")

Line = dict[str, object]
"""A line of results.csv by column: accuracies in per cent, differences in points."""


def write_results(study: Study, out: Path) -> list[Path]:
    """Write results.csv, common.csv and warnings.txt in `out`, the last two where there is something to say.

    Raises:
        AccelsimError: Nothing is measured yet.
    """
    measured = StudyRecords(study, out)
    lines = measured.results()
    if not lines:
        raise AccelsimError(f"{out}: no record of the plan's rows; measure first")
    written = [write_csv(frame_of(lines), out / RESULTS, formats=_FORMATS)]
    if alike := measured.common():
        written.append(write_csv(frame_of(alike), out / COMMON, formats=_FORMATS))
    told = measured.warnings()
    write_doubts(out / WARNINGS, told)
    return [*written, out / WARNINGS] if told else written


class StudyRecords:
    """All records of a study's rows: as many images per attack as the plan asks for, or fewer.

    Attributes:
        rows: Row to which draws classify each image correctly, by attack; in the plan's order.
    """

    def __init__(self, study: Study, out: Path) -> None:
        self._study, self._out = study, out
        blocks = study.plan.evaluation.blocks
        self.rows = {study.plan.row(text): self._correct_of(text) for block in blocks for text in block.rows}
        self._reference = study.plan.row(study.plan.evaluation.reference)
        self._bitops: dict[Row, int | None] = {}

    def results(self) -> list[Line]:
        """Return a line for each record, and for the worst case of each row; every record of an image or more counts.

        low and high are the 95 % interval of the mean (Wilson's), for the number of images alone. difference has its own
        interval: to the reference under the same attack, on the images of both.
        """
        lines: list[Line] = []
        reference = self._correct_of(self._study.plan.evaluation.reference)
        for row, correct in self.rows.items():
            for name, each in correct.items():
                other = None if row == self._reference else reference.get(name)
                lines.append(self._line(row, name, Numbers.of(each), each) | _difference(each, other))
            bounded = _bounded(correct)
            if (case := worst_case(bounded)) is not None:
                lines.append(self._line(row, WORST, case, next(iter(bounded.values()))))
        return lines

    def common(self) -> list[Line]:
        """Return lines for rows that can be compared cell by cell: of the same images, under the same attacks.

        Rows that have met AutoAttack, the attacks that all of these have met, the images that all have been met on.
        """
        known = {row: correct for row, correct in self.rows.items() if AUTOATTACK in correct}
        if not known:
            return []
        first = next(iter(known.values()))
        attacks = [name for name in first if all(name in correct for correct in known.values())]
        images = min(len(correct[name]) for correct in known.values() for name in attacks)
        lines: list[Line] = []
        for row, correct in known.items():
            part = {name: correct[name][:images] for name in attacks}
            lines += [self._line(row, name, Numbers.of(each), each) for name, each in part.items()]
            if (case := worst_case(part)) is not None:
                lines.append(self._line(row, WORST, case, part[AUTOATTACK]))
        return lines

    def warnings(self) -> list[str]:
        """Return what makes the accuracies doubtful, row by row; of attacks on the same images each time."""
        told = []
        for row, correct in self.rows.items():
            for images in sorted({len(each) for each in correct.values()}, reverse=True):
                part = {name: each[:images] for name, each in correct.items() if len(each) >= images}
                told += [f"{row.name}, {images} images: {sign}" for sign in signs_of(part)]
            if correct:
                is_random = any(len(each[0]) > 1 for each in correct.values())
                is_approximated = not Variant.parse(row.variant).scheme.is_dense
                told += [f"{row.name}: {gap}" for gap in gaps_of(correct, is_random, is_approximated)]
        return told

    def _correct_of(self, text: str) -> dict[str, Correct]:
        row = self._study.plan.row(text)
        folder = self._out / "evaluation" / row.network / "records"
        found: dict[str, Correct] = {}
        for block in self._study.plan.evaluation.blocks:
            for attack in block.all_attacks() if text in block.rows else ():
                path = AttackRecord.path_of(folder, row.variant, attack.name)
                correct = AttackRecord.read(path).correct if path.is_file() else []
                if correct:
                    longest = max(block.images, len(found.get(attack.name, ())))
                    found[attack.name] = correct[:longest]
        return found

    def _line(self, row: Row, attack: str, numbers: Numbers, correct: Correct) -> Line:
        low, high = wilson(numbers.mean / 100, len(correct))
        return {
            "row": row.name,
            "network": row.network,
            "variant": row.variant,
            "attack": attack,
            "images": len(correct),
            "draws": len(correct[0]),
            **{name: getattr(numbers, name) for name in NUMBERS},
            "low": 100 * low,
            "high": 100 * high,
            **dict.fromkeys(DIFFERENCE),
            "bitops": self._bitops_of(row),
        }

    def _bitops_of(self, row: Row) -> int | None:
        """Return the BitOPs of one image; None where the accounting has no word for it."""
        if row not in self._bitops:
            subject = load_subject(checkpoint_of(self._out, self._study, row.network))
            self._bitops[row] = None
            # Others are baselines with random layers.
            if subject.is_converted or subject.network == self._study.training.network:
                layers = network_layers(subject, to_float(torch.zeros(1, 3, 32, 32, dtype=torch.uint8)))
                self._bitops[row] = variant_bitops(layers, Variant.parse(row.variant))
        return self._bitops[row]


def _difference(correct: Correct, reference: Correct | None) -> Line:
    images = min(len(correct), len(reference or ()))
    if reference is None or images < 2:
        return {}
    ours, theirs = ([sum(image) / len(image) for image in each[:images]] for each in (correct, reference))
    return dict(zip(DIFFERENCE, (100 * value for value in paired(ours, theirs)), strict=True))


def _bounded(correct: Mapping[str, Correct]) -> dict[str, Correct]:
    """Return the attacks bounded by the paper's eps, all of as many images: an attack leaves what it has not seen correct.

    Each image then answers to the attacks that it has met, and the worst case is never above that of fewer attacks.
    """
    bounded = {name: each for name, each in correct.items() if is_bounded(attack_named(name))}
    images = max((len(each) for each in bounded.values()), default=0)
    return {name: [*each, *[(True,) * len(each[0])] * (images - len(each))] for name, each in bounded.items()}
