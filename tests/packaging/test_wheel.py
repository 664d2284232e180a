"""What is in the wheel, what of the command line works from it, and that its types count."""

from __future__ import annotations

import math
import struct
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from accelsim import open_trace
from accelsim.nn.base.tensor_files import save_tensors
from accelsim.nn.data.idx import PARTS
from accelsim.nn.spiking.run_settings import Settings
from tests.packaging.conftest import ROOT, Installed

pytestmark = pytest.mark.slow


def test_only_accelsim_is_in_the_wheel(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"accelsim", "accelsim_nn"}
    assert {"accelsim/py.typed", "accelsim/nn/__init__.py", "accelsim/rtl/__init__.py"} <= set(names)
    folder = "accelsim/_bundled/traces/"
    assert {name.removeprefix(folder) for name in names if name.startswith(folder)} == {
        file.name for file in (ROOT / "traces").glob("*.h5")
    }
    shipped = {f"accelsim/_bundled/{file.relative_to(ROOT)}" for file in (ROOT / "hwconfigs").rglob("*.*")}
    assert shipped <= set(names)
    assert not [name for name in names if name.startswith("accelsim/") and "checkpoints" in name]


def test_bundled_files_are_found_in_the_wheel(installed: Installed, tmp_path: Path) -> None:
    for words, shown in (
        (["inspect", "resnet18-cifar10"], "unstructured-87.5"),
        (["area", "structured"], "mm2"),
        (["schema", "machine"], '"title": "accelsim machine"'),
    ):
        done = installed("-m", "accelsim", *words, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert shown in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["-m", "accelsim", "schema", "recipe"],
        ["-m", "accelsim", "schema", "adversarial-recipe"],
        ["-m", "accelsim", "schema", "robust-recipe"],
        ["-m", "accelsim", "validate-rtl", "--cases", "0"],
        ["-m", "accelsim.rtl.synth", "--liberty", "x.lib"],
    ],
)
def test_what_needs_a_clone_says_so(installed: Installed, tmp_path: Path, words: list[str]) -> None:
    # A package of the user's under the name of the clone's changes nothing.
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").touch()
    done = installed(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.endswith("which the installed package does not have; run it in a clone of accelsim")


def test_exports_from_the_wheel(installed: Installed, tmp_path: Path) -> None:
    """Of a checkpoint of the clone and of a spiking run, on files of the official sizes."""
    (tmp_path / "test_batch.bin").write_bytes(bytes(10_000 * 3073))
    checkpoint = ROOT / "models" / "checkpoints" / "resnet18-w16-at.safetensors"
    more = ["--images", "0:1", "--schemes", "nm-1of8", "--out", "cifar.h5"]
    done = installed(
        "-m", "accelsim", "export", "--checkpoint", checkpoint, "--data", ".", *more, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("accelsim: warning: .: not the official CIFAR-10 files")
    assert open_trace(tmp_path / "cifar.h5").network == "resnet18-w16"

    settings = Settings(method="stbp", epochs=1, steps=2)
    run = {"settings": settings.model_dump(mode="json"), "epoch": 1}
    save_tensors(tmp_path / "weights.safetensors", dict(settings.network().state_dict()), run)
    for part, count in PARTS:
        for name, shape in ((f"{part}-images-idx3", (count, 28, 28)), (f"{part}-labels-idx1", (count,))):
            header = bytes((0, 0, 8, len(shape))) + struct.pack(f">{len(shape)}I", *shape)
            (tmp_path / f"{name}-ubyte").write_bytes(header + bytes(math.prod(shape)))
    more = ["--images", "0:1", "--out", "digits.h5"]
    done = installed("-m", "accelsim", "export", "--spiking", ".", "--data", ".", *more, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert open_trace(tmp_path / "digits.h5").schemes[0].name == "dense"


def test_a_users_typed_code_passes_mypy(site: Path, tmp_path: Path) -> None:
    """In strict mode and with no configuration; py.typed makes the installed wheel's types count."""
    pytest.importorskip("mypy", reason="needs the extra dev")
    (tmp_path / "user.py").write_text(USER)
    (tmp_path / "wrong.py").write_text(WRONG)
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    # Folders named in a .pth file: the packages there, but not what .pth files of their own would add, such as a clone.
    (packages / "all.pth").write_text(f"{site}\n{sysconfig.get_path('purelib')}\n")
    options = ["--strict", "--python-executable", str(environment / "bin" / "python"), "--cache-dir", "cache"]
    command = [sys.executable, "-m", "mypy", *options, "user.py", "wrong.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert {line.partition(": ")[0] for line in done.stdout.splitlines()[:-1]} == {"wrong.py:4", "wrong.py:5"}


USER = """from pathlib import Path

import numpy as np
import torch
from accelsim import Machine, Results, Scheme, TraceWriter, compare, load_machine, open_trace, simulate
from accelsim.nn import NonEssentialConv2d, convert, distill, export_trace, set_scheme
from torch import nn


def latency(trace: Path, machine: Machine) -> float:
    results: Results = simulate(open_trace(trace), machine, schemes=["nm-1of8"], images=slice(0, 1))
    return float(results.summary["latency_us"].iloc[0])


def converted(network: nn.Module, images: torch.Tensor, path: Path) -> list[str]:
    scheme = Scheme.nm(keep=1, of=8)
    noisy = convert(network.eval(), scheme, form="patch", k_ratio=0.25, seed=0)
    fits = distill(noisy, [images], seed=0)
    set_scheme(noisy, Scheme.dense())
    export_trace(noisy, images, range(len(images)), path, [scheme], network="mine", dataset="mine")
    layers = [name for name, layer in noisy.named_modules() if isinstance(layer, NonEssentialConv2d)]
    return [fit.name for fit in fits] + layers


def written(path: Path) -> TraceWriter:
    return TraceWriter(path, network="mine", dataset="mine", image_ids=[0])


machine = load_machine("structured")
both: Results = compare("resnet18-cifar10", ["dense", machine])
"""
WRONG = """from accelsim import simulate
from accelsim.nn import convert

results: int = simulate("resnet18-cifar10", "dense")
network: int = convert(1)
"""
