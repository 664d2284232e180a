"""The families of schemes that accelsim knows: its own, registered ones, and those of installed packages.

A package adds its family with an entry point of the group `accelsim.schemes`; docs/how-to/own-scheme.md shows one.
Entry points are loaded only when a family is asked for that is not built in, since looking for them takes time.
"""

from __future__ import annotations

import inspect
import re
from functools import cache
from typing import TypeVar, get_args

from accelsim.checked_values import shown
from accelsim.entry_points import load_entry_points
from accelsim.errors import AccelsimError, suggestion
from accelsim.schemes.all_noise_scheme import AllNoiseScheme
from accelsim.schemes.dense_scheme import DenseScheme
from accelsim.schemes.nm_scheme import NmScheme
from accelsim.schemes.scheme import Scheme, SelectorKind
from accelsim.schemes.unstructured_scheme import UnstructuredScheme

GROUP = "accelsim.schemes"
"""Group of entry points."""

Family = TypeVar("Family", bound=type[Scheme])

_KIND = re.compile(r"[a-z][a-z0-9-]{0,39}")
_registered: dict[str, type[Scheme]] = {
    family.kind: family for family in (DenseScheme, UnstructuredScheme, NmScheme, AllNoiseScheme)
}


def register(family: Family) -> Family:
    """Make a family of schemes known. Use it as a decorator, or with an entry point instead.

    Returns:
        The family.

    Raises:
        AccelsimError: if the class is no complete family, or its `kind` is another family's.
    """
    _check_family(family)
    known = _registered.setdefault(family.kind, family)
    if known is not family:
        raise AccelsimError(
            f"family of schemes {family.__name__}: kind {family.kind!r} is that of "
            f"{known.__module__}.{known.__qualname__} already"
        )
    return family


def families() -> tuple[type[Scheme], ...]:
    """Return all known families, in the order of charts.

    Raises:
        AccelsimError: if an entry point of an installed package cannot be loaded.
    """
    _load_entry_points()
    return tuple(sorted(_registered.values(), key=lambda family: (family.order, family.kind)))


def family_of(kind: str) -> type[Scheme]:
    """Return the family of a kind, as results store it.

    Raises:
        AccelsimError: if no known family is of this kind, or an entry point cannot be loaded.
    """
    known = {family.kind: family for family in families()}
    if kind not in known:
        raise AccelsimError(f"kind of schemes {shown(kind)} is unknown; {suggestion(kind, list(known))}")
    return known[kind]


def find_scheme(name: str) -> Scheme | None:
    """Return the scheme with an id; None if no family has it.

    Raises:
        AccelsimError: if a number in the id is out of range, or an entry point cannot be loaded.
    """
    found = _among_registered(name)
    if found is None:
        _load_entry_points()
        found = _among_registered(name)
    return found


def parse_scheme(name: str) -> Scheme:
    """Return the scheme with an id such as `nm-1of8`: the inverse of `Scheme.name`.

    Raises:
        AccelsimError: if no family has such an id, a number in it is out of range, or an entry point cannot be loaded.
    """
    found = find_scheme(name)
    if found is None:
        allowed = ", ".join(
            f"'{family.example}'" + (f" ({family.example_note})" if family.example_note else "")
            for family in families()
        )
        raise AccelsimError(f"scheme {shown(name)} is unknown; allowed: {allowed}")
    return found


def _among_registered(name: str) -> Scheme | None:
    made = (family.from_name(name) for family in _registered.values())
    return next((scheme for scheme in made if scheme is not None), None)


@cache  # an entry point that failed is tried again, since no result is kept of an exception
def _load_entry_points() -> None:
    load_entry_points(GROUP, register)


def _check_family(family: object) -> None:
    if not (isinstance(family, type) and issubclass(family, Scheme)):
        raise AccelsimError(f"{shown(family)} is no family of schemes; allowed: a subclass of Scheme")
    where = f"family of schemes {family.__name__}"
    if inspect.isabstract(family):
        missing = ", ".join(sorted(family.__abstractmethods__))
        raise AccelsimError(f"{where}: lacks {missing}")
    for field in ("kind", "title", "example"):
        if not isinstance(getattr(family, field, None), str):
            raise AccelsimError(f"{where}: {field} is {shown(getattr(family, field, None))}; allowed: text")
    if not _KIND.fullmatch(family.kind):
        raise AccelsimError(
            f"{where}: kind is {shown(family.kind)}; allowed: lower-case letters, digits and hyphens"
        )
    allowed = (None, *get_args(SelectorKind))
    if getattr(family, "selector_kind", "") not in allowed:
        raise AccelsimError(
            f"{where}: selector_kind is {shown(getattr(family, 'selector_kind', ''))}; "
            f"allowed: {', '.join(map(repr, allowed))}"
        )
