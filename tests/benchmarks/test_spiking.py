"""docs/spiking.md's table is what the bundled traces give today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from accelsim.bundled import is_bundled
from accelsim.inputs import MNIST_TRACES, as_trace
from accelsim.trace import check_trace
from benchmarks.spiking import RUNS, table

NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    not all(is_bundled(f"traces/{name}.h5") for name in MNIST_TRACES),
    reason="the traces are not in this checkout",
)


def test_the_table_in_the_documentation_is_of_today() -> None:
    text = (ROOT / "docs/spiking.md").read_text(encoding="utf-8")
    kept = text.split("<!-- spiking -->\n")[1].split("\n<!-- /spiking -->")[0]
    now = table()
    assert NUMBER.sub("#", kept) == NUMBER.sub("#", now), "python benchmarks/spiking.py"
    # Constants of the technology may be measured again; what the page says of the numbers holds within this.
    shown, today = (
        [float(number.replace(",", "")) for number in NUMBER.findall(text)] for text in (kept, now)
    )
    assert shown == pytest.approx(today, rel=0.02), "python benchmarks/spiking.py"


def test_the_bundled_traces_are_sound_and_small() -> None:
    assert {name for name, _, _ in RUNS} == set(MNIST_TRACES)
    for name in MNIST_TRACES:
        report = check_trace(as_trace(name).path)
        assert report.ok
        assert report.path.stat().st_size < 100_000
    nit, stbp = as_trace("snn-nit-mnist"), as_trace("snn-stbp-mnist")
    assert [layer.shape.n for layer in nit.layers] == [layer.shape.n for layer in stbp.layers]
    assert all(layer.shape.noise for layer in nit.layers)
    assert not any(layer.shape.noise for layer in stbp.layers)
