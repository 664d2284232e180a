"""`benchmarks/code_metrics.py` on a hand-made folder whose numbers are counted by hand."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from benchmarks import code_metrics

FILES = {
    "app/__init__.py": "from app.store.disk import Disk\n",
    "app/errors.py": "class Fault(Exception): ...\n",
    "app/store/__init__.py": "",
    "app/store/disk.py": "from app.errors import Fault\nfrom ..view import page\n\nclass Disk: ...\n",
    "app/store/results.py": "X = 1\n" * 401,
    "app/view/__init__.py": "",
    "app/view/page.py": "def f():\n    import app.store.results\n\nclass Disk: ...\n",
    "app/view/results.py": "from app import Disk\nfrom app.errors import Fault\n",
    "tests/test_it.py": "def test_it():\n" + "    x = 1\n" * 50,
}

FUNCTIONS = """
class C:
    def seven(self, a, b, /, c, *rest, d, e, **others): ...
    @staticmethod
    def eight(a, b, c, d, e, f, g, h): ...

@cli.command("go")
def nine(a, b, c, d, e, f, g, h, i): ...

def four():
    for a in b:
        while a:
            if a:
                pass
            elif b:
                with c:
                    pass
            else:
                pass

def five():
    try:
        pass
    except E:
        match a:
            case 1:
                for b in c:
                    if b:
                        pass
                    else:
                        if c:
                            def inner():
                                for d in e:
                                    pass
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_counts_of_a_folder(checkout: Path) -> None:
    found = code_metrics.measured(checkout)
    product, tests = found["product"], found["tests"]
    assert len(product["files"]) == 8 and len(tests["files"]) == 1
    assert len(product["lines"]) == 1 + 1 + 0 + 4 + 401 + 0 + 4 + 2 and len(tests["lines"]) == 51
    assert len(product["files under 40 lines"]) == 7
    assert product["file names that occur more than once"] == [
        "results (2): app/store/results.py, app/view/results.py"
    ]
    assert product["modules over 400 lines"] == ["app/store/results.py: 401"]
    assert product["class names that occur more than once"] == [
        "Disk (2): app/store/disk.py:4, app/view/page.py:4"
    ]
    assert tests["functions over 50 lines"] == ["tests/test_it.py:1 test_it: 51"]
    # errors has two importers; disk one, through the package app; results of the store is long, that of the view unused.
    assert product["modules of at most 70 lines with one importer"] == [
        "app/store/disk.py: 4, imported by app.view.results",
        "app/view/page.py: 4, imported by app.store.disk",
    ]
    assert product["import cycles between rooms"] == ["app <-> app.store <-> app.view"]


def test_functions() -> None:
    found = code_metrics.findings([code_metrics.SourceFile("a.py", 0, ast.parse(FUNCTIONS))])
    assert [line.split()[1] for line in found["functions"]] == [
        "seven",
        "eight",
        "nine",
        "four",
        "five",
        "inner",
    ]
    assert found["functions with more than 7 parameters"] == ["a.py:5 eight: 8"]
    assert found["click commands with more than 7 options"] == ["a.py:8 nine: 9"]
    assert found["functions nested 5 deep or more"] == ["a.py:21 five: 5"]


def test_before_and_after(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path_factory.mktemp("before")
    (other / "a.py").write_text("def f(): ...\n")
    code_metrics.main([str(checkout), "--before", str(other), "--details"])
    rows = capsys.readouterr().out.splitlines()
    assert rows[0] == "|  | product, before | product, after | tests, before | tests, after |"
    assert rows[2] == "| files | 1 | 8 | 0 | 1 |"
    assert "- app <-> app.store <-> app.view" in rows
