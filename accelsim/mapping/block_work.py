"""The work of blocks: the service times of their components, and the counts that no schedule can change (sections 4, 7)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic

import numpy as np

from accelsim.arrays import Bools, Ints
from accelsim.components.component_registry import per_written_word, service_of
from accelsim.components.output_port import line_words
from accelsim.components.spiking_neurons import update_neurons
from accelsim.config import Machine
from accelsim.lengths import ceil_div
from accelsim.mapping.mvu_job import Job, Number, by_vpu, full_job, masked_jobs
from accelsim.mapping.operand import Operand, bricks_per_product
from accelsim.mapping.spiking_jobs import spiking_jobs
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
    front, counts = service_of("fetch", machine)(tile, positions, machine)
    outputs = positions * tile.rows
    reads = 2 * outputs if tile.approximates and tile.is_precise else outputs  # the selector reads them too
    counts |= {
        "positions": positions if tile.counts_positions else 0,
        "blocks": 1,
        "result_buffer_writes": outputs,
        "result_buffer_reads": reads,
    }
    if not tile.approximates:
        work = _with_write(BlockWork(front, 0, 0, 0, 0, 0, counts), tile, positions, machine)
        if tile.has_spikes:
            return _with_counts(work, {"essential_neurons": outputs})
        job = full_job(tile, positions, _precise_operand(tile, machine), machine)
        return _with_precise(work, job, tile, _multiplications(job, outputs, tile))
    job = full_job(tile, positions, Operand.approximate(machine, tile.k), machine)
    select, selected = 0, dict[str, int]()
    if tile.is_precise:
        select, selected = service_of("select", machine)(tile, positions, machine)
    write_noise, written = service_of("write_noise", machine)(tile, positions, machine)
    counts |= selected
    counts |= written
    counts |= _of_written_words(outputs, machine)
    counts |= {
        "brick_ops_4bit": outputs * tile.k,
        "vpu_steps_4bit": job.vpu_steps,
        "approximate_issue_cycles": job.issue_cycles,
        "approximate_port_stall_cycles": job.port_stall_cycles,
        "approximate_bubble_cycles": job.bubble_cycles,
        "weight_sram_reads_4bit": job.weight_sram_reads,
        "patch_buffer_reads": job.patch_buffer_reads,
        "broadcast_register_writes": job.broadcast_register_writes,
        "weight_register_writes": job.weight_register_writes,
    }
    return BlockWork(front, job.cycles, select, 0, write_noise, 0, counts)


def masked_work(regular: RegularWork, mask: Bools, tile: Tile, machine: Machine) -> BlockWork[Ints]:
    """All work of each block of an approximated tile. mask: essential neurons (positions, rows)."""
    block = machine.mvu.position_block
    positions = regular.per_block(block, tile.positions - (regular.blocks - 1) * block)
    line_starts = np.arange(0, tile.rows, line_words(machine))
    lines = _block_sums(np.logical_or.reduceat(mask, line_starts, axis=1).sum(axis=1), block)
    essential = _block_sums(mask.sum(axis=1), block)
    jobs = masked_jobs(by_vpu(mask, tile, machine), positions, _precise_operand(tile, machine), machine)
    write = -(-lines // machine.output_sram.banks)
    written = _of_written_words(essential, machine) | {
        "output_sram_writes": lines,
        "output_busy_cycles": write,
        "result_buffer_writes": essential,
        "result_buffer_reads": essential,
    }
    work = replace(_with_counts(regular.all_blocks(), written), write=write)
    return _with_precise(work, jobs, tile, _multiplications(jobs, essential, tile))


def spiking_work(regular: RegularWork, spikes: Bools, tile: Tile, machine: Machine) -> BlockWork[Ints]:
    """All work of each block of a tile whose inputs are spikes. spikes: (positions, d)."""
    jobs, counts = spiking_jobs(spikes, tile, machine)
    return _with_precise(regular.all_blocks(), jobs, tile, {"vpu_steps_1bit": jobs.vpu_steps} | counts)


def _with_write(work: BlockWork[int], tile: Tile, positions: int, machine: Machine) -> BlockWork[int]:
    """``work`` with the write-back of a dense block: its words, or what its spiking neurons make of them."""
    if tile.neuron_steps:
        write, counts = update_neurons(tile, positions, machine)
    else:
        write, counts = service_of("write", machine)(tile, positions, machine)
        counts |= _of_written_words(positions * tile.rows, machine)
    return replace(_with_counts(work, counts), write=write)


def _of_written_words(words: Number, machine: Machine) -> dict[str, Number]:
    """What the units at the output port count for so many words."""
    return {name: times * words for name, times in per_written_word(machine).items()}


def _multiplications(job: Job[Number], essential: Number, tile: Tile) -> dict[str, Number]:
    """What a precise job on words counts of its arithmetic."""
    bits = tile.precise_bits
    return {
        "essential_neurons": essential,
        f"brick_ops_{bits}bit": essential * (tile.d * bricks_per_product(bits)),
        f"vpu_steps_{bits}bit": job.vpu_steps,
    }


def _precise_operand(tile: Tile, machine: Machine) -> Operand:
    return Operand.precise(machine, tile.d, tile.input_bits, tile.precise_bits)


def _with_precise(
    work: BlockWork[Number], job: Job[Number], tile: Tile, arithmetic: dict[str, Number]
) -> BlockWork[Number]:
    """``work`` with the precise jobs, which count this arithmetic."""
    added = arithmetic | {
        "precise_issue_cycles": job.issue_cycles,
        "precise_port_stall_cycles": job.port_stall_cycles,
        "precise_bubble_cycles": job.bubble_cycles,
        f"weight_sram_reads_{tile.precise_bits}bit": job.weight_sram_reads,
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
