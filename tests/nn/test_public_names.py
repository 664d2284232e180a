"""What accelsim.nn and accelsim.rtl offer: every name is there, on first use and with its type, and none costs an import."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import accelsim.nn
import accelsim.rtl
from accelsim.extras import MissingExtra

PACKAGES = [accelsim.nn, accelsim.rtl]


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize("package", PACKAGES, ids=["nn", "rtl"])
def test_every_name_is_there_and_typed(package) -> None:
    assert package.__file__ is not None
    tree = ast.parse(Path(package.__file__).read_text(encoding="utf-8"))
    (typed,) = [each for each in tree.body if isinstance(each, ast.If)]
    declared = {
        name.asname: f"{each.module}.{name.name}"
        for each in typed.body
        if isinstance(each, ast.ImportFrom)
        for name in each.names
    }
    assert declared == {
        name: f"{package.__name__}.{module}.{name}" for name, module in package.MODULE_OF.items()
    }
    assert package.__all__ == sorted(declared)
    for name, place in declared.items():
        module = importlib.import_module(place.rpartition(".")[0])
        assert getattr(package, name) is getattr(module, name)
        assert getattr(getattr(module, name), "__module__", module.__name__) in (module.__name__, "builtins")
        assert f"`{name}`" in (package.__doc__ or ""), f"{name} is not in the package's table"
    with pytest.raises(AttributeError, match="no_such_name"):
        package.no_such_name  # noqa: B018


@pytest.mark.parametrize("package", PACKAGES, ids=["nn", "rtl"])
def test_no_name_is_hidden_by_a_module(package) -> None:
    """Importing a submodule sets it as the package's attribute, which would take the name's place."""
    folder = Path(package.__path__[0])
    modules = {each.stem for each in folder.iterdir()}
    assert not modules & set(package.__all__)


def test_importing_the_packages_imports_neither_torch_nor_amaranth() -> None:
    done = run(
        "import sys, accelsim, accelsim.nn, accelsim.rtl, accelsim.cli; "
        "print([each for each in ('torch', 'safetensors', 'amaranth', 'pyosys') if each in sys.modules])"
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    ("missing", "wanted", "told"),
    [
        ("torch", "from accelsim.nn import convert", "accelsim.nn: needs PyTorch, which is not installed: "),
        ("amaranth", "from accelsim.rtl import Core", "accelsim.rtl: needs Amaranth, which is not installed: "),
    ],
)  # fmt: skip
def test_a_missing_extra_is_named(missing: str, wanted: str, told: str) -> None:
    start = f"import sys; sys.modules[{missing!r}] = None\n"
    done = run(f"{start}{wanted}")
    assert f"MissingExtra: {told}pip install" in done.stderr.splitlines()[-1]
    # As an ImportError too, so that a user's code can do without.
    done = run(f"{start}try:\n    {wanted}\nexcept ImportError:\n    print('without')")
    assert (done.stdout, done.stderr) == ("without\n", "")
    assert issubclass(MissingExtra, ValueError)
