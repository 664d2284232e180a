"""Small results to make pages of: Figure 5 of two synthetic networks, and a database of a sweep."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from accelsim.energy.spread import Spread
from accelsim.report.figure5 import figure5, write_figure5
from accelsim.report.html import write_report
from accelsim.store import Store
from accelsim.sweep import load_sweep, open_space
from accelsim.sweep.sweep_plan import plan_sweep
from accelsim.sweep.sweep_run import run_sweep
from accelsim.trace import Scheme
from accelsim.trace.synthetic import write_synthetic_trace

SCHEMES = [
    Scheme.dense(),
    Scheme.unstructured(noise=0.5),
    Scheme.unstructured(noise=0.875),
    Scheme.nm(keep=4, of=8),
    Scheme.nm(keep=1, of=8),
]


@pytest.fixture(scope="session")
def whole_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Figure 5 of two networks of three layers, two images each, with error bars. Not to be changed."""
    folder = tmp_path_factory.mktemp("report")
    traces = [
        write_synthetic_trace(folder / f"{network}.h5", SCHEMES, images=2, seed=seed, network=network)
        for seed, network in enumerate(("resnet18", "wrn34-10"))
    ]
    write_figure5(figure5(traces, spread=Spread(draws=50)), folder / "figure5")
    return folder / "figure5"


@pytest.fixture
def folder(whole_folder: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    copy = Path(shutil.copytree(whole_folder, tmp_path / "figure5"))
    # Tests change files, and what is then found is for more than a checksum to say.
    (copy / "SHA256SUMS").unlink()
    return copy


@pytest.fixture(scope="session")
def database(small_trace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two machines of four sizes under schemes of two degrees of noise, one image. Not to be changed."""
    folder = tmp_path_factory.mktemp("sweep")
    spec = {
        "format": "accelsim-sweep/1",
        "name": "sizes",
        "description": "</script><script>alert('from a sweep file')</script>",
        "machines": ["unstructured", "structured"],
        "traces": [str(small_trace)],
        "schemes": ["unstructured-50", "unstructured-87.5", "nm-4of8", "nm-1of8"],
        "images": ["0:1"],
        "axes": {"mvu.vpus": [2, 4, 8, 16]},
    }
    (folder / "sizes.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    loaded = load_sweep(folder / "sizes.yaml")
    with Store.open(folder / "sizes.db") as store:
        run_sweep(loaded.file.name, loaded.text, plan_sweep(open_space(loaded)), store)
    return folder / "sizes.db"


@pytest.fixture(scope="session")
def page(whole_folder: Path, database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page about both."""
    return write_report([whole_folder, database], tmp_path_factory.mktemp("page") / "report.html")
