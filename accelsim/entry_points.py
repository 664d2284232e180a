"""What installed packages add to accelsim through entry points."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from accelsim.errors import AccelsimError


def load_entry_points(group: str, register: Callable[[Any], object]) -> None:
    """Load what every installed package has under a group of entry points, and pass each to `register`.

    Raises:
        AccelsimError: An entry point cannot be loaded, or `register` refuses it; the message names the package.
    """
    for point in entry_points(group=group):
        package = point.dist.name if point.dist is not None else point.value
        try:
            try:
                loaded = point.load()
            except Exception as error:  # whatever the package's own code raises
                text = " ".join(f"{type(error).__name__}: {error}".split())
                raise AccelsimError(f"cannot load {point.value}: {text}") from error
            register(loaded)
        except AccelsimError as error:
            raise AccelsimError(f"package {package}, entry point {group}:{point.name}: {error}") from error
