"""The pages name files that exist, and the code is laid out as docs/architecture.md says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from benchmarks import code_metrics
from tests.docs.test_documents import DOCUMENTS, ROOT

TRACKED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT, check=False, capture_output=True, text=True,
).stdout.split()  # fmt: skip
INVENTED = {"mine.py", "my_rtl.py", "mynets.py", "noise.py"}
"""Files that readers of the how-to pages write themselves."""


@pytest.fixture(scope="module")
def product() -> code_metrics.Findings:
    return code_metrics.measured(ROOT)["product"]


@pytest.mark.skipif(not TRACKED, reason="no Git checkout")
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_python_file_that_a_page_names_exists(document: Path) -> None:
    named = set(re.findall(r"`([\w./-]+\.py)`", document.read_text(encoding="utf-8"))) - INVENTED
    missing = [name for name in named if not any(f"/{path}".endswith(f"/{name}") for path in TRACKED)]
    assert missing == []


@pytest.mark.skipif(not TRACKED, reason="no Git checkout")
def test_every_folder_of_code_is_a_room_of_the_architecture_page() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    folders = {Path(path).parent for path in TRACKED if path.endswith(".py")}
    rooms = {folder for folder in folders if folder.parts and folder.parts[0] in ("accelsim", "models")}
    unnamed = [
        str(room) for room in sorted(rooms)
        if f"`{room}/`" not in page and f"`{room.name}/`" not in page and len(room.parts) > 1
    ]  # fmt: skip
    # Parts of a room that the page describes as a whole.
    assert unnamed == ["models/training/adversarial"]


def test_imports_between_rooms_go_one_way(product: code_metrics.Findings) -> None:
    assert product["import cycles between rooms"] == []


def test_a_file_name_says_its_subject_without_its_folder(product: code_metrics.Findings) -> None:
    assert product["file names that occur more than once"] == []


def test_no_module_has_more_than_400_lines(product: code_metrics.Findings) -> None:
    assert product["modules over 400 lines"] == []
