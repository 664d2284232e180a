"""Evaluations: what is measured, resumed, refused; the command on invented files and on the bundled network."""

from __future__ import annotations

import copy
import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from accelsim.bitops.accounting import layer_bitops
from accelsim.errors import AccelsimError
from accelsim.nn.attacks.catalogue import attack_named
from accelsim.nn.attacks.target import Target
from accelsim.nn.baselines.rse import with_noise_layers
from accelsim.nn.data import cifar_layout
from accelsim.nn.data.cifar import ImageSet, to_float
from accelsim.nn.injection.conversion import convert
from accelsim.nn.injection.converted_checkpoint import round_weights, save_converted
from accelsim.nn.injection.distillation import distill
from accelsim.nn.networks import NETWORKS
from accelsim.nn.tensor_files import save_tensors
from accelsim.trace import Scheme, open_trace
from models.evaluation.__main__ import attacks_of, main
from models.evaluation.run import Plan, Subject, evaluate
from models.evaluation.variants import Variant

ROOT = Path(__file__).parents[3]


@pytest.fixture
def data(labelled: tuple[Tensor, Tensor]) -> ImageSet:
    return ImageSet((labelled[0] * 255).round().to(torch.uint8), labelled[1])


@pytest.fixture
def subject(classifier: nn.Module, labelled: tuple[Tensor, Tensor]) -> Subject:
    model = convert(classifier, Scheme.dense(), k_ratio=0.5, seed=2)
    distill(model, labelled[0].split(50))
    return Subject(model.eval(), "classifier", "0" * 64)


def plan(out: Path, attacks: str, variants: str, **more: int) -> Plan:
    chosen = tuple(map(Variant.parse, variants.split(",")))
    return Plan(out, attacks_of(attacks), chosen, **({"images": 40, "batch": 16, "draws": 3} | more))


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
    monkeypatch.setattr(
        "accelsim.nn.attacks.attack.Attack.__call__", lambda self, a, b, x, *rest: x + 1e-3 * (x < 0.5)
    )
    with pytest.raises(AccelsimError, match="logits are not all finite"):
        evaluate(plan(tmp_path, "pgd3", "dense", images=16), broken, data)
    monkeypatch.setattr(
        "accelsim.nn.attacks.attack.Attack.__call__", lambda self, a, b, x, *rest: x + 0.2 * (x < 0.5)
    )
    with pytest.raises(
        AccelsimError, match=r"attack pgd4: gave .* beyond its eps \(largest change 51\.000/255\)"
    ):
        evaluate(plan(tmp_path, "pgd4", "dense", images=16), broken, data)
    assert len(list((tmp_path / "records").iterdir())) == 1


