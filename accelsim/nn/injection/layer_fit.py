"""Two ways to minimize Eq. 1 over a stream of (y, z): normal equations and momentum SGD.

All rows come as y float (groups, rows, k) and z float (groups, rows, n / groups).
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Fit(Protocol):
    """Takes rows, then gives W~ (n, k) and b~ (n,), float32."""

    def add(self, y: Tensor, z: Tensor) -> None:
        """Takes y (groups, rows, k) and z (groups, rows, n / groups) of a batch."""
        ...

    def solve(self) -> tuple[Tensor, Tensor]:
        """W~ (n, k) and b~ (n,) from the rows taken so far."""
        ...


class NormalEquations:
    """The exact minimiser, from sums that are kept in float64.

    ridge: relative; ridge * mean(diag Cov y) is added to the diagonal of Cov y.
    start: W~ (groups, k, n / groups) that the ridge pulls to; None for 0.
    """

    def __init__(self, ridge: float, start: Tensor | None = None) -> None:
        self.ridge = ridge
        self.start = start
        self.rows = 0
        self._sums: tuple[Tensor, Tensor, Tensor, Tensor] | None = None

    def add(self, y: Tensor, z: Tensor) -> None:
        """As `Fit.add`; the order of batches matters only in rounding."""
        # The products of one batch are short sums: float32 is exact enough and twice as fast.
        new = (y.sum(1), z.sum(1), y.transpose(1, 2) @ y, y.transpose(1, 2) @ z)
        if self._sums is None:
            self._sums = (new[0].double(), new[1].double(), new[2].double(), new[3].double())
        else:
            for total, part in zip(self._sums, new, strict=True):
                total += part
        self.rows += y.shape[1]

    def solve(self) -> tuple[Tensor, Tensor]:
        """As `Fit.solve`; by pseudo-inverse where the rows leave W~ open."""
        assert self._sums is not None
        y_mean, z_mean, yy, yz = (total / self.rows for total in self._sums)
        covariance = yy - y_mean[:, :, None] * y_mean[:, None, :]
        cross = yz - y_mean[:, :, None] * z_mean[:, None, :]
        start = torch.zeros_like(cross) if self.start is None else self.start.double()
        # What is left for a change of W~ to explain.
        cross = cross - covariance @ start
        diagonal = covariance.diagonal(dim1=1, dim2=2)
        diagonal += self.ridge * diagonal.mean(1, keepdim=True)
        factor, failed = torch.linalg.cholesky_ex(covariance)
        change = (
            torch.linalg.pinv(covariance, hermitian=True) @ cross
            if failed.any()
            else torch.cholesky_solve(cross, factor)
        )
        w = start + change
        b = z_mean - (y_mean[:, None, :] @ w)[:, 0]
        return w.transpose(1, 2).flatten(0, 1).float(), b.flatten().float()


class GradientDescent:
    """Momentum SGD from W~ = `start` (0 if None) and b~ = 0; one step for each call of `add`.

    lr: relative; divided by the mean |y|^2 + 1 of the first batch, which bounds the curvature of Eq. 1.
    start: float (groups, k, n / groups).
    """

    def __init__(self, lr: float, momentum: float, start: Tensor | None = None) -> None:
        self.lr = lr
        self.momentum = momentum
        self.start = start
        self._step_size = 0.0
        self._parameters: Tensor | None = None
        self._velocity: Tensor | None = None

    def add(self, y: Tensor, z: Tensor) -> None:
        """As `Fit.add`, with one step of descent."""
        # b~ is the weight of a constant input 1.
        y = torch.cat([y, torch.ones_like(y[:, :, :1])], dim=2)
        if self._parameters is None or self._velocity is None:
            self._parameters = y.new_zeros(len(y), y.shape[2], z.shape[2])
            if self.start is not None:
                self._parameters[:, :-1] = self.start
            self._velocity = torch.zeros_like(self._parameters)
            self._step_size = self.lr / y.square().sum(2).mean().item()
        gradient = 2.0 / y.shape[1] * y.transpose(1, 2) @ (y @ self._parameters - z)
        self._velocity.mul_(self.momentum).add_(gradient)
        self._parameters.sub_(self._velocity, alpha=self._step_size)

    def solve(self) -> tuple[Tensor, Tensor]:
        """As `Fit.solve`: where the descent is."""
        assert self._parameters is not None
        w = self._parameters[:, :-1].transpose(1, 2).flatten(0, 1)
        return w, self._parameters[:, -1].flatten()
