"""Where compiled code is kept on disk, and when it is out of date.

Numba keeps the code of a function and, as a stamp, a hash of the one source file that the function is in. What the
function calls may be in other files, whose edits numba would not notice. The stamp here therefore covers every source file
of this package. Everything else is numba's own rule: which folder is used, ``NUMBA_CACHE_DIR``, installations that cannot be
written, and packages in zip files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator


@cache
def sources_digest() -> str:
    """Return the hex SHA-256 of all source files of this package, as they were when it was first asked for."""
    digest = hashlib.sha256()
    for file in sorted(files(__package__).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".py"):
            digest.update(f"{file.name}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


class _PackageLocator(_CacheLocator):
    """The locator that numba chose for a function, with a stamp that covers the whole package too."""

    def __init__(self, chosen: Any) -> None:
        self._chosen = chosen
        self._py_file = chosen._py_file  # numba names it where it warns that a function cannot be kept

    def get_cache_path(self) -> str:
        path: str = self._chosen.get_cache_path()
        return path

    def get_disambiguator(self) -> str:
        text: str = self._chosen.get_disambiguator()
        return text

    def get_source_stamp(self) -> tuple[object, str]:
        return self._chosen.get_source_stamp(), sources_digest()


class _PackageCacheImpl(CompileResultCacheImpl):
    def __init__(self, py_func: Callable[..., Any]) -> None:
        super().__init__(py_func)  # type: ignore[no-untyped-call]
        self._locator = _PackageLocator(self._locator)


class PackageCache(FunctionCache):
    """A function's compiled code on disk, out of date as soon as any source file of this package has changed.

    Raises RuntimeError if no folder can be written, neither beside the source nor the user's own.
    """

    _impl_class = _PackageCacheImpl

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Return the code for a signature, or None if there is none, or none that this version can read."""
        try:
            return super().load_overload(signature, target_context)  # type: ignore[no-untyped-call]
        except (AttributeError, ImportError):  # it refers to a type that has been renamed or moved since
            self.flush()  # type: ignore[no-untyped-call]
            return None
