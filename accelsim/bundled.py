"""Where the files that ship with the package are: in the wheel, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

from accelsim.errors import AccelsimError

_PACKAGE = Path(__file__).resolve().parent


def bundled_path(relative: str) -> Path:
    """Path of a shipped file or folder, e.g. ``bundled_path("hwconfigs/dense.yaml")``.

    A wheel carries these in ``accelsim/_bundled/``; an editable install has them at the repository root.
    Raises AccelsimError if neither holds it.
    """
    path = _find(relative)
    if path is None:
        raise AccelsimError(f"{relative}: not among the files that ship with accelsim")
    return path


def is_bundled(relative: str) -> bool:
    """Whether such a file ships with the package."""
    return _find(relative) is not None


def bundled_names(folder: str) -> list[str]:
    """Bare names of the YAML files that ship in a folder: ``dense`` for hwconfigs/dense.yaml."""
    return sorted(file.stem for file in bundled_path(folder).glob("*.yaml"))


def clone_root() -> Path | None:
    """Return the folder of the clone that this package runs from, or None for an installed package."""
    return _PACKAGE.parent if (_PACKAGE.parent / "pyproject.toml").is_file() else None


def require_clone(who: str, what: str) -> Path:
    """Return the folder of the clone that this package runs from.

    Args:
        who: The command that needs it.
        what: What it needs of a clone.

    Raises:
        AccelsimError: The package is installed without a clone.
    """
    root = clone_root()
    if root is None:
        raise AccelsimError(
            f"{who}: needs {what}, which the installed package does not have; run it in a clone of accelsim"
        )
    return root


def _find(relative: str) -> Path | None:
    paths = (root / relative for root in (_PACKAGE / "_bundled", _PACKAGE.parent))
    return next((path for path in paths if path.exists()), None)
