"""What numba reads from the environment as it is imported, checked before it fails there with a traceback."""

from __future__ import annotations

import os

from accelsim.errors import AccelsimError


def check_numba_environment() -> None:
    """Check the variables with which numba, or code that it compiles, does not start.

    Raises:
        AccelsimError: With the variable, its value and what is allowed.
    """
    disabled = os.environ.get("NUMBA_DISABLE_JIT", "").strip()
    if disabled not in ("", "0"):
        raise AccelsimError(
            f"environment: NUMBA_DISABLE_JIT={disabled}: the compiled engine needs numba's compiler; unset it, or use the "
            "reference engine (--engine reference)"
        )
    threads = os.environ.get("NUMBA_NUM_THREADS", "").strip()
    if threads and not (threads.isascii() and threads.isdigit() and int(threads[:9]) > 0):
        raise AccelsimError(f"environment: NUMBA_NUM_THREADS={threads}; allowed: a whole number from 1 on")


check_numba_environment()
