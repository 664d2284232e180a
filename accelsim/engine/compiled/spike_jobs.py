"""Section 13 of ``docs/machine.md``, compiled: the jobs of a tile whose inputs are spikes, straight from packed spikes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from accelsim.arrays import Ints, Words
from accelsim.config import Machine
from accelsim.engine.compiled.engine_sums import SPIKE
from accelsim.engine.compiled.jit import compiled, helper, inlined, popcount
from accelsim.engine.compiled.packed_words import ALL_BITS, ZERO
from accelsim.mapping.mvu_job import most_rows
from accelsim.mapping.operand import Operand
from accelsim.mapping.tiling import Tile


class SpikeShape(NamedTuple):
    """What the jobs of a tile depend on besides its spikes. Names as in `Tile`, `Operand` and `Machine`.

    ``most_rows``: rows of the VPU that has most.
    """

    rows: int
    lanes: int
    position_block: int
    most_rows: int
    accumulators: int
    chunks: int
    inputs_per_chunk: int
    weight_accesses: int
    weight_words: int
    operand_words: int
    patch_bits: int
    hold_weights: int
    accumulate_latency_cycles: int
    skip_silent_chunks: int

    @classmethod
    def of(cls, tile: Tile, machine: Machine) -> SpikeShape:
        """Return the shape of a tile on a machine."""
        operand, mvu = Operand.precise(machine, tile.d, tile.input_bits), machine.mvu
        return cls(
            rows=tile.rows,
            lanes=tile.lanes,
            position_block=mvu.position_block,
            most_rows=most_rows(tile, mvu.vpus),
            accumulators=mvu.accumulators_per_vpu,
            chunks=operand.chunks,
            inputs_per_chunk=mvu.lanes,
            weight_accesses=operand.weight_accesses,
            weight_words=operand.weight_words,
            operand_words=operand.operand_words,
            patch_bits=machine.patch_buffer.width_bits,
            hold_weights=int(mvu.hold_weights),
            accumulate_latency_cycles=mvu.accumulate_latency_cycles,
            skip_silent_chunks=int(machine.spiking is not None and machine.spiking.skip_silent_chunks),
        )


@inlined
def _fires(words: Words, first: int, end: int) -> bool:
    """Return whether any of the bits ``first`` to ``end`` - 1 of a position is set."""
    for word in range(first >> 6, min(((end - 1) >> 6) + 1, len(words))):
        bits = words[word]
        if word == first >> 6:
            bits &= ALL_BITS << np.uint64(first & 63)
        if word == (end - 1) >> 6:
            bits &= ALL_BITS >> np.uint64(63 - ((end - 1) & 63))
        if bits != ZERO:
            return True
    return False


@inlined
def _add_chunk(shape: SpikeShape, rows: int, times: int, most: int, reads: int, total: Ints) -> int:
    """Add a chunk of ``times`` passes that are alike to ``total``; return its cycles in all of them.

    Args:
        shape: The tile on its machine.
        rows: Rows of a pass, of the VPU that has most.
        times: Passes.
        most: Positions that take steps, of the lane with most of them.
        reads: Patch buffer reads of the chunk in a pass.
        total: Sums by `SPIKE`, added to.
    """
    per_row = max(most, shape.weight_accesses) if shape.hold_weights else most * shape.weight_accesses
    base = max(reads, rows * per_row)
    cycles = max(base, shape.accumulate_latency_cycles)
    total[SPIKE.precise_issue_cycles] += times * rows * most
    total[SPIKE.precise_port_stall_cycles] += times * (base - rows * most)
    total[SPIKE.precise_bubble_cycles] += times * (cycles - base)
    return times * cycles


class _Steps(NamedTuple):
    """Positions of a block that take steps in a chunk: all of them, and of the lane with most; lanes that have any."""

    all: int
    most: int
    lanes: int


@inlined
def _steps_of_chunk(spikes: Words, shape: SpikeShape, chunk: int) -> _Steps:
    """Return which positions of a block, uint64 (positions, words), take steps in a chunk."""
    first = chunk * shape.inputs_per_chunk
    steps, most, lanes = 0, 0, 0
    for lane in range(min(shape.lanes, len(spikes))):
        taken = 0
        for position in range(lane, len(spikes), shape.lanes):
            if not shape.skip_silent_chunks or _fires(
                spikes[position], first, first + shape.inputs_per_chunk
            ):
                taken += 1
        steps += taken
        most = max(most, taken)
        lanes += taken > 0
    return _Steps(steps, most, lanes)


@helper
def _spiking_job(spikes: Words, shape: SpikeShape, total: Ints) -> int:
    """Add the job of a block, uint64 (positions, words), to ``total``; return its cycles."""
    positions = len(spikes)
    rows_per_pass = shape.accumulators // positions
    full_passes = shape.most_rows // rows_per_pass
    rest = shape.most_rows - full_passes * rows_per_pass
    passes = full_passes + (rest > 0)
    reads = -(-positions * shape.inputs_per_chunk // shape.patch_bits)
    cycles = 0
    for chunk in range(shape.chunks):
        steps = _steps_of_chunk(spikes, shape, chunk)
        if steps.all == 0:
            continue
        cycles += _add_chunk(shape, rows_per_pass, full_passes, steps.most, reads, total)
        if rest > 0:
            cycles += _add_chunk(shape, rest, 1, steps.most, reads, total)
        fetched = shape.rows * (steps.lanes if shape.hold_weights else steps.all)
        total[SPIKE.vpu_steps_1bit] += shape.rows * steps.all
        total[SPIKE.weight_sram_reads_16bit] += shape.weight_accesses * fetched
        total[SPIKE.weight_register_writes] += shape.weight_words * fetched
        total[SPIKE.patch_buffer_reads] += passes * reads
        total[SPIKE.broadcast_register_writes] += passes * shape.operand_words * positions
        if shape.skip_silent_chunks:
            total[SPIKE.event_walks] += passes * (1 + steps.all)
    if cycles == 0:  # a pass takes one cycle at least
        cycles = passes
        total[SPIKE.precise_bubble_cycles] += passes
    return cycles


@compiled
def tile_spikes(spikes: Words, shape: SpikeShape, precise: Ints, totals: Ints) -> None:
    """Run the precise jobs of all blocks of a tile whose inputs are spikes.

    Args:
        spikes: uint64 (images, positions, words), input i in bit i % 64 of word i // 64.
        shape: The tile on its machine.
        precise: int64 (images, blocks), set to the cycles of the jobs.
        totals: int64 (images, sums), by `SPIKE`; added to.
    """
    size = shape.position_block
    for image in range(spikes.shape[0]):
        total = totals[image]
        for position in range(spikes.shape[1]):
            for word in range(spikes.shape[2]):
                total[SPIKE.spike_additions] += shape.rows * popcount(spikes[image, position, word])
        for block in range(precise.shape[1]):
            positions = spikes[image, block * size : (block + 1) * size]
            precise[image, block] = _spiking_job(positions, shape, total)
