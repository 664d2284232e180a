"""From a training checkpoint to a trace file through the public commands, on invented CIFAR-10 files."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from torch import nn

from accelsim.cli import main
from accelsim.errors import AccelsimError
from accelsim.nn import clean_accuracy, preparation
from accelsim.nn.data import cifar_layout
from accelsim.nn.injection.converted_checkpoint import load_converted, round_weights, save_converted
from accelsim.nn.networks import NETWORKS
from accelsim.nn.trace_export import export_from_checkpoint
from accelsim.trace import Scheme, open_trace
from models.training import train

ROOT = Path(__file__).parents[2]
TRAINING = "stopped; the same command goes on from the last checkpoint\n"
WHOLE = "accelsim: interrupted; files already written are whole\n"
RECIPE = """
network: tiny
seed: 3
batch_size: 10
phases: [{size: 16, images: 20}, {size: 32, images: 10}]
max_lr: 0.01
warmup: 0.5
momentum: 0.9
weight_decay: 0.0
label_smoothing: 0.0
crop_padding: 2
bf16: false
checkpoint_seconds: 60
"""


def tiny() -> nn.Module:
    pool = nn.AdaptiveAvgPool2d(4)
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), pool, nn.Flatten(), nn.Linear(128, 10))


def accelsim(arguments: Sequence[str]) -> int:
    """The exit code of an ``accelsim`` command."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    return int(stopped.value.code or 0)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of CIFAR-10 files with 20 images each, and a network called tiny."""
    monkeypatch.setattr(cifar_layout, "RECORDS_PER_FILE", 20)
    monkeypatch.setitem(NETWORKS, "tiny", tiny)
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in (*cifar_layout.TRAIN_FILES, *cifar_layout.TEST_FILES):
        records = rng.integers(0, 256, (20, cifar_layout.RECORD_BYTES), dtype=np.uint8)
        records[:, 0] %= 10
        records.tofile(folder / name)
    return folder


