"""Changes to a YAML file: wrong values, keys and structure, and raw bytes."""

from __future__ import annotations

from random import Random
from typing import Any

import yaml

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 7, 64, 10**6, 2**31, 2**63, 10**40, 0.5, -0.0, 1e-320, 1e308, float("nan"),
    float("inf"), "", "4", "a b", "\x1b[31m", "\u202e", "x" * 5000, "../../etc/passwd", "/dev/zero", [], [1, "a"], {},
    {"a": {"b": 1}}, "1e3", "0x10", "mvu.vpus * 2", "2 ** 2 ** 2 ** 99", "(" * 300,
)  # fmt: skip
BYTES = (b"*a", b"&a", b"!!python/object:os.system", b"{", b"\t", b"\0", b"- ", b": ", b"\xff")
WORDS = ("format", "name", "kind", "colour", "extends", "vpus", "", "a.b", "-1", "\u00e4", "__class__")


def mutated(text: str, rng: Random) -> bytes:
    """Return the file with one to three changes."""
    if rng.random() < 0.25:
        return _bytes_changed(text.encode(), rng)
    data = yaml.safe_load(text)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = _changed(data, rng)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=rng.random() < 0.5).encode()


def _bytes_changed(raw: bytes, rng: Random) -> bytes:
    changed = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 5))):
        place = rng.randrange(len(changed))
        how = rng.randrange(4)
        if how == 0:
            changed[place] ^= 1 << rng.randrange(8)
        elif how == 1:
            del changed[place : place + rng.randint(1, 40)]
        elif how == 2:
            changed[place:place] = rng.choice(
                (b"*a", b"&a", b"!!python/object:os.system", b"{", b"\t", b"\0", b"- ", b": ", b"\xff")
            )
        else:
            changed = changed[:place]
        if not changed:
            break
    return bytes(changed)


def _changed(node: Any, rng: Random) -> Any:
    """Return the data with one value, key or item changed, somewhere below."""
    if isinstance(node, dict) and node and rng.random() < 0.85:
        key = rng.choice(list(node))
        how = rng.random()
        if how < 0.6:
            return {**node, key: _changed(node[key], rng)}
        if how < 0.75:
            return {other: value for other, value in node.items() if other != key}
        if how < 0.9:
            return {**node, rng.choice(WORDS): rng.choice(VALUES)}
        return {(rng.choice(WORDS) if other == key else other): value for other, value in node.items()}
    if isinstance(node, list) and node and rng.random() < 0.8:
        place = rng.randrange(len(node))
        if rng.random() < 0.6:
            return [*node[:place], _changed(node[place], rng), *node[place + 1 :]]
        return [*node, *node] if rng.random() < 0.5 else node[:place]
    if isinstance(node, int | float) and not isinstance(node, bool) and rng.random() < 0.5:
        return rng.choice((node + 1, node - 1, node * 2, -node, node / 3, node * 10**6, str(node)))
    return rng.choice(VALUES)
