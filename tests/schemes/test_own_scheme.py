"""A user's family of schemes is one file: the one of docs/how-to/own-scheme.md, installed as a package, goes all the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from accelsim import check_trace, compare, open_trace, simulate
from accelsim.bitops import layer_bitops, trace_bitops
from accelsim.cli import main
from accelsim.errors import AccelsimError
from accelsim.report.figure5 import figure5
from accelsim.report.html.page import write_report
from accelsim.schemes import DenseScheme, Scheme, families, family_of, parse_scheme, register, scheme_registry
from accelsim.trace import Approximation, LayerShape, TraceWriter
from accelsim.trace.synthetic import write_synthetic_trace
from tests.docs.blocks import ROOT, blocks_of

CODE = next(
    block.text for block in blocks_of(ROOT / "docs/how-to/own-scheme.md") if block.file == "strided_scheme.py"
)
SHAPE = LayerShape(kind="conv", c_in=4, c_out=12, kernel=(1, 1), groups=2, h_in=1, w_in=3)
"""Six channels a group, so that strides of four restart at channel 6; three positions; d = 2."""

KEPT = [0, 4, 6, 10]
"""Of the twelve channels: channels 0 and 4 of each group."""


def install(folder: Path, package: str, entry: str, code: str = "") -> None:
    """Leave in a folder on sys.path what `pip install` leaves of a package with one module and one entry point."""
    if code:
        (folder / f"{entry.split(':')[0]}.py").write_text(code, encoding="utf-8")
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[accelsim.schemes]\nstrided = {entry}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on sys.path whose packages accelsim has not looked at yet, and forgets afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(scheme_registry, "_registered", dict(scheme_registry._registered))
    scheme_registry._load_entry_points.cache_clear()
    yield folder
    scheme_registry._load_entry_points.cache_clear()
    sys.modules.pop("strided_scheme", None)


@pytest.fixture
def strided(site: Path) -> Path:
    """The folder with the user's package installed."""
    install(site, "strided", "strided_scheme:StridedScheme", CODE)
    return site


@pytest.fixture
def trace(strided: Path, tmp_path: Path) -> Path:
    """One layer of two groups, one image, under 1:4 and the user's scheme."""
    path = tmp_path / "strided.h5"
    masks = np.zeros((1, 3, 12), bool)
    masks[..., KEPT] = True
    with TraceWriter(path, network="tiny", dataset="none", image_ids=[0]) as writer:
        writer.add_layer("conv", SHAPE, Approximation(k=1, nnz=2, seed=0))
        for scheme in ("nm-1of4", "strided-1of4"):
            writer.add_scheme(parse_scheme(scheme))
            writer.write(scheme, "conv", masks)
    return path


def test_it_is_one_file(strided: Path) -> None:
    assert [each.name for each in strided.glob("*.py")] == ["strided_scheme.py"]
    assert len([line for line in CODE.splitlines() if line.strip()]) < 60


def test_it_is_found_by_its_id_and_listed_with_the_others(strided: Path) -> None:
    scheme = parse_scheme("strided-1of4")
    assert (scheme.kind, scheme.noise, scheme.keep, scheme.of, scheme.scope) == ("strided", 0.75, 0, 4, None)
    assert Scheme.parse("strided-1of4") == scheme
    assert [family.kind for family in families()] == ["dense", "unstructured", "nm", "all-noise", "strided"]
    assert family_of("strided") is type(scheme)
    with pytest.raises(AccelsimError, match=r"'nm-1of8' \(kept; .*\), 'noise-100', 'strided-1of4'$"):
        parse_scheme("stridden-1of4")


def test_its_masks_are_checked_when_written_and_by_check(trace: Path) -> None:
    assert check_trace(trace).essential_fraction == {"nm-1of4": 1 / 3, "strided-1of4": 1 / 3}
    assert open_trace(trace).scheme("strided-1of4") == parse_scheme("strided-1of4")
    masks = np.zeros((1, 3, 12), bool)
    masks[..., [0, 4, 7, 10]] = True  # right for 1:4, but 7 is no start of a stride
    with TraceWriter(trace.with_name("b.h5"), network="n", dataset="d", image_ids=[0]) as writer:
        writer.add_layer("conv", SHAPE, Approximation(k=1, nnz=2, seed=0))
        writer.add_scheme(parse_scheme("strided-1of4"))
        with pytest.raises(AccelsimError, match="layer conv: image 0, position 0, channel 6: not every 4th"):
            writer.write("strided-1of4", "conv", masks)
        masks[..., [6, 7]] = [True, False]
        writer.write("strided-1of4", "conv", masks)


