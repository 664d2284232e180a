"""The cases of ``no_scheduler_cases.py``, in a process of their own.

A client of Dask that is given up goes on in a thread until its process ends, so it is not the process of the other tests.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="needs the extra cluster")

HERE = Path(__file__).resolve().parent


@pytest.mark.slow
def test_an_address_without_a_scheduler_is_refused_in_one_line() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "no_scheduler_cases.py"]
    with subprocess.Popen(
        command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if re.search(r"\d+ (passed|failed|error).* in ", line):
                break
        process.kill()  # whatever the threads of the clients still wait for
    text = "".join(said)
    passed = re.search(r"(\d+) passed", said[-1])
    assert passed is not None and "failed" not in said[-1] and "error" not in said[-1], text
    assert int(passed[1]) >= 60
