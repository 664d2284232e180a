"""How far ratios of energies move when the constants behind them are wrong (docs/energy.md, "Uncertainty").

Energies are linear in the constants: a row of work costs ``parts @ factors``, with ``parts`` the energy due to each
constant and ``factors`` what each constant is multiplied by. Every machine is made in the same technology, so one
draw of factors prices all of them, the baseline too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.errors import AccelsimError

Array = npt.NDArray[np.float64]

MAX_DRAWS = 1_000_000


@dataclass(frozen=True)
class Spread:
    """Each constant is multiplied by a factor of its own, uniform in ``[1 - by, 1 + by]``.

    Uniform, because nothing is known of a constant but its range; around 1, so that the expected energy is the
    nominal one. ``draws`` joint draws from NumPy's PCG64 seeded with ``seed``.

    Raises AccelsimError for a share outside (0, 1), a negative seed, or fewer than 1 or too many draws.
    """

    by: float = 0.3
    draws: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.by < 1:
            raise AccelsimError(f"uncertainty: a spread of {self.by:g}; must be between 0 and 1")
        if not 1 <= self.draws <= MAX_DRAWS:
            raise AccelsimError(f"uncertainty: {self.draws} draws; must be 1 to {MAX_DRAWS}")
        if self.seed < 0:
            raise AccelsimError(f"uncertainty: seed {self.seed}; must not be negative")

    def joint(self, constants: int) -> Array:
        """Factors of all constants at once, (constants, draws)."""
        generator = np.random.default_rng(self.seed)
        return generator.uniform(1 - self.by, 1 + self.by, (self.draws, constants)).T

    def one_at_a_time(self, groups: npt.NDArray[np.bool_]) -> Array:
        """Factors with one group of constants at either end of its range, (constants, groups x 2).

        groups: (groups, constants), which constants each moves together. Lower ends come first.
        A ratio of energies is monotone in each factor, so the ends bound what the group can do to it.
        """
        low, high = np.where(groups, 1 - self.by, 1.0), np.where(groups, 1 + self.by, 1.0)
        return np.concatenate([low, high]).T


DEFAULT_SPREAD = Spread()


def ratios(parts: Array, baseline: npt.NDArray[np.intp], factors: Array, of: Array | None = None) -> Array:
    """Costs relative to a baseline's, (rows, draws).

    parts: (rows, constants), what each constant contributes to a row's cost at its nominal value.
    baseline: (rows,), the row that each is relative to. factors: (constants, draws).
    of: another (rows, constants) to put above the fraction, a part of the cost; ``parts`` by default.
    """
    whole = parts @ factors
    above = whole if of is None else of @ factors
    return np.asarray(above / whole[baseline])
