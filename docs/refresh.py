"""Write the picture and the tables of the documents again, from runs: ``python docs/refresh.py``.

Replaces docs/images/figure5.png and the text between the markers in docs/reproduction.md.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from accelsim import figure5
from accelsim.files import replaced
from accelsim.report.plots import plot_figure5

ROOT = Path(__file__).resolve().parent.parent


def fill(text: str, marker: str, content: str) -> str:
    """``text`` with ``content`` between ``<!-- marker -->`` and ``<!-- /marker -->``."""
    opening, closing = f"<!-- {marker} -->\n", f"<!-- /{marker} -->"
    before, _, rest = text.partition(opening)
    _, _, after = rest.partition(closing)
    return before + opening + content + closing + after


def main() -> None:
    figure = figure5()
    with replaced(ROOT / "docs/images/figure5.png") as temporary:
        plot_figure5(figure.table, temporary)
    choices = subprocess.run(
        [sys.executable, ROOT / "benchmarks/design_choices.py"], check=True, capture_output=True, text=True
    ).stdout
    sizes, _, alternatives = choices.partition("\n\n")
    path = ROOT / "docs/reproduction.md"
    text = path.read_text(encoding="utf-8")
    single = figure5(machines=("dense", "unstructured-single", "structured-single"), iso_area_with=None)
    for marker, content in (
        ("figure5", figure.markdown),
        ("single", single.claims_markdown),
        ("sizes", sizes + "\n"),
        ("alternatives", alternatives),
    ):
        text = fill(text, marker, content)
    with replaced(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
