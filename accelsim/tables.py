"""Write tables: as Markdown, as CSV, and to the terminal. Every table of the package is a pandas DataFrame first."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from numbers import Number
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import AccelsimError
from accelsim.files import replaced
from accelsim.visible_text import visible

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

Format = str | Callable[[Any], str]
"""How a cell is shown: a format specification such as ``.3f``, or a function of the value."""

# A line break would end the row of a Markdown table, and a terminal would act on an escape sequence.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

_NO_FORMATS: Mapping[str, Format] = {}


def frame_of(
    rows: Iterable[Mapping[str, Any] | Sequence[Any]], columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return the rows as a DataFrame whose cells keep their Python types.

    Plain ``pd.DataFrame(rows)`` turns the integers of a column that lacks a value into floats.

    Args:
        rows: One mapping by column, or one sequence in the order of `columns`, per row.
        columns: Titles of the columns. Needed where rows are sequences, or where there may be none.
    """
    import pandas as pd

    return pd.DataFrame(list(rows), columns=None if columns is None else list(columns), dtype=object)


def markdown_table(
    frame: pd.DataFrame,
    *,
    formats: Mapping[str, Format] = _NO_FORMATS,
    align: str | None = None,
    missing: str = "",
) -> str:
    """Return a frame as a Markdown table with pipes, as GitHub reads it; ends with a newline.

    Cells are Markdown. ``|`` is escaped in them, and control characters become a space. The cells are not padded, so
    that a change of one value changes one line.

    Args:
        frame: The table, without its index. Titles may occur twice.
        formats: Column title to format; ``str`` is used for the rest.
        align: ``l`` or ``r`` per column. Default: columns of numbers to the right, others to the left.
        missing: What stands for None and NaN.
    """
    align = align or alignment(frame)
    rule = ["---:" if letter == "r" else "---" for letter in align]
    lines = [_markdown_cells(map(str, frame.columns)), rule]
    lines += [_markdown_cells(cells) for cells in shown_rows(frame, formats=formats, missing=missing)]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def csv_text(frame: pd.DataFrame, *, formats: Mapping[str, Format] = _NO_FORMATS) -> str:
    r"""Return a frame as CSV: one line of titles, then one line per row, each ended by ``\n``.

    Floats are written by their ``repr``, so that they read back exactly, unless `formats` has the column. None and NaN
    are empty cells.
    """
    formatted = frame.copy()
    for index, title in enumerate(frame.columns):
        if (how := formats.get(title)) is not None:
            formatted.isetitem(
                index, [None if _is_missing(v) else shown_value(v, how) for v in frame.iloc[:, index]]
            )
    text = io.StringIO()
    formatted.to_csv(text, index=False, lineterminator="\n")
    return text.getvalue()


def write_csv(frame: pd.DataFrame, path: Path | str, *, formats: Mapping[str, Format] = _NO_FORMATS) -> Path:
    """Write a frame as CSV (`csv_text`) in one step, and make the folder if it is missing; return the path.

    Raises:
        AccelsimError: The file cannot be written.
    """
    place = Path(path)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AccelsimError(f"{path}: cannot write: {error.strerror or error}") from None
    with replaced(place) as temporary:
        temporary.write_text(csv_text(frame, formats=formats), encoding="utf-8", newline="")
    return place


def print_table(
    frame: pd.DataFrame,
    *,
    title: str | None = None,
    formats: Mapping[str, Format] = _NO_FORMATS,
    align: str | None = None,
    missing: str = "",
    fold: bool = False,
    header: bool = True,
) -> None:
    """Print a frame: with colours on a terminal, as plain text into a file or pipe.

    Args:
        frame: The table, without its index.
        title: Printed above it.
        formats: Column title to format; ``str`` is used for the rest.
        align: ``l`` or ``r`` per column. Default: columns of numbers to the right, others to the left.
        missing: What stands for None and NaN.
        fold: Break long cells to fit the terminal. Default: lines are as long as they need to be.
        header: Print the titles of the columns.
    """
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    table = Table(
        title=None if title is None else visible(title),
        title_justify="left",
        box=None,
        pad_edge=False,
        show_header=header,
    )
    for name, letter in zip(frame.columns, align or alignment(frame), strict=True):
        justify = "right" if letter == "r" else "left"
        table.add_column(_plain(visible(str(name))), justify=justify, no_wrap=not fold, overflow="fold")  # type: ignore[arg-type]
    for cells in shown_rows(frame, formats=formats, missing=missing):
        table.add_row(*(_plain(visible(cell)) for cell in cells))
    out = terminal()
    if not fold:
        unlimited = Console(width=_UNLIMITED)
        needed = Measurement.get(unlimited, unlimited.options, table).maximum
        out.width = max(out.width, needed)
    if out.is_terminal:
        out.print(table)
        return
    with out.capture() as captured:
        out.print(table)
    # rich pads every line to the width of the table.
    out.file.write("".join(line.rstrip() + "\n" for line in captured.get().splitlines()))


_UNLIMITED = 1_000_000
_MIN_WIDTH = 200


def terminal() -> Console:
    """Return a console as wide as the terminal, but at least 200 columns, so that no number is cut short."""
    from rich.console import Console
    from rich.text import Text

    class VisibleConsole(Console):
        """A console that shows the control characters of a text instead of obeying them."""

        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str(visible(text), **options)

    # No markup: names come from files, and a bracket in one must not be read as a style.
    return VisibleConsole(highlight=False, markup=False, emoji=False, width=max(Console().width, _MIN_WIDTH))


def alignment(frame: pd.DataFrame) -> str:
    """Return one letter per column: ``r`` where every cell that is not missing is a number, else ``l``."""
    return "".join("r" if _is_numeric(frame.iloc[:, index]) else "l" for index in range(frame.shape[1]))


def shown_rows(
    frame: pd.DataFrame, *, formats: Mapping[str, Format] = _NO_FORMATS, missing: str = ""
) -> Iterator[list[str]]:
    """Yield the cells of each row as text."""
    hows = [formats.get(title, str) for title in frame.columns]
    # By position and column by column: titles may occur twice, and a row across columns may lose its integers.
    columns = [frame.iloc[:, index].tolist() for index in range(frame.shape[1])]
    for values in zip(*columns, strict=True):
        yield [
            missing if _is_missing(value) else shown_value(value, how)
            for value, how in zip(values, hows, strict=True)
        ]


def shown_value(value: Any, how: Format) -> str:
    """Return a value that is not missing as text."""
    return format(value, how) if isinstance(how, str) else how(value)


def _is_missing(value: Any) -> bool:
    # NaN is the only value that differs from itself; pandas' NA answers no comparison.
    return (
        value is None
        or type(value).__name__ in ("NAType", "NaTType")
        or (isinstance(value, float) and value != value)
    )


def _is_numeric(column: pd.Series[Any]) -> bool:
    values = [value for value in column.tolist() if not _is_missing(value)]
    return bool(values) and all(isinstance(v, Number) and not isinstance(v, bool) for v in values)


def _plain(text: str) -> str:
    return _CONTROL.sub(" ", text)


def _markdown_cells(cells: Iterable[str]) -> list[str]:
    return [_plain(cell).replace("|", "\\|") for cell in cells]
