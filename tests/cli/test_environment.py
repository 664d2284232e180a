"""An environment in which libraries do not start: the command works, or ends in one line."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest


def accelsim(
    *words: str | Path, files: int | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    def few_files() -> None:
        if files is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    return subprocess.run(
        [sys.executable, "-m", "accelsim", *map(str, words)],
        env=os.environ | environment,
        preexec_fn=few_files,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def works_or_one_line(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode in (0, 2), done.stderr
    assert "Traceback" not in done.stderr
    if done.returncode:
        assert done.stderr.startswith("accelsim: ") and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NUMBA_DISABLE_JIT", "1"), ("NUMBA_NUM_THREADS", "0"), ("NUMBA_NUM_THREADS", "-1"), ("NUMBA_NUM_THREADS", "many"),
        ("NUMBA_NUM_THREADS", "9" * 30), ("MPLBACKEND", "nonsense"),
    ],
)  # fmt: skip
def test_variables_of_libraries(tmp_path: Path, small_trace: Path, name: str, value: str) -> None:
    run = ("run", small_trace, "--machine", "structured", "--images", "0", "--out", tmp_path / "out")
    done = accelsim(*run, **{name: value})
    works_or_one_line(done)
    assert done.returncode == 0 or name in done.stderr
    if name == "NUMBA_DISABLE_JIT":
        works = accelsim(*run, "--engine", "reference", **{name: value})
        assert (works.returncode, works.stderr) == (0, "")


def test_an_unknown_backend_draws_nothing_on_a_screen(tmp_path: Path) -> None:
    out = tmp_path / "power.png"
    program = (
        "from accelsim.cli.program import program\n"
        "@program('draw', 'Draw.')\n"
        "def main():\n"
        "    from matplotlib.figure import Figure\n"
        f"    Figure().savefig({str(out)!r})\n"
        "raise SystemExit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"MPLBACKEND": "nonsense"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr, out.exists()) == (0, "", True)


@pytest.mark.slow
@pytest.mark.parametrize("files", [16, 24, 32, 48])
def test_few_open_files(tmp_path: Path, small_trace: Path, files: int) -> None:
    spec = tmp_path / "s.yaml"
    spec.write_text(f"format: accelsim-sweep/1\nname: s\nmachines: [structured]\ntraces: [{small_trace}]\n")
    works_or_one_line(accelsim("sweep", spec, "--db", tmp_path / "a.db", "--workers", "2", files=files))
