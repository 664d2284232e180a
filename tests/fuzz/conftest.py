"""Options of the fuzzers: how many cases of each class, and from what seed (`make fuzz SEED=... CASES=...`)."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

SEED = int(os.environ.get("FUZZ_SEED", "1"))
CASES = int(os.environ.get("FUZZ_CASES", "0"))
"""Cases of each class; 0 takes the few of the normal suite."""
REPORT = os.environ.get("FUZZ_REPORT")
"""A file that gets a line of JSON for each class: its outcomes by kind."""

Cases = Callable[[str, int], Iterator[Random]]


@pytest.fixture
def outcomes(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """Count outcomes by kind, and print them."""
    counted: Counter[str] = Counter()
    yield counted
    line = json.dumps({"class": request.node.name, "seed": SEED, **dict(sorted(counted.items()))})
    print(line)
    if REPORT:
        with Path(REPORT).open("a", encoding="utf-8") as file:
            file.write(line + "\n")


@pytest.fixture
def cases() -> Cases:
    """Return the random draws of a class: a generator for each case, the same for the same seed."""

    def draws(name: str, few: int) -> Iterator[Random]:
        for number in range(CASES or few):
            yield Random(f"{SEED} {name} {number}")

    return draws
