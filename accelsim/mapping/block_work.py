"""The work of blocks: their service times, and the counts that no schedule can change (sections 4 and 7)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic

import numpy as np

from accelsim.arrays import Bools, Ints
from accelsim.config import Machine
from accelsim.mapping.lengths import CODE_BITS, WORD_BITS, ceil_div
from accelsim.mapping.mvu_job import Job, Number, by_vpu, full_job, masked_jobs
from accelsim.mapping.operand import Operand
from accelsim.mapping.spiking_jobs import spiking_jobs, update_neurons
from accelsim.mapping.tiling import Tile

SERVICES = ("front", "approximate", "select", "precise", "write_noise", "write")
"""The fields of `BlockWork` that are service cycles."""


@dataclass(frozen=True, slots=True)
class BlockWork(Generic[Number]):
    """The work of a block: ints; or of many: int64 arrays of shape (blocks,).

    Service cycles, each 0 where there is no such job: ``front``, ``approximate``, ``select``, ``precise``, and
    ``write_noise`` and ``write``, the writes of z~ and of z. ``counts``: by names of ``Counts``; an absent one is 0.
    """

    front: Number
    approximate: Number
    select: Number
    precise: Number
    write_noise: Number
    write: Number
    counts: dict[str, Number]


@dataclass(frozen=True, slots=True)
class RegularWork:
    """A tile's work that is the same for all masks and spikes; of a dense tile whose inputs are words it is all.

    All ``blocks`` are as ``most`` says, but the last, which may have fewer positions, is as ``last`` says.
    """

    blocks: int
    most: BlockWork[int]
    last: BlockWork[int]

    @classmethod
    def of(cls, tile: Tile, machine: Machine) -> RegularWork:
        """That of a tile on a machine."""
        block = machine.mvu.position_block
        blocks = ceil_div(tile.positions, block)
        last_positions = tile.positions - (blocks - 1) * block
        last = _regular_block(tile, last_positions, machine)
        return cls(blocks, last if last_positions == block else _regular_block(tile, block, machine), last)

    def per_block(self, most: int, last: int) -> Ints:
        """An array of all blocks that is ``most``, but ``last`` at the end."""
        values = np.full(self.blocks, most, dtype=np.int64)
        values[-1] = last
        return values

    def counts(self) -> dict[str, int]:
        """The sum of all blocks' counts."""
        last = self.last.counts
        return {name: (self.blocks - 1) * count + last[name] for name, count in self.most.counts.items()}

    def all_blocks(self) -> BlockWork[Ints]:
        """The work of each block."""
        services = {
            name: self.per_block(getattr(self.most, name), getattr(self.last, name)) for name in SERVICES
        }
        last = self.last.counts
        counts = {name: self.per_block(count, last[name]) for name, count in self.most.counts.items()}
        return BlockWork(**services, counts=counts)


