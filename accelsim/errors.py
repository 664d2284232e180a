"""The one exception that means "the input is at fault"."""

from __future__ import annotations


class AccelsimError(ValueError):
    """Bad input, told in one line: which file or argument, which field, what is wrong, what is allowed.

    The command line prints the message without a traceback and exits with 2.
    """
