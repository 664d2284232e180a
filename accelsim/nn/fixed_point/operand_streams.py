"""What the units of the core see cycle by cycle in a real layer: operands for gate-level switching estimates.

Switching depends on which value follows which. The streams have the order of docs/machine.md: blocks of T
positions, passes, chunks, rows, positions; a weight chunk so stays for the positions of the block that need
it. All rows are taken to be in one tile. Idle cycles are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import AccelsimError
from accelsim.nn.fixed_point.fixed_point_reference import FixedResult
from accelsim.nn.fixed_point.layer_operands import CoreOperands, KeepLargest


@dataclass(frozen=True)
class MvuShape:
    """V VPUs of B bricks and A psums, T positions a block, and whether spare VPUs share positions (section 2)."""

    vpus: int
    bricks: int
    accumulators: int
    position_block: int
    share: bool = False

    def __post_init__(self) -> None:
        if self.vpus < 1 or self.bricks < 16 or self.bricks % 16:
            raise AccelsimError(f"MVU shape: {self}; vpus must be at least 1, bricks a multiple of 16")
        if not 1 <= self.position_block <= self.accumulators:
            raise AccelsimError(f"MVU shape: {self}; position_block must be 1 to the accumulators")


@dataclass(frozen=True, eq=False)
class MvuStream:
    """The steps of one VPU; every array has one entry a step, in order.

    - `weights`, `operands`: (steps, words of a chunk): int16, B / 16 words (B / 4 of 8 bits, B of 4), in precise jobs;
      int8, B codes, in approximate ones. The last chunk of a row is filled up with zeros.
    - `partial`: int64, the sum of the step's products; `psum`: int64, the row's psum with it.
    - `row`, `position`: of the layer; `slot`: the psum used, 0..A-1; `first`, `last`: bool, chunk of the row.

    psum[last] with row[last] are what the requantizer gets.
    """

    weights: NDArray[np.int16] | NDArray[np.int8]
    operands: NDArray[np.int16] | NDArray[np.int8]
    partial: NDArray[np.int64]
    psum: NDArray[np.int64]
    row: NDArray[np.int64]
    position: NDArray[np.int64]
    slot: NDArray[np.int64]
    first: NDArray[np.bool_]
    last: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ProjectionStream:
    """The cycles of one lane of the projection unit; every array has one entry a cycle, in order.

    - `words`: int16 (cycles, window); `signs`: int8 (cycles, window), the part of P's row.
    - `partial`: int64, the window's signed sum; `total`: int64, the y accumulator with it.
    - `y`: int64, which of the k sums; `position`: int64; `first`, `last`: bool, window of the patch.

    total[last] are what the quantizer gets. Words beyond d are zero.
    """

    words: NDArray[np.int16]
    signs: NDArray[np.int8]
    partial: NDArray[np.int64]
    total: NDArray[np.int64]
    y: NDArray[np.int64]
    position: NDArray[np.int64]
    first: NDArray[np.bool_]
    last: NDArray[np.bool_]


def precise_stream(
    layer: CoreOperands, result: FixedResult, shape: MvuShape, vpu: int, blocks: Iterable[int]
) -> MvuStream:
    """Steps of the precise jobs of `blocks` (numbered as if one core had all) on VPU number `vpu`.

    result: of fixed_point_layer(layer); its mask says which rows are active.
    """
    if not layer.essential_bits:
        raise AccelsimError("operand streams: no neuron of the layer is essential")
    # A product of b bits takes (b / 4) ** 2 bricks.
    lanes = shape.bricks // (layer.essential_bits // 4) ** 2
    return _mvu_stream(layer, layer.w, layer.patches(), result.mask, lanes, shape, vpu, blocks)


def noise_stream(
    layer: CoreOperands, result: FixedResult, shape: MvuShape, vpu: int, blocks: Iterable[int]
) -> MvuStream:
    """Steps of the approximate jobs of `blocks` on VPU number `vpu`; raises AccelsimError for a dense layer."""
    if layer.noise is None or result.y is None:
        raise AccelsimError("operand streams: a dense layer has no noise")
    active = np.ones_like(result.mask)
    return _mvu_stream(layer, layer.noise.codes, result.y, active, shape.bricks, shape, vpu, blocks)


def projection_stream(
    layer: CoreOperands, window: int, lanes: int, lane: int, positions: Iterable[int]
) -> ProjectionStream:
    """Cycles of lane number `lane` of `lanes` at `positions` (pixels, with the form pixel), for windows of `window` words.

    Raises AccelsimError for a dense layer or the form none, or a lane without any of P's sums.
    """
    sums = 0 if layer.noise is None else len(layer.noise.signs)
    if layer.noise is None or not 0 <= lane < min(lanes, sums):
        raise AccelsimError(f"operand streams: lane {lane} of {lanes} has none of the layer's {sums} sums")
    own = np.arange(lane, sums, lanes)
    places = np.array(list(positions), np.int64)
    words = _chunks(layer.projected_words()[places], window)  # (positions, windows, window)
    signs = _chunks(layer.noise.signs[own], window)
    windows = words.shape[1]
    # Order: position, window, sum.
    position, number, y = (
        axis.ravel()
        for axis in np.meshgrid(range(len(places)), range(windows), range(len(own)), indexing="ij")
    )
    partial = np.einsum("pwi,jwi->pwj", words.astype(np.int64), signs.astype(np.int64))
    return ProjectionStream(
        words=words[position, number],
        signs=signs[y, number],
        partial=partial.ravel(),
        total=partial.cumsum(axis=1).ravel(),
        y=own[y],
        position=places[position],
        first=number == 0,
        last=number == windows - 1,
    )


def spread(count: int, most: int) -> list[int]:
    """At most `most` of the numbers 0..count-1, evenly spread: which blocks or positions to look at."""
    return [index * count // min(count, most) for index in range(min(count, most))]


def block_count(layer: CoreOperands, shape: MvuShape) -> int:
    """Blocks of T positions in the layer; the last may be smaller."""
    return -(-layer.positions // shape.position_block)


def _mvu_stream(
    layer: CoreOperands,
    weights: NDArray[np.int16] | NDArray[np.int8],
    inputs: NDArray[np.int16] | NDArray[np.int8],
    active: NDArray[np.bool_],
    chunk: int,
    shape: MvuShape,
    vpu: int,
    blocks: Iterable[int],
) -> MvuStream:
    """Steps over `weights` (n, length) and `inputs` (P, length), cut into chunks, where `active` (P, n)."""
    if not 0 <= vpu < shape.vpus:
        raise AccelsimError(f"operand streams: VPU {vpu}, must be 0 to {shape.vpus - 1}")
    rows, lane, lanes = _ownership(layer, shape, vpu)
    weight_chunks, input_chunks = _chunks(weights, chunk), _chunks(inputs, chunk)
    count = weight_chunks.shape[1]
    # Each pass goes through its (row, position, slot) once a chunk.
    passes = [
        once for block in blocks for once in _passes(active, rows, lane, lanes, block, shape) if len(once)
    ]
    if not passes:
        passes = [np.zeros((0, 3), np.int64)]
    row, position, slot = np.concatenate([np.tile(once, (count, 1)) for once in passes]).T
    number = np.concatenate([np.repeat(np.arange(count), len(once)) for once in passes])
    taken, met = weight_chunks[row, number], input_chunks[position, number]
    partial = np.einsum("si,si->s", taken.astype(np.int64), met.astype(np.int64))
    psum = np.empty_like(partial)
    start = 0
    for once in passes:
        stop = start + count * len(once)
        psum[start:stop] = partial[start:stop].reshape(count, len(once)).cumsum(axis=0).ravel()
        start = stop
    return MvuStream(taken, met, partial, psum, row, position, slot, number == 0, number == count - 1)


def _ownership(layer: CoreOperands, shape: MvuShape, vpu: int) -> tuple[NDArray[np.int64], int, int]:
    """Rows of a VPU in ascending order, its lane, and the lanes that positions are dealt to (section 2)."""
    selection = None if layer.noise is None else layer.noise.selection
    size = selection.of if isinstance(selection, KeepLargest) else 1
    units = -(-layer.n // size)
    lanes, lane, first = 1, 0, vpu
    if shape.share and units < shape.vpus:
        lanes = min(shape.position_block, shape.vpus // units)
        lane, first = divmod(vpu, units)
    owned = range(first, units, shape.vpus) if lane < lanes else range(0)
    rows = [row for unit in owned for row in range(unit * size, min((unit + 1) * size, layer.n))]
    return np.array(rows, np.int64), lane, lanes


def _passes(
    active: NDArray[np.bool_], rows: NDArray[np.int64], lane: int, lanes: int, block: int, shape: MvuShape
) -> Iterator[NDArray[np.int64]]:
    """For each pass of a block's job the VPU's steps of a chunk: int64 (steps, 3) of row, position, psum slot."""
    first = block * shape.position_block
    last = min(first + shape.position_block, len(active))
    if not 0 <= first < last:
        raise AccelsimError(f"operand streams: block {block} is not in the layer")
    mine = np.arange(first + lane, last, lanes)
    todo = active[np.ix_(mine, rows)]
    rank = todo.cumsum(axis=1) - 1  # number of a row among its position's active rows
    a = shape.accumulators // shape.position_block
    for number in range(-(-int(todo.sum(axis=1).max(initial=0)) // a)):
        at_row, at_position = np.nonzero((todo & (rank // a == number)).T)
        slot = rank[at_position, at_row] % a * shape.position_block + mine[at_position] - first
        yield np.stack([rows[at_row], mine[at_position], slot], axis=1)


def _chunks(rows: NDArray[Any], size: int) -> NDArray[Any]:
    """Rows (m, length) cut into chunks (m, ceil(length / size), size), filled up with zeros."""
    missing = -rows.shape[1] % size
    return np.pad(rows, ((0, 0), (0, missing))).reshape(len(rows), -1, size)
