"""The public names of the code, read from its syntax: what the reference must show, and what must have a docstring."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOP_PACKAGES = ("accelsim", "models")

OVERRIDES = ("convert", "elaborate", "forward")
"""Methods that a base class of a library defines and documents: click, Amaranth, PyTorch."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def module_files() -> Iterator[tuple[str, Path]]:
    """Full names of all public modules and packages with their files; ``__main__`` and private ones are left out."""
    for top in TOP_PACKAGES:
        for file in sorted((ROOT / top).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            if parts[-1] == "__init__":
                yield ".".join(parts[:-1]), file
            elif not parts[-1].startswith("_"):
                yield ".".join(parts), file


def public_names(module: str, file: Path) -> Iterator[tuple[str, str | None]]:
    """Functions, classes and their methods that have no underscore, by full name, each with its docstring or None.

    A method without one that overrides a documented method of the same module is left out: it is documented there.
    """
    body = ast.parse(file.read_text(encoding="utf-8")).body
    classes = {each.name: each for each in body if isinstance(each, ast.ClassDef)}
    for each in _public(body):
        yield f"{module}.{each.name}", ast.get_docstring(each)
        if isinstance(each, ast.ClassDef):
            for method in _public(each.body):
                own = ast.get_docstring(method)
                if own or not (method.name in OVERRIDES or _inherits(each, method.name, classes)):
                    yield f"{module}.{each.name}.{method.name}", own


def value_docstring(file: Path, name: str) -> str | None:
    """The text in the line after a value of a module is given its name."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    for given, after in pairwise(body):
        targets = given.targets if isinstance(given, ast.Assign) else [getattr(given, "target", None)]
        named = any(isinstance(target, ast.Name) and target.id == name for target in targets)
        if named and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            return inspect.cleandoc(str(after.value.value))
    return None


def _public(body: list[ast.stmt]) -> Iterator[Definition]:
    return (
        each
        for each in body
        if isinstance(each, Definition) and not each.name.startswith("_") and not _is_again(each)
    )


def _inherits(owner: ast.ClassDef, method: str, classes: dict[str, ast.ClassDef]) -> bool:
    """Whether a base class in the same module documents the method."""
    bases = [classes[base.id] for base in owner.bases if isinstance(base, ast.Name) and base.id in classes]
    return any(
        any(each.name == method and ast.get_docstring(each) for each in _public(base.body))
        or _inherits(base, method, classes)
        for base in bases
    )


def _is_again(definition: Definition) -> bool:
    """An overload, or the setter of a property: the name is documented where it is first defined."""
    marks = {ast.unparse(decorator).rpartition(".")[2] for decorator in definition.decorator_list}
    return bool(marks & {"overload", "setter"})
