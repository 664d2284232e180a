"""Section 13 of ``docs/machine.md``, compiled: the jobs of a tile whose inputs are spikes, straight from packed spikes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from accelsim.config import Machine
from accelsim.engine.compiled.jit import compiled, inlined, popcount
from accelsim.engine.compiled.precise_jobs import Words
from accelsim.mapping.mvu_job import Ints, most_rows
from accelsim.mapping.operand import Operand
from accelsim.mapping.tiling import Tile

SUMS = (
    "precise_issue_cycles",
    "precise_port_stall_cycles",
    "precise_bubble_cycles",
    "vpu_steps_1bit",
    "weight_sram_reads_16bit",
    "weight_register_writes",
    "patch_buffer_reads",
    "broadcast_register_writes",
    "spike_additions",
    "event_walks",
)
"""What `tile_spikes` adds up."""
_ISSUE, _STALL, _BUBBLE, _STEPS, _WEIGHTS, _REGISTERS, _READS, _BROADCASTS, _ADDITIONS, _WALKS = range(
    len(SUMS)
)

_ZERO = np.uint64(0)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


class SpikeShape(NamedTuple):
    """What the jobs of a tile depend on besides its spikes. Names as in `Tile`, `Operand` and `Machine`.

    ``full_passes`` passes have ``rows_per_pass`` rows of the VPU that has most; one more has ``rest``, if that is not 0.
    """

    rows: int
    lanes: int
    position_block: int
    full_passes: int
    rows_per_pass: int
    rest: int
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
        """Those of a tile on a machine."""
        operand, mvu = Operand.precise(machine, tile.d, tile.input_bits), machine.mvu
        rows_per_pass = mvu.accumulators_per_vpu // mvu.position_block
        full_passes, rest = divmod(most_rows(tile, mvu.vpus), rows_per_pass)
        return cls(
            rows=tile.rows,
            lanes=tile.lanes,
            position_block=mvu.position_block,
            full_passes=full_passes,
            rows_per_pass=rows_per_pass,
            rest=rest,
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
    """Whether any of the bits ``first`` to ``end`` - 1 of a position is set."""
    for word in range(first >> 6, min(((end - 1) >> 6) + 1, len(words))):
        bits = words[word]
        if word == first >> 6:
            bits &= _ALL << np.uint64(first & 63)
        if word == (end - 1) >> 6:
            bits &= _ALL >> np.uint64(63 - ((end - 1) & 63))
        if bits != _ZERO:
            return True
    return False


@inlined
def _enter_chunk(shape: SpikeShape, rows: int, times: int, most: int, reads: int, total: Ints) -> int:
    """Enter a chunk of passes that are alike into ``total``; its cycles in all of them.

    most: positions that take steps, of the lane with most of them.
    """
    per_row = max(most, shape.weight_accesses) if shape.hold_weights else most * shape.weight_accesses
    base = max(reads, rows * per_row)
    cycles = max(base, shape.accumulate_latency_cycles)
    total[_ISSUE] += times * rows * most
    total[_STALL] += times * (base - rows * most)
    total[_BUBBLE] += times * (cycles - base)
    return times * cycles


@compiled
def tile_spikes(spikes: Words, shape: SpikeShape, precise: Ints, totals: Ints) -> None:
    """The precise jobs of all blocks of a tile whose inputs are spikes.

    spikes: uint64 (images, positions, words), input i in bit i % 64 of word i // 64.
    precise: int64 (images, blocks), set to the cycles of the jobs. totals: int64 (images, len(SUMS)), added to.
    """
    size, lanes = shape.position_block, shape.lanes
    passes = shape.full_passes + (shape.rest > 0)
    for image in range(spikes.shape[0]):
        total = totals[image]
        for position in range(spikes.shape[1]):
            for word in range(spikes.shape[2]):
                total[_ADDITIONS] += shape.rows * popcount(spikes[image, position, word])
        for block in range(precise.shape[1]):
            begin = block * size
            positions = min(size, spikes.shape[1] - begin)
            reads = -(-positions * shape.inputs_per_chunk // shape.patch_bits)
            cycles = 0
            for chunk in range(shape.chunks):
                first = chunk * shape.inputs_per_chunk
                steps, lanes_used, most = 0, 0, 0
                for lane in range(min(lanes, positions)):
                    taken = 0
                    for position in range(begin + lane, begin + positions, lanes):
                        if not shape.skip_silent_chunks or _fires(
                            spikes[image, position], first, first + shape.inputs_per_chunk
                        ):
                            taken += 1
                    steps += taken
                    lanes_used += taken > 0
                    most = max(most, taken)
                if steps == 0:
                    continue
                cycles += _enter_chunk(shape, shape.rows_per_pass, shape.full_passes, most, reads, total)
                if shape.rest > 0:
                    cycles += _enter_chunk(shape, shape.rest, 1, most, reads, total)
                fetched = shape.rows * (lanes_used if shape.hold_weights else steps)
                total[_STEPS] += shape.rows * steps
                total[_WEIGHTS] += shape.weight_accesses * fetched
                total[_REGISTERS] += shape.weight_words * fetched
                total[_READS] += passes * reads
                total[_BROADCASTS] += passes * shape.operand_words * positions
                if shape.skip_silent_chunks:
                    total[_WALKS] += passes * (1 + steps)
            if cycles == 0:  # a pass takes one cycle at least
                cycles = passes
                total[_BUBBLE] += passes
            precise[image, block] = cycles
