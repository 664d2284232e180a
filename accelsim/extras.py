"""What to say where a package of an optional extra is not installed."""

from __future__ import annotations

from accelsim.errors import AccelsimError


def missing_extra(who: str, package: str, extra: str) -> AccelsimError:
    """The error that names the package, and the command that installs the extra with it.

    who: the command or option that needs it. extra: of pyproject.toml; several as ``rtl,train``.
    """
    return AccelsimError(
        f"{who}: needs {package}, which is not installed: pip install '.[{extra}]' in a clone of accelsim"
    )
