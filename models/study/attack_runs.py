"""Run every attack on every variant of a checkpoint, batch by batch, going on where an earlier call stopped."""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.interrupt import stop_if_pressed
from accelsim.nn.attacks.catalogue import NamedAttack
from accelsim.nn.attacks.target import Target
from accelsim.nn.base.device import device_of
from accelsim.nn.base.random_module import reseed
from accelsim.nn.data.cifar import ImageSet, to_float
from accelsim.nn.injection.converted_checkpoint import tensors_sha256
from models.study.accuracies import Numbers, Result, worst_case
from models.study.masking_signs import doubts_of
from models.study.records import FORMAT, AttackRecord, Json
from models.study.subject import Subject
from models.study.variants import Variant

Say = Callable[[str], None]


@dataclass(frozen=True)
class AttackPlan:
    """What one call computes.

    Attributes:
        out: Folder of the records.
        attacks: Run on every variant.
        variants: Of the subject.
        images: The first so many.
        batch: Images at a time.
        draws: Fresh draws of the noise that each attacked image is judged by.
        seed: Of every draw, with variant, attack and batch.
        pool: Draws of P of a redrawn variant.
    """

    out: Path
    attacks: tuple[NamedAttack, ...]
    variants: tuple[Variant, ...]
    images: int
    batch: int = 100
    draws: int = 10
    seed: int = 0
    pool: int = 8


@dataclass(frozen=True)
class Measurements:
    """Everything measured: results in the order of the plan, the worst case by variant, warnings."""

    results: list[Result]
    worst: dict[str, Numbers | None]
    warnings: list[str]


def evaluate(
    plan: AttackPlan,
    subject: Subject,
    data: ImageSet,
    *,
    substitute: nn.Module | None = None,
    calibration: Sequence[Tensor] = (),
    say: Say = lambda text: None,
) -> Measurements:
    """Attack the first `plan.images` of `data` on every variant; a record for each in `plan.out`.

    Args:
        plan: What to run.
        subject: The checkpoint.
        data: Test images.
        substitute: What transfer attacks take gradients of; by default a converted subject without its noise.
        calibration: Images for variants that refit.
        say: Told of progress.

    Raises:
        AccelsimError: The plan cannot run; raised before anything has run.
    """
    _check(plan, subject, data, substitute)
    if substitute is None:
        substitute = Variant.parse("dense").network(subject.model) if subject.is_converted else subject.model
    bench = _Common(plan, subject, data, Target(substitute), calibration, say)
    results, worst, warnings = [], {}, []
    for variant in plan.variants:
        run = _VariantRun(bench, variant)
        correct, zeros = {}, {}
        for attack in plan.attacks:
            record = run.record(attack)
            correct[attack.name] = record.correct[: plan.images]
            numbers, draws = Numbers.of(correct[attack.name]), len(record.correct[0])
            ensemble = None if record.ensemble is None else 100 * fmean(record.ensemble[: plan.images])
            results.append(
                Result(variant.name, attack.name, plan.images, draws, numbers, record.mean_l2, ensemble)
            )
            zeros[attack.name] = (record.zero_gradients or 0, len(record.correct))
            say(
                f"{variant.name} {attack.name}: one {numbers.one:.2f} mean {numbers.mean:.2f} "
                f"worst {numbers.worst:.2f} %"
            )
        worst[variant.name] = worst_case(correct)
        warnings += doubts_of(
            variant.name,
            correct,
            is_random=run.is_random,
            is_approximated=not variant.scheme.is_dense,
            zeros=zeros,
        )
    return Measurements(results, worst, warnings)


def _check(plan: AttackPlan, subject: Subject, data: ImageSet, substitute: nn.Module | None) -> None:
    """Raise AccelsimError for what would fail later."""
    for name, value, most in (
        ("images", plan.images, len(data)),
        ("batch", plan.batch, 10_000),
        ("draws", plan.draws, 10_000),
        ("pool", plan.pool, 1000),
    ):
        if not 1 <= value <= most:
            raise AccelsimError(f"evaluation: {name} is {value}, must be 1 to {most}")
    if not plan.attacks or not plan.variants:
        raise AccelsimError("evaluation: no attack or no variant; name at least one of each")
    first = to_float(data.images[:1].to(device_of(subject.model)))
    classes = int(Target(subject.model).logits(first).shape[1])
    if int(data.labels.max()) >= classes:
        raise AccelsimError(
            f"evaluation: network {subject.network} tells {classes} classes apart, the images have labels up to "
            f"{int(data.labels.max())}; is it of another data set?"
        )
    for attack in plan.attacks:
        attack.attack.require()
        if attack.transfer and substitute is None and not subject.is_converted:
            raise AccelsimError(f"attack {attack.name}: the checkpoint is not converted; give a --substitute")
    for variant in plan.variants:
        if not subject.is_converted and not variant.scheme.is_dense:
            raise AccelsimError(
                f"variant {variant.name!r}: the checkpoint is not converted, so it must be 'dense'"
            )


