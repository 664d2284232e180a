"""Interpolation between SRAM macros: exact on the table, bounded between, refused outside."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.config import load_technology
from accelsim.config.sram_table import SramMacro, SramTable
from accelsim.errors import AccelsimError

TABLE = load_technology().sram
FIGURES = ("read_pj", "write_pj", "leakage_mw", "area_mm2")


@pytest.mark.parametrize("macro", TABLE.macros, ids=lambda macro: f"{macro.kib:g}x{macro.width_bits}")
def test_exact_at_table_points(macro: SramMacro) -> None:
    assert TABLE.macro(macro.kib, macro.width_bits) == macro


def test_known_macros() -> None:
    """Read energies as printed in the measurement's own summary."""
    assert TABLE.macro(32, 64).read_pj == pytest.approx(17.0, abs=0.05)
    assert TABLE.macro(512, 256).read_pj == pytest.approx(168, abs=0.5)


def test_between_points_is_the_geometric_mean_at_the_logarithmic_middle() -> None:
    low, high = TABLE.macro(32, 64), TABLE.macro(64, 64)
    middle = TABLE.macro(32 * math.sqrt(2), 64)
    for name in FIGURES:
        assert getattr(middle, name) == pytest.approx(math.sqrt(getattr(low, name) * getattr(high, name)))
    assert middle.cycle_ns == max(low.cycle_ns, high.cycle_ns)  # never faster than a neighbour


@pytest.mark.parametrize(
    ("along", "points", "bounds"),
    [
        (
            "kib",
            60,
            {
                "read_pj": (0.08, 0.30),
                "write_pj": (0.06, 0.20),
                "leakage_mw": (0.03, 0.15),
                "area_mm2": (0.06, 0.24),
            },
        ),
        (
            "width_bits",
            46,
            {
                "read_pj": (0.07, 0.40),
                "write_pj": (0.06, 0.22),
                "leakage_mw": (0.01, 0.12),
                "area_mm2": (0.06, 0.26),
            },
        ),
    ],
)
def test_leave_one_out_error(along: str, points: int, bounds: dict[str, tuple[float, float]]) -> None:
    """Each inner point from its neighbours along one axis: twice as far as any real use (docs/energy.md)."""
    across = "width_bits" if along == "kib" else "kib"
    errors: dict[str, list[float]] = {name: [] for name in FIGURES}
    for left_out in TABLE.macros:
        line = tuple(
            m for m in TABLE.macros if getattr(m, across) == getattr(left_out, across) and m != left_out
        )
        try:
            guess = SramTable("line", line).macro(left_out.kib, left_out.width_bits)
        except AccelsimError:
            continue  # an end of the line
        for name in FIGURES:
            errors[name].append(abs(getattr(guess, name) / getattr(left_out, name) - 1))
    assert len(errors["read_pj"]) == points
    for name, (median, worst) in bounds.items():
        assert statistics.median(errors[name]) < median, name
        assert max(errors[name]) < worst, name


@settings(max_examples=100, deadline=None)
@given(kib=st.floats(2, 1024), width=st.integers(1, 32).map(lambda n: 16 * n))
def test_within_the_neighbours(kib: float, width: int) -> None:
    macro = TABLE.macro(kib, width)
    near = [m for m in TABLE.macros if kib / 2 <= m.kib <= kib * 2 and width / 2 <= m.width_bits <= width * 2]
    for name in (*FIGURES, "cycle_ns"):
        values = [getattr(m, name) for m in near]
        assert min(values) * (1 - 1e-9) <= getattr(macro, name) <= max(values) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("kib", "width"), [(2048, 64), (0.1, 64), (0.25, 256), (1, 512), (1.5, 400), (0.2, 16)]
)
def test_no_extrapolation_in_size(kib: float, width: int) -> None:
    with pytest.raises(
        AccelsimError, match=f"no SRAM macro of {kib:g} KiB with {width} bits a word; the table has"
    ):
        TABLE.macro(kib, width)


@pytest.mark.parametrize("width", [8, 528, 1024])
def test_no_extrapolation_in_width(width: int) -> None:
    with pytest.raises(
        AccelsimError, match=f"no SRAM macro with {width} bits a word; the table has widths from 16 to 512"
    ):
        TABLE.macro(32, width)
