"""A whole study on a tiny network: everything is made, measured and told; parts and resumed runs give the same."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch

from accelsim.bitops.accounting import layer_bitops
from accelsim.errors import AccelsimError
from accelsim.nn.clean_accuracy import accuracy, load_trained
from accelsim.nn.data.cifar import ImageSet, to_float
from accelsim.nn.injection.converted_checkpoint import load_converted
from accelsim.nn.networks import NETWORKS
from accelsim.nn.trace_export import layers_in_order
from accelsim.trace import LayerInfo, Scheme
from models.robust import __main__ as command
from models.robust import make_networks, robust_results
from models.robust.robust_plan import load_study
from models.study.accuracies import paired, wilson
from models.study.records import AttackRecord
from models.study.variants import Variant
from tests.models.adversarial.killed import images, recipe, tiny

ROOT = Path(__file__).parents[3]

PLAN = """
training: training.yaml
finetuning: finetuning.yaml
distillation: {method: lstsq, epochs: 1, images: 40, k_ratio: 0.6, seed: 1}
finetuned: [unstructured-50, nm-2of4+random]
continued:
  longer: []
  trades: [loss=trades]
evaluation:
  seed: 0
  batch: 8
  draws: 2
  pool: 2
  calibration: 40
  blocks:
    - {attacks: [clean, fgsm], images: 20, rows: [at, unstructured-50, nm-2of4+random, trades, longer]}
    - {attacks: [transfer-pgd2, "pgd2@12"], images: 10, rows: [unstructured-50, trades]}
    - {attacks: [clean], images: 10, rows: ["converted:unstructured-50", "unstructured-50:unstructured-50+refit"]}
