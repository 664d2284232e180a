"""Ctrl-C while the program ``accelsim`` is still importing: one line, and the exit code of Ctrl-C elsewhere.

An exception would not do: raised inside the import of a C extension it becomes an ImportError, and before ``main`` nobody
catches it. So the press ends the process, while nothing has been begun that would need an orderly end. Importing this module
arms that, for the program only: a library must not change what Ctrl-C does.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import PurePath
from types import FrameType

EXIT_INTERRUPTED = 130
"""Exit code after Ctrl-C, that of shells: 128 and the number of the signal."""

INTERRUPTED = "accelsim: interrupted; files already written are whole"


def _is_program() -> bool:
    """Return whether this process was started as ``accelsim`` or ``python -m accelsim``, and is no worker of such a one."""
    first = sys.argv[0] if sys.argv else ""
    # While Python looks for the module of ``-m``, it stands for its path.
    ours = first == "-m" or PurePath(first).name in ("accelsim", "accelsim.exe")
    return ours and "--multiprocessing-fork" not in sys.orig_argv


def _end(number: int, frame: FrameType | None) -> None:
    os.write(2, f"{INTERRUPTED}\n".encode())
    os._exit(EXIT_INTERRUPTED)


def arm() -> None:
    """From here on Ctrl-C ends the program at once, unless somebody else handles it already."""
    ours = threading.current_thread() is threading.main_thread() and (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if ours and _is_program():
        signal.signal(signal.SIGINT, _end)


def disarm() -> None:
    """Hand Ctrl-C back to Python, as a KeyboardInterrupt."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


arm()
