"""Evaluations: what is measured, resumed, refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.nn.attacks import PGD
from accelsim.nn.attacks.catalogue import attack_named, attacks_of
from accelsim.nn.attacks.target import Target
from accelsim.nn.baselines.rse import with_noise_layers
from accelsim.nn.data.cifar import ImageSet, to_float
from accelsim.nn.injection.conversion import convert
from accelsim.nn.injection.distillation import distill
from accelsim.trace import Scheme
from models.study.attack_runs import AttackPlan, evaluate
from models.study.records import AttackRecord
from models.study.subject import Subject
from models.study.variants import Variant


@pytest.fixture
def data(labelled: tuple[Tensor, Tensor]) -> ImageSet:
    return ImageSet((labelled[0] * 255).round().to(torch.uint8), labelled[1])


@pytest.fixture
def subject(classifier: nn.Module, labelled: tuple[Tensor, Tensor]) -> Subject:
    model = convert(classifier, Scheme.dense(), form="patch", k_ratio=0.5, seed=2)
    distill(model, labelled[0].split(50))
    return Subject(model.eval(), "classifier", "0" * 64)


def plan(out: Path, attacks: str, variants: str, **more: int) -> AttackPlan:
    chosen = tuple(map(Variant.parse, variants.split(",")))
    return AttackPlan(
        out, attacks_of(attacks.split(",")), chosen, **({"images": 40, "batch": 16, "draws": 3} | more)
    )


def test_results_are_those_of_the_attack(tmp_path: Path, subject: Subject, data: ImageSet) -> None:
    found = evaluate(plan(tmp_path, "clean,fgsm", "dense,unstructured-70"), subject, data)
    x, labels = to_float(data.images[:40]), data.labels[:40]
    for scheme, results in zip(
        ("dense", "unstructured-70"), (found.results[:2], found.results[2:]), strict=True
    ):
        network = Variant.parse(scheme).network(subject.model, (), 0)
        target = Target(network)
        attacked = attack_named("fgsm")(target, target, x, labels, torch.Generator())
        for result, images in zip(results, (x, attacked), strict=True):
            accuracy = 100 * float((network(images).argmax(1) == labels).double().mean())
            assert result.numbers.one == result.numbers.worst == pytest.approx(accuracy) and result.draws == 1
        assert results[1].mean_l2 == pytest.approx(
            float((attacked - x).flatten(1).norm(dim=1).mean()), rel=0.1
        )
    assert found.worst["dense"] == found.results[1].numbers  # an attack never helps here


VARIANTS = "unstructured-70+random,unstructured-70+projected"


def test_stopped_and_resumed_equals_unbroken(tmp_path: Path, subject: Subject, data: ImageSet) -> None:
    whole = plan(tmp_path / "whole", "clean,pgd2,eot2-pgd2", VARIANTS)
    evaluate(whole, subject, data)
    broken = plan(tmp_path / "broken", "clean,pgd2,eot2-pgd2", VARIANTS)
    said: list[str] = []

    def stop(text: str) -> None:
        said.append(text)
        if "s to go" in text:
            raise KeyboardInterrupt

    for _ in range(60):
        try:
            evaluate(broken, subject, data, say=stop)
            break
        except KeyboardInterrupt:
            continue
    # Six attacks of three batches; two of the three tell of what is left.
    assert sum("s to go" in text for text in said) == 12
    files = sorted(path.name for path in (tmp_path / "whole" / "records").iterdir())
    assert len(files) == 6
    for name in files:
        mine, other = (tmp_path / each / "records" / name for each in ("whole", "broken"))
        assert mine.read_bytes() == other.read_bytes()


def test_more_images_go_on_with_the_same_ones(tmp_path: Path, subject: Subject, data: ImageSet) -> None:
    few = evaluate(plan(tmp_path, "pgd2", "unstructured-70+random", images=20), subject, data)
    more = evaluate(plan(tmp_path, "pgd2", "unstructured-70+random", images=60), subject, data)
    fresh = evaluate(plan(tmp_path / "f", "pgd2", "unstructured-70+random", images=60), subject, data)
    assert more.results == fresh.results and few.results[0].images == 20
    again = evaluate(plan(tmp_path, "pgd2", "unstructured-70+random", images=20), subject, data)
    assert again.results[0].numbers == few.results[0].numbers


def test_a_random_network_is_judged_by_fresh_draws(
    tmp_path: Path, classifier: nn.Module, data: ImageSet
) -> None:
    noisy = with_noise_layers(nn.Sequential(*copy.deepcopy(classifier)), "add", first=0.5, others=0.5).eval()
    found = evaluate(plan(tmp_path, "clean", "dense", images=96, draws=8), Subject(noisy, "n", "1"), data)
    numbers = found.results[0].numbers
    assert found.results[0].draws == 8 and numbers.worst < numbers.mean < 100.0


def test_other_settings_are_refused_by_name(tmp_path: Path, subject: Subject, data: ImageSet) -> None:
    evaluate(plan(tmp_path, "fgsm", "dense"), subject, data)
    with pytest.raises(
        AccelsimError, match=r"dense--fgsm\.json: of another batch, data_sha256; give another --out"
    ):
        evaluate(plan(tmp_path, "fgsm", "dense", batch=8), subject, data)
    with pytest.raises(AccelsimError, match="of another weights_sha256"):
        evaluate(plan(tmp_path, "fgsm", "dense"), Subject(subject.model, "classifier", "1" * 64), data)
    path = tmp_path / "records" / "dense--fgsm.json"
    for damaged in ("", "[]", json.dumps({"head": {}, "rights": 3, "distances": []})):
        path.write_text(damaged)
        with pytest.raises(AccelsimError, match="not a record of an evaluation"):
            evaluate(plan(tmp_path, "fgsm", "dense"), subject, data)


def test_refused_before_anything_runs(
    tmp_path: Path, subject: Subject, classifier: nn.Module, data: ImageSet
) -> None:
    plain = Subject(classifier, "c", "2")
    for wrong, message, who in (
        (plan(tmp_path, "fgsm", "dense", images=101), "images is 101, must be 1 to 100", subject),
        (plan(tmp_path, "fgsm", "dense", draws=0), "draws is 0", subject),
        (plan(tmp_path, "fgsm", "dense,nm-1of8"), "'nm-1of8': the checkpoint is not converted", plain),
        (plan(tmp_path, "transfer-pgd2", "dense"), "give a --substitute", plain),
    ):
        with pytest.raises(AccelsimError, match=message):
            evaluate(wrong, who, data)
    other = ImageSet(data.images, data.labels + 1)
    with pytest.raises(AccelsimError, match="tells 5 classes apart, the images have labels up to 5"):
        evaluate(plan(tmp_path, "fgsm", "dense"), subject, other)
    assert not list(tmp_path.iterdir())


OF_FORMAT_1 = {
    "fgsm": {"method": "fgsm", "budget": {"eps": 8 / 255, "step": 8 / 255, "steps": 1, "momentum": 1.0}},
    "eot2-bpda-pgd3-margin-r2@4": {
        "method": "pgd",
        "budget": {"eps": 4 / 255, "step": 2 / 255, "steps": 3, "momentum": 1.0},
        "draws": 2,
        "restarts": 2,
        "loss": "margin",
        "bpda": True,
    },
    "transfer-mifgsm": {
        "method": "mifgsm",
        "budget": {"eps": 8 / 255, "step": 2 / 255, "steps": 5, "momentum": 1.0},
        "transfer": True,
    },
}
SIGN_DEFAULTS = {
    "kind": "SignAttack",
    "draws": 1,
    "restarts": 1,
    "loss": "cross-entropy",
    "bpda": False,
    "transfer": False,
}


@pytest.mark.parametrize("name", [*OF_FORMAT_1, "clean", "cw-l2", "eot4-square"])
def test_a_record_of_the_first_format_goes_on(
    tmp_path: Path, subject: Subject, data: ImageSet, name: str
) -> None:
    """Heads as commit f19d6c2 wrote them: parameters in two levels, under the names that its classes had."""
    older = {
        "clean": {},
        "cw-l2": {
            "kind": "CarliniWagner",
            "c": 1e-4,
            "confidence": 0.0,
            "lr": 0.01,
            "steps": 1000,
            "draws": 1,
        },
        "eot4-square": {"kind": "Square", "eps": 8 / 255, "queries": 5000, "share": 0.8, "draws": 4},
    } | {each: SIGN_DEFAULTS | parameters for each, parameters in OF_FORMAT_1.items()}
    path = AttackRecord.path_of(tmp_path / "records", "dense", name)
    found = {
        "format": 1,
        "network": "classifier",
        "weights_sha256": "0" * 64,
        "data_sha256": "",
        "variant": "dense",
        "attack": name,
        "parameters": older[name],
        "batch": 16,
        "draws": 1,
        "seed": 0,
    }
    path.parent.mkdir()
    path.write_text(json.dumps({"head": found, "rights": ["1", "0"], "distances": [[0.5, 2]]}))
    record = AttackRecord.read(path)
    assert record.head == found | {"format": 2, "parameters": attack_named(name).parameters()}
    assert record.correct == [(True,), (False,)] and record.mean_l2 == 0.5
    AttackRecord.open(path, record.head)
    if "eps" in attack_named(name).parameters():
        other = json.loads(path.read_text().replace(str(attack_named(name).eps), "0.5"))
        path.write_text(json.dumps(other))
        with pytest.raises(AccelsimError, match="of another parameters; give another --out"):
            AttackRecord.open(path, record.head)


class Broken(nn.Module):
    """Right on clean images; NaN, or an infinite gradient, on others."""

    def __init__(self, network: nn.Module, clean: Tensor, logits: float) -> None:
        super().__init__()
        self.network, self.clean, self.logits = network, clean, logits

    def forward(self, x: Tensor) -> Tensor:
        if x.requires_grad:
            return self.network(x) * (x - x).sqrt().sum()  # the derivative at 0 is infinite
        return self.network(x) + (0.0 if torch.equal(x, self.clean[: len(x)]) else self.logits)


def test_numbers_that_mean_nothing_are_refused(
    tmp_path: Path, classifier: nn.Module, data: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest of NaNs is class 0, and the sign of NaN is 0, no attack at all: both would be counted as results."""
    clean = to_float(data.images)
    broken = Subject(Broken(classifier, clean, float("nan")).eval(), "b", "3")
    one = plan(tmp_path, "clean", "dense", images=16)
    evaluate(one, broken, data)
    with pytest.raises(AccelsimError, match="the network's gradients are not all finite"):
        evaluate(plan(tmp_path, "fgsm", "dense", images=16), broken, data)
    monkeypatch.setattr(PGD, "perturb", lambda self, target, x, *rest: x + 1e-3 * (x < 0.5))
    with pytest.raises(AccelsimError, match="logits are not all finite"):
        evaluate(plan(tmp_path, "pgd3", "dense", images=16), broken, data)
    monkeypatch.setattr(PGD, "perturb", lambda self, target, x, *rest: x + 0.2 * (x < 0.5))
    with pytest.raises(
        AccelsimError, match=r"attack pgd4: gave .* beyond its eps \(largest change 51\.000/255\)"
    ):
        evaluate(plan(tmp_path, "pgd4", "dense", images=16), broken, data)
    assert len(list((tmp_path / "records").iterdir())) == 1
