"""The one exception that means "the input is at fault"."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


class AccelsimError(ValueError):
    """Bad input, told in one line: which file or argument, which field, what is wrong, what is allowed.

    The command line prints the message without a traceback and exits with 2.
    """


def suggestion(wrong: str, allowed: Sequence[str], most: int = 40) -> str:
    """The end of a message about an unknown name: the allowed name that is near it, else all (or ``most``) of them."""
    near = difflib.get_close_matches(wrong, allowed, n=1)
    if near:
        return f"did you mean `{near[0]}`?"
    more = ", ..." if len(allowed) > most else ""
    return f"allowed: {', '.join(allowed[:most])}{more}"
