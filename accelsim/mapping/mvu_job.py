"""MVU jobs: which rows every VPU works on in each pass, and what that takes (section 4, "MVU job").

The arithmetic of masked jobs is done for many blocks at once, on arrays whose first axis is the block. A job in which every
row is active needs no arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from accelsim.arrays import Bools, Ints
from accelsim.config import Machine
from accelsim.lengths import ceil_div
from accelsim.mapping.operand import Operand
from accelsim.mapping.tiling import Tile

Number = TypeVar("Number", int, Ints)


@dataclass(frozen=True, slots=True)
class Job(Generic[Number]):
    """An MVU job: ints; or one of each block: int64 arrays of shape (blocks,). All zero where a block has no job."""

    issue_cycles: Number
    port_stall_cycles: Number
    bubble_cycles: Number
    vpu_steps: Number
    weight_sram_reads: Number
    patch_buffer_reads: Number
    broadcast_register_writes: Number
    weight_register_writes: Number

    @property
    def cycles(self) -> Number:
        """Cycles that the job holds the MVU."""
        return self.issue_cycles + self.port_stall_cycles + self.bubble_cycles


@dataclass(frozen=True, slots=True)
class _ChunkSums(Generic[Number]):
    """Sums over the passes of a job, for one chunk: cycles, VPU steps, weight chunks, patch buffer reads, positions."""

    issue: Number
    stall: Number
    bubble: Number
    steps: Number
    fetched: Number
    reads: Number
    served: Number

    def job(self, operand: Operand) -> Job[Number]:
        """Return the job of all chunks of an operand."""
        chunks = operand.chunks
        return Job(
            issue_cycles=chunks * self.issue,
            port_stall_cycles=chunks * self.stall,
            bubble_cycles=chunks * self.bubble,
            vpu_steps=chunks * self.steps,
            weight_sram_reads=chunks * operand.weight_accesses * self.fetched,
            patch_buffer_reads=chunks * self.reads,
            broadcast_register_writes=chunks * operand.operand_words * self.served,
            weight_register_writes=chunks * operand.weight_words * self.fetched,
        )


def owned_rows(tile: Tile, vpus: int) -> Ints:
    """Return the rows of each VPU of one lane, ascending, padded with -1: int64 (VPUs used, most rows).

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
    """Arrange active rows as the hardware meets them.

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


def masked_jobs(active: Bools, positions: Ints, operand: Operand, machine: Machine) -> Job[Ints]:
    """Time and count the jobs of all blocks.

    ``active`` as made by ``by_vpu``; ``positions``: how many each block has, int64 (blocks,).
    """
    mvu = machine.mvu
    # A block with fewer positions has more psums for each of them.
    rows_per_pass = (mvu.accumulators_per_vpu // positions).reshape(-1, *[1] * (active.ndim - 1))
    rank = np.cumsum(active, axis=-1, dtype=np.int32) - 1
    number = rank // rows_per_pass
    passes = int(number.max(initial=-1)) + 1
    operand_reads = -(-positions * operand.chunk_bits // machine.patch_buffer.width_bits)
    issue, stall, bubble, steps, fetched, reads, served = np.zeros((7, len(positions)), dtype=np.int64)
    for index in range(passes):
        now = active & (number == index)
        uses = now.sum(axis=1, dtype=np.int64)  # c(v, r): (blocks, lanes, VPUs, rows of a VPU)
        own_steps = uses.sum(axis=-1)
        longest = own_steps.max(axis=(1, 2))
        if mvu.hold_weights:
            fetched += (uses > 0).sum(axis=(1, 2, 3))
            weight_time = np.where(uses > 0, np.maximum(uses, operand.weight_accesses), 0).sum(axis=-1)
        else:
            fetched += own_steps.sum(axis=(1, 2))
            weight_time = own_steps * operand.weight_accesses
        runs = longest > 0
        base = np.where(runs, np.maximum(operand_reads, weight_time.max(axis=(1, 2))), 0)
        issue += longest
        stall += base - longest
        bubble += np.where(runs, np.maximum(mvu.accumulate_latency_cycles - base, 0), 0)
        steps += own_steps.sum(axis=(1, 2))
        reads += np.where(runs, operand_reads, 0)
        served += np.where(runs, positions, 0)
    return _ChunkSums(issue, stall, bubble, steps, fetched, reads, served).job(operand)


def full_job(tile: Tile, positions: int, operand: Operand, machine: Machine) -> Job[int]:
    """Return the job of a block of ``positions`` positions in which every row of the tile is active.

    The VPU with most rows, in the lane with most positions, is the busiest of every pass.
    """
    mvu = machine.mvu
    rows_per_pass = mvu.accumulators_per_vpu // positions
    steps_per_row = ceil_div(positions, tile.lanes)
    per_row = max(steps_per_row, operand.weight_accesses)
    if not mvu.hold_weights:
        per_row = steps_per_row * operand.weight_accesses
    operand_reads = ceil_div(positions * operand.chunk_bits, machine.patch_buffer.width_bits)

    full_passes, rest = divmod(most_rows(tile, mvu.vpus), rows_per_pass)
    issue = stall = bubble = 0
    for times, rows in ((full_passes, rows_per_pass), (1, rest)):
        if rows > 0:
            base = max(operand_reads, rows * per_row)
            issue += times * rows * steps_per_row
            stall += times * (base - rows * steps_per_row)
            bubble += times * max(mvu.accumulate_latency_cycles - base, 0)
    passes = full_passes + (rest > 0)
    copies = min(tile.lanes, positions) if mvu.hold_weights else positions
    return _ChunkSums(
        issue,
        stall,
        bubble,
        steps=tile.rows * positions,
        fetched=tile.rows * copies,
        reads=passes * operand_reads,
        served=passes * positions,
    ).job(operand)


def most_rows(tile: Tile, vpus: int) -> int:
    """Return the rows of the VPU that has most of them."""
    units, others = divmod(tile.units - 1, min(vpus, tile.units))
    last = tile.rows - (tile.units - 1) * tile.rows_per_unit
    # The last unit may be smaller; it counts only if no other VPU has as many units as the one that has it.
    return units * tile.rows_per_unit + (last if others == 0 else tile.rows_per_unit)
