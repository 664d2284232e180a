"""What is told of doubtful accuracies: each sign by hand, and that honest numbers raise none."""

from __future__ import annotations

import pytest

from models.study.masking_signs import doubts_of
from models.study.records import Correct


def right(share: float, images: int = 100) -> Correct:
    """So many of the images right, the first ones, by one draw."""
    return [(i < share * images,) for i in range(images)]


def told(rights: dict[str, Correct], *, is_random: bool = False, is_approximated: bool = False) -> list[str]:
    return doubts_of("v", rights, is_random=is_random, is_approximated=is_approximated)


def test_a_black_box_that_beats_the_white_boxes() -> None:
    flattering = {"clean": right(1), "pgd20": right(0.9), "fgsm": right(0.9), "square": right(0)}
    (line,) = told(flattering | {"transfer-pgd20": right(0.9)})
    assert line.startswith("v: black-box square leaves 0.00 %") and "(pgd20) 90.00 %" in line
    assert told({"clean": right(1), "pgd20": right(0), "square": right(0)}) == []
    assert told({"clean": right(1), "square": right(0)}) == []
    assert told({"pgd20": right(1), "square@16": right(0)}) == []  # another eps


@pytest.mark.parametrize(
    ("easier", "harder"),
    [
        ("fgsm", "pgd20"),
        ("mifgsm", "pgd20"),
        ("pgd20", "pgd100-r5"),
        ("pgd20", "pgd20@16"),
        ("bpda-pgd5", "bpda-pgd20"),
    ],
)
def test_an_attack_that_tries_harder_and_does_less(easier: str, harder: str) -> None:
    (line,) = told({easier: right(0.2), harder: right(0.4)})
    assert line.startswith(
        f"v: {harder} is the stronger attack, yet leaves more than {easier}, 40.00 % against 20.00 %"
    )
    assert told({easier: right(0.4), harder: right(0.2)}) == []
    # Four images of a hundred that change sides one way: two standard errors, no more.
    assert (
        told({easier: right(0.2), harder: right(0.24)})
        == []
        != told({easier: right(0.2), harder: right(0.25)})
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("fgsm@16", "pgd20"),
        ("pgd20", "pgd20-margin"),
        ("transfer-pgd20", "transfer-pgd100"),
        ("clean", "pgd20"),
        ("square", "pgd20"),
        ("cw-l2", "pgd20"),
    ],
)
def test_attacks_of_which_neither_tries_harder(one: str, other: str) -> None:
    for shares in ((0.2, 0.6), (0.6, 0.2)):
        lines = told({one: right(shares[0]), other: right(shares[1])})
        assert not any("stronger attack" in line for line in lines)


def test_gradients_that_go_round_the_defence() -> None:
    (line,) = told({"pgd20": right(0.43), "bpda-pgd20": right(0.37)})
    assert line.startswith("v: bpda-pgd20 leaves 37.00 %, pgd20 43.00 %: plain gradients are obfuscated")
    (line,) = told({"pgd20": right(0.6), "eot10-pgd20": right(0.4), "eot10-pgd50": right(0.1)})
    assert "eot10-pgd20 leaves 40.00 %" in line
    assert told({"pgd20": right(0.37), "bpda-pgd20": right(0.43)}) == []
    assert told({"pgd20": right(0.6), "bpda-pgd50": right(0.4)}) == []  # more steps do that too


def test_standard_autoattack_on_a_random_network() -> None:
    met = {"autoattack": right(0.4), "eot10-pgd20": right(0.4), "square": right(0.4)}
    (line,) = told(met, is_random=True)
    assert "autoattack stops at an image that one draw" in line
    assert told(met) == []


def test_attacks_that_a_defence_has_not_met() -> None:
    paper = {name: right(0.5) for name in ("clean", "pgd20", "fgsm")}
    assert told(paper) == []
    (line,) = told(paper, is_approximated=True)
    assert "has met no black box (square, transfer-pgd20), no BPDA (bpda-pgd20): the worst case" in line
    (line,) = told(paper | {"square": right(0.5)}, is_random=True)
    assert "has met no EOT (eot10-pgd20): the worst case" in line
    whole = paper | {name: right(0.5) for name in ("square", "bpda-pgd20", "eot10-pgd20")}
    assert told(whole, is_random=True, is_approximated=True) == []
    assert told({"clean": right(0.5)}, is_approximated=True) == []


def test_draws_count_by_their_mean() -> None:
    """Ten draws an image: the sign is of expected accuracies, not of one draw."""
    often, seldom = [(True,) * 8 + (False,) * 2] * 50, [(True,) * 2 + (False,) * 8] * 50
    (line,) = told({"pgd20": often, "eot10-pgd20": seldom})
    assert "eot10-pgd20 leaves 20.00 %, pgd20 80.00 %" in line


def test_gradients_that_are_zero() -> None:
    lines = doubts_of(
        "v",
        {"pgd20": right(1)},
        is_random=False,
        is_approximated=False,
        zeros={"pgd20": (8, 100), "fgsm": (0, 100)},
    )
    assert lines[0].startswith("v: pgd20: the gradient is zero for 8 of 100 images") and len(lines) == 1


@pytest.mark.parametrize("lower", ["pgd20-margin", "autoattack"])
def test_a_loss_of_margins_far_below(lower: str) -> None:
    (line,) = told({"pgd20": right(0.9), lower: right(0.3)})
    assert f"{lower} leaves 30.00 %, pgd20 90.00 %" in line and f"report {lower}" in line
    assert told({"pgd20": right(0.4), lower: right(0.33)}) == []
    assert told({"pgd20": right(0.3), lower: right(0.9)}) == []
