"""MVU jobs: which rows every VPU works on in each pass, and what that takes (section 4, "MVU job").

The arithmetic is done for many blocks at once, on arrays whose first axis is the block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.config import Machine
from accelsim.mapping.tiling import Tile, ceil_div

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Operand:
    """How a job of one precision streams its operands: the table of section 4."""

    chunks: int
    chunk_bits: int
    weight_accesses: int
    words_per_chunk: int

    @classmethod
    def approximate(cls, machine: Machine, k: int) -> Operand:
        """4-bit mode: B codes a chunk."""
        return cls._of(machine, k, machine.mvu.bricks_per_vpu, 4)

    @classmethod
    def precise(cls, machine: Machine, d: int) -> Operand:
        """16-bit mode: L = B/16 words a chunk."""
        return cls._of(machine, d, machine.mvu.lanes, 16)

    @classmethod
    def _of(cls, machine: Machine, length: int, per_chunk: int, bits: int) -> Operand:
        return cls(
            chunks=ceil_div(length, per_chunk),
            chunk_bits=per_chunk * bits,
            weight_accesses=ceil_div(per_chunk * bits, machine.weight_sram.width_bits),
            words_per_chunk=per_chunk * bits // 16,
        )


@dataclass(frozen=True, slots=True)
class JobTable:
    """One MVU job per block: int64 arrays of shape (blocks,). All zero where a block has no job."""

    issue_cycles: Ints
    port_stall_cycles: Ints
    bubble_cycles: Ints
    vpu_steps: Ints
    weight_sram_reads: Ints
    patch_buffer_reads: Ints
    broadcast_register_writes: Ints
    weight_register_writes: Ints

    @classmethod
    def zeros(cls, blocks: int) -> JobTable:
        """No job in any block."""
        return cls(**{name: np.zeros(blocks, dtype=np.int64) for name in cls.__slots__})

    @property
    def cycles(self) -> Ints:
        """Cycles that the job holds the MVU."""
        return self.issue_cycles + self.port_stall_cycles + self.bubble_cycles

    def __add__(self, other: JobTable) -> JobTable:
        return JobTable(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def sum(self) -> JobTable:
        """The arrays added up along their first axis."""
        return JobTable(*(getattr(self, name).sum(axis=0) for name in self.__slots__))


def owned_rows(tile: Tile, vpus: int) -> Ints:
    """Rows of each VPU of one lane, ascending, padded with -1: int64 (VPUs used, most rows).

    Rows count from the tile's first. With several lanes every unit has a VPU of its own.
    """
    owners = vpus if tile.lanes == 1 else tile.units
    unit = np.arange(tile.rows, dtype=np.int64) // tile.rows_per_unit
    owner = unit % owners
    rows = np.argsort(owner, kind="stable").astype(np.int64)
    counts = np.bincount(owner, minlength=owners)
    rank = np.arange(tile.rows) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.full((owners, int(counts.max())), -1, dtype=np.int64)
    table[owner[rows], rank] = rows
    return table


def by_vpu(active: Bools, tile: Tile, machine: Machine) -> Bools:
    """Active rows arranged as the hardware meets them.

    ``active`` is (positions, rows); the result is (blocks, turns, lanes, VPUs, rows of a VPU): position number
    turn * lanes + lane of a block at [turn, lane]. False where there is no position or no row.
    """
    table = owned_rows(tile, machine.mvu.vpus)
    block, lanes = machine.mvu.position_block, tile.lanes
    blocks, turns = ceil_div(active.shape[0], block), ceil_div(block, lanes)
    padded = np.zeros((blocks * block, tile.rows + 1), dtype=np.bool_)
    padded[: active.shape[0], : tile.rows] = active  # the last column stays False: row -1 points at it
    arranged = padded[:, table].reshape(blocks, block, *table.shape)
    missing = turns * lanes - block
    if missing:
        arranged = np.pad(arranged, ((0, 0), (0, missing), (0, 0), (0, 0)))
    return arranged.reshape(blocks, turns, lanes, *table.shape)


def job_table(active: Bools, positions: Ints, operand: Operand, machine: Machine) -> JobTable:
    """Time and count the jobs of all blocks.

    ``active`` as made by ``by_vpu``; ``positions``: how many each block has, int64 (blocks,).
    """
    rows_per_pass = machine.mvu.accumulators_per_vpu // machine.mvu.position_block
    rank = np.cumsum(active, axis=-1, dtype=np.int32) - 1
    passes = ceil_div(int(rank.max(initial=-1)) + 1, rows_per_pass)
    total = JobTable.zeros(len(positions))
    for index in range(passes):
        now = active & (rank // rows_per_pass == index)
        # c(v, r): (blocks, lanes, VPUs, rows of a VPU)
        total += _passes(now.sum(axis=1, dtype=np.int64), positions, operand, machine)
    return total


def full_job_table(tile: Tile, positions: Ints, operand: Operand, machine: Machine) -> JobTable:
    """As ``job_table``, for jobs in which every row of the tile is active.

    Then a pass takes the same rows of its VPU for every position, and their number is that of the positions.
    """
    rows_per_pass = machine.mvu.accumulators_per_vpu // machine.mvu.position_block
    owned = owned_rows(tile, machine.mvu.vpus) >= 0  # (VPUs, rows of a VPU)
    passes = ceil_div(owned.shape[1], rows_per_pass)
    padded = np.zeros((owned.shape[0], passes * rows_per_pass), dtype=np.int64)
    padded[:, : owned.shape[1]] = owned
    in_pass = padded.reshape(len(owned), passes, rows_per_pass).swapaxes(0, 1)
    lane = np.arange(tile.lanes, dtype=np.int64)
    turns = -((lane - positions[:, None]) // tile.lanes)  # positions of a block that are in the lane
    uses = in_pass[:, None, None] * turns[:, :, None, None]
    return _passes(uses, positions, operand, machine).sum()


def _passes(uses: Ints, positions: Ints, operand: Operand, machine: Machine) -> JobTable:
    """Time and count passes.

    ``uses`` is c(v, r), int64 (..., lanes, VPUs, rows of a VPU), where ... ends with the axis of ``positions``; the arrays
    of the table have the shape ....
    """
    mvu, chunks = machine.mvu, operand.chunks
    steps = uses.sum(axis=-1)
    issue = steps.max(axis=(-2, -1))
    worked = steps.sum(axis=(-2, -1))
    if mvu.hold_weights:
        fetched = np.count_nonzero(uses, axis=(-3, -2, -1))
        weight_time = np.where(uses > 0, np.maximum(uses, operand.weight_accesses), 0).sum(axis=-1)
    else:
        fetched = worked
        weight_time = steps * operand.weight_accesses
    runs = issue > 0
    reads = np.where(runs, -(-positions * operand.chunk_bits // machine.patch_buffer.width_bits), 0)
    base = np.maximum(reads, weight_time.max(axis=(-2, -1)))
    bubble = np.where(runs, np.maximum(mvu.accumulate_latency_cycles - base, 0), 0)
    return JobTable(
        issue_cycles=chunks * issue,
        port_stall_cycles=chunks * (base - issue),
        bubble_cycles=chunks * bubble,
        vpu_steps=chunks * worked,
        weight_sram_reads=chunks * fetched * operand.weight_accesses,
        patch_buffer_reads=chunks * reads,
        broadcast_register_writes=chunks * operand.words_per_chunk * np.where(runs, positions, 0),
        weight_register_writes=chunks * fetched * operand.words_per_chunk,
    )
