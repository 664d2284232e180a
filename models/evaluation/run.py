"""Run every attack on every variant of a checkpoint, batch by batch, going on where an earlier call stopped."""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.interrupt import stop_if_pressed
from accelsim.nn.attacks.attack import Attack
from accelsim.nn.attacks.autoattack import AutoAttack, require_autoattack
from accelsim.nn.attacks.target import Target
from accelsim.nn.clean_accuracy import load_trained
from accelsim.nn.data.cifar import ImageSet, to_float
from accelsim.nn.device import device_of
from accelsim.nn.injection.conversion import non_essential_layers
from accelsim.nn.injection.converted_checkpoint import load_converted, tensors_sha256
from accelsim.nn.random_module import reseed
from accelsim.nn.tensor_files import load_tensors
from models.evaluation.doubts import doubts_of
from models.evaluation.record import Record
from models.evaluation.tables import Numbers, Result, worst_case
from models.evaluation.variants import Variant

FORMAT = 1
"""Of the records; goes up when the same settings would give other results."""

_ROUNDING = 1e-5
"""Of pixels, in float32: x + eps - x is not eps."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Subject:
    """A checkpoint as loaded: converted, or trained without conversion (a baseline, or the undefended network)."""

    model: nn.Module
    network: str
    sha256: str

    @property
    def is_converted(self) -> bool:
        """Whether any layer is approximated."""
        return any(True for _ in non_essential_layers(self.model))


def load_subject(path: Path | str) -> Subject:
    """A converted checkpoint or a training checkpoint, in eval mode. Raises AccelsimError for anything else."""
    tensors, metadata = load_tensors(path)
    if "layers" in metadata:
        converted = load_converted(path)
        return Subject(converted.model, converted.network, converted.weights_sha256)
    model, network = load_trained(path)
    return Subject(model, network, tensors_sha256(tensors))


@dataclass(frozen=True)
class Plan:
    """What one call computes.

    draws: fresh draws of the noise that each attacked image is judged by. pool: draws of P of a redrawn variant.
    """

    out: Path
    attacks: tuple[Attack, ...]
    variants: tuple[Variant, ...]
    images: int
    batch: int = 100
    draws: int = 10
    seed: int = 0
    pool: int = 8


@dataclass(frozen=True)
class Evaluation:
    """Everything measured: results in the order of the plan, the worst case by variant, warnings."""

    results: list[Result]
    worst: dict[str, Numbers | None]
    warnings: list[str]


def evaluate(
    plan: Plan,
    subject: Subject,
    data: ImageSet,
    *,
    substitute: nn.Module | None = None,
    calibration: Sequence[Tensor] = (),
    say: Say = lambda text: None,
) -> Evaluation:
    """Attack the first `plan.images` of `data` on every variant; a record for each in `plan.out`.

    substitute: what transfer attacks take gradients of; by default a converted subject without its noise.
    calibration: images for variants that refit. Every draw is a function of plan.seed, variant, attack and batch.
    Raises AccelsimError for a plan that cannot run, before anything has run.
    """
    check(plan, subject, data, substitute)
    if substitute is None:
        substitute = Variant.parse("dense").network(subject.model) if subject.is_converted else subject.model
    bench = _Bench(plan, subject, data, Target(substitute), calibration, say)
    results, worst, warnings = [], {}, []
    for variant in plan.variants:
        model = _Lazy(variant, plan, subject, calibration)
        rights = {}
        for attack in plan.attacks:
            record = bench.run(variant, attack, model)
            rights[attack.name] = record.rights[: plan.images]
            numbers = Numbers.of(rights[attack.name])
            total = sum(count for _, count in record.distances)
            mean_l2 = sum(mean * count for mean, count in record.distances) / total
            draws = len(record.rights[0])
            results.append(Result(variant.name, attack.name, plan.images, draws, numbers, mean_l2))
            say(
                f"{variant.name} {attack.name}: one {numbers.one:.2f} mean {numbers.mean:.2f} "
                f"worst {numbers.worst:.2f} %"
            )
        worst[variant.name] = worst_case(rights)
        warnings += doubts_of(
            variant.name,
            rights,
            is_random=variant.is_random(subject.model),
            is_approximated=not variant.scheme.is_dense,
        )
    return Evaluation(results, worst, warnings)


def check(plan: Plan, subject: Subject, data: ImageSet, substitute: nn.Module | None) -> None:
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
    classes = _classes(subject.model, data)
    if int(data.labels.max()) >= classes:
        raise AccelsimError(
            f"evaluation: network {subject.network} tells {classes} classes apart, the images have labels up to "
            f"{int(data.labels.max())}; is it of another data set?"
        )
    for attack in plan.attacks:
        if isinstance(attack.setting, AutoAttack):
            require_autoattack()
        if attack.needs_substitute and substitute is None and not subject.is_converted:
            raise AccelsimError(f"attack {attack.name}: the checkpoint is not converted; give a --substitute")
    for variant in plan.variants:
        if not subject.is_converted and not variant.scheme.is_dense:
            raise AccelsimError(
                f"variant {variant.name!r}: the checkpoint is not converted, so it must be 'dense'"
            )


def _classes(model: nn.Module, data: ImageSet) -> int:
    x = to_float(data.images[:1].to(device_of(model)))
    return int(Target(model).logits(x).shape[1])


class _Lazy:
    """A variant's network, built when it is first run: a call that finds all records complete builds none."""

    def __init__(self, variant: Variant, plan: Plan, subject: Subject, calibration: Sequence[Tensor]) -> None:
        self._build: Callable[[], nn.Module] = lambda: variant.network(
            subject.model, calibration, plan.seed, plan.pool
        )
        self._network: nn.Module | None = None

    def __call__(self) -> nn.Module:
        if self._network is None:
            self._network = self._build()
        return self._network


