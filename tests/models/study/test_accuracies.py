"""The three numbers and the worst case, by hand and by brute force."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.nn.attacks.catalogue import attack_named
from models.evaluation.evaluation_tables import write_tables
from models.study.accuracies import Numbers, Result, worst_case

T, F = True, False


def test_three_numbers_by_hand() -> None:
    rights = [(T, T, F, T), (F, T, T, T), (T, T, T, T), (F, F, F, F)]
    numbers = Numbers.of(rights)
    assert (numbers.one, numbers.mean, numbers.worst) == (50.0, 100 * 10 / 16, 25.0)


def test_worst_case_by_hand() -> None:
    rights = {
        "clean": [(T, T), (T, T), (T, T)],
        "pgd20": [(T, T), (T, F), (F, F)],
        "square": [(T, F), (T, T), (T, T)],
        "cw-l2": [(F, F), (F, F), (F, F)],  # not bounded
        "pgd20@16": [(F, F), (F, F), (F, F)],  # another budget
    }
    case = worst_case(rights)
    assert case is not None
    assert (case.one, case.mean, case.worst) == pytest.approx((200 / 3, 100 * (0.5 + 0.5 + 0) / 3, 0.0))
    assert worst_case({"clean": rights["clean"]}) is None


@given(
    st.integers(1, 4).flatmap(
        lambda draws: st.lists(
            st.lists(st.tuples(*[st.booleans()] * draws), min_size=5, max_size=5), min_size=2, max_size=4
        )
    )
)
def test_no_number_of_an_attack_is_below_the_worst_case(rights: list) -> None:
    named = dict(zip(("clean", "fgsm", "pgd20", "square"), rights, strict=False))
    case = worst_case(named)
    assert case is not None and case.worst <= case.mean + 1e-9
    for each in map(Numbers.of, named.values()):
        assert each.worst <= each.mean and each.worst <= each.one
        assert case.one <= each.one and case.mean <= each.mean + 1e-9 and case.worst <= each.worst


def test_files(tmp_path: Path) -> None:
    assert attack_named("pgd20").box == "white"
    results = [
        Result("dense", "clean", 4, 1, Numbers(75.0, 75.0, 75.0), 0.0),
        Result("dense", "pgd20", 4, 1, Numbers(25.0, 25.0, 25.0), 1.5),
        Result("nm-1of8+random", "clean", 4, 8, Numbers(50.0, 62.5, 25.0), 0.0),
    ]
    worst = {"dense": Numbers(25.0, 25.0, 25.0), "nm-1of8+random": None}
    write_tables(tmp_path / "o", results, worst, dataset="cifar10", network="net", bitops={"dense": 12})
    with (tmp_path / "o" / "table.csv").open() as file:
        first, second = csv.DictReader(file)
    assert first["pgd20:mean"] == "25.00" and first["worst case:one"] == "25.00" and first["bitops"] == "12"
    assert (
        second["clean:worst"] == "25.00"
        and second["pgd20:one"] == second["worst case:mean"] == second["bitops"] == ""
    )
    with (tmp_path / "o" / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["draws"] for row in rows] == ["1", "1", "8"] and rows[1]["mean_l2"] == "1.5000"
