"""The networks have the published sizes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from accelsim import open_trace
from accelsim.errors import AccelsimError
from accelsim.nn.networks import ResNet18, WideResNet34_10, make_network
from accelsim.nn.trace_export import layers_in_order


def test_resnet18_macs_and_neurons() -> None:
    layers = layers_in_order(ResNet18().eval(), torch.rand(1, 3, 32, 32))
    convolutions = [shape for shape, _ in layers.values() if shape.kind == "conv"]
    assert len(convolutions) == 20
    assert sum(shape.macs for shape in convolutions) == 555_417_600
    assert sum(shape.positions * shape.n for shape in convolutions) == 614_400
    assert sum(1 for shape in convolutions if shape.kernel == (1, 1)) == 3
    names = list(layers)
    assert (names[0], names[-1]) == ("conv1", "fc")


def test_wide_resnet34_10_size() -> None:
    """46.2 million parameters (Zagoruyko and Komodakis, table 4 lists 28-10 with 36.5; 34-10 has 46.2)."""
    with torch.device("meta"):
        network = WideResNet34_10()
    assert sum(p.numel() for p in network.parameters()) == 46_160_474
    kernels = [m.kernel_size for m in network.modules() if isinstance(m, nn.Conv2d)]
    # depth 34 = 33 convolutions of 3x3 and the linear layer; three 1x1 shortcuts come on top
    assert (kernels.count((3, 3)), kernels.count((1, 1))) == (31, 3)


def test_make_network_own_factory() -> None:
    assert isinstance(make_network("torch.nn:Identity"), nn.Identity)


NETS = """
from torch import nn

def trained():
    return nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU())

def fails():
    raise KeyError("no\\nweights")

def takes(width):
    return nn.Conv2d(3, width, 3)

number = 3
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with a module herenets in it that nothing else can import."""
    (tmp_path / "herenets.py").write_text(NETS)
    (tmp_path / "models.py").write_text("raise RuntimeError('the wrong models')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each and Path(each).is_absolute()])
    yield tmp_path
    sys.modules.pop("herenets", None)


def test_a_factory_of_the_current_folder(here: Path) -> None:
    before = list(sys.path)
    assert isinstance(make_network("herenets:trained"), nn.Sequential)
    assert sys.path == before
    with pytest.raises(AccelsimError, match="missing"):
        make_network("herenets:missing")
    assert sys.path == before


@pytest.mark.parametrize("name", ["fails", "takes", "number"])
def test_a_factory_at_fault_is_told_in_one_line(here: Path, name: str) -> None:
    with pytest.raises(AccelsimError, match=f"network: 'herenets:{name}', called without arguments") as told:
        make_network(f"herenets:{name}")
    assert "\n" not in str(told.value)


def test_the_console_script_finds_a_factory_of_the_current_folder(here: Path) -> None:
    """Unlike `python -m`, the script does not put the current folder on the path; models.py must not hide ours."""
    script = shutil.which("accelsim", path=sysconfig.get_path("scripts"))
    if script is None:
        pytest.skip("accelsim is not installed here, only on the path")
    images = np.random.default_rng(0).random((40, 3, 8, 8), dtype=np.float32)
    np.save(here / "images.npy", images)
    command = [script, "export", "--model", "herenets:trained", "--inputs", "images.npy"]
    command += ["--calibration", "images.npy", "--images", "0:1", "--schemes", "nm-1of4", "--out", "mine.h5"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert open_trace(here / "mine.h5").network == "herenets:trained"


@pytest.mark.parametrize("name", ["resnet19", "torch.nn:NoSuch", "no_such_module:f", "torch:get_num_threads"])
def test_make_network_refuses(name: str) -> None:
    with pytest.raises(AccelsimError, match="network: "):
        make_network(name)
