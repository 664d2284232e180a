"""The loop: the same curve whether stopped or not, best and last, what is refused."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from accelsim.errors import AccelsimError
from accelsim.nn.attacks import PGD, Target
from accelsim.nn.base.tensor_files import load_tensors
from accelsim.nn.baselines.rse import with_noise_layers
from accelsim.nn.clean_accuracy import load_trained
from accelsim.nn.data.cifar import ImageSet
from accelsim.nn.networks import NETWORKS
from models.training.adversarial import __main__ as command
from models.training.adversarial import adversarial_fit as fitting
from models.training.adversarial.__main__ import train
from models.training.adversarial.adversarial_recipe import AdversarialRecipe
from models.training.adversarial.curve import Curve
from tests.models.adversarial.killed import images, recipe, tiny

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "tiny", tiny)


def curve(out: Path) -> list[tuple[str, ...]]:
    """Every line of the log but the speed."""
    with (out / "log.csv").open() as file:
        return [tuple(row[:-1]) for row in csv.reader(file)]


def same_tensors(a: Path, b: Path) -> bool:
    one, other = load_tensors(a)[0], load_tensors(b)[0]
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.slow
def test_killed_and_resumed_equals_unbroken(tmp_path: Path) -> None:
    """SIGKILL twice in the middle of training; then the loss curve and all checkpoints are those of an unbroken run."""
    train(recipe(), images(), tmp_path / "whole")
    driver, out = ROOT / "tests/models/adversarial/killed.py", tmp_path / "killed"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(driver), str(out)]
    for step in (4, 14):  # at the end of an epoch, before it is validated, and within one
        died = subprocess.run([*command, str(step)], env=environment)
        assert died.returncode == -signal.SIGKILL
        assert len(curve(out)) == 1 + step
        assert load_tensors(out / "progress.safetensors")[1]["step"] == step - 1
    subprocess.run(command, env=environment, check=True)
    assert curve(out) == curve(tmp_path / "whole") and len(curve(out)) == 1 + 24
    for name in ("best.safetensors", "last.safetensors"):
        assert same_tensors(out / name, tmp_path / "whole" / name)
    assert (out / "validation.csv").read_text() == (tmp_path / "whole" / "validation.csv").read_text()


@pytest.mark.parametrize("network", ["tiny", "random"])
def test_stopped_at_any_step_and_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: str
) -> None:
    """Also between two checkpoints, and with layers that draw; the log's lines beyond the checkpoint are dropped."""
    monkeypatch.setitem(NETWORKS, "random", lambda: with_noise_layers(tiny(), "add"))
    plan = recipe(network=network, epochs=3, checkpoint_seconds=1e9, validate_every=1)
    train(plan, images(), tmp_path / "whole")
    real, calls = fitting.batch_at, []

    def stop(*args: object) -> object:
        calls.append(args)
        if len(calls) in (7, 12):
            raise KeyboardInterrupt
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(fitting, "batch_at", stop)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train(plan, images(), tmp_path / "broken")
    train(plan, images(), tmp_path / "broken")
    # Validated after steps 4, 8 and 12: stopped at steps 7 and 9, taken up at 4 and 8.
    assert [args[3] for args in calls] == [*range(7), *range(4, 9), *range(8, 12)]
    assert curve(tmp_path / "broken") == curve(tmp_path / "whole")
    assert same_tensors(tmp_path / "broken" / "last.safetensors", tmp_path / "whole" / "last.safetensors")


def test_lines_that_are_none_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("step\n1,a\nnonsense\n2,b\n3,c\n1")
    Curve(path, recipe(), 24, 4, 2, print)
    assert path.read_text().splitlines()[1:] == ["1,a", "2,b"]


def test_it_learns_and_keeps_the_best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = iter([(1, 10.0), (2, 30.0), (3, 20.0), (4, 30.0)])

    def validate(network: nn.Module, *args: object, epoch: int, **kwargs: object) -> dict[str, float]:
        number, robust = next(found)
        assert number == epoch
        return {"epoch": epoch, "clean": 50.0, "robust": robust}

    monkeypatch.setattr(fitting, "validate", validate)
    state = train(recipe(epochs=4), images(), tmp_path)
    assert state.best == 30.0 and state.step == 16
    best, last = (load_tensors(tmp_path / f"{kind}.safetensors")[1] for kind in ("best", "last"))
    assert best["step"] == 8 and best["validation"]["robust"] == 30.0 and last["step"] == 16
    losses = [float(row[3]) for row in curve(tmp_path)[1:]]
    assert sum(losses[-4:]) < sum(losses[:4])
    network, name = load_trained(tmp_path / "best.safetensors")
    assert name == "tiny" and not network.training