def test_train_prepare_evaluate_export(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    run, converted = tmp_path / "run", tmp_path / "converted.safetensors"
    where = ["--data", str(data)]
    assert train.main([*where, "--out", str(run), "--recipe", str(tmp_path / "recipe.yaml")]) == 0
    assert accelsim(["accuracy", *where, "--weights", str(run / "weights.safetensors")]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == second and first.endswith("of 20 test images right")
    weights = ["--weights", str(run / "weights.safetensors")]
    assert (
        accelsim(["prepare", *where, *weights, "--out", str(converted), "--images", "60", "--seed", "9"]) == 0
    )
    assert capsys.readouterr().out.startswith("0: error ")

    schemes = [Scheme.dense(), Scheme.nm(keep=1, of=4)]
    export_from_checkpoint(converted, data, tmp_path / "a.h5", schemes, [2, 19], accuracy_images=20)
    export_from_checkpoint(converted, data, tmp_path / "b.h5", schemes, [2, 19])
    a, b = open_trace(tmp_path / "a.h5"), open_trace(tmp_path / "b.h5")
    assert a.weights_sha256 == b.weights_sha256 == load_converted(converted).weights_sha256
    assert dict(a.seeds) == {"P": 9, "distill": 9} and a.image_ids == (2, 19)
    measured = a.accuracy("nm-1of4")
    assert measured is not None and measured[1] == 20 and b.accuracy("nm-1of4") is None
    ours, theirs = (trace.layer("0", Scheme.nm(keep=1, of=4)).masks for trace in (a, b))
    assert ours is not None and theirs is not None and np.array_equal(ours, theirs)
    with pytest.raises(AccelsimError, match="image 20, must be 0 to 19"):
        export_from_checkpoint(converted, data, tmp_path / "c.h5", schemes, [20])


def test_commands_tell_faults_in_one_line(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing, taken, recipe = str(tmp_path / "missing"), tmp_path / "a-file", tmp_path / "recipe.yaml"
    taken.touch()
    recipe.write_text(RECIPE)
    out = ["--out", str(tmp_path / "o")]
    for command in (
        lambda: train.main(["--data", str(data), *out, "--recipe", missing]),
        lambda: accelsim(["accuracy", "--data", str(data), "--weights", missing]),
        lambda: accelsim(["prepare", "--data", str(data), "--weights", missing, *out]),
        lambda: accelsim(["prepare", "--data", str(data), *out]),
        lambda: accelsim(["prepare", "--data", str(data), "--model", "tiny", *out, "--images", "0"]),
        lambda: accelsim(
            ["prepare", "--data", str(data), "--model", "tiny", *out, "--seed", "9223372036854775807"]
        ),
        lambda: accelsim(["prepare", "--data", str(data), "--model", "tiny", *out, "--device", "cuda:99"]),
        lambda: accelsim(["accuracy", "--data", str(data), "--weights", missing, "--device", "tpu"]),
        lambda: accelsim(["prepare", "--data", missing, "--model", "tiny", *out]),
        lambda: accelsim(["prepare", "--data", str(data), "--model", "tiny", *out, "--images", "101"]),
        lambda: accelsim(["prepare", "--data", str(data), "--model", "tiny", *out, "--dataset", "cifar100"]),
        lambda: accelsim(["prepare", "--data", str(data), "--model", "tiny", *out, "--threads", "0"]),
        lambda: accelsim(["prepare", "--data", str(data), "--model", "tiny", "--out", str(tmp_path)]),
        lambda: accelsim(["prepare", "--data", str(data), "--model", "tiny", "--out", str(taken / "c")]),
        lambda: train.main(["--data", str(data), "--out", str(taken), "--recipe", str(recipe)]),
    ):
        assert command() == 2
        captured = capsys.readouterr()
        assert captured.out == "" and len(captured.err.splitlines()) == 1


def test_ctrl_c_is_one_line_and_130(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the programs, where it is busiest; nothing is written by what does not resume."""

    def pressed(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "recipe.yaml").write_text(RECIPE)
    run, where = tmp_path / "run", ["--data", str(data)]
    training = [*where, "--out", str(run), "--recipe", str(tmp_path / "recipe.yaml")]
    assert train.main(training) == 0
    weights = ["--weights", str(run / "weights.safetensors")]
    capsys.readouterr()
    again = [*where, "--out", str(tmp_path / "again"), *training[4:]]
    preparing = ["prepare", *where, *weights, "--out", str(tmp_path / "c"), "--images", "60"]
    for module, busy, program, arguments, last in (
        (train, "batch_at", train.main, again, TRAINING),
        (clean_accuracy, "accuracy", accelsim, ["accuracy", *where, *weights], WHOLE),
        (preparation, "distill", accelsim, preparing, WHOLE),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, busy, pressed)
            assert program(arguments) == 130
        # click ends the line that a terminal shows ^C in
        assert capsys.readouterr().err.lstrip("\n") == last
    assert not (tmp_path / "c").exists()


def load_make_traces() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_traces", ROOT / "traces" / "make_traces.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_traces"] = module
    spec.loader.exec_module(module)
    return module


def test_make_traces(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script that made the bundled traces, on a tiny plan: train, distill, measure, export."""
    script = load_make_traces()
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    monkeypatch.setattr(script, "RECIPES", tmp_path)
    plan = script.Plan("tiny.yaml", "tiny.h5", ("dense", "unstructured-50", "nm-1of8"), (1,), 40, 20, 10)
    monkeypatch.setitem(script.PLANS, "tiny", plan)
    arguments = ["tiny", "--data", str(data), "--work", str(tmp_path / "work"), "--out", str(tmp_path)]
    assert script.main(arguments) == 0
    trace = open_trace(tmp_path / "tiny.h5")
    assert [scheme.name for scheme in trace.schemes] == list(plan.schemes)
    assert trace.seeds == {"P": 1, "distill": 1, "training": 3}
    assert "30 augmented images shown: 20 at 16x16, 10 at 32x32 pixels" in trace.notes
    dense, noisy = trace.accuracy("dense"), trace.accuracy("nm-1of8")
    assert dense is not None and noisy is not None and (dense[1], noisy[1]) == (20, 10)

    again = ["--converted", str(tmp_path / "work" / "tiny" / "converted.safetensors")]
    assert script.main([*arguments, *again]) == 0
    assert open_trace(tmp_path / "tiny.h5").weights_sha256 == trace.weights_sha256
    assert script.main(["no-such-network"]) == 2
    assert script.main(["resnet18", "wrn34-10", *again]) == 2


def test_make_traces_of_another_form(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint of one form gives its weights to a plan of another; a stopped measurement goes on from its lines."""
    script = load_make_traces()
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    monkeypatch.setattr(script, "RECIPES", tmp_path)
    schemes = ("dense", "dense-8", "dense-4", "noise-100", "nm-1of8-8bit", "unstructured-50-calibrated")
    numbers = (schemes, (1,), 40, 20, 10)
    for form, k_ratio in (("patch", None), ("none", None), ("pixel", 0.5)):
        plan = script.Plan("tiny.yaml", f"{form}.h5", *numbers, form=form, k_ratio=k_ratio)
        monkeypatch.setitem(script.PLANS, form, plan)
    work = tmp_path / "work"
    arguments = ["--data", str(data), "--work", str(work), "--out", str(tmp_path)]
    assert script.main(["patch", *arguments]) == 0
    patch = ["--converted", str(work / "patch" / "converted.safetensors")]
    measured: list[str] = []
    honest = script.evaluate_schemes

    def counting(model: object, test: object, wanted: list[Scheme], images: int) -> object:
        measured.append(wanted[0].name)
        return honest(model, test, wanted, images)

    monkeypatch.setattr(script, "evaluate_schemes", counting)
    for form in ("none", "pixel"):
        measured.clear()
        assert script.main([form, *arguments, *patch]) == 0
        assert measured == list(schemes)
        trace = open_trace(tmp_path / f"{form}.h5")
        forms = {layer.approximation.form for layer in trace.layers if layer.approximation is not None}
        assert forms == {form} and trace.seeds == {"P": 1, "distill": 1, "training": 3}
        assert trace.accuracy("noise-100")[1] == 10  # type: ignore[index]
        assert {"none": "W~ meets x itself", "pixel": "k_c = 0.5"}[form] in trace.notes
    # Without its record the checkpoint is measured again: only the lines that are missing.
    lines = work / "pixel" / "accuracies.jsonl"
    lines.write_text("\n".join(lines.read_text().splitlines()[:-2]) + "\n")
    made = load_converted(work / "pixel" / "converted.safetensors")
    record = {key: value for key, value in made.record.items() if key not in ("notes", "accuracies")}
    save_converted(work / "pixel" / "converted.safetensors", made.model, made.network, record)
    measured.clear()
    assert script.main(["pixel", *arguments, *patch]) == 0
    assert measured == list(schemes[-2:])


def test_round_weights_keeps_buffers_and_vectors() -> None:
    network = tiny()
    bias = network.get_parameter("0.bias").clone()
    round_weights(network)
    weight = network.get_parameter("0.weight")
    assert bool((weight.half().float() == weight).all()) and bool(
        (network.get_parameter("0.bias") == bias).all()
    )


def test_prepare_by_momentum_sgd(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The paper's way of distilling; more passes come nearer to the exact solution."""
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    run, where = tmp_path / "run", ["--data", str(data)]
    train.main([*where, "--out", str(run), "--recipe", str(tmp_path / "recipe.yaml")])
    arguments = [*where, "--weights", str(run / "weights.safetensors"), "--images", "60"]
    errors = {}
    for name, extra in (
        ("exact", []),
        ("few", ["--method", "sgd", "--epochs", "2"]),
        ("many", ["--method", "sgd", "--epochs", "50"]),
    ):
        capsys.readouterr()
        assert accelsim(["prepare", *arguments, "--out", str(tmp_path / f"{name}.safetensors"), *extra]) == 0
        errors[name] = float(capsys.readouterr().out.split()[2])
    assert errors["exact"] < errors["many"] < errors["few"]
    record = load_converted(tmp_path / "many.safetensors").record
    assert (record["distill_method"], record["distill_epochs"]) == ("sgd", 50)
    assert "distill_method" not in load_converted(tmp_path / "exact.safetensors").record
    assert (
        accelsim(["prepare", *arguments, "--out", str(tmp_path / "x"), "--method", "sgd", "--epochs", "0"])
        == 2
    )
