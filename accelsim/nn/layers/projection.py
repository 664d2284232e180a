"""What becomes of a layer's input before W~ meets it: the forms of the approximation, and the ternary matrices P.

form     y of a patch x of d = taps * Cg words (taps: kernel elements, Cg: input channels of one group)
none     x itself: k = d, and nothing is drawn
pixel    P_c x of every pixel, the same P_c (k_c, Cg) under all taps and in all groups: k = taps * k_c
patch    P x, P (k, d): section 3.1 of the paper to the letter

P is sparse and ternary (Achlioptas 2003; paper section 3.3 with s = 3): an entry is not zero with probability 1 / s, the
`density`. Li, Hastie and Church (2006) take s = sqrt(columns of P).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from accelsim.errors import AccelsimError
from accelsim.forms import Form
from accelsim.nn.layers.projection_forms import DEFAULT_DENSITY, DEFAULT_K_RATIO, FORMS, Density

MIN_K = 16
K_MULTIPLE = 8
_DRAWS = 1 << 24


@dataclass(frozen=True)
class Projection:
    """The approximation of one layer before W~: `form`, `k` codes of y per patch, `density` and `seed` of P."""

    form: Form
    k: int
    density: float = DEFAULT_DENSITY
    seed: int = 0

    def signs(self, d: int, taps: int) -> Tensor:
        """Return the signs of P: int8 (k, d) of a patch, (k / taps, d / taps) of a pixel, (0, d) where none is drawn.

        Raises:
            AccelsimError: If k does not fit the form and a layer of d words and `taps` kernel elements.
        """
        if self.form not in FORMS:
            raise AccelsimError(f"form: {self.form!r} is unknown; allowed: {', '.join(FORMS)}")
        if self.form == "none":
            if self.k != d:
                raise AccelsimError(f"form none: k is {self.k}, must be d = {d}")
            return torch.zeros(0, d, dtype=torch.int8)
        if self.form == "pixel":
            if self.k % taps:
                raise AccelsimError(
                    f"form pixel: k is {self.k}, must be a multiple of the {taps} kernel elements"
                )
            return ternary_signs(self.k // taps, d // taps, self.seed, self.density)
        return ternary_signs(self.k, d, self.seed, self.density)


def choose_projection(
    form: Form, k_ratio: float | None, density: Density | None, d: int, taps: int, seed: int
) -> Projection:
    """Return the projection of a layer of `d` input words and `taps` kernel elements.

    Args:
        form: one of `FORMS`.
        k_ratio: k as a share of d (patch) or k_c as a share of a group's channels (pixel); None for the default.
        density: of P; None for the default.
        d: words of a patch.
        taps: kernel elements.
        seed: of P.

    Raises:
        AccelsimError: For an unknown form, a number out of range, or k_ratio or density with the form none.
    """
    if form not in FORMS:
        raise AccelsimError(f"form: {form!r} is unknown; allowed: {', '.join(FORMS)}")
    if form == "none":
        for name, value in (("k_ratio", k_ratio), ("density", density)):
            if value is not None:
                raise AccelsimError(
                    f"{name}: {value}, must not be given with the form none, which has no P; "
                    "allowed with: pixel, patch"
                )
        return Projection("none", d)
    ratio = DEFAULT_K_RATIO if k_ratio is None else k_ratio
    columns = d // taps if form == "pixel" else d
    share = checked_density(DEFAULT_DENSITY if density is None else density, columns)
    if form == "pixel":
        return Projection("pixel", taps * projection_size(columns, ratio, least=K_MULTIPLE), share, seed)
    return Projection("patch", projection_size(d, ratio), share, seed)


def projection_size(d: int, k_ratio: float, least: int = MIN_K) -> int:
    """Rows k of P for d input words: k_ratio * d rounded up to a multiple of 8, at least `least`, at most d."""
    if not 0.0 < k_ratio <= 1.0:
        raise AccelsimError(f"k_ratio: {k_ratio}, must be above 0 and at most 1")
    return min(d, max(least, K_MULTIPLE * math.ceil(k_ratio * d / K_MULTIPLE)))


def checked_density(density: Density, columns: int) -> float:
    """Return a density as a number; AccelsimError unless it is "sqrt" or above 0 and at most 1."""
    if density == "sqrt":
        return 1 / math.sqrt(columns)
    if isinstance(density, bool) or not isinstance(density, int | float) or not 0.0 < density <= 1.0:
        raise AccelsimError(f"density: {density}, must be above 0 and at most 1, or 'sqrt'")
    return float(density)


def ternary_signs(k: int, d: int, seed: int, density: float = DEFAULT_DENSITY) -> Tensor:
    """The signs of P: int8 (k, d), -1 and +1 with probability density / 2 each, else 0.

    P itself is `projection_scale(k, density)` times this matrix. The draw is of integers from the CPU generator, so
    the same seed gives the same matrix on every machine and device.
    """
    generator = torch.Generator().manual_seed(seed)
    if density == DEFAULT_DENSITY:
        draw = torch.randint(0, 6, (k, d), generator=generator, dtype=torch.int8)
        return (draw == 0).to(torch.int8) - (draw == 1).to(torch.int8)
    half = round(density * _DRAWS / 2)
    place = torch.randint(0, _DRAWS, (k, d), generator=generator, dtype=torch.int32)
    return (place < half).to(torch.int8) - ((place >= half) & (place < 2 * half)).to(torch.int8)


def projection_scale(k: int, density: float = DEFAULT_DENSITY) -> float:
    """sqrt(s / k), s = 1 / density: it makes E |Px|^2 = |x|^2."""
    return math.sqrt((1 / density) / k)