def test_both_engines_run_it_as_they_run_nm_with_the_same_masks(trace: Path) -> None:
    runs = {
        (scheme, engine): simulate(trace, "structured", schemes=[scheme], engine=engine).rows[0]
        for scheme in ("nm-1of4", "strided-1of4")
        for engine in ("reference", "compiled")
    }
    own = runs["strided-1of4", "compiled"]
    assert (own["scheme"], own["kind"], own["noise"]) == ("strided-1of4", "strided", 0.75)
    assert own["essential_neurons"] == 3 * len(KEPT)
    assert own["groups_ranked"] == 3 * 4  # two units of each group of the convolution, at each position
    label = ("scheme", "kind", "noise")
    costs = [{name: value for name, value in row.items() if name not in label} for row in runs.values()]
    assert all(each == costs[0] for each in costs)


def test_a_machine_without_its_selector_says_so(trace: Path) -> None:
    with pytest.raises(AccelsimError, match=r"strided-1of4 cannot run: .* of kind threshold, not nm"):
        simulate(trace, "unstructured", schemes=["strided-1of4"])


def test_bitops_of_its_masks_and_of_its_rule(trace: Path) -> None:
    info, scheme = open_trace(trace).layers[0], parse_scheme("strided-1of4")
    precise = 3 * len(KEPT) * 2 * (16 * 16 + 16)  # neurons x inputs x one 16-bit MAC
    assert trace_bitops(open_trace(trace), "strided-1of4").precise == precise
    assert layer_bitops(info, scheme).precise == precise


def test_comparison_figure_and_page_show_it(strided: Path, tmp_path: Path) -> None:
    path = tmp_path / "several.h5"
    names = ("dense", "unstructured-75", "nm-2of8", "strided-1of4")
    write_synthetic_trace(path, [parse_scheme(name) for name in names], images=1)
    results = compare(path)
    assert list(zip(results.summary["scheme"], results.summary["machine"], strict=True)) == [
        ("dense", "dense"),
        ("unstructured-75", "unstructured"),
        ("nm-2of8", "structured"),
        ("strided-1of4", "structured"),
    ]
    figure = figure5([path], spread=None)
    assert set(figure.table["scheme"]) == set(names)
    assert not any("strided" in claim.evidence for claim in figure.claims)  # it is of neither series
    results.write(tmp_path / "out")
    page = write_report([tmp_path / "out"], tmp_path / "page.html").read_text(encoding="utf-8")
    assert '"1 of 4 kept, strided"' in page
    assert '"strided":{"title":"strided","colour":"#228833","symbol":"diamond"}' in page


def test_a_network_in_pytorch_selects_by_it(strided: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra train")
    from accelsim.nn.injection.conversion import convert
    from accelsim.nn.injection.distillation import distill
    from accelsim.nn.trace_export import export_trace

    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(4, 12, 1, groups=2), torch.nn.ReLU(), torch.nn.Conv2d(12, 8, 1)
    )
    images = torch.rand(64, 4, 1, 3)
    model = convert(network.eval(), parse_scheme("strided-1of4"), form="patch", k_ratio=1.0, seed=0)
    distill(model, [images])
    export_trace(
        model, images[:1], [0], tmp_path / "t.h5", [parse_scheme("strided-1of4")], network="n", dataset="d"
    )
    layers = {name: open_trace(tmp_path / "t.h5").layer(name, "strided-1of4") for name in ("0", "2")}
    assert np.argwhere(layers["0"].essential()[0, 0]).flatten().tolist() == KEPT
    assert np.argwhere(layers["2"].essential()[0, 2]).flatten().tolist() == [0, 4]


