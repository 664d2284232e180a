"""The work of blocks: their service times, and the counts that no schedule can change (sections 4 and 7)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from accelsim.config import Machine
from accelsim.mapping.passes import Bools, Ints, JobTable, Operand, by_vpu, full_job_table, job_table
from accelsim.mapping.tiling import CODE_BITS, WORD_BITS, Tile, ceil_div


@dataclass(frozen=True, slots=True)
class BlockWork:
    """int64 arrays, an entry a block.

    Service cycles, each 0 where there is no such job: ``front``, ``approximate``, ``select``, ``precise``, and
    ``write_noise`` and ``write``, the writes of z~ and of z. ``counts``: by names of ``Counts``; an absent one is 0.
    """

    front: Ints
    approximate: Ints
    select: Ints
    precise: Ints
    write_noise: Ints
    write: Ints
    counts: dict[str, Ints]

    def take(self, index: Ints) -> BlockWork:
        """The work of the blocks at ``index``."""
        arrays = {name: getattr(self, name)[index] for name in self.__slots__ if name != "counts"}
        return BlockWork(**arrays, counts={name: values[index] for name, values in self.counts.items()})


def block_kinds(tile: Tile, machine: Machine) -> tuple[Ints, Ints]:
    """Positions of each kind of block, int64 (1 or 2,), and the kind of each block: all but the last are alike."""
    block = machine.mvu.position_block
    blocks = ceil_div(tile.positions, block)
    last = tile.positions - (blocks - 1) * block
    kind_of = np.zeros(blocks, dtype=np.int64)
    if blocks == 1 or last == block:
        return np.array([last], dtype=np.int64), kind_of
    kind_of[-1] = 1
    return np.array([block, last], dtype=np.int64), kind_of


def unmasked_work(tile: Tile, positions: Ints, machine: Machine) -> BlockWork:
    """All work of blocks of so many positions that is the same for all masks; of a dense tile that is all there is."""
    front, counts = _front_end(tile, positions, machine)
    approximates = tile.k > 0
    outputs = positions * tile.rows
    lines = positions * ceil_div(tile.rows, machine.output_sram.width_bits // WORD_BITS)
    nothing = positions * 0
    work = BlockWork(
        front=front,
        approximate=nothing,
        select=nothing,
        precise=nothing,
        write_noise=nothing,
        write=nothing,
        counts=counts
        | {
            "positions": positions if tile.counts_positions else nothing,
            "blocks": np.ones_like(positions),
            "result_buffer_writes": outputs,
            "result_buffer_reads": 2 * outputs if approximates else outputs,
        },
    )
    if not approximates:
        job = full_job_table(tile, positions, Operand.precise(machine, tile.d), machine)
        return _with_precise(work, job, outputs, lines, tile, machine)
    job = full_job_table(tile, positions, Operand.approximate(machine, tile.k), machine)
    select, selected = _selection(tile, positions, machine)
    write_noise = -(-lines // machine.output_sram.banks)
    return replace(
        work,
        approximate=job.cycles,
        select=select,
        write_noise=write_noise,
        counts=work.counts
        | selected
        | {
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
        },
    )


def masked_work(work: BlockWork, mask: Bools, tile: Tile, positions: Ints, machine: Machine) -> BlockWork:
    """``work``, of all blocks of a tile that is approximated, with the precise work that a mask asks for.

    mask: essential neurons (positions, rows). positions: of each block, int64 (blocks,).
    """
    words_per_line = machine.output_sram.width_bits // WORD_BITS
    line_starts = np.arange(0, tile.rows, words_per_line)
    lines = _block_sums(np.logical_or.reduceat(mask, line_starts, axis=1).sum(axis=1), machine)
    essential = _block_sums(mask.sum(axis=1), machine)
    job = job_table(by_vpu(mask, tile, machine), positions, Operand.precise(machine, tile.d), machine)
    work = _with_precise(work, job, essential, lines, tile, machine)
    for name in ("result_buffer_writes", "result_buffer_reads"):
        work.counts[name] = work.counts[name] + essential
    return work


def _front_end(tile: Tile, positions: Ints, machine: Machine) -> tuple[Ints, dict[str, Ints]]:
    reads = ceil_div(WORD_BITS * tile.d, machine.input_sram.width_bits)
    windows = ceil_div(reads, machine.input_sram.banks)
    line_bits = machine.patch_buffer.width_bits
    counts = {
        "fetch_cycles": positions * windows,
        "front_busy_cycles": positions * windows,
        "input_sram_reads": positions * reads,
        "patch_buffer_writes": positions * ceil_div(WORD_BITS * tile.d, line_bits),
    }
    if tile.projects and machine.projection is not None:
        unit = machine.projection
        project = windows * ceil_div(tile.k, unit.lanes) + ceil_div(tile.k, unit.quantizers)
        counts |= {
            "projection_cycles": positions * project,
            "front_busy_cycles": positions * project,
            "projection_additions": positions * tile.nnz,
            "projection_accumulations": positions * (windows * tile.k),
            "projected_values": positions * tile.k,
        }
        counts["patch_buffer_writes"] += positions * ceil_div(CODE_BITS * tile.k, line_bits)
    return counts["front_busy_cycles"], counts


def _selection(tile: Tile, positions: Ints, machine: Machine) -> tuple[Ints, dict[str, Ints]]:
    assert machine.selector is not None
    if machine.selector.kind == "threshold":
        cycles = positions * ceil_div(tile.rows, machine.selector.comparators)
        return cycles, {"comparisons": positions * tile.rows}
    cycles = positions * ceil_div(tile.units, machine.selector.groups_per_cycle)
    return cycles, {"groups_ranked": positions * tile.units}


def _with_precise(
    work: BlockWork, job: JobTable, essential: Ints, lines: Ints, tile: Tile, machine: Machine
) -> BlockWork:
    """``work`` with the precise jobs and the writes of z: so many essential neurons in so many lines of each block."""
    write = -(-lines // machine.output_sram.banks)
    added = {
        "essential_neurons": essential,
        "brick_ops_16bit": essential * (tile.d * 16),
        "vpu_steps_16bit": job.vpu_steps,
        "precise_issue_cycles": job.issue_cycles,
        "precise_port_stall_cycles": job.port_stall_cycles,
        "precise_bubble_cycles": job.bubble_cycles,
        "weight_sram_reads_16bit": job.weight_sram_reads,
        "patch_buffer_reads": job.patch_buffer_reads,
        "broadcast_register_writes": job.broadcast_register_writes,
        "weight_register_writes": job.weight_register_writes,
        "output_sram_writes": lines,
        "output_busy_cycles": write,
    }
    counts = work.counts | {name: work.counts.get(name, 0) + values for name, values in added.items()}
    return replace(work, precise=job.cycles, write=write, counts=counts)


def _block_sums(per_position: Ints, machine: Machine) -> Ints:
    starts = np.arange(0, len(per_position), machine.mvu.position_block)
    sums: Ints = np.add.reduceat(per_position.astype(np.int64), starts)
    return sums
