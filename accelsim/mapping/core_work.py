"""The work of each core in each tile (sections 3, 4 and 7 of ``docs/machine.md``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from accelsim.arrays import Bools, Ints
from accelsim.config import Machine
from accelsim.counts import Counts
from accelsim.mapping.block_work import SERVICES, BlockWork, RegularWork, masked_work, spiking_work
from accelsim.mapping.code_pass import NO_CODE_PASS, CodePass, code_pass
from accelsim.mapping.tiling import Tile, tile_layer
from accelsim.trace import LayerTrace
from accelsim.trace.packed_masks import unpack


@dataclass(frozen=True, slots=True)
class CoreWork:
    """What one core does in one tile: its blocks, in order, and the sum of their counts.

    ``dense``: nothing is approximated. ``selects``: blocks have masks; neither is true where every neuron keeps z~.
    """

    dense: bool
    selects: bool
    blocks: BlockWork[Ints]
    counts: Counts


@dataclass(frozen=True, slots=True)
class TileWork:
    """One tile on all cores, the code pass before it, and what the DRAM channel needs to know about it."""

    cores: tuple[CoreWork, ...]
    load_bits: int
    slice_lines_used: int
    code_pass: CodePass = NO_CODE_PASS


def _unpack_spikes(layer: LayerTrace, image: int) -> Bools:
    assert layer.spikes is not None
    return unpack(layer.spikes[image], layer.shape.d)


def _unpack(layer: LayerTrace, image: int, tile: Tile) -> Bools:
    assert layer.masks is not None
    last = tile.first_row + tile.rows
    return unpack(layer.masks[image], layer.shape.n)[:, tile.first_row : last]


def core_blocks(blocks: int, tile: Tile, machine: Machine) -> Iterator[Ints]:
    """Yield the numbers of each core's blocks (sections 3 and 13). ``blocks``: how many the tile has."""
    cores = machine.cores
    for core in range(cores):
        if tile.has_spikes:  # a block goes on with the potentials that the one before has left
            yield np.arange(0 if core else blocks, dtype=np.int64)
        elif machine.split == "contiguous":
            yield np.arange(core * blocks // cores, (core + 1) * blocks // cores, dtype=np.int64)
        else:
            yield np.arange(core, blocks, cores, dtype=np.int64)


def _take(work: BlockWork[Ints], blocks: Ints) -> BlockWork[Ints]:
    services = {name: getattr(work, name)[blocks] for name in SERVICES}
    return BlockWork(**services, counts={name: values[blocks] for name, values in work.counts.items()})


def map_tile(layer: LayerTrace, image: int, tile: Tile, machine: Machine) -> TileWork:
    """Return the work of every core for one tile of one image."""
    regular = RegularWork.of(tile, machine)
    if tile.has_spikes:
        work = spiking_work(regular, _unpack_spikes(layer, image), tile, machine)
    elif layer.masks is None:
        work = regular.all_blocks()
    else:
        work = masked_work(regular, _unpack(layer, image, tile), tile, machine)
    cores = []
    for mine in core_blocks(regular.blocks, tile, machine):
        blocks = _take(work, mine)
        counts = Counts(**{name: int(values.sum()) for name, values in blocks.counts.items()})
        cores.append(CoreWork(layer.is_dense, layer.masks is not None, blocks, counts))
    return TileWork(tuple(cores), tile.load_bits, tile.slice_lines_used(machine.mvu.vpus))


def map_layer(layer: LayerTrace, machine: Machine, image: int = 0) -> Iterator[TileWork]:
    """Yield the tiles of one image of a layer, in order. They are made one at a time, to save memory.

    Raises AccelsimError as ``tile_layer`` does.
    """
    for index, tile in enumerate(tile_layer(layer, machine)):
        work = map_tile(layer, image, tile, machine)
        yield work if index else replace(work, code_pass=code_pass(layer, machine))
