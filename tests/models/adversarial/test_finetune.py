"""Fine-tuning a converted network with its noise in force."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from accelsim.errors import AccelsimError
from accelsim.nn.data.cifar import to_float
from accelsim.nn.injection.conversion import convert
from accelsim.nn.injection.converted_checkpoint import load_converted, round_weights, save_converted
from accelsim.nn.injection.distillation import distill
from accelsim.nn.networks import NETWORKS
from accelsim.trace import Scheme
from models.training.adversarial import finetune as tuning
from models.training.adversarial.finetune import finetune, main
from tests.models.adversarial.killed import images, recipe, tiny

ROOT = Path(__file__).parents[3]
SCHEME = Scheme.unstructured(0.8)


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(NETWORKS, "tiny", tiny)
    torch.manual_seed(1)
    model = convert(tiny(), Scheme.dense(), form="patch", k_ratio=0.6, seed=1)
    round_weights(model)
    distill(model, to_float(images().images).split(25))
    save_converted(
        tmp_path / "c.safetensors", model, "tiny", {"accuracies": {"dense": [0.1, 10]}, "k_ratio": 0.6}
    )
    return tmp_path / "c.safetensors"


def test_weights_learn_and_codes_stay(checkpoint: Path, tmp_path: Path) -> None:
    finetune(checkpoint, SCHEME, recipe(epochs=10, lr=0.2), images(), tmp_path / "o")
    before, after = (
        load_converted(checkpoint, scheme=SCHEME),
        load_converted(tmp_path / "o" / "converted.safetensors", scheme=SCHEME),
    )
    assert not torch.equal(before.model[0].inner.weight, after.model[0].inner.weight)
    assert torch.equal(before.model[0].w_codes(), after.model[0].w_codes())
    assert torch.equal(before.model[0].signs, after.model[0].signs)
    assert "accuracies" not in after.record and after.record["k_ratio"] == 0.6
    assert after.record["finetuned"]["scheme"] == "unstructured-80"
    assert after.record["finetuned"]["weights_sha256"] == before.weights_sha256
    x, labels = to_float(images().images), images().labels

    def loss(model: torch.nn.Module) -> float:
        with torch.no_grad():
            return float(torch.nn.functional.cross_entropy(model(x), labels))

    assert loss(after.model) < loss(before.model)


def test_another_checkpoint_or_scheme_is_another_run(checkpoint: Path, tmp_path: Path) -> None:
    finetune(checkpoint, SCHEME, recipe(epochs=1), images(), tmp_path / "o")
    written = (tmp_path / "o" / "converted.safetensors").read_bytes()
    finetune(checkpoint, SCHEME, recipe(epochs=1), images(), tmp_path / "o")
    assert (tmp_path / "o" / "converted.safetensors").read_bytes() == written
    with pytest.raises(AccelsimError, match="holds a run of another recipe"):
        finetune(checkpoint, Scheme.nm(keep=1, of=8), recipe(epochs=1), images(), tmp_path / "o")


def test_the_command(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tuning, "load_cifar", lambda *args, **kwargs: images())
    arguments = ["--checkpoint", str(checkpoint), "--out", str(tmp_path / "o")]
    arguments += ["--recipe", str(ROOT / "models/recipes/adversarial/finetune-smoke.yaml")]
    assert main([*arguments, "--scheme", "nm-2of8", "--set", "network=tiny"]) == 0
    assert load_converted(tmp_path / "o" / "converted.safetensors").record["finetuned"]["scheme"] == "nm-2of8"
    capsys.readouterr()
    for extra, message in (
        (["--scheme", "nm-2of8"], "network is tiny, but the recipe's is resnet18"),
        (["--scheme", "dense", "--set", "network=tiny"], "scheme is dense"),
        (["--scheme", "nm-9of8"], "keep"),
    ):
        assert main([*arguments, *extra]) == 2
        assert message in capsys.readouterr().err
