"""Layers of spiking neurons (section 13): MVU jobs on spikes."""

from __future__ import annotations

import numpy as np

from accelsim.arrays import Bools, Ints
from accelsim.config import Machine
from accelsim.lengths import ceil_div
from accelsim.mapping.mvu_job import Job, most_rows
from accelsim.mapping.operand import Operand
from accelsim.mapping.tiling import Tile


def spiking_jobs(spikes: Bools, tile: Tile, machine: Machine) -> tuple[Job[Ints], dict[str, Ints]]:
    """Return the jobs of all blocks of a tile whose inputs are spikes, and the counts that only such jobs have.

    spikes: bool (positions, d).
    """
    mvu = machine.mvu
    assert machine.spiking is not None
    skips = machine.spiking.skip_silent_chunks
    operand = Operand.precise(machine, tile.d, tile.input_bits)
    present, taken = _by_chunk(spikes, operand, tile, machine, skips)
    positions = present.sum(axis=(1, 2), dtype=np.int64)  # (blocks,)
    used = taken.sum(axis=1, dtype=np.int64)  # (blocks, lanes, chunks): positions of each lane
    runs = used.any(axis=1)  # (blocks, chunks)
    longest = used.max(axis=1)
    operand_reads = -(-positions * operand.chunk_bits // machine.patch_buffer.width_bits)
    per_row = longest * operand.weight_accesses
    if mvu.hold_weights:
        per_row = np.where(runs, np.maximum(longest, operand.weight_accesses), 0)

    rows_per_pass = mvu.accumulators_per_vpu // positions  # of each block; a short one has more
    full_passes, rest = np.divmod(most_rows(tile, mvu.vpus), rows_per_pass)
    passes = full_passes + (rest > 0)
    issue, stall, bubble = np.zeros((3, len(positions)), dtype=np.int64)
    for times, rows in ((full_passes, rows_per_pass), ((rest > 0).astype(np.int64), rest)):
        base = np.where(runs, np.maximum(operand_reads[:, None], rows[:, None] * per_row), 0)
        waits = np.where(runs, np.maximum(mvu.accumulate_latency_cycles - base, 0), 0)
        issue += times * (rows[:, None] * longest).sum(axis=1)
        stall += times * (base - rows[:, None] * longest).sum(axis=1)
        bubble += times * waits.sum(axis=1)
    silent = ~runs.any(axis=1)
    bubble += np.where(silent, passes, 0)  # a pass takes one cycle at least
    chunks = runs.sum(axis=1, dtype=np.int64)
    steps = tile.rows * used.sum(axis=(1, 2))
    fetched = tile.rows * (used > 0).sum(axis=(1, 2), dtype=np.int64) if mvu.hold_weights else steps
    job = Job(
        issue_cycles=issue,
        port_stall_cycles=stall,
        bubble_cycles=bubble,
        vpu_steps=steps,
        weight_sram_reads=operand.weight_accesses * fetched,
        patch_buffer_reads=passes * chunks * operand_reads,
        broadcast_register_writes=operand.operand_words * passes * chunks * positions,
        weight_register_writes=operand.weight_words * fetched,
    )
    walks = passes * (chunks + used.sum(axis=(1, 2))) if skips else np.zeros_like(chunks)
    block_spikes = np.add.reduceat(spikes.sum(axis=1), np.arange(0, len(spikes), mvu.position_block))
    return job, {"spike_additions": tile.rows * block_spikes, "event_walks": walks}


def _by_chunk(
    spikes: Bools, operand: Operand, tile: Tile, machine: Machine, skips: bool
) -> tuple[Bools, Bools]:
    """Return which positions a block has, bool (blocks, turns, lanes), and which of them take steps in which chunk.

    The latter (blocks, turns, lanes, chunks). Position number turn * lanes + lane of a block is at [turn, lane].
    """
    block, lanes = machine.mvu.position_block, tile.lanes
    blocks, turns = ceil_div(len(spikes), block), ceil_div(block, lanes)
    inputs = operand.chunks * machine.mvu.lanes
    padded = np.zeros((blocks * block, inputs), dtype=np.bool_)
    padded[: len(spikes), : tile.d] = spikes
    present = np.arange(blocks * block).reshape(blocks, block) < len(spikes)
    fires = padded.reshape(blocks, block, operand.chunks, machine.mvu.lanes).any(axis=-1)
    taken = (fires if skips else np.ones_like(fires)) & present[..., None]
    missing = turns * lanes - block
    present = np.pad(present, ((0, 0), (0, missing)))
    taken = np.pad(taken, ((0, 0), (0, missing), (0, 0)))
    return (
        present.reshape(blocks, turns, lanes),
        taken.reshape(blocks, turns, lanes, operand.chunks),
    )
