"""How the programs of this package end: what their exit code says, and what is told on the way out."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from accelsim.errors import AccelsimError
from accelsim.interrupt import noted
from accelsim.visible_text import visible_streams


def exit_code(work: Callable[[], None], goes_on_from: str = "here") -> int:
    """Do the work: 0, or 2 for bad input and 130 if interrupted, each after one line on stderr; so is every warning.

    goes_on_from: where the same command goes on when it is called again.
    """
    with visible_streams():
        try:
            with noted(), _warnings_of_one_line():
                work()
        except AccelsimError as error:
            print(error, file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print(f"stopped; the same command goes on from {goes_on_from}", file=sys.stderr)
            return 130
        return 0


@contextmanager
def _warnings_of_one_line() -> Iterator[None]:
    """Inside, a warning is shown as its text: where in the source it was raised is no news to a user."""
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *where: f"warning: {message}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before
