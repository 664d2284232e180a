"""Ctrl-C that is not lost.

Python raises KeyboardInterrupt wherever the program happens to be. In a finalizer or the callback of a weak reference, of
which h5py has many, it is dropped; where it comes while pydantic writes out a model, pydantic makes an error of its own of
it. Either way work goes on that was to stop. So the press is noted too, and work of many steps asks after each.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from accelsim import early_interrupt

_pressed = False


@contextmanager
def noted() -> Iterator[None]:
    """Note Ctrl-C within, and raise KeyboardInterrupt for it as always; an error that comes after it is taken for it.

    Does nothing in a thread that gets no signals, and where somebody else handles this one.
    """
    global _pressed
    early_interrupt.disarm()
    ours = threading.current_thread() is threading.main_thread() and (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if not ours:
        yield
        return
    told = sys.unraisablehook

    def tell(dropped: sys.UnraisableHookArgs) -> None:
        # One that is dropped is no news: `stop_if_pressed` is about to raise it again.
        if not issubclass(dropped.exc_type, KeyboardInterrupt):
            told(dropped)

    signal.signal(signal.SIGINT, _note)
    sys.unraisablehook = tell
    try:
        yield
    except Exception as error:
        if _pressed:
            raise KeyboardInterrupt from error
        raise
    finally:
        _pressed = False
        sys.unraisablehook = told
        signal.signal(signal.SIGINT, signal.default_int_handler)


def stop_if_pressed() -> None:
    """Raise KeyboardInterrupt if Ctrl-C was pressed within `noted`: after a step of long work, before it is written down."""
    if _pressed:
        raise KeyboardInterrupt


def _note(number: int, frame: FrameType | None) -> None:
    global _pressed
    _pressed = True
    signal.default_int_handler(number, frame)
