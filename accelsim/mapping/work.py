"""The work of each core in each tile: service times per block, and the counts that no schedule can change.

Sections 3, 4 and 7 of ``docs/machine.md``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from accelsim.config import Machine
from accelsim.counts import Counts
from accelsim.mapping.passes import Bools, Ints, JobTable, Operand, by_vpu, job_table
from accelsim.mapping.tiling import Tile, ceil_div, tile_layer
from accelsim.trace import LayerTrace


@dataclass(frozen=True, slots=True)
class CoreWork:
    """What one core does in one tile: int64 service cycles per block, in the core's order.

    ``approximate``, ``select`` and ``write_noise`` are zero in a dense layer; ``precise`` and ``write`` are zero
    for a block without an essential neuron. ``counts`` holds everything that does not depend on time.
    """

    dense: bool
    front: Ints
    approximate: Ints
    select: Ints
    precise: Ints
    write_noise: Ints
    write: Ints
    counts: Counts

    @property
    def blocks(self) -> int:
        """Number of position blocks."""
        return len(self.front)


@dataclass(frozen=True, slots=True)
class TileWork:
    """One tile on all cores, with what DRAM must know of it."""

    cores: tuple[CoreWork, ...]
    load_bits: int
    slice_bits_used: int


def _unpack(layer: LayerTrace, image: int, tile: Tile) -> Bools | None:
    if layer.masks is None:
        return None
    last = tile.first_row + tile.rows
    bits = np.unpackbits(layer.masks[image], axis=-1, count=layer.shape.n, bitorder="little")
    return bits[:, tile.first_row : last].astype(np.bool_)


def _regular_jobs(tile: Tile, operand: Operand, machine: Machine, per_block: Ints) -> JobTable:
    """Jobs in which every row is active: all blocks are alike but the last, which may be smaller."""
    sizes = per_block[[0, -1]] if len(per_block) > 1 else per_block
    sample = np.ones((int(sizes.sum()), tile.rows), dtype=np.bool_)
    table = job_table(by_vpu(sample, tile, machine), sizes, operand, machine)
    index = np.zeros(len(per_block), dtype=np.int64)
    index[-1] = len(sizes) - 1
    return table.take(index)


def _block_sums(per_position: Ints, block: int, blocks: int) -> Ints:
    padded = np.zeros(blocks * block, dtype=np.int64)
    padded[: len(per_position)] = per_position
    sums: Ints = padded.reshape(blocks, block).sum(axis=1)
    return sums


def _core_blocks(blocks: int, machine: Machine) -> Iterator[Ints]:
    cores = machine.cores
    for core in range(cores):
        if machine.split == "contiguous":
            yield np.arange(core * blocks // cores, (core + 1) * blocks // cores, dtype=np.int64)
        else:
            yield np.arange(core, blocks, cores, dtype=np.int64)


def map_tile(layer: LayerTrace, image: int, tile: Tile, machine: Machine) -> TileWork:
    """The work of every core for one tile of one image."""
    dense = layer.masks is None
    block = machine.mvu.position_block
    blocks = ceil_div(tile.positions, block)
    per_block = _block_sums(np.ones(tile.positions, dtype=np.int64), block, blocks)

    fetch_reads = ceil_div(16 * tile.d, machine.input_sram.width_bits)
    fetch = ceil_div(fetch_reads, machine.input_sram.banks)
    project = ceil_div(tile.nnz, machine.projection.adders) if tile.projects and machine.projection else 0
    patch_writes = ceil_div(16 * tile.d, machine.patch_buffer.width_bits)
    if tile.projects:
        patch_writes += ceil_div(4 * tile.k, machine.patch_buffer.width_bits)

    words_per_line = machine.output_sram.width_bits // 16
    lines = ceil_div(tile.rows, words_per_line)
    noise_lines = per_block * (0 if dense else lines)
    precise_operand = Operand.precise(machine, tile.d)
    mask = _unpack(layer, image, tile)
    if mask is None:
        approximate = None
        precise = _regular_jobs(tile, precise_operand, machine, per_block)
        essential = per_block * tile.rows
        precise_lines = per_block * lines
    else:
        approximate = _regular_jobs(tile, Operand.approximate(machine, tile.k), machine, per_block)
        precise = job_table(by_vpu(mask, tile, machine), per_block, precise_operand, machine)
        essential = _block_sums(mask.sum(axis=1), block, blocks)
        whole = np.zeros((tile.positions, lines * words_per_line), dtype=np.bool_)
        whole[:, : tile.rows] = mask
        touched = whole.reshape(tile.positions, lines, words_per_line).any(axis=2).sum(axis=1)
        precise_lines = _block_sums(touched, block, blocks)

    comparisons = groups = select = np.zeros(blocks, dtype=np.int64)
    if not dense and machine.selector is not None:
        if machine.selector.kind == "threshold":
            comparisons = per_block * tile.rows
            select = per_block * ceil_div(tile.rows, machine.selector.comparators)
        else:
            groups = per_block * tile.units
            select = per_block * ceil_div(tile.units, machine.selector.groups_per_cycle)
    front = per_block * max(fetch, project)
    write_noise = -(-noise_lines // machine.output_sram.banks)
    write = -(-precise_lines // machine.output_sram.banks)

    per_block_counts: dict[str, Ints] = {
        "positions": per_block if tile.counts_positions else per_block * 0,
        "blocks": np.ones(blocks, dtype=np.int64),
        "essential_neurons": essential,
        "brick_ops_4bit": per_block * (0 if dense else tile.rows * tile.k),
        "brick_ops_16bit": essential * (tile.d * 16),
        "vpu_steps_16bit": precise.vpu_steps,
        "precise_issue_cycles": precise.issue_cycles,
        "precise_port_stall_cycles": precise.port_stall_cycles,
        "precise_bubble_cycles": precise.bubble_cycles,
        "fetch_cycles": per_block * fetch,
        "projection_cycles": per_block * project,
        "front_busy_cycles": front,
        "projection_additions": per_block * (tile.nnz if tile.projects else 0),
        "comparisons": comparisons,
        "groups_ranked": groups,
        "selector_busy_cycles": select,
        "output_busy_cycles": write_noise + write,
        "input_sram_reads": per_block * fetch_reads,
        "patch_buffer_writes": per_block * patch_writes,
        "patch_buffer_reads": precise.patch_buffer_reads,
        "weight_sram_reads_16bit": precise.weight_sram_reads,
        "output_sram_writes": noise_lines + precise_lines,
        "broadcast_register_writes": precise.broadcast_register_writes,
        "weight_register_writes": precise.weight_register_writes,
    }
    if approximate is not None:
        per_block_counts |= {
            "vpu_steps_4bit": approximate.vpu_steps,
            "approximate_issue_cycles": approximate.issue_cycles,
            "approximate_port_stall_cycles": approximate.port_stall_cycles,
            "approximate_bubble_cycles": approximate.bubble_cycles,
            "weight_sram_reads_4bit": approximate.weight_sram_reads,
        }
        for name in ("patch_buffer_reads", "broadcast_register_writes", "weight_register_writes"):
            per_block_counts[name] = per_block_counts[name] + getattr(approximate, name)

    nothing = np.zeros(blocks, dtype=np.int64)
    cores = tuple(
        CoreWork(
            dense=dense,
            front=front[mine],
            approximate=(nothing if approximate is None else approximate.cycles)[mine],
            select=select[mine],
            precise=precise.cycles[mine],
            write_noise=write_noise[mine],
            write=write[mine],
            counts=Counts(**{name: int(values[mine].sum()) for name, values in per_block_counts.items()}),
        )
        for mine in _core_blocks(blocks, machine)
    )
    return TileWork(cores, tile.load_bits, tile.slice_bits_used(machine.mvu.vpus))


def map_layer(layer: LayerTrace, machine: Machine, image: int = 0) -> Iterator[TileWork]:
    """The tiles of one image of a layer, in order; made one at a time, so memory stays that of a tile.

    Raises AccelsimError as ``tile_layer`` does.
    """
    for tile in tile_layer(layer, machine):
        yield map_tile(layer, image, tile, machine)
