"""What the blocks are fed: the same arrays from real layers and at random, [cycles, streams, ...] each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from accelsim.config.machine import Machine
from accelsim.nn.fixed_point.operand_streams import MvuStream
from accelsim.rtl.synth.real_operands import CYCLES, STREAMS, LayerOperands, by_sum, segments

Ints = NDArray[np.int64]

JOBS = 8
"""Jobs drawn for a stream; they are gone through in turn."""


@dataclass(frozen=True)
class Steps:
    """Steps of a VPU. Chunks are [cycles, streams, words or codes], the rest [cycles, streams].

    `before` is the psum without this step's `partial`; `slot` the accumulator; `first` marks a row's first chunk.
    """

    weights: Ints
    operands: Ints
    partial: Ints
    before: Ints
    slot: Ints
    first: Ints


@dataclass(frozen=True)
class Finished:
    """Finished psums with the scale of their row."""

    psum: Ints
    bias: Ints
    multiplier: Ints
    shift: Ints


@dataclass(frozen=True)
class Windows:
    """Windows of a patch at one lane: words and signs are [cycles, streams, window]; `first` is of a sum."""

    words: Ints
    signs: Ints
    first: Ints


class Source(Protocol):
    """Where operands come from; `wide` means precise."""

    def steps(self, wide: bool) -> Steps:
        """Operands of the multipliers and psums, step by step."""
        ...

    def finished(self, wide: bool) -> Finished:
        """Psums at the end of their rows, and how they are requantized."""
        ...

    def windows(self) -> Windows:
        """Windows at the projection lanes, and their signs."""
        ...

    def sums(self) -> tuple[Ints, int, int]:
        """y accumulators [cycles, streams], and the multiplier and shift to INT4."""
        ...

    def outputs(self, count: int) -> tuple[Ints, int, int]:
        """z~ of `count` neighbouring rows [cycles, streams, count], the threshold, and the N of N:M."""
        ...

    def pairs(self, rows: int) -> Ints:
        """Essential pairs of a VPU's jobs, at most `rows` rows: bits [jobs, streams, positions * rows]."""
        ...