"""


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(NETWORKS, "tiny", tiny)
    for module in (command,):
        monkeypatch.setattr(module, "load_cifar", _load)
    for name, changes in (("training", {"epochs": 12, "lr": 0.2}), ("finetuning", {"epochs": 1})):
        # JSON is YAML.
        (tmp_path / f"{name}.yaml").write_text(json.dumps(recipe(**changes).model_dump(mode="json")))
    (tmp_path / "plan.yaml").write_text(PLAN)
    return tmp_path / "plan.yaml"


def _load(*args: object, train: bool) -> ImageSet:
    data = images()
    order = torch.arange(50) if train else torch.arange(50).roll(7)
    return ImageSet(data.images[order], data.labels[order])


def run(plan: Path, out: Path, *more: str) -> int:
    return command.main([str(plan), "--out", str(out), "--threads", "1", *more])


def open_layers(model: torch.nn.Module) -> list[LayerInfo]:
    found = layers_in_order(model, torch.zeros(1, 3, 32, 32))
    return [LayerInfo(name, index, *what) for index, (name, what) in enumerate(found.items())]


def rows_of(out: Path) -> dict[tuple[str, str], dict[str, str]]:
    with (out / "results.csv").open() as file:
        return {(row["row"], row["attack"]): row for row in csv.DictReader(file)}


@pytest.mark.slow
def test_one_command_does_everything_and_goes_on(
    plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "whole"
    assert run(plan, out) == 0
    rows = rows_of(out)
    test = _load(train=False)
    network, _ = load_trained(out / "at" / "best.safetensors")
    right, _ = accuracy(network, test, 20)
    assert float(rows["at", "clean"]["mean"]) == pytest.approx(5 * right)
    tuned = load_converted(out / "unstructured-50" / "converted.safetensors").model
    half = Variant.parse("unstructured-50").network(tuned)
    right = int((half(to_float(test.images[:20])).argmax(1) == test.labels[:20]).sum())
    assert float(rows["unstructured-50", "clean"]["mean"]) == pytest.approx(5 * right)
    # Worst case: of each image, over the attacks of the paper's eps that it has met; the larger eps is no part of it.
    worst = rows["unstructured-50", "worst case"]
    records = out / "evaluation/unstructured-50/records"
    seen = [
        AttackRecord.read(records / f"unstructured-50--{attack}.json").correct
        for attack in ("clean", "fgsm", "transfer-pgd2")
    ]
    withstood = sum(all(each[i][0] for each in seen if i < len(each)) for i in range(20))
    assert worst["images"] == "20" and float(worst["mean"]) == pytest.approx(5 * withstood)
    assert rows["unstructured-50", "pgd2@12"]["images"] == "10"
    assert rows["nm-2of4+random", "clean"]["draws"] == "2" and rows["at", "clean"]["draws"] == "1"
    assert ("converted:unstructured-50", "clean") in rows and (
        "converted:unstructured-50",
        "worst case",
    ) not in rows
    assert ("unstructured-50:unstructured-50+refit", "clean") in rows
    # The difference to the reference `at`, on the images of both; the reference itself has none.
    line = rows["unstructured-50", "clean"]
    assert float(line["difference"]) == float(line["mean"]) - float(rows["at", "clean"]["mean"])
    assert rows["at", "clean"]["difference"] == rows["unstructured-50", "pgd2@12"]["difference"] == ""
    layers = open_layers(tuned)
    for row, scheme in (("unstructured-50", Scheme.unstructured(0.5)), ("at", Scheme.dense())):
        expected = sum(layer_bitops(layer, scheme).total for layer in layers)
        assert int(rows[row, "clean"]["bitops"]) == expected
    jobs = {line.split(",")[0] for line in (out / "times.csv").read_text().splitlines()}
    assert {"at", "converted", "trades", "at clean fgsm"} <= jobs
    # What can be compared cell by cell, had the transferred attack been AutoAttack: two rows, on the ten images that it saw.
    with monkeypatch.context() as patched:
        patched.setattr(robust_results, "AUTOATTACK", "transfer-pgd2")
        lines = robust_results.StudyRecords(load_study(plan), out).common()
    common = {(str(each["row"]), str(each["attack"])): each for each in lines}
    assert {row for row, _ in common} == {"unstructured-50", "trades"}
    assert {each["images"] for each in common.values()} == {10}
    first_ten = sum(image[0] for image in seen[0][:10])
    assert common["unstructured-50", "clean"]["mean"] == pytest.approx(10 * first_ten)
    withstood = sum(all(each[i][0] for each in seen) for i in range(10))
    assert common["unstructured-50", "worst case"]["mean"] == pytest.approx(10 * withstood)
    assert robust_results.StudyRecords(load_study(plan), out).common() == []
    told = (out / "warnings.txt").read_text()
    assert (
        "nm-2of4+random: has met no black box (square, transfer-pgd20), no BPDA (bpda-pgd20), no EOT" in told
    )
    assert "unstructured-50: has met no BPDA (bpda-pgd20): " in told and "\nat: " not in told
    # Again: nothing is done anew, and the table is the same.
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    table = (out / "results.csv").read_bytes()
    assert run(plan, out) == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")} == before
    assert (out / "results.csv").read_bytes() == table
    # By parts, as several processes would.
    parts = tmp_path / "parts"
    assert run(plan, parts, "--stages", "make", "--only", "at,converted") == 0
    for only in ("trades,longer", "unstructured-50", "at,converted,nm-2of4+random"):
        assert run(plan, parts, "--stages", "make,measure", "--only", only) == 0
    assert run(plan, parts, "--stages", "results") == 0
    assert (parts / "results.csv").read_bytes() == table


def test_stopped_while_making_and_taken_up(
    plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = make_networks.prepare

    def stop(*args: object, **kwargs: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(make_networks, "prepare", stop)
    assert run(plan, tmp_path / "o", "--stages", "make") == 130
    assert "goes on from here" in capsys.readouterr().err
    monkeypatch.setattr(make_networks, "prepare", real)
    at = (tmp_path / "o/at/best.safetensors").stat().st_mtime_ns
    assert run(plan, tmp_path / "o", "--stages", "make", "--only", "at,converted,longer") == 0
    assert (tmp_path / "o/at/best.safetensors").stat().st_mtime_ns == at
    assert (tmp_path / "o/longer/last.safetensors").is_file() and not (tmp_path / "o/trades").exists()
    # Trained on from the weights of `at`, not from new ones.
    first, _ = load_trained(tmp_path / "o/at/best.safetensors")
    then, _ = load_trained(tmp_path / "o/longer/last.safetensors")
    torch.manual_seed(recipe().seed)
    fresh = tiny()
    assert (then[0].weight - first[0].weight).norm() < (then[0].weight - fresh[0].weight).norm()


def test_refused(plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "o"
    for arguments, message in (
        (["--stages", "make", "--only", "unstructured-50"], "make converted first"),
        (["--stages", "results"], "no record of the plan's rows; measure first"),
        (["--stages", "cook"], "stage 'cook' is unknown"),
        (["--only", "unstructured-51"], "did you mean `unstructured-50`"),
        (["--device", "abacus"], "'abacus' is unknown"),
    ):
        assert run(plan, out, *arguments) == 2
        told = capsys.readouterr().err
        assert message in told and told.count("\n") == 1
    assert run(plan, out, "--stages", "measure", "--only", "at") == 0
    assert "at: left out" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("finetuned: [unstructured-50,", "finetuned: [dense,", "'dense' must be a scheme with noise"),
        ("finetuned: [unstructured-50,", "finetuned: [unstructured-0.5e2,", "scheme|as they are named"),
        ("longer: []", "at: []", "'at' must be letters, digits and '-', and no other network"),
        ("rows: [at,", "rows: [it,", "network 'it' must be one of at, converted"),
        ("rows: [at,", "rows: ['at:nm-1of8',", "it can only be run dense"),
        ("attacks: [clean]", "attacks: [clone]", "attack 'clone' is unknown"),
        ("trades: [loss=trades]", "trades: [loss=charades]", "finetuning.yaml: loss"),
        ("batch: 8", "batch: 0", "plan.yaml: evaluation.batch"),
    ],
)
def test_plans_that_are_refused(plan: Path, before: str, after: str, message: str) -> None:
    assert before in PLAN
    plan.write_text(PLAN.replace(before, after))
    with pytest.raises(AccelsimError, match=message):
        load_study(plan)


def test_the_networks_of_a_study_are_the_same(plan: Path) -> None:
    other = recipe().model_dump(mode="json") | {"network": "resnet18"}
    (plan.parent / "finetuning.yaml").write_text(json.dumps(other))
    with pytest.raises(AccelsimError, match=r"finetuning\.yaml: network is resnet18, the training's is tiny"):
        load_study(plan)


def test_shipped_plans() -> None:
    found = {path.stem: load_study(path) for path in (ROOT / "models/recipes/robust").glob("*.yaml")}
    assert {"paper", "cpu-1h", "smoke"} <= set(found)
    paper = found["paper"]
    assert paper.training.epochs == 200 and paper.plan.distillation.epochs == 50
    assert (paper.plan.distillation.method, paper.finetuning.epochs) == ("sgd", 1)
    # Table 4's ratios and structures, and the 99 % of Table 1.
    ratios = {f"unstructured-{percent}" for percent in (10, 20, 30, 50, 80, 90, 99)}
    structures = {f"nm-{keep}of8" for keep in (7, 6, 4, 2, 1)}
    for name in ("paper", "cpu-1h"):
        assert ratios | structures <= set(found[name].plan.finetuned)


def test_intervals_against_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for right, count in ((0, 50), (13, 50), (50, 50), (371, 1000)):
        expected = stats.binomtest(right, count).proportion_ci(method="wilson")
        assert wilson(right / count, count) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_paired_differences_against_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    ours, theirs = [1.0, 0.0, 1.0, 0.3, 0.0] * 30, [1.0, 1.0, 0.0, 0.5, 0.0] * 30
    expected = stats.ttest_rel(ours, theirs)
    middle, low, high = paired(ours, theirs)
    assert middle == pytest.approx(-0.04) and high - middle == pytest.approx(middle - low)
    # Student's interval of 149 degrees of freedom is a little wider than the normal one.
    student = expected.confidence_interval(0.95)
    assert high - low == pytest.approx(student.high - student.low, rel=0.01)
