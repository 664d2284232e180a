"""The wheel, built from this clone and installed into a folder that no clone is near."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PythonIn = Callable[..., "subprocess.CompletedProcess[str]"]
Installed = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel file."""
    pytest.importorskip("hatchling", reason="needs the extra dev")
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", str(ROOT), *options], check=True)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="session")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the wheel is installed into."""
    target = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", str(wheel), *options], check=True)
    return target


@pytest.fixture
def python_in() -> PythonIn:
    """Run Python on accelsim in a folder and this environment's other packages, but without any clone that they bring."""

    def run(folder: Path, *words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        # -S and PYTHONPATH: the packages of this environment, but not the folders that its .pth files add.
        packages = os.pathsep.join([str(folder), sysconfig.get_path("purelib")])
        environment = os.environ | {"PYTHONPATH": packages, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-S", *map(str, words)]
        return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)

    return run


@pytest.fixture
def installed(site: Path, python_in: PythonIn) -> Installed:
    """Run Python on the installed wheel."""
    return functools.partial(python_in, site)
