"""Recipes, the schedule, augmentation, and that a resumed run equals an unbroken one."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from accelsim.errors import AccelsimError
from accelsim.nn.base.tensor_files import load_progress, load_tensors, save_progress, save_tensors
from accelsim.nn.clean_accuracy import accuracy, load_trained
from accelsim.nn.data.cifar import ImageSet
from accelsim.nn.injection.converted_checkpoint import load_converted
from accelsim.nn.networks import NETWORKS
from models.training import train as training
from models.training.augment import augment
from models.training.train import train
from models.training.training_recipe import Recipe, load_recipe

RECIPES = Path(__file__).parents[2] / "models" / "recipes"


def recipe(**changes: object) -> Recipe:
    base = load_recipe(RECIPES / "smoke.yaml").model_dump() | {"network": "tiny"}
    return Recipe.model_validate(
        base | {"phases": ({"size": 8, "images": 64}, {"size": 16, "images": 32})} | changes
    )


@pytest.fixture
def data() -> ImageSet:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (50, 3, 32, 32), generator=generator, dtype=torch.uint8)
    return ImageSet(images, torch.arange(50) % 10)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 10)
        )

    monkeypatch.setitem(NETWORKS, "tiny", make)


def test_shipped_recipes_are_valid() -> None:
    names = sorted(path.name for path in RECIPES.glob("*.yaml"))
    assert "cpu-1h.yaml" in names and "smoke.yaml" in names
    for name in names:
        assert load_recipe(RECIPES / name).network in NETWORKS


def test_schedule_is_fixed_in_advance() -> None:
    plan = recipe(batch_size=16, max_lr=0.1, warmup=0.25)
    assert plan.sizes() == [8] * 4 + [16] * 2
    assert [round(plan.lr(p), 6) for p in (0.0, 0.125, 0.25, 0.625, 1.0)] == [0.0, 0.05, 0.1, 0.05, 0.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("network: tiny\nbatch: 3\n", "bad.yaml: "),
        ("{", "bad.yaml: not YAML"),
        ("- 1\n", "bad.yaml: recipe"),
    ],
)
def test_bad_recipes(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(AccelsimError, match=message):
        load_recipe(tmp_path / "bad.yaml")
    with pytest.raises(AccelsimError, match="no such recipe"):
        load_recipe(tmp_path / "missing.yaml")


def test_recipes_that_are_no_text_or_have_no_seed(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("network: t\xefny".encode("latin-1"))
    with pytest.raises(AccelsimError, match=r"latin\.yaml:1: cannot read the recipe: not UTF-8"):
        load_recipe(tmp_path / "latin.yaml")
    big = (RECIPES / "smoke.yaml").read_text() + f"\nseed: {2**63 - 1}\n"
    (tmp_path / "big.yaml").write_text(re.sub(r"(?m)^seed: \d+$\n", "", big, count=1))
    with pytest.raises(AccelsimError, match=r"big.yaml: seed: .*2147483647"):
        load_recipe(tmp_path / "big.yaml")


def test_augment_without_crop_or_resize_only_flips() -> None:
    images = torch.rand(40, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    changed = augment(images, 8, 0, torch.Generator().manual_seed(1))
    kept = [bool((a == b).all()) for a, b in zip(changed, images, strict=True)]
    flipped = [bool((a == b.flip(2)).all()) for a, b in zip(changed, images, strict=True)]
    assert all(a != b for a, b in zip(kept, flipped, strict=True)) and 8 < sum(kept) < 32


def test_augment_crops_are_shifts() -> None:
    images = torch.rand(20, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2))
    changed = augment(images, 8, 2, torch.Generator().manual_seed(1))
    for image, source in zip(changed, padded, strict=True):
        windows = [
            v[:, r : r + 8, c : c + 8] for r in range(5) for c in range(5) for v in (source, source.flip(2))
        ]
        assert any(torch.equal(image, window) for window in windows)


def test_resumed_run_equals_an_unbroken_one(
    tmp_path: Path, data: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = recipe(checkpoint_seconds=1e-9)
    whole = train(plan, data, tmp_path / "whole")
    real, calls = training.batch_at, []

    def stop_at_step_4(*args: object) -> object:
        calls.append(args)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "batch_at", stop_at_step_4)
    with pytest.raises(KeyboardInterrupt):
        train(plan, data, tmp_path / "broken")
    resumed = train(plan, data, tmp_path / "broken")
    assert len(calls) == 7  # steps 0 to 4 (the last one stopped), then 4 and 5
    for ours, theirs in zip(resumed.state_dict().values(), whole.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)
    network, name = load_trained(tmp_path / "whole" / "weights.safetensors")
    assert name == "tiny" and accuracy(network, data) == accuracy(whole, data)
    with pytest.raises(AccelsimError, match="another recipe"):
        train(recipe(seed=2), data, tmp_path / "whole")


@pytest.mark.parametrize("first", [1, 3])
def test_stopped_between_two_files_of_a_checkpoint(
    tmp_path: Path, data: ImageSet, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    """At the first checkpoint or a later one: weights are written, the state of the run is still the one before."""
    plan = recipe(checkpoint_seconds=1e-9)
    whole = train(plan, data, tmp_path / "whole")
    real, calls = training.save_state, []

    def stop(*args: object) -> None:
        calls.append(args)
        if len(calls) == first:
            raise KeyboardInterrupt
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "save_state", stop)
    with pytest.raises(KeyboardInterrupt):
        train(plan, data, tmp_path / "broken")
    if first == 1:
        with pytest.raises(AccelsimError, match="another recipe"):
            train(recipe(seed=2), data, tmp_path / "broken")
    resumed = train(plan, data, tmp_path / "broken")
    for ours, theirs in zip(resumed.state_dict().values(), whole.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)
    ours, theirs = (load_tensors(tmp_path / name / training.WEIGHTS) for name in ("broken", "whole"))
    assert ours[1] == theirs[1] and all(torch.equal(ours[0][name], theirs[0][name]) for name in theirs[0])


def test_divergence_is_told(tmp_path: Path, data: ImageSet) -> None:
    with pytest.raises(AccelsimError, match="lower max_lr"):
        train(recipe(max_lr=1e30), data, tmp_path)


def test_accuracy_counts() -> None:
    class First(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.eye(10)[(x[:, 0, 0, 0] * 255).round().long()]

    images = torch.zeros(30, 3, 32, 32, dtype=torch.uint8)
    images[:, 0, 0, 0] = torch.arange(30) % 10
    labels = torch.arange(30) % 10
    labels[25:] = 9
    assert accuracy(First(), ImageSet(images, labels), batch=7) == (26, 30)
    assert accuracy(First(), ImageSet(images, labels), images=10) == (10, 10)


@pytest.mark.parametrize("images", [0, -3])
def test_accuracy_of_no_images(images: int) -> None:
    with pytest.raises(AccelsimError, match=f"images is {images}, must be at least 1"):
        accuracy(nn.Identity(), ImageSet(torch.zeros(1, 3, 32, 32), torch.zeros(1)), images=images)


@pytest.mark.parametrize("header", ["{not json", "[1]", "3", '"network"'])
def test_damaged_headers(tmp_path: Path, header: str) -> None:
    save_file({"w": torch.ones(2)}, tmp_path / "d.safetensors", metadata={"accelsim": header})
    with pytest.raises(AccelsimError, match="header entry accelsim is") as told:
        load_tensors(tmp_path / "d.safetensors")
    assert "\n" not in str(told.value)


def test_damaged_progress(tmp_path: Path) -> None:
    def optimizer(*sizes: int) -> torch.optim.Optimizer:
        return torch.optim.SGD([nn.Parameter(torch.ones(size)) for size in sizes], lr=0.1, momentum=0.9)

    path = tmp_path / "progress.pt"
    save_progress(path, optimizer(2), 7)
    assert load_progress(path, optimizer(2)) == 7
    assert [each.name for each in tmp_path.iterdir()] == ["progress.pt"]
    whole = path.read_bytes()
    faults = [b"", b"not torch's", whole[: len(whole) // 2]]
    for content in faults:
        path.write_bytes(content)
        with pytest.raises(AccelsimError, match=r"progress\.pt: cannot read the optimizer's state") as told:
            load_progress(path, optimizer(2))
        assert "\n" not in str(told.value)
    torch.save({"step": 3}, path)
    with pytest.raises(AccelsimError, match="cannot read the optimizer's state"):
        load_progress(path, optimizer(2))
    torch.save({"optimizer": PurePosixPath("x"), "step": 3}, path)  # pickled code is refused
    with pytest.raises(AccelsimError, match="cannot read the optimizer's state"):
        load_progress(path, optimizer(2))
    save_progress(path, optimizer(2), 7)
    with pytest.raises(AccelsimError, match="cannot read the optimizer's state"):
        load_progress(path, torch.optim.SGD([{"params": nn.Parameter(torch.ones(n))} for n in (1, 2)], lr=1))


def test_a_failed_save_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_tensors(path, {"w": torch.ones(1)}, {"step": 1})
    with pytest.raises(TypeError):
        save_tensors(path, {"w": torch.ones(1)}, {"step": object()})
    assert load_tensors(path)[1] == {"step": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["w.safetensors"]


def test_foreign_safetensors_are_told_apart(tmp_path: Path) -> None:
    """Plain tensors can be read, but are no training and no converted checkpoint."""
    save_file({"w": torch.ones(2)}, tmp_path / "plain.safetensors")
    tensors, metadata = load_tensors(tmp_path / "plain.safetensors")
    assert tensors["w"].tolist() == [1.0, 1.0] and metadata == {}
    with pytest.raises(AccelsimError, match="not a training checkpoint"):
        load_trained(tmp_path / "plain.safetensors")
    with pytest.raises(AccelsimError, match="not a converted checkpoint"):
        load_converted(tmp_path / "plain.safetensors")


def test_augmentation_stays_on_the_device_of_the_images() -> None:
    """Meta tensors stand in for a GPU's: torch refuses to combine them with the CPU's."""
    images = torch.rand(4, 3, 32, 32, device="meta")
    for size, padding in ((32, 0), (32, 2), (16, 2)):
        changed = augment(images, size, padding, torch.Generator().manual_seed(0))
        assert changed.device == images.device and changed.shape == (4, 3, size, size)