@dataclass(frozen=True)
class _Bench:
    """What all variants and attacks of a call have in common."""

    plan: Plan
    subject: Subject
    data: ImageSet
    substitute: Target
    calibration: Sequence[Tensor]
    say: Say

    def run(self, variant: Variant, attack: Attack, model: _Lazy) -> Record:
        """The record of one attack on one variant, completed."""
        plan, data = self.plan, self.data
        draws = plan.draws if variant.is_random(self.subject.model) else 1
        path = Record.path_of(plan.out / "records", variant.name, attack.name)
        record = Record.open(path, self._head(variant, attack, draws))
        device = device_of(self.subject.model)
        started, before = time.monotonic(), len(record.rights)
        for first in range(before, plan.images, plan.batch):
            stop_if_pressed()
            # Whole batches, so that a call for more images goes on with the same ones.
            part = slice(first, min(first + plan.batch, len(data)))
            x = to_float(data.images[part].to(device)).contiguous(memory_format=torch.channels_last)
            labels = data.labels[part].to(device)
            stream = _stream(plan.seed, variant.name, attack.name, first)
            target = Target(model())
            reseed(target.network, stream)
            reseed(self.substitute.network, stream)
            attacked = attack(target, self.substitute, x, labels, torch.Generator().manual_seed(stream))
            _check_images(attack, x, attacked)
            # Draws that the attack cannot have seen.
            reseed(target.network, stream ^ 1)
            rights = [tuple(image) for image in target.right(attacked, labels, draws).tolist()]
            record.add(rights, float((attacked - x).flatten(1).norm(dim=1).mean()))
            done = len(record.rights)
            if done < plan.images:
                left = (time.monotonic() - started) / (done - before) * (plan.images - done)
                self.say(f"{variant.name} {attack.name}: {done}/{plan.images} images, {left:.0f} s to go")
        return record

    def _head(self, variant: Variant, attack: Attack, draws: int) -> dict[str, Any]:
        """Everything that decides a record, as JSON."""
        plan, subject = self.plan, self.subject
        head = {
            "format": FORMAT,
            "network": subject.network,
            "weights_sha256": subject.sha256,
            "data_sha256": _images_sha256([self.data.images[: plan.batch]]),
            "variant": variant.name,
            "attack": attack.name,
            "parameters": attack.parameters(),
            "batch": plan.batch,
            "draws": draws,
            "seed": plan.seed,
        }
        if variant.projection != "fixed":
            head["pool"] = plan.pool
        if variant.projection == "refit":
            head["calibration_sha256"] = _images_sha256(self.calibration)
        if attack.needs_substitute:
            head["substitute_sha256"] = tensors_sha256(dict(self.substitute.network.state_dict()))
        return head


def _check_images(attack: Attack, x: Tensor, attacked: Tensor) -> None:
    """Nothing outside its budget is ever counted, whoever wrote the attack. Raises AccelsimError."""
    most = torch.inf if attack.eps is None else attack.eps + _ROUNDING
    change = float((attacked - x).abs().amax())
    # Written so that a NaN fails.
    if not (change <= most and float(attacked.amin()) >= 0.0 and float(attacked.amax()) <= 1.0):
        raise AccelsimError(
            f"attack {attack.name}: gave images that are not finite, outside [0, 1] or beyond its eps (largest change "
            f"{255 * change:.3f}/255)"
        )


def _images_sha256(batches: Sequence[Tensor]) -> str:
    digest = hashlib.sha256()
    for batch in batches:
        digest.update(batch.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _stream(seed: int, variant: str, attack: str, first: int) -> int:
    """A seed for one batch: below 2^31, even."""
    return zlib.crc32(f"{seed}/{variant}/{attack}/{first}".encode()) & 0x7FFFFFFE
