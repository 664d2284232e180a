"""Ranges of blocks, and how many jobs are too many."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.errors import AccelsimError
from accelsim.timeline import BlockRange
from accelsim.timeline.power_plot import MAX_STRETCHES, stretches


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("3..5", range(3, 6)),
        ("8..", range(8, 10)),
        ("..2", range(3)),
        ("7", range(7, 8)),
        ("0..9", range(10)),
    ],
)
def test_ranges(text: str, blocks: range) -> None:
    assert BlockRange.parse(text).of("conv", 10) == blocks


@pytest.mark.parametrize("text", ["", "..", "5..3", "a..b", "-1..2", "1:2", "1...2", "²..3", "9" * 30])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(AccelsimError, match="is not a range of blocks such as"):
        BlockRange.parse(text)


@pytest.mark.parametrize("text", ["10", "10..", "3..10"])
def test_blocks_that_are_not_there(text: str) -> None:
    with pytest.raises(
        AccelsimError, match=r"layer conv: blocks 1?[03]\.\.(10)? are not all there; it has 0\.\.9"
    ):
        BlockRange.parse(text).of("conv", 10)


def test_too_many_jobs_say_what_fits() -> None:
    jobs = np.array([6, 6, 4, 6, 6, 4])
    BlockRange(1, 4).check("conv", jobs, limit=22)
    with pytest.raises(AccelsimError) as told:
        BlockRange(1, 4).check("conv", jobs, limit=21)
    assert str(told.value) == (
        "layer conv: blocks 1..4 have 22 jobs, more than 21 (--max-jobs); blocks 1..3 would fit"
    )
    BlockRange(1, 3).check("conv", jobs, limit=21)
    with pytest.raises(AccelsimError, match="not even one block of it fits"):
        BlockRange(1, 4).check("conv", jobs, limit=5)


def test_a_picture_has_no_more_steps_than_can_be_seen() -> None:
    few = np.array([0, 5, 9, 20])
    assert stretches(few, 3, 15).tolist() == [3, 5, 9, 15]
    many = stretches(np.arange(10 * MAX_STRETCHES), 0, 10 * MAX_STRETCHES)
    assert (many[0], many[-1], len(many)) == (0, 10 * MAX_STRETCHES, MAX_STRETCHES + 1)
    assert (np.diff(many) == 10).all()