@dataclass(frozen=True)
class RealSource:
    """One exported layer on one machine, with `position_block` positions a job."""

    layer: LayerOperands
    machine: Machine
    position_block: int

    def steps(self, wide: bool) -> Steps:
        """As `Source.steps`."""
        found = self._streams(wide)
        partial = _cut([each.partial for each in found])
        return Steps(
            weights=_cut([each.weights for each in found]),
            operands=_cut([each.operands for each in found]),
            partial=partial,
            before=_cut([each.psum for each in found]) - partial,
            slot=_cut([each.slot for each in found]),
            first=_cut([each.first for each in found]),
        )

    def finished(self, wide: bool) -> Finished:
        """As `Source.finished`."""
        operands, found = self.layer.operands, self._streams(wide)
        psum = _cut([each.psum[each.last] for each in found])
        row = _cut([each.row[each.last] for each in found])
        if wide:
            return Finished(
                psum, operands.terms[row], np.zeros_like(psum), np.full_like(psum, operands.shift)
            )
        noise = operands.noise
        assert noise is not None
        return Finished(psum, noise.terms[row], noise.multipliers[row], np.full_like(psum, noise.shift))

    def windows(self) -> Windows:
        """As `Source.windows`."""
        found = [(each, by_sum(each)) for each in self.layer.projection(self.machine)]
        return Windows(
            words=_cut([each.words[order] for each, order in found]),
            signs=_cut([each.signs[order] for each, order in found]),
            first=_cut([each.first[order] for each, order in found]),
        )

    def sums(self) -> tuple[Ints, int, int]:
        """As `Source.sums`."""
        noise = self.layer.operands.noise
        assert noise is not None
        found = self.layer.projection(self.machine)
        return _cut([each.total[each.last] for each in found]), noise.y_multiplier, noise.y_shift

    def outputs(self, count: int) -> tuple[Ints, int, int]:
        """As `Source.outputs`."""
        noise, z = self.layer.operands.noise, self.layer.result.z_noise
        assert noise is not None and z is not None
        groups = z[:, : z.shape[1] // count * count].reshape(-1, count)
        value = getattr(noise.selection, "value", 0)
        return _cut([groups]), value, getattr(noise.selection, "keep", 1)

    def pairs(self, rows: int) -> Ints:
        """As `Source.pairs`."""
        mask, mvu = self.layer.result.mask, self.machine.mvu
        size = self.layer.group_size
        owned = np.arange(mask.shape[1]) // size % mvu.vpus == 0
        mine = np.zeros((len(mask) // mvu.position_block, mvu.position_block, rows), np.int64)
        bits = mask[: mine.shape[0] * mvu.position_block, owned][:, :rows]
        mine[:, :, : bits.shape[1]] = bits.reshape(mine.shape[0], mvu.position_block, -1)
        jobs = mine.reshape(len(mine), -1)
        jobs = jobs[jobs.any(axis=1)]
        return segments([jobs], cycles=JOBS)

    def _streams(self, wide: bool) -> Sequence[MvuStream]:
        choose = self.layer.precise if wide else self.layer.noise
        return choose(self.machine, self.position_block)


@dataclass(frozen=True)
class UniformSource:
    """Independent uniform numbers of the full range in every cycle; P with one third of non-zero entries."""

    machine: Machine
    seed: int = 0
    _rng: np.random.Generator = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_rng", np.random.default_rng(self.seed))

    def steps(self, wide: bool) -> Steps:
        """As `Source.steps`."""
        low, high = (-(2**15), 2**15) if wide else (-7, 8)
        size = self.machine.mvu.bricks_per_vpu // (16 if wide else 1)
        weights, operands = self._draw(low, high, size), self._draw(low, high, size)
        slots = self.machine.mvu.accumulators_per_vpu
        slot = np.broadcast_to((np.arange(CYCLES) % slots)[:, None], (CYCLES, STREAMS))
        partial = (weights * operands).sum(axis=2)
        before = self._draw(-(2**33), 2**33)
        return Steps(weights, operands, partial, before, slot, np.zeros_like(slot))

    def finished(self, wide: bool) -> Finished:
        """As `Source.finished`."""
        psum = self._draw(-(2**40), 2**40) if wide else self._draw(-(2**15), 2**15)
        bias, multiplier = self._draw(-(2**40), 2**40), self._draw(0, 0 if wide else 2**16)
        return Finished(psum, bias, multiplier, np.full_like(psum, 24 if wide else 15))

    def windows(self) -> Windows:
        """As `Source.windows`."""
        window = self.machine.input_sram.banks * self.machine.input_sram.width_bits // 16
        words = self._draw(-(2**15), 2**15, window)
        signs = self._rng.choice([-1, 0, 0, 0, 0, 1], size=(CYCLES, STREAMS, window))
        first = np.broadcast_to((np.arange(CYCLES) % 36 == 0)[:, None], (CYCLES, STREAMS))
        return Windows(words, signs, first)

    def sums(self) -> tuple[Ints, int, int]:
        """As `Source.sums`."""
        return self._draw(-(2**31), 2**31), 2**15, 44

    def outputs(self, count: int) -> tuple[Ints, int, int]:
        """As `Source.outputs`."""
        return self._draw(-(2**15), 2**15, count), 28672, 1

    def pairs(self, rows: int) -> Ints:
        """As `Source.pairs`."""
        bits = self._rng.random((JOBS, STREAMS, self.machine.mvu.position_block * rows)) < 1 / 8
        return bits.astype(np.int64)

    def _draw(self, low: int, high: int, size: int = 0) -> Ints:
        shape = (CYCLES, STREAMS, size) if size else (CYCLES, STREAMS)
        return np.zeros(shape, np.int64) if low == high else self._rng.integers(low, high, shape)


def _cut(parts: Sequence[NDArray[Any]]) -> Ints:
    return segments([part.astype(np.int64) for part in parts])
