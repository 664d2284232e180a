"""Error messages for a missing optional dependency."""

from __future__ import annotations

from accelsim.errors import AccelsimError


def missing_extra(who: str, package: str, extra: str) -> AccelsimError:
    """The error that names the package, and the command that installs the extra with it.

    who: the command or option that needs it. extra: of pyproject.toml; several as ``rtl,train``.
    """
    return AccelsimError(
        f"{who}: needs {package}, which is not installed: pip install '.[{extra}]' in a clone of accelsim"
    )


def require_torch(who: str) -> None:
    """Raise AccelsimError, in the name of the command `who`, if PyTorch cannot be imported."""
    try:
        import torch  # noqa: F401
    except ImportError:
        raise missing_extra(who, "PyTorch", "train") from None
