"""Write the pictures and tables of the documents again: ``python docs/refresh.py [part ...]``, all parts without one.

``figure5``: docs/images/figure5.png and the tables of docs/reproduction.md, from runs (minutes). ``energy``: the table of
published figures in docs/energy.md, from the technology file. ``mutations``: their table in docs/validation.md, from a
run. Text between markers is replaced, the rest stays.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from accelsim import figure5, load_technology
from accelsim.files import replaced
from accelsim.report.plots import plot_figure5
from accelsim.report.published import published_markdown

ROOT = Path(__file__).resolve().parent.parent


def fill(text: str, marker: str, content: str) -> str:
    """``text`` with ``content`` between ``<!-- marker -->`` and ``<!-- /marker -->``; exits if they are missing."""
    opening, closing = f"<!-- {marker} -->\n", f"<!-- /{marker} -->"
    if opening not in text or closing not in text:
        sys.exit(f"refresh: no {opening.strip()} ... {closing} in the document")
    before, _, rest = text.partition(opening)
    _, _, after = rest.partition(closing)
    return before + opening + content + closing + after


def rewrite(document: str, contents: dict[str, str]) -> None:
    """Fill each marker of a document under docs/ with its content."""
    path = ROOT / "docs" / document
    text = path.read_text(encoding="utf-8")
    for marker, content in contents.items():
        text = fill(text, marker, content)
    with replaced(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def refresh_energy() -> None:
    rewrite("energy.md", {"published": published_markdown(load_technology())})


def refresh_mutations() -> None:
    command = [sys.executable, "-m", "tests.mutations.report"]
    table = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    rewrite("validation.md", {"mutations": table})


def refresh_figure5() -> None:
    figure = figure5()
    with replaced(ROOT / "docs/images/figure5.png") as temporary:
        plot_figure5(figure.table, temporary)
    choices = subprocess.run(
        [sys.executable, ROOT / "benchmarks/design_choices.py"], check=True, capture_output=True, text=True
    ).stdout
    sizes, _, alternatives = choices.partition("\n\n")
    single = figure5(machines=("dense", "unstructured-single", "structured-single"), iso_area_with=None)
    rewrite(
        "reproduction.md",
        {
            "figure5": figure.markdown,
            "single": single.claims_markdown,
            "sizes": sizes + "\n",
            "alternatives": alternatives,
        },
    )


PARTS = {"energy": refresh_energy, "mutations": refresh_mutations, "figure5": refresh_figure5}


def main() -> None:
    wanted = sys.argv[1:] or list(PARTS)
    if unknown := [name for name in wanted if name not in PARTS]:
        sys.exit(f"refresh: no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    for name in wanted:
        PARTS[name]()


if __name__ == "__main__":
    main()
