"""What a document's reader is told to bring: files that its code blocks find in the working folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

NETWORK = '''"""A small network, as a reader's own module might define one."""

import torch
from torch import nn


def trained() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(16 * 64, 10),
    )
'''


def own_network(folder: Path) -> None:
    """``mypackage/nets.py`` with a factory ``trained``, and images of 8 x 8 pixels: ``test.npy``, ``train.npy``."""
    (folder / "mypackage").mkdir()
    (folder / "mypackage/__init__.py").touch()
    (folder / "mypackage/nets.py").write_text(NETWORK)
    rng = np.random.default_rng(0)
    for name, count in (("test", 8), ("train", 100)):
        np.save(folder / f"{name}.npy", rng.random((count, 3, 8, 8), dtype=np.float32))


GIVEN: dict[str, Callable[[Path], None]] = {"README.md": own_network}
"""By document, from the root of the repository."""
