"""Seeds that every generator derived from them can take."""

from __future__ import annotations

from accelsim.errors import AccelsimError

MAX_SEED = 2**31 - 1
"""Streams multiply a seed by up to 2,000,000,014 (models.training.train); the products fit in int64."""


def check_seed(who: str, seed: int) -> None:
    """Raises AccelsimError, in the name of `who`, unless `seed` is a whole number from 0 to MAX_SEED."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise AccelsimError(f"{who}: seed is {seed!r}, must be a whole number from 0 to {MAX_SEED}")
