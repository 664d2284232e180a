"""The names under which tables know attacks, each registered in the attack's own file.

    @register("pgd{steps}")
    @register("pgd{steps}-margin", loss="margin")
    @dataclass(frozen=True, kw_only=True)
    class PGD(IteratedAttack): ...

`{steps}` stands for a number, the value of that parameter. A package of yours offers its attacks by an entry point of the
group `accelsim.attacks` that names the module which registers them (docs/how-to/own-attack.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from accelsim.entry_points import load_entry_points
from accelsim.errors import AccelsimError
from accelsim.nn.attacks.attack import Attack

GROUP = "accelsim.attacks"
_MOST = 999_999
_FIELD = re.compile(r"\{(\w+)\}")
_RESERVED = ("transfer-", "eot", "bpda-")

Kind = TypeVar("Kind", bound=type[Attack])


@dataclass(frozen=True)
class Registration:
    """A name, or names with numbers in them, of attacks of one kind."""

    template: str
    kind: type[Attack]
    fixed: dict[str, Any]

    def match(self, name: str) -> dict[str, int] | None:
        """Return the numbers in `name` by parameter; None if it is no name of this kind."""
        pattern = _FIELD.sub(
            r"(?P<\1>\\d{1,6})", re.escape(self.template).replace(r"\{", "{").replace(r"\}", "}")
        )
        found = re.fullmatch(pattern, name, re.ASCII)
        return None if found is None else {key: int(text) for key, text in found.groupdict().items()}

    def build(self, name: str, numbers: dict[str, int], more: dict[str, Any]) -> Attack:
        """Return the attack of `name` with what `match` found.

        Raises:
            AccelsimError: A number is out of range.
        """
        for key, number in numbers.items():
            check_number(name, key, number, self.kind.most.get(key, _MOST))
        return self.kind(**self.fixed | numbers | more)


_REGISTERED: dict[str, Registration] = {}


def register(template: str, **fixed: Any) -> Callable[[Kind], Kind]:
    """Return a decorator that registers a class of attacks under a name.

    Args:
        template: The name; `{parameter}` in it stands for a whole number.
        fixed: Parameters that this name stands for.

    Raises:
        AccelsimError: Another class has the name, or it begins like a prefix.
    """

    def decorated(kind: Kind) -> Kind:
        other = _REGISTERED.get(template)
        if other is not None and (other.kind.__module__, other.kind.__name__) != (
            kind.__module__,
            kind.__name__,
        ):
            raise AccelsimError(
                f"attack {template!r}: registered by {other.kind.__module__} already; choose another name"
            )
        if template.startswith(_RESERVED) or "@" in template:
            raise AccelsimError(
                f"attack {template!r}: must not begin with {', '.join(_RESERVED)} or contain '@'"
            )
        _REGISTERED[template] = Registration(template, kind, fixed)
        return kind

    return decorated


def find(name: str) -> tuple[Registration, dict[str, int]] | None:
    """Return the registration of a name without prefixes, and the numbers in it; None if there is none."""
    for registration in registrations():
        numbers = registration.match(name)
        if numbers is not None:
            return registration, numbers
    return None


def registrations() -> Iterator[Registration]:
    """Yield all registrations: accelsim's own, then those of installed packages.

    Raises:
        AccelsimError: An entry point of an installed package cannot be loaded.
    """
    yield from tuple(_REGISTERED.values())
    known = set(_REGISTERED)
    _load_entry_points()
    yield from (each for template, each in tuple(_REGISTERED.items()) if template not in known)


@cache  # an entry point that failed is tried again, since no result is kept of an exception
def _load_entry_points() -> None:
    # Importing a module is enough: what it has registers itself.
    load_entry_points(GROUP, lambda module: None)


def check_number(name: str, field: str, number: int, most: int) -> None:
    """Raise AccelsimError unless a number in the name of an attack is in range."""
    if not 1 <= number <= most:
        raise AccelsimError(f"attack {name!r}: {field} is {number}, must be 1 to {most}")
