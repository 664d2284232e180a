"""A progress bar on stderr for what takes longer than a second; silent when stderr is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from accelsim.simulate import Progress
from accelsim.visible_text import visible


@contextmanager
def progress_bar(total: int, unit: str) -> Iterator[Progress | None]:
    """Yields a callable to be called after each of ``total`` steps, or None where nobody is watching."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),  # a bracket in a name is no style
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda text: bar.update(task, advance=1, description=visible(text))
