"""The page in a real Chromium, opened from its file: what a reader sees, does with mouse and keyboard, and never hears of.

Pictures are left in ``build/artefacts/report/``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from accelsim.report.html import write_report
from tests.report.html.reading import parsed, rows

pytest.importorskip("playwright.sync_api", reason="needs playwright (extra dev)")

from playwright.sync_api import Browser, Page, expect, sync_playwright

ARTEFACTS = Path(__file__).resolve().parents[3] / "build/artefacts/report"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 375, "height": 812}
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt-get install chromium)")

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Root, as in a container, cannot have Chromium's sandbox. The page is ours.
    flags = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Open a file; at the end, nothing may have been said on the console, failed, or been asked of a network."""
    heard: list[str] = []
    contexts = []

    def opened(file: Path, viewport: dict[str, int] = DESKTOP, scheme: str = "light") -> Page:
        context = browser.new_context(viewport=viewport, color_scheme=scheme, offline=True)
        contexts.append(context)
        context.set_default_timeout(90_000)  # the machine may be busy with other things
        page = context.new_page()
        page.on("console", lambda message: heard.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: heard.append(f"error: {error}"))
        page.on("dialog", lambda dialog: heard.append(f"dialog: {dialog.message}"))
        page.on("request", lambda asked: heard.append(asked.url) if asked.url != file.as_uri() else None)
        page.goto(file.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [each for each in heard if each != "data:,"] == []  # the empty icon


def picture(page: Page, name: str, whole: bool = True) -> None:
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=whole)


def column(page: Page, table: str, title: str) -> list[str]:
    """The cells under a heading, as shown."""
    titles = page.locator(f"{table} thead th:visible button").all_inner_texts()
    return page.locator(f"{table} tbody tr > :nth-child({titles.index(title) + 1})").all_inner_texts()


def numbers(texts: list[str]) -> list[float]:
    return [float(text.replace(",", "").replace("\u202f%", "")) for text in texts]


def test_every_chart_is_drawn(page: Path, open_page: Open) -> None:
    shown = open_page(page)
    charts = shown.locator(".chart")
    assert charts.count() == 2 * 4 + 2 + 1 + 2
    for chart in charts.all():
        box = chart.locator("svg").bounding_box()
        assert box is not None and box["width"] > 200 and box["height"] > 150
        drawn = chart.locator("svg path[fill]:not([fill='none']):not([fill='transparent'])")
        assert drawn.count() >= 4, chart.get_attribute("aria-label")
        assert len(chart.get_attribute("aria-label") or "") > 30  # what it is, for those who do not see it
    picture(shown, "desktop-light")


def test_figure5_shows_the_ratios(page: Path, open_page: Open) -> None:
    """The height of bars, measured on the screen, against the table."""
    shown = open_page(page)
    panel = parsed(page).data["charts"][0]["panels"][0]
    assert panel["title"] == "execution time / dense"
    chart = shown.locator("#chart-figure5 .chart").first
    for series, colour in zip(panel["series"], ("#4477aa", "#ee7733"), strict=True):
        ratios = series["y"]
        # The legend is drawn after the bars.
        bars = [each.bounding_box() for each in chart.locator(f"svg path[fill='{colour}']").all()][:-1]
        heights = [each["height"] for each in bars if each is not None]
        assert len(heights) == len(ratios) == 2
        assert heights[1] / heights[0] == pytest.approx(ratios[1] / ratios[0], rel=0.03)


def test_sorting(page: Path, open_page: Open) -> None:
    shown = open_page(page)
    heading = shown.locator("#layers-table th", has=shown.get_by_role("button", name="energy, µJ"))
    before = column(shown, "#layers-table", "layer")
    assert heading.get_attribute("aria-sort") == "none"
    heading.get_by_role("button").focus()
    shown.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    rising = numbers(column(shown, "#layers-table", "energy, µJ"))
    assert rising == sorted(rising) and len(set(rising)) > 1
    shown.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert numbers(column(shown, "#layers-table", "energy, µJ")) == rising[::-1]
    shown.locator("#layers-table").get_by_role("button", name="layer", exact=True).click()
    assert heading.get_attribute("aria-sort") == "none"
    assert column(shown, "#layers-table", "layer") == sorted(before)


def test_search(page: Path, open_page: Open) -> None:
    shown = open_page(page)
    every = column(shown, "#layers-table", "layer")
    shown.get_by_label("Search layers").fill(every[1].upper())
    assert column(shown, "#layers-table", "layer") == [each for each in every if every[1] in each]
    expect(shown.locator("#layers-table output")).to_contain_text(f"of {len(every)} rows")
    shown.get_by_label("Search layers").fill("nothing of that name")
    assert column(shown, "#layers-table", "layer") == []
    shown.get_by_label("Search layers").fill("")
    assert column(shown, "#layers-table", "layer") == every
    shown.get_by_label("Scheme and machine").select_option("")
    shown.get_by_label("Search layers").fill(f"{every[0]} 1:8")
    found = column(shown, "#layers-table", "scheme")
    assert found == ["1:8 kept (noise 7:8)"] * 2  # both networks


