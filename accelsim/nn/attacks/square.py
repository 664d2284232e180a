"""The Square attack (Andriushchenko et al. 2020) in the largest pixel change: black box, by random search.

Starts from vertical stripes of +-eps, then tries squares at random places, each channel all +eps or all -eps, and keeps
what lowers the margin of the right class. The side of the squares shrinks as queries are used up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from accelsim.nn.attacks.attack import LinfAttack, Prefix, per_image
from accelsim.nn.attacks.registry import register
from accelsim.nn.attacks.target import Target

_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Queries, of 10,000, after which the share of pixels in a square halves (section 5 of the paper)."""


@register("square")
@dataclass(frozen=True, kw_only=True)
class Square(LinfAttack):
    """Random search by squares; images are left when misled.

    Attributes:
        queries: Passes over an image at most, times the target's draws.
        share: Share of pixels in the first squares.
    """

    queries: int = 5000
    share: float = 0.8
    needs_gradient: ClassVar[bool] = False
    is_random: ClassVar[bool] = True
    prefixes: ClassVar[tuple[Prefix, ...]] = ("eot",)

    def share_at(self, query: int) -> float:
        """Return the share of an image's pixels that the square of a query covers."""
        used = query / self.queries * 10_000
        halvings = sum(used > halving for halving in _HALVINGS)
        return float(self.share * 0.5**halvings)

    def perturb(self, target: Target, x: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Return the attacked images, shaped as x (N, channels, h, w)."""
        count, channels, height, width = x.shape
        stripes = _signs((count, channels, 1, width), generator).to(x)
        best = (x + self.eps * stripes).clamp(0.0, 1.0)
        reached = target.margins(best, labels)
        for query in range(1, self.queries):
            left = torch.nonzero(reached < 0)[:, 0]
            if not len(left):
                break
            side = max(1, round((self.share_at(query) * height * width) ** 0.5))
            tried = self._with_squares(best[left], x[left], min(side, height, width), generator)
            got = target.margins(tried, labels[left])
            better = got > reached[left]
            reached[left] = torch.where(better, got, reached[left])
            best[left] = torch.where(per_image(better, x), tried, best[left])
        return best

    def _with_squares(self, best: Tensor, x: Tensor, side: int, generator: torch.Generator) -> Tensor:
        """Return `best`, a copy, with one square of new changes to x in each image."""
        count, channels, height, width = x.shape
        tried = best.clone()
        signs = _signs((count, channels, 1, 1), generator).to(x)
        rows = torch.randint(0, height - side + 1, (count,), generator=generator)
        columns = torch.randint(0, width - side + 1, (count,), generator=generator)
        for i, (row, column) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
            window = (i, slice(None), slice(row, row + side), slice(column, column + side))
            tried[window] = (x[window] + self.eps * signs[i]).clamp(0.0, 1.0)
        return tried


def _signs(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randint(0, 2, shape, generator=generator) * 2 - 1
