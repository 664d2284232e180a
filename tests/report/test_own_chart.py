"""A user's chart is one file: the one of docs/how-to/own-chart.md, installed as a package, is on the page and a picture."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from accelsim.errors import AccelsimError
from accelsim.report import charts as chart_registry
from accelsim.report.charts import Chart, ChartSeries, Drawing, Panel, charts, register
from accelsim.report.figure5 import figure5, write_figure5
from accelsim.report.html import write_report
from accelsim.schemes import parse_scheme
from accelsim.trace.synthetic import write_synthetic_trace
from tests.docs.blocks import ROOT, blocks_of
from tests.report.html.reading import parsed

CODE = next(
    block.text for block in blocks_of(ROOT / "docs/how-to/own-chart.md") if block.file == "energy_chart.py"
)
SERIES = ChartSeries("a", "#000000", ["1", "2"], [1.0, 2.0])


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on sys.path whose packages accelsim has not looked at yet, and forgets afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(chart_registry, "_registered", dict(chart_registry._registered))
    chart_registry._load_entry_points.cache_clear()
    yield folder
    chart_registry._load_entry_points.cache_clear()
    sys.modules.pop("energy_chart", None)


def install(folder: Path, code: str = CODE, entry: str = "energy_chart:CHART") -> None:
    """Leave in a folder what `pip install` leaves of a package with one module and one entry point."""
    (folder / "energy_chart.py").write_text(code, encoding="utf-8")
    info = folder / "energy_chart-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: energy-chart\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[accelsim.charts]\nenergy-time = {entry}\n")


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    schemes = [parse_scheme(name) for name in ("dense", "unstructured-50", "nm-4of8", "nm-1of8")]
    return write_synthetic_trace(tmp_path / "small.h5", schemes, images=1)


def test_it_is_on_the_page_and_a_picture(site: Path, trace: Path, tmp_path: Path) -> None:
    install(site)
    figure = figure5([trace], spread=None)
    written = [path.name for path in write_figure5(figure, tmp_path / "out")]
    assert {"figure5.png", "figure5.svg", "energy-time.png", "energy-time.svg"} <= set(written)
    assert all(
        path in (tmp_path / "out/energy-time.svg").read_text() for path in ("structured (N:M)", "energy, µJ")
    )

    page = parsed(write_report([tmp_path / "out"], tmp_path / "page.html"))
    figure_5, own = page.data["charts"]
    assert (figure_5["name"], own["name"]) == ("figure5", "energy-time")
    assert "chart-energy-time" in [
        attributes.get("id") for tag, attributes in page.elements if tag == "section"
    ]
    assert "Each point is a scheme; means per image." in page.text
    (panel,) = own["panels"]
    summary = figure.results.summary.set_index("scheme")
    (structured,) = (series for series in panel["series"] if series["name"] == "structured (N:M)")
    assert len(structured["notes"]) == 2
    for name, x, y in zip(("nm-4of8", "nm-1of8"), structured["x"], structured["y"], strict=True):
        assert x == pytest.approx(summary.loc[name, "latency_us"] / 1e3)
        assert y == pytest.approx(summary.loc[name, "energy_pj"] / 1e6)


@pytest.mark.parametrize(
    ("code", "entry", "said"),
    [
        (CODE, "energy_chart:OTHER", "cannot load energy_chart:OTHER: AttributeError"),
        (CODE, "energy_chart:draw", "is no chart; allowed: an instance of accelsim.report.charts.Chart"),
        (
            CODE.replace('"energy-time"', '"figure5"'),
            "energy_chart:CHART",
            "another chart has this name already",
        ),
        (
            CODE.replace('"energy-time"', '"a b"'),
            "energy_chart:CHART",
            "allowed in a name are lower-case letters",
        ),
    ],
)
def test_a_broken_package_is_named_in_one_line(site: Path, code: str, entry: str, said: str) -> None:
    install(site, code, entry)
    for _ in range(2):  # it stays broken, however often it is asked
        with pytest.raises(AccelsimError) as caught:
            charts()
        text = str(caught.value)
        assert text.startswith("package energy-chart, entry point accelsim.charts:energy-time: ")
        assert said in text and "\n" not in text


def test_an_error_in_a_chart_names_it(site: Path, trace: Path, tmp_path: Path) -> None:
    install(site, CODE.replace('rows.groupby("kind"', 'rows.groupby("sort"'))
    with pytest.raises(AccelsimError, match=r"^chart energy-time: KeyError: 'sort'$"):
        write_figure5(figure5([trace], spread=None), tmp_path / "out")


def test_a_chart_with_nothing_to_show_is_left_out(site: Path, trace: Path, tmp_path: Path) -> None:
    register(Chart("silent", "Silent", lambda tables: None))
    figure5([trace], spread=None).results.write(tmp_path / "out")
    assert [
        each["name"] for each in parsed(write_report([tmp_path / "out"], tmp_path / "p.html")).data["charts"]
    ] == ["figure5"]


@pytest.mark.parametrize(
    ("series", "panel", "said"),
    [
        ({"y": [1.0]}, {}, "1 values in y, 2 in x"),
        ({"y": [1.0, float("nan")]}, {}, "not all values are finite numbers"),
        ({"colour": "red"}, {}, "colour 'red'; allowed: # and six"),
        ({"low": [0.5, 1.0]}, {}, "error bars need both low and high"),
        ({"notes": ["one"]}, {}, "1 values in notes, 2 in x"),
        ({"x": [1.0, 2.0]}, {}, "x of bars are categories; allowed: text"),
        ({}, {"kind": "line"}, "not all values are finite numbers"),
        ({}, {"kind": "pie"}, "kind 'pie'; allowed: bar, line, points"),
        ({}, {"categories": ["1"]}, "category '2' of a series is not among the categories"),
        ({}, {"series": []}, "has no series"),
    ],
)
def test_a_panel_that_cannot_be_drawn_says_why(
    series: dict[str, object], panel: dict[str, object], said: str
) -> None:
    fields = {"title": "t", "x_title": "x", "series": [replace(SERIES, **series)]} | panel
    with pytest.raises(AccelsimError, match=said):
        Panel(**fields)  # type: ignore[arg-type]


def test_bars_lines_and_error_bars_are_drawn_where_they_stand() -> None:
    from accelsim.report.chart_picture import picture_of

    bars = replace(SERIES, low=[0.5, 1.5], high=[1.5, 3.0])
    line = ChartSeries("b", "#ff0000", [1.0, 3.0], [2.0, 4.0])
    panels = [
        Panel("bars", "x", [bars, replace(SERIES, name="c")], reference=1.0, heading="first"),
        Panel("line", "x", [line], kind="line", heading="first"),
        Panel("points", "x", [line], kind="points", heading="second"),
    ]
    figure = picture_of(Chart("c", "C", lambda tables: Drawing(panels)), None)  # type: ignore[arg-type]
    assert figure is not None
    first, second, third, empty = figure.axes
    assert [bar.get_height() for bar in first.patches] == [1.0, 2.0, 1.0, 2.0]
    assert [label.get_text() for label in first.get_xticklabels()] == ["1", "2"]
    (middle, *_) = (bar.get_x() + bar.get_width() for bar in first.patches)
    assert middle == pytest.approx(0.0)  # two bars of one category touch at its middle
    assert second.lines[0].get_xydata().tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert (second.lines[0].get_linestyle(), third.lines[0].get_linestyle()) == ("-", "None")
    assert not empty.get_visible()
    segments = first.collections[0].get_segments()  # type: ignore[attr-defined]
    assert [[end[1] for end in each] for each in segments] == [[0.5, 1.5], [1.5, 3.0]]
