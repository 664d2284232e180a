"""Command lines with wrong, hostile and surprising arguments."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import click
import pytest

from accelsim.cli import cli
from tests.fuzz.conftest import Cases
from tests.fuzz.one_line import command

VALUES = (
    "", "-1", "0", "1", "1e9", "99999999999999999999", "nan", "inf", "a,b", "0:1", "1:0", ":", "5:", "x" * 300, "\x1b[31m",
    "../..", "/dev/full/x", "no/such/file.yaml", "structured", "nm-1of8", "unstructured-50", "energy_pj", "noise > 0.5",
    "noise >", "dense,dense", "--", "-", "\u202e", "a=b", "1..0", "0..", "sys:exit", "table", "TRACE", "FOLDER", "NOTES",
)  # fmt: skip
BASES = {
    "run": ["TRACE", "--machine", "structured", "--images", "0:1", "--out", "OUT"],
    "compare": ["TRACE", "--images", "0:1", "--out", "OUT"],
    "bitops": ["TRACE"],
    "inspect": ["TRACE"],
    "check": ["TRACE"],
    "area": ["structured"],
    "schema": ["machine"],
    "results": ["DB"],
    "pareto": ["DB"],
    "report": ["DB", "--html", "OUT.html"],
    "sweep": ["SWEEP", "--dry-run"],
    "timeline": [
        "TRACE",
        "--machine",
        "structured",
        "--scheme",
        "nm-1of8",
        "--layer",
        "conv1",
        "--out",
        "OUT.json",
    ],
    "completion": ["bash"],
    "export": ["NOTES"],
    "prepare": ["NOTES"],
    "accuracy": ["NOTES"],
    "search": ["NOTES"],
}
LONG = {"figure5", "validate-rtl"}
"""Commands that run for long whatever they are given."""


def changed(name: str, words: list[str], rng: Random) -> list[str]:
    """Return the words with one to three of them replaced, left out, or joined by options of the command."""
    parameters = cli.commands[name].params
    options = [word for each in parameters if isinstance(each, click.Option) for word in each.opts] + [
        "--nonsense"
    ]
    words = list(words)
    for _ in range(rng.choice((1, 1, 2, 3))):
        how = rng.random()
        if how < 0.4 and words:
            words[rng.randrange(len(words))] = rng.choice(VALUES)
        elif how < 0.5 and words:
            del words[rng.randrange(len(words))]
        elif how < 0.9:
            words += [rng.choice(options), rng.choice(VALUES)]
        else:
            words.append(rng.choice(VALUES))
    return words


def test_every_command_is_fuzzed_or_named() -> None:
    assert set(BASES) | LONG == set(cli.commands)


def test_fuzz_arguments(
    cases: Cases, outcomes: Counter[str], tmp_path: Path, small_trace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 0, 1 or 2; a refusal is one line on stderr, and nothing raw from the arguments reaches the terminal."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    sweep = f"format: accelsim-sweep/1\nname: s\nmachines: [structured]\ntraces: [{small_trace}]\n"
    (tmp_path / "s.yaml").write_text(sweep)
    assert command(["sweep", "s.yaml", "--db", "s.db"])[0] == 0
    places = {
        "TRACE": str(small_trace), "DB": "s.db", "SWEEP": "s.yaml", "OUT": "out", "OUT.html": "o.html",
        "OUT.json": "o.json", "NOTES": "notes.txt", "FOLDER": str(tmp_path),
    }  # fmt: skip
    for rng in cases("arguments", 60):
        name = rng.choice(sorted(BASES))
        words = [places.get(word, word) for word in changed(name, BASES[name], rng)]
        if any(word in ("--workers", "--scheduler") for word in words):
            continue  # start processes; tests/sweep has them
        code, _, err = command([name, *words])
        assert code in (0, 1, 2), (name, words, code, err)
        assert "Traceback" not in err and "\x1b" not in err, (name, words, err)
        if code == 2:
            lines = [line for line in err.splitlines() if not line.startswith("accelsim: warning")]
            assert len(lines) == 1 and lines[0].startswith("accelsim: "), (name, words, err)
        outcomes[f"exit {code}"] += 1
