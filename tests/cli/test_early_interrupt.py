"""Ctrl-C at any moment after the start: one line and 130, whatever the program is importing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from accelsim.early_interrupt import EXIT_INTERRUPTED, INTERRUPTED

PRESSES = int(os.environ.get("ACCELSIM_PRESSES", "8"))

# Tells when accelsim's own code begins: what Python does before that is not the program's.
MARK = "import sys; from pathlib import Path; Path(sys.argv.pop(1)).touch()"


@pytest.mark.parametrize("step", range(PRESSES))
def test_ctrl_c_while_importing(tmp_path: Path, step: int) -> None:
    # As `python -m accelsim` does, but the moment at which the package begins is known.
    begun = tmp_path / "begun"
    program = f"{MARK}\nsys.argv[0] = '-m'\nimport runpy; runpy.run_module('accelsim', run_name='__main__')"
    command = [sys.executable, "-c", program, str(begun), "figure5", "--images", "0", "--out", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not begun.exists():
        assert process.poll() is None
        time.sleep(0.005)
    time.sleep(0.1 + 2.0 * step / PRESSES)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=240)
    if process.returncode != 0:  # it may have ended before
        # Click begins a new line after the terminal's ^C.
        assert (process.returncode, errors.removeprefix("\n")) == (EXIT_INTERRUPTED, f"{INTERRUPTED}\n")


def test_a_library_leaves_ctrl_c_alone() -> None:
    program = "import signal, accelsim; assert signal.getsignal(signal.SIGINT) is signal.default_int_handler"
    subprocess.run([sys.executable, "-c", program], check=True)
