"""A store of limited size, for what is costly to make and may be needed again."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class BoundedStore(Generic[Key, Value]):
    """At most ``most`` values by key; the one made longest ago is dropped first. No value is None.

    Threads may share a store. What two of them miss at the same time is made twice, and the first one is kept.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._values: dict[Key, Value] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Key, make: Callable[..., Value], *arguments: object) -> Value:
        """Return the value of a key; if it is not kept, call ``make(*arguments)`` for it."""
        kept = self._values.get(key)
        if kept is not None:
            return kept
        made = make(*arguments)
        with self._lock:
            made = self._values.setdefault(key, made)
            while len(self._values) > self.most:
                del self._values[next(iter(self._values))]
        return made