def test_a_row_opens_its_detail_by_keyboard(page: Path, open_page: Open) -> None:
    shown = open_page(page)
    detail = shown.get_by_role("dialog")
    button = shown.locator("#layers-table tbody button").nth(1)
    name = button.inner_text()
    button.focus()
    shown.keyboard.press("Enter")
    expect(detail).to_be_visible()
    expect(detail.get_by_role("heading", level=2)).to_have_text(name)
    row = next(
        each
        for each in rows(parsed(page).data["layers"])
        if (each["network"], each["scheme"], each["layer"]) == ("resnet18", "nm-1of8", name)
    )
    for title in ("mapping efficiency", "Utilization", "precise work", "idle: input", "weight sram 16bit"):
        expect(detail).to_contain_text(title)
    counts = detail.locator(".counts")
    expect(counts).to_contain_text(f"brick_ops_16bit{row['brick_ops_16bit']:,}")
    expect(counts).to_contain_text(f"core_cycles{row['core_cycles']:,}")
    assert detail.locator(".chart svg path").count() > 5
    picture(shown, "detail", whole=False)
    shown.keyboard.press("ArrowRight")
    expect(detail.get_by_role("heading", level=2)).not_to_have_text(name)
    shown.keyboard.press("ArrowLeft")
    expect(detail.get_by_role("heading", level=2)).to_have_text(name)
    shown.keyboard.press("Escape")
    expect(detail).to_be_hidden()
    assert shown.evaluate("document.activeElement.textContent") == name


def test_rows_bars_and_points_open_by_mouse(page: Path, open_page: Open) -> None:
    shown = open_page(page)
    heading = shown.get_by_role("dialog").get_by_role("heading", level=2)
    close = shown.get_by_role("button", name="Close")
    shown.locator("#points-table tbody td").first.click()
    expect(heading).to_have_text(column(shown, "#points-table", "scheme")[0])
    close.click()
    chart = shown.locator("#layers-chart")
    box = chart.bounding_box()
    assert box is not None
    chart.click(position={"x": box["width"] - 40, "y": box["height"] / 2})
    expect(heading).to_have_text(column(shown, "#layers-table", "layer")[-1])
    close.click()
    shown.locator("#points-pareto svg path[fill='#ee7733']").last.click()
    expect(heading).to_contain_text("kept")


def test_choices_change_what_is_shown(page: Path, open_page: Open) -> None:
    shown = open_page(page)
    section = shown.locator("#runs")
    before = section.locator("#runs-energy").inner_html(), numbers(column(shown, "#runs-table", "cycles"))
    section.get_by_label("Network").select_option("wrn34-10")
    assert section.locator("#runs-energy").inner_html() != before[0]
    wanted = [row for row in rows(parsed(page).data["runs"]) if row["network"] == "wrn34-10"]
    assert numbers(column(shown, "#runs-table", "cycles")) == pytest.approx(
        [row["latency_cycles"] for row in wanted], abs=0.5
    )
    pareto = shown.locator("#points-pareto")
    before_axes = pareto.locator(".chart").get_attribute("aria-label")
    pareto.get_by_label("Up").select_option("area_mm2")
    assert "area" in (pareto.locator(".chart").get_attribute("aria-label") or "")
    assert pareto.locator(".chart").get_attribute("aria-label") != before_axes
    bars = shown.locator("#layers-chart").inner_html()
    shown.locator("#layers-controls").get_by_label("Bars").select_option("energy")
    assert shown.locator("#layers-chart").inner_html() != bars
    shown.get_by_role("button", name="Patterns").click()
    assert shown.locator("#layers-chart svg pattern").count() > 0


def luminance(page: Page, selector: str, what: str) -> float:
    """Relative luminance, as WCAG defines it, of a computed colour."""
    script = "([selector, what]) => getComputedStyle(document.querySelector(selector))[what]"
    text = page.evaluate(script, [selector, what])
    values = [float(each) / 255 for each in text[text.index("(") + 1 : -1].split(",")[:3]]
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in values
    )
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


def contrast(page: Page, selector: str, behind: str = "body") -> float:
    a, b = luminance(page, selector, "color"), luminance(page, behind, "backgroundColor")
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)


