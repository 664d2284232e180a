"""Packages of optional extras: names that are imported on first use, and the error where a package is missing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module

from accelsim.errors import AccelsimError


class MissingExtra(AccelsimError, ImportError):
    """A package of an optional extra is not installed."""


def missing_extra(who: str, package: str, extra: str) -> MissingExtra:
    """Return the error that names the missing package and the command that installs it.

    Args:
        who: The command, option or package that needs it.
        package: What is missing, as the user knows it.
        extra: The extra of pyproject.toml; several as ``rtl,train``.
    """
    return MissingExtra(
        f"{who}: needs {package}, which is not installed: pip install '.[{extra}]' in a clone of accelsim"
    )


def require_torch(who: str) -> None:
    """Raise MissingExtra, in the name of the command `who`, if PyTorch cannot be imported."""
    try:
        import torch  # noqa: F401
    except ImportError:
        raise missing_extra(who, "PyTorch", "train") from None


def lazy_names(
    package: str, modules: Mapping[str, str], needs: Mapping[str, str], extra: str
) -> tuple[dict[str, str], Callable[[str], object]]:
    """Return where each public name of `package` is from, and the package's ``__getattr__``, which imports it on first use.

    Args:
        package: The package whose names they are.
        modules: Names, separated by spaces, by the module within the package that they are imported from.
        needs: What the user knows a package as, by its import name: the packages of the extra.
        extra: The extra of pyproject.toml that installs them.
    """
    module_of = {name: module for module, names in modules.items() for name in names.split()}

    def get(name: str) -> object:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            value: object = getattr(import_module(f"{package}.{module_of[name]}"), name)
        except ImportError as error:
            missing = (error.name or "").partition(".")[0]
            if missing not in needs:
                raise
            raise missing_extra(package, needs[missing], extra) from None
        setattr(sys.modules[package], name, value)
        return value

    return module_of, get