def tiny() -> nn.Module:
    torch.manual_seed(0)
    pool = nn.AdaptiveAvgPool2d(4)
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), pool, nn.Flatten(), nn.Linear(128, 10))


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A folder of CIFAR-10 files of 20 images each, and a converted checkpoint of `tiny`."""
    monkeypatch.setattr(cifar_layout, "RECORDS_PER_FILE", 20)
    monkeypatch.setitem(NETWORKS, "tiny", tiny)
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in (*cifar_layout.TRAIN_FILES, *cifar_layout.TEST_FILES):
        records = rng.integers(0, 256, (20, cifar_layout.RECORD_BYTES), dtype=np.uint8)
        records[:, 0] %= 10
        records.tofile(folder / name)
    model = convert(tiny(), Scheme.dense(), k_ratio=0.5, seed=1)
    round_weights(model)
    distill(model, torch.rand(60, 3, 32, 32).split(20))
    save_converted(tmp_path / "tiny.safetensors", model, "tiny", {})
    return folder, tmp_path / "tiny.safetensors"


def test_the_command(files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, checkpoint = files
    arguments = [
        "--checkpoint",
        str(checkpoint),
        "--data",
        str(folder),
        "--out",
        str(tmp_path / "o"),
        "--images",
        "10",
    ]
    arguments += ["--schemes", "dense,nm-1of4", "--projections", "fixed,refit", "--draws", "2", "--pool", "2"]
    assert main([*arguments, "--attacks", "clean,pgd2,transfer-pgd2,fgsm@1"]) == 0
    printed = capsys.readouterr()
    assert "nm-1of4+refit worst case: one" in printed.out
    assert " % (of clean, pgd2, transfer-pgd2, fgsm@1)\n" in printed.out
    beside = (tmp_path / "o" / "warnings.txt").read_text()
    assert "nm-1of4+refit: has met no BPDA (bpda-pgd20), no EOT (eot10-pgd20)" in beside
    assert printed.err == "".join(f"warning: {line}\n" for line in beside.splitlines())
    with (tmp_path / "o" / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows] == ["dense", "nm-1of4", "nm-1of4+refit"]
    columns = ["dataset", "network", "method", "clean:one", "clean:mean", "clean:worst", "pgd2:one"]
    assert list(rows[0])[:7] == columns and list(rows[0])[-2:] == ["bitops", "images"]
    # 225 positions of 8 neurons of 27 inputs, and the linear layer of 1,280.
    assert rows[0]["bitops"] == str(272 * (225 * 8 * 27 + 1280)) and int(rows[1]["bitops"]) < int(
        rows[0]["bitops"]
    )
    before = (tmp_path / "o" / "results.csv").read_bytes()
    assert main([*arguments, "--attacks", "clean,pgd2,transfer-pgd2,fgsm@1"]) == 0
    assert (tmp_path / "o" / "results.csv").read_bytes() == before
    assert main([*arguments, "--attacks", "clean"]) == 0
    assert not (tmp_path / "o" / "warnings.txt").exists()
    capsys.readouterr()
    for extra, told in ((["--seed", "7"], "of another seed"), (["--pool", "3"], "of another pool")):
        assert main([*arguments, "--attacks", "pgd2", *extra]) == 2
        assert told in capsys.readouterr().err
    assert main([*arguments, "--attacks", "pgd2", "--calibration", "15"]) == 2
    assert "of another calibration_sha256" in capsys.readouterr().err


def test_a_training_checkpoint_is_attacked_too(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, checkpoint = files
    save_tensors(tmp_path / "t.safetensors", dict(tiny().state_dict()), {"network": "tiny"})
    arguments = [
        "--checkpoint",
        str(tmp_path / "t.safetensors"),
        "--data",
        str(folder),
        "--out",
        str(tmp_path / "o"),
    ]
    assert main([*arguments, "--images", "4", "--attacks", "transfer-fgsm"]) == 2
    assert "give a --substitute" in capsys.readouterr().err
    assert (
        main([*arguments, "--images", "4", "--attacks", "transfer-fgsm", "--substitute", str(checkpoint)])
        == 0
    )


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--attacks", "pdg20"], "attack 'pdg20' is unknown"),
        (["--schemes", ","], "names nothing"),
        (["--schemes", "nm-1of4", "--controls", "zeroes"], "did you mean `zeros`"),
        (["--images", "0"], "images is 0"),
        (["--seed", "-1"], "seed is -1"),
        (["--device", "tpu"], "device: 'tpu' is unknown"),
        (["--threads", "0"], "threads: 0, must be at least 1"),
    ],
)
def test_bad_input_is_one_line(
    files: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    extra: list[str],
    message: str,
) -> None:
    folder, checkpoint = files
    arguments = ["--checkpoint", str(checkpoint), "--data", str(folder), "--out", str(tmp_path / "o")]
    assert main([*arguments, *extra]) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1 and not (tmp_path / "o").exists()


def test_the_bundled_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two invented images through the real ResNet-18: its BitOPs are the trace's."""
    monkeypatch.setattr(cifar_layout, "RECORDS_PER_FILE", 2)
    rng = np.random.default_rng(1)
    records = rng.integers(0, 10, (2, cifar_layout.RECORD_BYTES), dtype=np.uint8)
    records.tofile(tmp_path / "test_batch.bin")
    arguments = [
        "--checkpoint",
        str(ROOT / "models/checkpoints/resnet18-cifar10.safetensors"),
        "--data",
        str(tmp_path),
    ]
    arguments += [
        "--out",
        str(tmp_path / "o"),
        "--images",
        "2",
        "--schemes",
        "nm-1of8",
        "--controls",
        "none,random",
    ]
    assert main([*arguments, "--attacks", "clean,bpda-fgsm", "--draws", "2", "--threads", "1"]) == 0
    with (tmp_path / "o" / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    layers = open_trace(ROOT / "traces/resnet18-cifar10.h5").layers
    expected = sum(layer_bitops(layer, Scheme.nm(keep=1, of=8)).total for layer in layers)
    assert [int(row["bitops"]) for row in rows] == [expected, expected]
