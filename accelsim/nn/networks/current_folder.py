"""Import a user's modules from the current folder, also where a clone of accelsim has packages of the same names.

The console script does not have the current folder on ``sys.path``, as ``python -m`` does. Installed from a clone, accelsim
puts the clone's folder there, and with it a package named `models`; a user's own `models` must win over it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from accelsim.bundled import clone_root
from accelsim.errors import AccelsimError


@contextmanager
def current_folder_importable(top: str) -> Iterator[None]:
    """Within, import modules from the current folder too.

    It comes last on ``sys.path``, so that no file in it hides an installed package; but `top`, and packages that a clone
    of accelsim has as well, come from it first.

    Args:
        top: The package or module that the user has named.

    Raises:
        AccelsimError: The clone's package of that name is in use already.
    """
    here, clone = Path.cwd(), clone_root()
    if here == clone:
        clone = None
    if clone is not None and _holds(here, top) and _is_from(clone, sys.modules.get(top)):
        raise AccelsimError(
            f"network: {here / top} cannot be imported, because {clone / top} of accelsim is in use under that name; "
            "rename yours, or use it in a process of its own"
        )
    finder = _CurrentFolderFirst(here, clone, top)
    sys.meta_path.insert(0, finder)
    sys.path.append(str(here))
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        # The last one: the user may have put the folder there too.
        del sys.path[len(sys.path) - 1 - sys.path[::-1].index(str(here))]


class _CurrentFolderFirst(MetaPathFinder):
    """Find the named package, and those that the clone has too, in the current folder before anywhere else.

    A folder without ``__init__.py`` would lose to the clone's package even at the front of ``sys.path``.
    """

    def __init__(self, here: Path, clone: Path | None, top: str) -> None:
        self._here, self._clone, self._top = here, clone, top

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is not None or fullname == "accelsim":
            return None
        spec = PathFinder.find_spec(fullname, [str(self._here)])
        if spec is None:
            return None
        in_clone = self._clone is not None and _holds(self._clone, fullname)
        # A folder that is no package, such as the checkout of an installed library, is not what the user has named.
        named = fullname == self._top and spec.origin is not None
        return spec if in_clone or named else None


def _holds(folder: Path, name: str) -> bool:
    return (folder / name).is_dir() or (folder / f"{name}.py").is_file()


def _is_from(folder: Path, module: ModuleType | None) -> bool:
    return any(Path(each).parent == folder for each in getattr(module, "__path__", []))
