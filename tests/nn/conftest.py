"""Shared pieces of the tests of accelsim.nn and of models: small networks and images from fixed seeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from accelsim.nn.attacks.target import Target
from accelsim.nn.data import cifar_layout
from accelsim.nn.injection.conversion import convert
from accelsim.nn.injection.converted_checkpoint import round_weights, save_converted
from accelsim.nn.injection.distillation import distill
from accelsim.nn.networks import NETWORKS
from accelsim.trace import Scheme


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Small tensors gain nothing from threads, and other work on the machine would stall them."""
    torch.set_num_threads(1)


@pytest.fixture
def small_network() -> nn.Module:
    """Plain, strided, grouped and 1x1 convolutions and a linear layer, in eval mode, for 3x8x8 images."""
    torch.manual_seed(7)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 12, 3, stride=2, padding=1, groups=2, bias=False),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.Conv2d(12, 10, 1),
        nn.Flatten(),
        nn.Linear(160, 5),
    ).eval()


@pytest.fixture
def images() -> Tensor:
    """float (48, 3, 8, 8) in [0, 1]."""
    return torch.rand(48, 3, 8, 8, generator=torch.Generator().manual_seed(11))


@pytest.fixture(scope="session")
def classifier() -> nn.Module:
    """Of 3x8x8 images in 5 classes, briefly trained on images whose class is the place of a bright patch."""
    torch.manual_seed(3)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 12, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(192, 5),
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(60):
        x, labels = _draw(64, generator)
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(x), labels).backward()
        optimizer.step()
    optimizer.zero_grad()
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def labelled(classifier: nn.Module) -> tuple[Tensor, Tensor]:
    """100 images (100, 3, 8, 8) that the classifier gets right, and their labels."""
    x, labels = _draw(300, torch.Generator().manual_seed(1))
    right = Target(classifier).correct(x, labels)[:, 0]
    assert right.sum() >= 100
    return x[right][:100], labels[right][:100]


def _draw(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    labels = torch.randint(0, 5, (count,), generator=generator)
    x = torch.rand(count, 3, 8, 8, generator=generator) * 0.8
    for i, label in enumerate(labels.tolist()):
        x[i, :, label : label + 3, label : label + 3] += 0.2
    return x, labels


def tiny_network() -> nn.Module:
    """Of 3x32x32 images in 10 classes, not trained."""
    torch.manual_seed(0)
    pool = nn.AdaptiveAvgPool2d(4)
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), pool, nn.Flatten(), nn.Linear(128, 10))


@pytest.fixture
def tiny_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A folder of CIFAR-10 files of 20 images each, and a converted checkpoint of the network `tiny`."""
    monkeypatch.setattr(cifar_layout, "RECORDS_PER_FILE", 20)
    monkeypatch.setitem(NETWORKS, "tiny", tiny_network)
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in (*cifar_layout.TRAIN_FILES, *cifar_layout.TEST_FILES):
        records = rng.integers(0, 256, (20, cifar_layout.RECORD_BYTES), dtype=np.uint8)
        records[:, 0] %= 10
        records.tofile(folder / name)
    model = convert(tiny_network(), Scheme.dense(), form="patch", k_ratio=0.5, seed=1)
    round_weights(model)
    distill(model, torch.rand(60, 3, 32, 32).split(20))
    save_converted(tmp_path / "tiny.safetensors", model, "tiny", {})
    return folder, tmp_path / "tiny.safetensors"
