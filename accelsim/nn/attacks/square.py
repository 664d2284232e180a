"""The Square attack (Andriushchenko et al. 2020) in the largest pixel change: black box, by random search.

Starts from vertical stripes of +-eps, then tries squares at random places, each channel all +eps or all -eps, and keeps
what lowers the margin of the right class. The side of the squares shrinks as queries are used up.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from accelsim.nn.attacks.target import Target

_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Queries, of 10,000, after which the share of pixels in a square halves (section 5 of the paper)."""


@dataclass(frozen=True)
class Square:
    """queries: passes over an image at most, times draws; share: of pixels in the first squares.

    draws: of the noise per query. A random network's margins are compared by their means over so many.
    """

    eps: float
    queries: int = 5000
    share: float = 0.8
    draws: int = 1


def share_at(setting: Square, query: int) -> float:
    """Share of an image's pixels that the square of a query covers."""
    used = query / setting.queries * 10_000
    halvings = sum(used > halving for halving in _HALVINGS)
    return float(setting.share * 0.5**halvings)


def square(target: Target, x: Tensor, labels: Tensor, setting: Square, generator: torch.Generator) -> Tensor:
    """The attacked images, shaped as x (N, channels, h, w). `generator` is of the CPU; images are left when misled."""
    count, channels, height, width = x.shape
    stripes = _signs((count, channels, 1, width), generator).to(x)
    best = (x + setting.eps * stripes).clamp(0.0, 1.0)
    reached = target.margins(best, labels, setting.draws)
    for query in range(1, setting.queries):
        left = torch.nonzero(reached < 0)[:, 0]
        if not len(left):
            break
        side = max(1, round((share_at(setting, query) * height * width) ** 0.5))
        side = min(side, height, width)
        tried = best[left].clone()
        signs = _signs((len(left), channels, 1, 1), generator).to(x)
        rows = torch.randint(0, height - side + 1, (len(left),), generator=generator)
        columns = torch.randint(0, width - side + 1, (len(left),), generator=generator)
        for i, (row, column) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
            window = (i, slice(None), slice(row, row + side), slice(column, column + side))
            tried[window] = (x[(left[i], *window[1:])] + setting.eps * signs[i]).clamp(0.0, 1.0)
        got = target.margins(tried, labels[left], setting.draws)
        better = got > reached[left]
        reached[left] = torch.where(better, got, reached[left])
        best[left] = torch.where(better[:, None, None, None], tried, best[left])
    return best


def _signs(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randint(0, 2, shape, generator=generator) * 2 - 1
