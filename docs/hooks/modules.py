"""Pages of the Python API: one for each package, with every module of it, and the table of public names.

mkdocstrings writes what is in a module from its docstrings and types, without importing it. Which modules there are is
read from the folders, so a new one needs no entry anywhere.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from mkdocs.exceptions import PluginError

from accelsim.tables import frame_of, markdown_table
from docs.hooks import public_names as names
from docs.hooks.public_names import module_files

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "reference/modules"
PUBLIC_PACKAGES = (
    "accelsim",
    "accelsim.nn",
    "accelsim.trace",
    "accelsim.config",
    "accelsim.store",
    "accelsim.rtl",
)
"""Whose ``__all__`` is the API for users; all else is for those who change the code."""


def modules() -> dict[str, list[str]]:
    """The modules of every package by their full names."""
    found: dict[str, list[str]] = {}
    for name, file in module_files():
        if file.name == "__init__.py":
            found.setdefault(name, [])
        else:
            found.setdefault(name.rpartition(".")[0], []).append(name)
    return dict(sorted(found.items()))


def pages() -> dict[str, str]:
    """Markdown of the pages by their paths in the site."""
    return {f"{FOLDER}/{package}.md": _page(package, members) for package, members in modules().items()}


def public_names() -> str:
    """A table of what the public packages export, each with the first sentence of its docstring."""
    lines = []
    for package in PUBLIC_PACKAGES:
        exporting = importlib.import_module(package)
        exported = {name: canonical(package, name) for name in exporting.__all__ if not name.startswith("_")}
        rows = [[f"[`{name}`][{full}]", first_paragraph(full)] for name, full in exported.items()]
        lines += [f"## {package}", "", markdown_table(frame_of(rows, ["name", "what it is"]))]
    return "\n".join(lines)


def canonical(package: str, name: str) -> str:
    """The full name, where it is defined, of what a package exports."""
    exporting = importlib.import_module(package)
    if hasattr(exporting, "MODULE_OF"):  # imported on first use: the site is made without the extras
        return f"{package}.{exporting.MODULE_OF[name]}.{name}"
    exported = getattr(exporting, name)
    if hasattr(exported, "__qualname__"):
        return f"{exported.__module__}.{exported.__qualname__}"
    # A value, such as a union of types: it does not know its module.
    inside = (module for module in sys.modules if module.startswith(f"{package}."))
    return next(f"{module}.{name}" for module in inside if name in vars(sys.modules[module]))


def first_paragraph(full_name: str) -> str:
    """Of a docstring, as one line; also that of a value, a text in the line after it."""
    module, _, name = full_name.rpartition(".")
    file = next(file for found, file in module_files() if found == module)
    text = dict(names.public_names(module, file)).get(full_name) or names.value_docstring(file, name)
    if not text:
        raise PluginError(f"{full_name} is public and has no docstring")
    return " ".join(text.split("\n\n")[0].split())


def _page(package: str, members: list[str]) -> str:
    file = next(file for module, file in module_files() if module == package)
    own = [
        name.rpartition(".")[2]
        for name, _ in names.public_names(package, file)
        if name.count(".") == package.count(".") + 1
    ]
    # What a package imports is documented where it is defined.
    lines = [f"# {package}", "", f"::: {package}", "    options:", "      show_root_heading: false"]
    lines += ["      show_root_toc_entry: false", f"      members: {own or 'false'}", ""]
    for name in members:
        lines += [f"::: {name}", ""]
    return "\n".join(lines)
