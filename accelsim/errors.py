"""The one exception that means "the input is at fault"."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path


class AccelsimError(ValueError):
    """Bad input, told in one line: which file or argument, which field, what is wrong, what is allowed.

    The command line prints the message without a traceback and exits with 2.
    """


def suggestion(wrong: str, allowed: Sequence[str], most: int = 40) -> str:
    """The end of a message about an unknown name: the allowed name that is near it, and all (or ``most``) of them."""
    near = difflib.get_close_matches(wrong, allowed, n=1)
    more = ", ..." if len(allowed) > most else ""
    listed = f"allowed: {', '.join(allowed[:most]) or 'none'}{more}"
    return f"did you mean `{near[0]}`? {listed}" if near else listed


def near_file(path: Path) -> str:
    """The end of a message about a missing file: the file of its folder whose name is near, if there is one."""
    try:
        names = [each.name for each in path.parent.iterdir()]
    except (OSError, ValueError):
        return ""
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.8)
    return f"; did you mean {path.with_name(near[0])}?" if near else ""
