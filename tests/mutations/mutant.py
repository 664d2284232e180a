"""An engine with a mistake in it: a second copy of its modules, one of them with a line of its source changed.

Everything happens in memory and in this process, so that a mutant costs milliseconds: neither a file nor the engine
that is in use is touched.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Literal

import accelsim
from accelsim.config import Machine
from accelsim.counts import Counts
from accelsim.trace import LayerTrace

RunImage = Callable[[Sequence[LayerTrace], Machine, int], tuple[Counts, ...]]
Engine = Literal["reference", "compiled"]

ROOM = Path(accelsim.__file__).parent
COPIED = {
    "reference": (
        "accelsim.components",
        "accelsim.mapping",
        "accelsim.machine",
        "accelsim.engine.reference_engine",
    ),
    "compiled": ("accelsim.components", "accelsim.mapping", "accelsim.engine.compiled"),
}
"""The packages that are the engine, last the one to call. What they import besides is shared with the engine in use."""

PYTHON_INSTEAD_OF_MACHINE_CODE = """
def compiled(function):
    function.signatures = (None,)  # as if the compiler had been at work
    return function

helper = inlined = compiled

def popcount(word):
    return int(word).bit_count()

def lowest_bit(word):
    return (int(word) & -int(word)).bit_length() - 1 if word else 64
"""
"""In place of ``jit.py``: compiling each mutant would take half a minute."""


@dataclass(frozen=True)
class Mutation:
    """``old`` in the module becomes ``new``. ``rule``: what of docs/machine.md it breaks, in words.

    ``module``: a path under accelsim/. ``engine``: the one that is run with it.
    """

    name: str
    rule: str
    module: str
    old: str
    new: str
    engine: Engine = "reference"

    def apply(self, source: str) -> str:
        """The source with the mistake. Raises ValueError unless ``old`` is there exactly once."""
        found = source.count(self.old)
        if found != 1:
            raise ValueError(
                f"mutation {self.name!r}: its text occurs {found} times in {self.module}, not once; "
                f"the code has moved on: make the same mistake in the new code"
            )
        return source.replace(self.old, self.new)


def mutant(mutation: Mutation) -> RunImage:
    """The mutation's engine with the mistake in it."""
    return _copy(mutation.engine, {mutation.module: mutation.apply})


def unchanged(engine: Engine) -> RunImage:
    """An engine copied in the same way without a mistake."""
    return _copy(engine, {})


def _copy(engine: Engine, changes: Mapping[str, Callable[[str], str]]) -> RunImage:
    if engine == "compiled":
        changes = {"engine/compiled/jit.py": lambda _: PYTHON_INSTEAD_OF_MACHINE_CODE, **changes}
    with _second_copy(COPIED[engine], {ROOM / path: change for path, change in changes.items()}):
        module = importlib.import_module(COPIED[engine][-1])
    if engine == "reference":
        return module.run_image  # type: ignore[no-any-return]
    return lambda layers, machine, image: next(module.run_images(layers, machine, range(image, image + 1)))


@contextmanager
def _second_copy(packages: Sequence[str], changes: Mapping[Path, Callable[[str], str]]) -> Iterator[None]:
    """Within, ``packages`` are imported anew, changed; after it, all names mean what they meant before."""
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if _is_of(name, packages)}
    attributes = {name: _parent_and_attribute(name) for name in packages}
    kept = {name: getattr(parent, child, None) for name, (parent, child) in attributes.items()}
    finder = _ChangingFinder(packages, changes)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if _is_of(name, packages)]:
            del sys.modules[name]
        sys.modules.update(before)
        for name, (parent, child) in attributes.items():
            if kept[name] is not None:
                setattr(parent, child, kept[name])
            elif hasattr(
                parent, child
            ):  # the engine had not been imported; it must not be this one from now on
                delattr(parent, child)
    if finder.unused:
        raise ValueError(f"{', '.join(map(str, finder.unused))}: no module of {', '.join(packages)}")


def _is_of(name: str, packages: Sequence[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _parent_and_attribute(name: str) -> tuple[ModuleType, str]:
    parent, _, child = name.rpartition(".")
    return importlib.import_module(parent), child


class _ChangingFinder(importlib.abc.MetaPathFinder):
    """Finds the copied packages where they are, with a loader that changes their source."""

    def __init__(self, packages: Sequence[str], changes: Mapping[Path, Callable[[str], str]]) -> None:
        self.packages = packages
        self.changes = changes
        self.unused = set(changes)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not _is_of(fullname, self.packages):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is None or spec.origin is None:
            return spec
        change = self.changes.get(Path(spec.origin), str)
        self.unused.discard(Path(spec.origin))
        loader = _ChangingLoader(fullname, spec.origin, change)
        return importlib.util.spec_from_file_location(
            fullname, spec.origin, loader=loader, submodule_search_locations=spec.submodule_search_locations
        )


class _ChangingLoader(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, change: Callable[[str], str]) -> None:
        super().__init__(fullname, path)
        self.change = change

    def get_code(self, fullname: str) -> CodeType:
        """Compiled from the changed source, never from or to a file of byte code."""
        source = Path(self.path).read_text(encoding="utf-8")
        return compile(self.change(source), self.path, "exec", dont_inherit=True)
