"""A user's project with packages named as the clone's are, beside the wheel and beside a clone."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from accelsim import open_trace
from accelsim.errors import AccelsimError
from accelsim.nn import make_network
from tests.packaging.conftest import ROOT, PythonIn

pytestmark = pytest.mark.slow

NETS = """import torch
from torch import nn
from models.blocks import WIDTH

def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, WIDTH, 3), nn.ReLU(), nn.Conv2d(WIDTH, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
"""
SCRIPT = "import sys; from accelsim.cli import main; main(sys.argv[1:])"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Folders `models` and `rtl`, a module beside them that imports the first, and images."""
    for name in ("models", "rtl"):
        (tmp_path / name).mkdir()
    (tmp_path / "models" / "blocks.py").write_text("WIDTH = 12\n")
    (tmp_path / "models" / "nets.py").write_text(NETS)
    (tmp_path / "ours.py").write_text("from models.nets import make\n")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((40, 3, 8, 8), dtype=np.float32))
    return tmp_path


@pytest.mark.parametrize(
    ("clone", "start", "packages", "model"),
    [
        (False, ["-m", "accelsim"], True, "models.nets:make"),
        (False, ["-P", "-c", SCRIPT], False, "models.nets:make"),  # as the console script: no current folder on the path
        (True, ["-m", "accelsim"], False, "models.nets:make"),
        (True, ["-P", "-c", SCRIPT], True, "models.nets:make"),
        (True, ["-P", "-c", SCRIPT], False, "ours:make"),
    ],
)  # fmt: skip
def test_a_users_models_are_the_users(
    site: Path, python_in: PythonIn, project: Path, clone: bool, start: list[str], packages: bool, model: str
) -> None:
    if packages:
        (project / "models" / "__init__.py").touch()
        (project / "rtl" / "__init__.py").write_text("raise RuntimeError('nobody has asked for this')\n")
    words = ["export", "--model", model, "--inputs", "x.npy", "--calibration", "x.npy"]
    words += ["--images", "0:1", "--schemes", "nm-1of4", "--out", "mine.h5"]
    done = python_in(ROOT if clone else site, *start, *words, cwd=project)
    assert (done.returncode, done.stderr) == (0, "")
    trace = open_trace(project / "mine.h5")
    assert (trace.network, trace.layers[0].shape.c_out) == (model, 12)


def test_two_packages_of_one_name_in_one_process(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import models

    before = list(sys.path), list(sys.meta_path)
    monkeypatch.chdir(project)
    with pytest.raises(
        AccelsimError, match=r"models cannot be imported, because .*models of accelsim is in use"
    ):
        make_network("models.nets:make")
    assert (sys.path, sys.meta_path) == before
    assert sys.modules["models"] is models