def in_a_process(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `accelsim` as a user does who has the packages in `site` installed."""
    environment = os.environ | {"PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "accelsim", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_the_command_line_runs_it(trace: Path, strided: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    chosen = ("--machine", "structured", "--schemes", "strided-1of4", "--out", str(out))
    done = in_a_process(strided, "run", str(trace), *chosen)
    assert done.returncode == 0, done.stderr
    assert "1 of 4 kept, strided" in done.stdout
    stored = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert [row["scheme"] for row in stored["summary"]] == ["strided-1of4"]


def test_completion_offers_its_example(strided: Path) -> None:
    from click.shell_completion import ShellComplete

    from accelsim.cli import cli
    from accelsim.cli.completion_command import VARIABLE

    found = ShellComplete(cli, {}, "accelsim", VARIABLE).get_completions(["export", "--schemes"], "nm-1of8,s")
    assert [item.value for item in found] == ["nm-1of8,strided-1of4"]


def test_without_the_package_the_file_is_refused_in_one_line(
    trace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scheme_registry, "_registered", {"dense": DenseScheme})
    monkeypatch.setattr(scheme_registry, "load_entry_points", lambda group, register: None)
    scheme_registry._load_entry_points.cache_clear()
    with pytest.raises(SystemExit) as stopped:
        main(["check", str(trace)])
    told = capsys.readouterr()
    assert stopped.value.code in (1, 2)
    assert "schemes[0]: scheme 'nm-1of4' is unknown; allowed: 'dense'" in told.out + told.err


@dataclass(frozen=True)
class Unregistered(DenseScheme):
    """A scheme whose id no family reads."""

    @property
    def name(self) -> str:
        return "unregistered"


def test_a_scheme_that_no_reader_would_know_is_not_written(tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "t.h5", network="n", dataset="d", image_ids=[0]) as writer:
        with pytest.raises(AccelsimError, match="scheme unregistered: no registered family has this id"):
            writer.add_scheme(Unregistered())
        writer.add_layer("fc", LayerShape.linear(2, 2))
        writer.add_scheme(Scheme.dense())


@pytest.mark.parametrize(
    ("entry", "code", "said"),
    [
        ("absent:Family", "", "cannot load absent:Family: ModuleNotFoundError: No module named 'absent'"),
        ("strided_scheme:Other", CODE, "cannot load strided_scheme:Other: AttributeError"),
        ("strided_scheme:re", CODE, "is no family of schemes; allowed: a subclass of Scheme"),
        (
            "strided_scheme:StridedScheme",
            CODE.replace('kind = "strided"', 'kind = "nm"'),
            "kind 'nm' is that of accelsim.schemes.nm_scheme.NmScheme already",
        ),
        ("strided_scheme:StridedScheme", CODE.replace("def name", "def id"), "StridedScheme: lacks name"),
        (
            "strided_scheme:StridedScheme",
            CODE.replace('selector_kind = "nm"', 'selector_kind = "stride"'),
            "selector_kind is 'stride'; allowed: None, 'threshold', 'nm'",
        ),
        (
            "strided_scheme:StridedScheme",
            CODE.replace('kind = "strided"', 'kind = "a/b"'),
            "kind is 'a/b'; allowed: lower-case letters, digits and hyphens",
        ),
        (
            "strided_scheme:StridedScheme",
            CODE.replace('title = "strided"', "order = 3"),
            "title is None; allowed: text",
        ),
    ],
)
def test_a_broken_package_is_named_in_one_line(site: Path, entry: str, code: str, said: str) -> None:
    install(site, "brokenpackage", entry, code)
    for _ in range(2):  # it stays broken, however often it is asked
        with pytest.raises(AccelsimError) as caught:
            parse_scheme("strided-1of4")
        text = str(caught.value)
        assert text.startswith("package brokenpackage, entry point accelsim.schemes:strided: ")
        assert said in text and "\n" not in text
    assert parse_scheme("nm-1of8").of == 8  # what is built in does not look for packages


def test_the_same_family_may_be_registered_again(strided: Path) -> None:
    family = type(parse_scheme("strided-1of4"))
    assert register(family) is family
    assert list(families()).count(family) == 1
