"""The oracle's reading of docs/machine.md, sections 1 to 3: which row, position and block is whose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accelsim.config import Machine
from accelsim.trace import LayerTrace


class DoesNotFit(ValueError):
    """The layer cannot run on the machine (sections 2 and 3 say "is an error")."""


@dataclass(frozen=True)
class Tile:
    """A run of units that the weight slices hold at once, and how all positions go through it.

    units: rows of each unit, numbered within the layer. lanes: f. core_blocks: for each core its blocks,
    each a list of position numbers. essential: for each position the set of its essential rows of this tile.
    """

    layer: int
    units: tuple[tuple[int, ...], ...]
    lanes: int
    core_blocks: tuple[tuple[tuple[int, ...], ...], ...]
    essential: tuple[frozenset[int], ...]
    is_dense: bool
    d: int
    k: int
    nnz: int
    projects: bool
    counts_positions: bool
    slice_lines_used: int

    @property
    def rows(self) -> tuple[int, ...]:
        return tuple(row for unit in self.units for row in unit)

    @property
    def weight_bits(self) -> int:
        return len(self.rows) * (16 * self.d + 4 * self.k)

    def vpu_of_unit(self, unit: int, lane: int, vpus: int) -> int:
        return unit % vpus if self.lanes == 1 else lane * len(self.units) + unit


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def lay_out(layers: Sequence[LayerTrace], machine: Machine, image: int) -> list[Tile]:
    """All tiles of one image in the order in which they run. Raises DoesNotFit."""
    tiles: list[Tile] = []
    for number, layer in enumerate(layers):
        shape = layer.shape
        if _input_words(layer, machine) > _input_capacity(machine):
            raise DoesNotFit("input_sram too small")
        neurons = shape.n // shape.groups
        of_layer: list[Tile] = []
        for group in range(shape.groups):
            rows = range(group * neurons, (group + 1) * neurons)
            of_layer += _sub_layer_tiles(layer, number, rows, machine, image)
        line_neurons = machine.output_sram.width_bits // 16
        lines = sum(shape.positions * ceil_div(len(tile.rows), line_neurons) for tile in of_layer)
        if lines > machine.output_sram.kib * 8192 // machine.output_sram.width_bits:
            raise DoesNotFit("output_sram too small")
        tiles += of_layer
    return tiles


def _input_words(layer: LayerTrace, machine: Machine) -> int:
    """Words that the input map takes, each of its rows as long as a pitch."""
    shape = layer.shape
    columns = machine.input_sram.banks * machine.input_sram.width_bits // 16
    channels = shape.c_in // shape.groups
    pitch = shape.w_in * channels
    while pitch % columns != shape.kernel[1] * channels % columns:
        pitch += 1
    return shape.groups * shape.h_in * pitch


def _input_capacity(machine: Machine) -> int:
    line_bits = machine.input_sram.banks * machine.input_sram.width_bits
    return machine.input_sram.kib * 8192 // line_bits * (line_bits // 16)


def slice_lines(machine: Machine) -> int:
    """Lines of the weight slice of one VPU."""
    return machine.weight_sram.kib * 8192 // machine.mvu.vpus // machine.weight_sram.width_bits


def _row_lines(d: int, k: int, machine: Machine) -> int:
    """Lines that a row's chunks take, precise and approximate, one chunk after the other."""
    lines = 0
    for length, value_bits, at_once in ((d, 16, machine.mvu.lanes), (k, 4, machine.mvu.bricks_per_vpu)):
        for _ in range(0, length, at_once):
            lines += ceil_div(value_bits * at_once, machine.weight_sram.width_bits)
    return lines


def _sub_layer_tiles(layer: LayerTrace, number: int, rows: range, machine: Machine, image: int) -> list[Tile]:
    shape, dense = layer.shape, layer.is_dense
    k = nnz = 0
    if not dense:
        assert layer.approximation is not None
        k, nnz = layer.approximation.k, layer.approximation.nnz
    row_lines = _row_lines(shape.d, k, machine)
    vpus, block_size = machine.mvu.vpus, machine.mvu.position_block
    shares = machine.mvu.spare_vpus == "share"
    slots = machine.sequencer.lookahead + 1

    unit_rows = layer.scheme.of if layer.scheme.kind == "nm" and not dense else 1
    units = [tuple(rows[i : i + unit_rows]) for i in range(0, len(rows), unit_rows)]
    units_per_slice = slice_lines(machine) // (unit_rows * row_lines)
    if units_per_slice == 0:
        raise DoesNotFit("weight_sram too small for one tile")
    tile_units = vpus * units_per_slice
    tiles_units = [tuple(units[i : i + tile_units]) for i in range(0, len(units), tile_units)]

    buffer_lines = machine.patch_buffer.kib * 8192 // machine.patch_buffer.width_bits
    patch_lines = ceil_div(16 * shape.d, machine.patch_buffer.width_bits)
    code_lines = ceil_div(4 * k, machine.patch_buffer.width_bits)
    needed_lines = slots * block_size * (patch_lines + code_lines)
    if needed_lines > buffer_lines:
        raise DoesNotFit("patch_buffer too small")
    keeps = len(tiles_units) > 1 and not dense and needed_lines + code_lines * shape.positions <= buffer_lines
    bank_words = machine.result_buffer.kib * 8192 // (16 * vpus)
    for tile in tiles_units:
        if slots * block_size * ceil_div(len(tile), vpus) * unit_rows > bank_words:
            raise DoesNotFit("result_buffer too small")
    core_blocks = _core_blocks(shape.positions, block_size, machine)

    tiles = []
    for index, tile in enumerate(tiles_units):
        tile_rows = {row for unit in tile for row in unit}
        tiles.append(
            Tile(
                layer=number,
                units=tile,
                lanes=min(block_size, vpus // len(tile)) if shares and len(tile) < vpus else 1,
                core_blocks=core_blocks,
                essential=tuple(
                    frozenset(row for row in tile_rows if _is_essential(layer, image, position, row))
                    for position in range(shape.positions)
                ),
                is_dense=dense,
                d=shape.d,
                k=k,
                nnz=nnz,
                projects=not dense and not (keeps and index > 0),
                counts_positions=index == 0 and rows.start == 0,
                slice_lines_used=ceil_div(len(tile), vpus) * unit_rows * row_lines,
            )
        )
    return tiles


def _core_blocks(positions: int, size: int, machine: Machine) -> tuple[tuple[tuple[int, ...], ...], ...]:
    blocks = [tuple(range(positions)[i : i + size]) for i in range(0, positions, size)]
    cores = machine.cores
    if machine.split == "interleaved":
        return tuple(tuple(blocks[core::cores]) for core in range(cores))
    bounds = [core * len(blocks) // cores for core in range(cores + 1)]
    return tuple(tuple(blocks[bounds[core] : bounds[core + 1]]) for core in range(cores))


def _is_essential(layer: LayerTrace, image: int, position: int, row: int) -> bool:
    if layer.masks is None:
        return True
    return bool(int(layer.masks[image, position, row // 8]) >> (row % 8) & 1)
