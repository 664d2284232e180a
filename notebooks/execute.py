"""Run the notebooks headless, and keep the committed files small, clean and the same from run to run.

    python notebooks/execute.py                  # all of them, outputs in place
    python notebooks/execute.py figure5 nit      # some

A notebook runs in an empty folder of its own, so it must find everything through what is installed and leaves nothing
behind. A file is replaced only when its notebook has run to its end.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode

from accelsim.errors import AccelsimError, suggestion
from accelsim.files import replaced

HERE = Path(__file__).resolve().parent
START_SECONDS = 120
CELL_SECONDS = 900
"""A cell that takes longer has hung: on two idle cores whole notebooks take well under two minutes."""

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
EXACT = "accelsim_exact"
"""Notebook metadata: true if its printed outputs are the same on every machine (the simulator's are, PyTorch's are not)."""


def notebooks(names: Sequence[str] = ()) -> list[Path]:
    """The notebooks of those names (without suffix), or all, in order of name. AccelsimError for an unknown one."""
    known = {path.stem: path for path in sorted(HERE.glob("*.ipynb"))}
    for name in names:
        if name not in known:
            raise AccelsimError(f"notebooks: no {name!r}; {suggestion(name, list(known))}")
    return [known[name] for name in names or known]


def executed(path: Path, folder: Path) -> NotebookNode:
    """A copy of the notebook with the outputs of a fresh run in `folder`, and nothing else that a run leaves.

    Raises AccelsimError where a cell fails (with its own error) or takes longer than CELL_SECONDS, or the kernel ends.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name=KERNEL["name"],
        record_timing=False,
        startup_timeout=START_SECONDS,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError) as error:
        raise AccelsimError(f"{path.name}: {str(error).strip()}") from None
    except (RuntimeError, AssertionError):
        # On Ctrl-C nbclient ends the kernel, and then finds it gone.
        raise AccelsimError(
            f"{path.name}: the kernel did not start, or ended (interrupted, or out of memory)"
        ) from None
    return tidy(notebook)


def tidy(notebook: NotebookNode) -> NotebookNode:
    """Drop what differs between computers and editors: versions, cell metadata, how streams were cut. In place."""
    kept = {name: notebook.metadata[name] for name in (EXACT,) if name in notebook.metadata}
    notebook.metadata = NotebookNode(kernelspec=KERNEL, language_info={"name": "python"}, **kept)
    for cell in notebook.cells:
        cell.metadata = NotebookNode()
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
            for output in cell.outputs:
                if "metadata" in output:
                    output.metadata = NotebookNode()
    return notebook


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Neighbouring pieces of one stream as one: how a kernel cuts what is printed is a matter of timing."""
    joined: list[NotebookNode] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if (
            last is not None
            and output.output_type == last.output_type == "stream"
            and output.name == last.name
        ):
            last.text += output.text
        else:
            joined.append(output)
    return joined


def printed(notebook: NotebookNode) -> list[str]:
    """What each code cell prints and shows as text: no pictures, no warnings (a first run may say that it makes a cache)."""
    return [
        "\n".join(_text(output) for output in cell.outputs if output.get("name") != "stderr")
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def _text(output: NotebookNode) -> str:
    """Markdown where there is some: its plain text is only the name of a class."""
    if output.output_type == "stream":
        return str(output.text)
    data = output.get("data", {})
    return str(data.get("text/markdown", data.get("text/plain", "")))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Run notebooks and write their outputs into them.")
    parser.add_argument("names", nargs="*", help="names without suffix; by default all")
    args = parser.parse_args(argv)
    try:
        for path in notebooks(args.names):
            start = time.monotonic()
            print(f"{path.name} ...", end=" ", flush=True)
            with tempfile.TemporaryDirectory() as folder:
                notebook = executed(path, Path(folder))
            with replaced(path) as temporary:
                nbformat.write(notebook, temporary)
            print(f"{time.monotonic() - start:.0f} s, {path.stat().st_size / 1e3:.0f} kB")
    except AccelsimError as error:
        print(f"\n{error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