@dataclass(frozen=True)
class _Common:
    """What all variants and attacks of a call have in common."""

    plan: AttackPlan
    subject: Subject
    data: ImageSet
    substitute: Target
    calibration: Sequence[Tensor]
    say: Say


class _VariantRun:
    """All attacks on one variant; its network is built when one is first run, not where all records are complete."""

    def __init__(self, bench: _Common, variant: Variant) -> None:
        self._bench, self._variant = bench, variant
        self._device = device_of(bench.subject.model)

    @cached_property
    def is_random(self) -> bool:
        """Whether the network draws at every pass."""
        return self._variant.is_random(self._bench.subject.model)

    @cached_property
    def _target(self) -> Target:
        plan, model = self._bench.plan, self._bench.subject.model
        return Target(self._variant.network(model, self._bench.calibration, plan.seed, plan.pool))

    def record(self, attack: NamedAttack) -> AttackRecord:
        """Return the record of one attack, completed."""
        plan, say, name = self._bench.plan, self._bench.say, self._variant.name
        draws = plan.draws if self.is_random else 1
        path = AttackRecord.path_of(plan.out / "records", name, attack.name)
        record = AttackRecord.open(path, self._head(attack, draws))
        started, before = time.monotonic(), len(record.correct)
        for first in range(before, plan.images, plan.batch):
            stop_if_pressed()
            self._add_batch(record, attack, first, draws)
            done = len(record.correct)
            if done < plan.images:
                left = (time.monotonic() - started) / (done - before) * (plan.images - done)
                say(f"{name} {attack.name}: {done}/{plan.images} images, {left:.0f} s to go")
        return record

    def _add_batch(self, record: AttackRecord, attack: NamedAttack, first: int, draws: int) -> None:
        """Attack the batch that begins with image `first`, judge it, and save the record."""
        plan, data, substitute = self._bench.plan, self._bench.data, self._bench.substitute
        # Whole batches, so that a call for more images goes on with the same ones.
        part = slice(first, min(first + plan.batch, len(data)))
        x = to_float(data.images[part].to(self._device)).contiguous(memory_format=torch.channels_last)
        labels = data.labels[part].to(self._device)
        stream = _stream(plan.seed, self._variant.name, attack.name, first)
        target = self._target
        zero = None
        if attack.box == "white" and attack.attack.needs_gradient:
            seen = Target(target.network, attack.draws, attack.treatment)
            zero = int(seen.has_zero_gradient(x, labels).sum())
        reseed(target.network, stream)
        reseed(substitute.network, stream)
        attacked = attack(target, substitute, x, labels, torch.Generator().manual_seed(stream))
        # Draws that the attack cannot have seen.
        reseed(target.network, stream ^ 1)
        judged, ensemble = target.judged(attacked, labels, draws)
        correct = [tuple(image) for image in judged.tolist()]
        distance = float((attacked - x).flatten(1).norm(dim=1).mean())
        record.add(correct, distance, ensemble.tolist(), zero)

    def _head(self, attack: NamedAttack, draws: int) -> Json:
        """Return everything that decides a record."""
        plan, subject = self._bench.plan, self._bench.subject
        head = {
            "format": FORMAT,
            "network": subject.network,
            "weights_sha256": subject.sha256,
            "data_sha256": _images_sha256([self._bench.data.images[: plan.batch]]),
            "variant": self._variant.name,
            "attack": attack.name,
            "parameters": attack.parameters(),
            "batch": plan.batch,
            "draws": draws,
            "seed": plan.seed,
        }
        if self._variant.projection != "fixed":
            head["pool"] = plan.pool
        if self._variant.projection == "refit":
            head["calibration_sha256"] = _images_sha256(self._bench.calibration)
        if attack.transfer:
            head["substitute_sha256"] = tensors_sha256(dict(self._bench.substitute.network.state_dict()))
        return head


def _images_sha256(batches: Sequence[Tensor]) -> str:
    digest = hashlib.sha256()
    for batch in batches:
        digest.update(batch.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _stream(seed: int, variant: str, attack: str, first: int) -> int:
    """Return a seed for one batch: below 2^31, even."""
    return zlib.crc32(f"{seed}/{variant}/{attack}/{first}".encode()) & 0x7FFFFFFE
