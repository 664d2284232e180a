"""Attack the rows of a study.

Every record is of one attack on one row, so several processes may measure different networks into the same folder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from accelsim.nn.base.device import torch_device
from accelsim.nn.data.cifar import ImageSet
from models.robust.make_networks import Say, checkpoint_of, timed
from models.robust.robust_plan import AT, Block, Row, Study
from models.study.attack_runs import AttackPlan, evaluate
from models.study.subject import Subject, calibration_batches, load_subject
from models.study.variants import Variant

Images = Callable[[bool], ImageSet]
"""True to the training images of the study's data set, False to its test images."""


def measure(study: Study, names: Sequence[str], images: Images, out: Path, device: str, say: Say) -> None:
    """Run the blocks of the plan, in order, on the rows whose network is one of `names`; resumes batch by batch.

    Networks that are not made yet are left out, and told.
    """
    bench = _Rows(study, images, out, device, say)
    for block in study.plan.evaluation.blocks:
        for text in block.rows:
            row = study.plan.row(text)
            if row.network in names:
                bench.run(block, row)


class _Rows:
    """Loads a checkpoint when a row first needs it, and keeps the last."""

    def __init__(self, study: Study, images: Images, out: Path, device: str, say: Say) -> None:
        self._study, self._images, self._out, self._say = study, images, out, say
        self._test = images(False)
        self._device = torch_device(device)
        self._loaded: tuple[str, Subject] | None = None

    def run(self, block: Block, row: Row) -> None:
        path = checkpoint_of(self._out, self._study, row.network)
        if not path.is_file():
            self._say(f"{row.name}: left out, {path} is not made yet")
            return
        how, attacks = self._study.plan.evaluation, block.all_attacks()
        variant = Variant.parse(row.variant)
        records = self._out / "evaluation" / row.network
        plan = AttackPlan(
            records, attacks, (variant,), block.images, how.batch, how.draws, how.seed, how.pool
        )
        calibration = []
        if variant.projection == "refit":
            calibration = calibration_batches(self._images(True), how.calibration, how.seed, self._device)
        substitute = None
        if any(attack.transfer for attack in attacks):
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