def chart_follows(page: Page) -> bool:
    """Whether the names of bars have the colour of the page's text."""
    colour = page.evaluate("getComputedStyle(document.body).color")
    return page.locator(f"#runs-energy svg text[fill='{colour}']").count() >= 5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(page: Path, open_page: Open, scheme: str) -> None:
    shown = open_page(page, scheme=scheme)
    dark = luminance(shown, "body", "backgroundColor") < 0.2
    assert dark == (scheme == "dark")
    for selector in ("h1", "p", ".aside", "nav a", ".verdict", "dt"):
        assert contrast(shown, selector) > 4.5, selector
    assert chart_follows(shown)
    button = shown.get_by_role("button", name="Theme")
    button.click()
    assert luminance(shown, "body", "backgroundColor") > 0.8
    button.click()
    assert luminance(shown, "body", "backgroundColor") < 0.2
    assert chart_follows(shown)
    shown.reload()
    expect(button).to_have_text("Theme: dark")
    if scheme == "light":
        picture(shown, "desktop-dark")


def test_on_a_phone(page: Path, open_page: Open) -> None:
    shown = open_page(page, viewport=PHONE)
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert shown.evaluate(wider) == 0
    table = shown.locator("#layers-table .scroll")
    assert table.evaluate("each => each.scrollWidth > each.clientWidth")  # scrolls in its own box
    for chart in shown.locator(".chart").all():
        box = chart.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]
    picture(shown, "phone-light")
    shown.locator("#layers-table tbody button").first.click()
    box = shown.get_by_role("dialog").bounding_box()
    assert box is not None and box["width"] <= PHONE["width"] and box["height"] <= PHONE["height"]
    body = shown.locator("#detail-body")
    assert body.evaluate("each => each.scrollWidth <= each.clientWidth")
    picture(shown, "phone-detail", whole=False)
    shown.keyboard.press("Escape")
    # Turned to the side, as it were.
    narrow = shown.locator("#runs-energy svg").bounding_box()
    shown.set_viewport_size(DESKTOP)
    shown.wait_for_function("document.querySelector('#runs-energy svg').clientWidth > 400")
    wide = shown.locator("#runs-energy svg").bounding_box()
    assert narrow is not None and wide is not None and wide["width"] > narrow["width"]


def test_keyboard_reaches_everything_in_order(page: Path, open_page: Open) -> None:
    """Every control can be tabbed to, has a name, and shows that it has the focus."""
    shown = open_page(page)
    script = """() => {
      const each = document.activeElement;
      if (each === document.body) return null;
      const label = each.getAttribute("aria-label") || each.labels?.[0]?.textContent || each.textContent
        || document.getElementById(each.getAttribute("aria-labelledby"))?.textContent;
      return [each.tagName, (label || "").trim(), getComputedStyle(each).outlineStyle];
    }"""
    seen: list[Any] = []
    shown.keyboard.press("Tab")
    while (found := shown.evaluate(script)) is not None and len(seen) < 200:
        seen.append(found)
        shown.keyboard.press("Tab")
    assert seen[0][1] == "Skip to the results"
    assert all(name and outline != "none" for _, name, outline in seen), seen
    names = [name for _, name, _ in seen]
    assert {"Patterns", "Theme: system", "Layers", "Provenance"} <= set(names)
    assert {tag for tag, _, _ in seen} >= {"A", "BUTTON", "SELECT", "INPUT", "DIV", "SUMMARY"}


def test_names_are_text_not_markup(folder: Path, tmp_path: Path, open_page: Open) -> None:
    name = "<img src=x onerror=alert(1)>"
    layers = pd.read_parquet(folder / "layers.parquet")
    layers["layer"] = name + layers["layer"]
    layers.to_parquet(folder / "layers.parquet")
    shown = open_page(write_report([folder], tmp_path / "page.html"))
    assert shown.locator("main img").count() == 0
    assert column(shown, "#layers-table", "layer")[0].startswith(name)
    chart = shown.locator("#layers-chart")
    box = chart.bounding_box()
    assert box is not None
    chart.hover(position={"x": box["width"] / 2, "y": box["height"] / 2})
    expect(shown.locator(".tooltip").first).to_contain_text(name)
    shown.locator("#layers-table tbody button").first.click()
    expect(shown.get_by_role("dialog").get_by_role("heading", level=2)).to_contain_text(name)
    assert shown.locator("main img, dialog img").count() == 0


@pytest.mark.parametrize("what", ["folder", "database"])
def test_either_alone(what: str, whole_folder: Path, database: Path, tmp_path: Path, open_page: Open) -> None:
    shown = open_page(write_report([whole_folder if what == "folder" else database], tmp_path / "page.html"))
    assert shown.locator(".chart svg").count() == (12 if what == "folder" else 1)