def _regular_block(tile: Tile, positions: int, machine: Machine) -> BlockWork[int]:
    """The work of a block of so many positions that is the same for all masks."""
    front, counts = _front_end(tile, positions, machine)
    approximates = tile.k > 0
    outputs = positions * tile.rows
    lines = positions * ceil_div(tile.rows, machine.output_sram.width_bits // WORD_BITS)
    counts |= {
        "positions": positions if tile.counts_positions else 0,
        "blocks": 1,
        "result_buffer_writes": outputs,
        "result_buffer_reads": 2 * outputs if approximates else outputs,
    }
    if not approximates:
        work = _with_write(BlockWork(front, 0, 0, 0, 0, 0, counts), tile, positions, machine)
        if tile.has_spikes:
            return _with_counts(work, {"essential_neurons": outputs})
        job = full_job(tile, positions, Operand.precise(machine, tile.d), machine)
        return _with_precise(work, job, _multiplications(job, outputs, tile))
    job = full_job(tile, positions, Operand.approximate(machine, tile.k), machine)
    select, selected = _selection(tile, positions, machine)
    write_noise = ceil_div(lines, machine.output_sram.banks)
    counts |= selected | {
        "brick_ops_4bit": outputs * tile.k,
        "vpu_steps_4bit": job.vpu_steps,
        "approximate_issue_cycles": job.issue_cycles,
        "approximate_port_stall_cycles": job.port_stall_cycles,
        "approximate_bubble_cycles": job.bubble_cycles,
        "weight_sram_reads_4bit": job.weight_sram_reads,
        "patch_buffer_reads": job.patch_buffer_reads,
        "broadcast_register_writes": job.broadcast_register_writes,
        "weight_register_writes": job.weight_register_writes,
        "selector_busy_cycles": select,
        "output_sram_writes": lines,
        "output_busy_cycles": write_noise,
    }
    return BlockWork(front, job.cycles, select, 0, write_noise, 0, counts)


def masked_work(regular: RegularWork, mask: Bools, tile: Tile, machine: Machine) -> BlockWork[Ints]:
    """All work of each block of an approximated tile. mask: essential neurons (positions, rows)."""
    block = machine.mvu.position_block
    positions = regular.per_block(block, tile.positions - (regular.blocks - 1) * block)
    line_starts = np.arange(0, tile.rows, machine.output_sram.width_bits // WORD_BITS)
    lines = _block_sums(np.logical_or.reduceat(mask, line_starts, axis=1).sum(axis=1), block)
    essential = _block_sums(mask.sum(axis=1), block)
    jobs = masked_jobs(by_vpu(mask, tile, machine), positions, Operand.precise(machine, tile.d), machine)
    write = -(-lines // machine.output_sram.banks)
    written = {
        "output_sram_writes": lines,
        "output_busy_cycles": write,
        "result_buffer_writes": essential,
        "result_buffer_reads": essential,
    }
    work = replace(_with_counts(regular.all_blocks(), written), write=write)
    return _with_precise(work, jobs, _multiplications(jobs, essential, tile))


def spiking_work(regular: RegularWork, spikes: Bools, tile: Tile, machine: Machine) -> BlockWork[Ints]:
    """All work of each block of a tile whose inputs are spikes. spikes: (positions, d)."""
    jobs, counts = spiking_jobs(spikes, tile, machine)
    return _with_precise(regular.all_blocks(), jobs, {"vpu_steps_1bit": jobs.vpu_steps} | counts)


def _front_end(tile: Tile, positions: int, machine: Machine) -> tuple[int, dict[str, int]]:
    reads = ceil_div(tile.input_bits * tile.d, machine.input_sram.width_bits)
    windows = ceil_div(reads, machine.input_sram.banks)
    lines = ceil_div(tile.input_bits * tile.d, machine.patch_buffer.width_bits)
    fetches, cycles, projection = 1, windows, {}
    if tile.projects and machine.projection is not None:
        unit = machine.projection
        fetches = ceil_div(tile.k, unit.lanes)  # of the whole patch: once for each group of sums
        cycles = windows * fetches + ceil_div(tile.k, unit.quantizers)
        lines += ceil_div(CODE_BITS * tile.k, machine.patch_buffer.width_bits)
        projection = {
            "projection_cycles": positions * cycles,
            "projection_additions": positions * tile.nnz,
            "projection_accumulations": positions * windows * tile.k,
            "projected_values": positions * tile.k,
        }
    return positions * cycles, projection | {
        "fetch_cycles": positions * windows * fetches,
        "front_busy_cycles": positions * cycles,
        "input_sram_reads": positions * reads * fetches,
        "patch_buffer_writes": positions * lines,
    }


def _selection(tile: Tile, positions: int, machine: Machine) -> tuple[int, dict[str, int]]:
    assert machine.selector is not None
    if machine.selector.kind == "threshold":
        cycles = positions * ceil_div(tile.rows, machine.selector.comparators)
        return cycles, {"comparisons": positions * tile.rows}
    cycles = positions * ceil_div(tile.units, machine.selector.groups_per_cycle)
    return cycles, {"groups_ranked": positions * tile.units}


def _with_write(work: BlockWork[int], tile: Tile, positions: int, machine: Machine) -> BlockWork[int]:
    """``work`` with the write-back of a dense block: its words, or what its spiking neurons make of them."""
    if tile.neuron_steps:
        write, counts = update_neurons(tile, positions, machine)
    else:
        lines = positions * ceil_div(tile.rows, machine.output_sram.width_bits // WORD_BITS)
        write, counts = ceil_div(lines, machine.output_sram.banks), {"output_sram_writes": lines}
    return replace(_with_counts(work, counts | {"output_busy_cycles": write}), write=write)


def _multiplications(job: Job[Number], essential: Number, tile: Tile) -> dict[str, Number]:
    """What a precise job on words counts of its arithmetic."""
    return {
        "essential_neurons": essential,
        "brick_ops_16bit": essential * (tile.d * 16),
        "vpu_steps_16bit": job.vpu_steps,
    }


def _with_precise(
    work: BlockWork[Number], job: Job[Number], arithmetic: dict[str, Number]
) -> BlockWork[Number]:
    """``work`` with the precise jobs, which count this arithmetic."""
    added = arithmetic | {
        "precise_issue_cycles": job.issue_cycles,
        "precise_port_stall_cycles": job.port_stall_cycles,
        "precise_bubble_cycles": job.bubble_cycles,
        "weight_sram_reads_16bit": job.weight_sram_reads,
        "patch_buffer_reads": job.patch_buffer_reads,
        "broadcast_register_writes": job.broadcast_register_writes,
        "weight_register_writes": job.weight_register_writes,
    }
    return replace(_with_counts(work, added), precise=job.cycles)


def _with_counts(work: BlockWork[Number], added: dict[str, Number]) -> BlockWork[Number]:
    before = work.counts
    counts = before | {name: before[name] + more if name in before else more for name, more in added.items()}
    return replace(work, counts=counts)


def _block_sums(per_position: Ints, block: int) -> Ints:
    sums: Ints = np.add.reduceat(per_position.astype(np.int64), np.arange(0, len(per_position), block))
    return sums