def test_validation_is_pgd_in_eval_mode(tmp_path: Path) -> None:
    train(recipe(epochs=2), images(), tmp_path)
    network, _ = load_trained(tmp_path / "last.safetensors")
    data = images()
    found = fitting.validate(network, recipe(), data, epoch=2)
    x = data.images.float() / 255

    class Plain(Target):
        def gradient(self, at: torch.Tensor, labels: torch.Tensor, loss: str = "") -> torch.Tensor:
            at = at.clone().requires_grad_()
            nn.functional.cross_entropy(network(at), labels, reduction="sum").backward()
            assert at.grad is not None
            return at.grad

    pgd = PGD(eps=8 / 255, step=4 / 255, steps=2)
    attacked = pgd.perturb(Plain(network), x, data.labels, torch.Generator().manual_seed(3))
    accuracies = [
        100 * float((network(each).argmax(1) == data.labels).double().mean()) for each in (x, attacked)
    ]
    assert [found["clean"], found["robust"]] == pytest.approx(accuracies)


def test_held_out_images_never_teach() -> None:
    data = ImageSet(torch.zeros(50, 3, 32, 32, dtype=torch.uint8), torch.arange(50))
    training, held = fitting.split(data, recipe(images=0))
    assert sorted([*training.labels.tolist(), *held.labels.tolist()]) == list(range(50)) and len(held) == 10
    some, same = fitting.split(data, recipe(images=25))
    assert some.labels.tolist() == training.labels.tolist()[:25] and torch.equal(same.labels, held.labels)
    with pytest.raises(AccelsimError, match="held_out 10 leaves 40 of 50 images, needs 41"):
        fitting.split(data, recipe(images=41))


def test_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(recipe(epochs=1), images(), tmp_path / "a")
    with pytest.raises(AccelsimError, match="holds a run of another recipe"):
        train(recipe(epochs=1, seed=4), images(), tmp_path / "a")
    progress = tmp_path / "a" / "progress.safetensors"
    progress.write_bytes(progress.read_bytes()[:200])
    with pytest.raises(AccelsimError, match=r"progress\.safetensors: cannot read"):
        train(recipe(epochs=1), images(), tmp_path / "a")
    with pytest.raises(AccelsimError, match=r"loss is nan at step \d+; lower lr"):
        train(recipe(lr=1e30), images(), tmp_path / "b")
    monkeypatch.setitem(NETWORKS, "tiny", lambda: nn.Sequential(nn.Flatten(), nn.Linear(3072, 5)))
    with pytest.raises(AccelsimError, match="network tiny has 5 classes, cifar10 labels up to 9"):
        train(recipe(), images(), tmp_path / "c")


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "load_cifar", lambda *args, **kwargs: images())
    smoke = str(ROOT / "models/recipes/adversarial/smoke.yaml")
    arguments = ["--recipe", smoke, "--out", str(tmp_path / "o"), "--set", "network=tiny", "--threads", "1"]
    assert command.main(arguments) == 0
    told = capsys.readouterr().out
    assert "step 4/4 loss" in told and "to go" in told and "tiny: held out clean" in told
    (tmp_path / "a-file").touch()
    assert command.main([*arguments, "--out", str(tmp_path / "a-file")]) == 2
    assert "a-file: cannot write there" in capsys.readouterr().err
    assert command.main([*arguments, "--set", "epochs=0"]) == 2
    assert "smoke.yaml: epochs: " in capsys.readouterr().err
    for wrong in ("epochs", "epochs=[", "=3"):
        assert command.main([*arguments, "--set", wrong]) == 2
        assert "must be KEY=VALUE" in capsys.readouterr().err


def test_shipped_recipes_and_schedules() -> None:
    folder = ROOT / "models/recipes/adversarial"
    found = {path.stem: command.load_adversarial_recipe(path) for path in folder.glob("*.yaml")}
    assert {"paper", "gpu-30min", "cpu-1h", "smoke", "finetune"} <= set(found)
    assert all(each.network in NETWORKS for each in found.values())
    paper = found["paper"]
    assert (paper.epochs, paper.batch_size, paper.lr, paper.weight_decay, paper.momentum) == (
        200,
        128,
        0.1,
        5e-4,
        0.9,
    )
    assert paper.attack.model_dump() == {"eps_255": 8, "step_255": 2, "steps": 10}
    # 49,000 images: 382 whole batches.
    rates = [paper.lr_at(step, 382) for step in (0, 100 * 382 - 1, 100 * 382, 150 * 382 - 1, 150 * 382)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])
    cycle = recipe(epochs=1, warmup=0.5, lr=1.0)
    assert [cycle.lr_at(step, 3) for step in range(3)] == pytest.approx([0.5, 1.0, 0.5])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"milestones": [3, 2], "schedule": "steps"}, "milestones must be rising"),
        ({"milestones": [3]}, "milestones belong to schedule steps"),
        ({"dataset": "cifar"}, "must be one of cifar10, cifar100"),
        ({"loss": "madry"}, "loss"),
        ({"epoch": 3}, "epoch"),
    ],
)
def test_wrong_recipes(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AdversarialRecipe.model_validate(recipe().model_dump() | changes)
