"""The oracle's reading of docs/machine.md, sections 1 to 3: which row, position and block is whose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accelsim.components.sram import BankedSram
from accelsim.config import Machine
from accelsim.trace import LayerTrace


class DoesNotFit(ValueError):
    """The layer cannot run on the machine (sections 2 and 3 say "is an error")."""


@dataclass(frozen=True)
class CodePass:
    """What a layer with form none or pixel does before its first tile: `rows` rows of `pixels` pixels, each with
    `channels` words of `word_bits` and `values` codes. nnz: non-zeros of the pixel's projection."""

    form: str
    rows: int
    pixels: int
    channels: int
    word_bits: int
    values: int
    nnz: int


@dataclass(frozen=True)
class Tile:
    """A run of units that the weight slices hold at once, and how all positions go through it.

    units: rows of each unit, numbered within the layer. lanes: f. core_blocks: for each core its blocks,
    each a list of position numbers. essential: for each position the set of its essential rows of this tile.
    input_bits: of a word of the inputs; 1 if they are spikes, whose numbers `spikes` has for each position. weight_word:
    bits of a precise weight, 0 if nothing is precise. form: of the projection, "" in a dense layer. selects: whether masks
    are made; scales: whether z~ is scaled before. neuron_steps: steps of spiking neurons at each position, 0 for others.
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
    input_bits: int
    weight_word: int
    form: str
    selects: bool
    scales: bool
    code_pass: CodePass | None
    neuron_steps: int
    noise: bool
    spikes: tuple[frozenset[int], ...]

    @property
    def rows(self) -> tuple[int, ...]:
        return tuple(row for unit in self.units for row in unit)

    @property
    def weight_bits(self) -> int:
        return len(self.rows) * (self.weight_word * self.d + 4 * self.k)

    def vpu_of_unit(self, unit: int, lane: int, vpus: int) -> int:
        return unit % vpus if self.lanes == 1 else lane * len(self.units) + unit


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def lay_out(layers: Sequence[LayerTrace], machine: Machine, image: int) -> list[Tile]:
    """All tiles of one image in the order in which they run. Raises DoesNotFit."""
    tiles: list[Tile] = []
    for number, layer in enumerate(layers):
        shape = layer.shape
        _check_hardware(layer, machine)
        if _input_bits_needed(layer, machine) > _line_capacity(machine.input_sram):
            raise DoesNotFit("input_sram too small")
        made = _code_pass(layer)
        if made is not None:
            codes = made.rows * _pitch(
                made.pixels * made.values, shape.kernel[1] * made.values, _code_columns(machine)
            )
            if 4 * codes > _line_capacity(machine.code_sram):
                raise DoesNotFit("code_sram too small")
        if shape.kind in ("current", "spiking") and machine.spiking is None:
            raise DoesNotFit("no hardware for spiking neurons")
        if shape.noise and not (machine.spiking and machine.spiking.noise_generators):
            raise DoesNotFit("no hardware for noise")
        neurons = shape.n // shape.groups
        of_layer: list[Tile] = []
        for group in range(shape.groups):
            rows = range(group * neurons, (group + 1) * neurons)
            of_layer += _sub_layer_tiles(layer, number, rows, machine, image)
        line_neurons = machine.output_sram.width_bits // 16
        lines = sum(shape.positions * ceil_div(len(tile.rows), line_neurons) for tile in of_layer)
        if shape.kind in ("current", "spiking"):
            lines = 0
            for tile in of_layer:
                lines += shape.steps * ceil_div(len(tile.rows), machine.output_sram.width_bits)
                if shape.kind == "spiking":
                    lines += ceil_div(len(tile.rows), line_neurons)
                if shape.noise:
                    lines += ceil_div(len(tile.rows), line_neurons)
        if lines > machine.output_sram.kib * 8192 // machine.output_sram.width_bits:
            raise DoesNotFit("output_sram too small")
        tiles += of_layer
    return tiles


def _input_bits_needed(layer: LayerTrace, machine: Machine) -> int:
    """Bits that the input map takes, each of its rows as long as a pitch."""
    shape = layer.shape
    if shape.kind == "spiking":
        line_bits = machine.input_sram.banks * machine.input_sram.width_bits
        return shape.steps * ceil_div(shape.d, line_bits) * line_bits
    word = _precise_word(layer) or 16
    columns = machine.input_sram.banks * machine.input_sram.width_bits // word
    channels = shape.c_in // shape.groups
    return (
        word * shape.groups * shape.h_in * _pitch(shape.w_in * channels, shape.kernel[1] * channels, columns)
    )


def _pitch(row: int, kernel_row: int, columns: int) -> int:
    """The least distance of two rows of a map that is no shorter than a row and keeps columns apart."""
    pitch = row
    while pitch % columns != kernel_row % columns:
        pitch += 1
    return pitch


def _line_capacity(sram: BankedSram | None) -> int:
    """Bits of whole lines of a window."""
    assert sram is not None
    line_bits = sram.banks * sram.width_bits
    return sram.kib * 8192 // line_bits * line_bits


def _code_columns(machine: Machine) -> int:
    assert machine.code_sram is not None
    return machine.code_sram.banks * machine.code_sram.width_bits // 4


def _approximated(layer: LayerTrace) -> bool:
    return layer.approximation is not None and not layer.scheme.is_dense


def _precise_word(layer: LayerTrace) -> int:
    """Bits of a precise weight: the scheme's, but 16 in a layer that a noise scheme leaves dense."""
    if _approximated(layer) or layer.scheme.is_dense:
        return layer.scheme.precise_bits
    return 16


def _check_hardware(layer: LayerTrace, machine: Machine) -> None:
    word, scheme = _precise_word(layer), layer.scheme
    if word and word not in machine.mvu.precise_bits:
        raise DoesNotFit("no such precision")
    if layer.shape.kind in ("current", "spiking") and word != 16:
        raise DoesNotFit("spiking neurons in 16 bits only")
    if _approximated(layer):
        assert layer.approximation is not None
        if machine.projection is None or machine.projection.form != layer.approximation.form:
            raise DoesNotFit("no such projection")
        if layer.masks is not None and machine.selector is None:
            raise DoesNotFit("no selector")
        if scheme.criterion.startswith("norm") and not (machine.selector and machine.selector.scales):
            raise DoesNotFit("no scaled scores")


def _code_pass(layer: LayerTrace) -> CodePass | None:
    if not _approximated(layer):
        return None
    shape, approximation = layer.shape, layer.approximation
    assert approximation is not None
    if approximation.form == "patch":
        return None
    return CodePass(
        approximation.form,
        shape.groups * shape.h_in,
        shape.w_in,
        shape.c_in // shape.groups,
        _precise_word(layer) or 16,
        approximation.k // (shape.kernel[0] * shape.kernel[1]),
        approximation.nnz,
    )


def slice_lines(machine: Machine) -> int:
    """Lines of the weight slice of one VPU."""
    return machine.weight_sram.kib * 8192 // machine.mvu.vpus // machine.weight_sram.width_bits


def _row_lines(d: int, word: int, k: int, machine: Machine) -> int:
    """Lines that a row's chunks take, precise (of `word` bits, if any) and approximate, one chunk after the other."""
    lines = 0
    for length, value_bits in ((d, word), (k, 4)):
        at_once = machine.mvu.bricks_per_vpu * 16 // value_bits**2 if value_bits else 1
        for _ in range(0, length if value_bits else 0, at_once):
            lines += ceil_div(value_bits * at_once, machine.weight_sram.width_bits)
    return lines


def _sub_layer_tiles(layer: LayerTrace, number: int, rows: range, machine: Machine, image: int) -> list[Tile]:
    shape, dense, word = layer.shape, not _approximated(layer), _precise_word(layer)
    k = nnz = 0
    if not dense:
        assert layer.approximation is not None
        k, nnz = layer.approximation.k, layer.approximation.nnz
    row_lines = _row_lines(shape.d, word, k, machine)
    vpus, block_size = machine.mvu.vpus, machine.mvu.position_block
    shares = machine.mvu.spare_vpus == "share"
    slots = machine.sequencer.lookahead + 1

    unit_rows = layer.scheme.of if layer.scheme.kind == "nm" and not dense else 1
    form = layer.approximation.form if layer.approximation is not None and not dense else ""
    units = [tuple(rows[i : i + unit_rows]) for i in range(0, len(rows), unit_rows)]
    units_per_slice = slice_lines(machine) // (unit_rows * row_lines)
    if units_per_slice == 0:
        raise DoesNotFit("weight_sram too small for one tile")
    tile_units = vpus * units_per_slice
    tiles_units = [tuple(units[i : i + tile_units]) for i in range(0, len(units), tile_units)]

    buffer_lines = machine.patch_buffer.kib * 8192 // machine.patch_buffer.width_bits
    input_bits = 1 if shape.kind == "spiking" else word or 16
    patch_lines = ceil_div(input_bits * shape.d, machine.patch_buffer.width_bits) if word else 0
    code_lines = ceil_div(4 * k, machine.patch_buffer.width_bits)
    needed_lines = slots * block_size * (patch_lines + code_lines)
    if needed_lines > buffer_lines:
        raise DoesNotFit("patch_buffer too small")
    keeps = (
        len(tiles_units) > 1
        and form == "patch"
        and word > 0
        and needed_lines + code_lines * shape.positions <= buffer_lines
    )
    bank_words = machine.result_buffer.kib * 8192 // (16 * vpus)
    for tile in tiles_units:
        if slots * block_size * ceil_div(len(tile), vpus) * unit_rows > bank_words:
            raise DoesNotFit("result_buffer too small")
    core_blocks = _core_blocks(shape.positions, block_size, machine)
    if shape.kind == "spiking":
        in_time = tuple(
            tuple(range(shape.steps)[i : i + block_size]) for i in range(0, shape.steps, block_size)
        )
        core_blocks = (in_time, *[()] * (machine.cores - 1))
    neuron_steps = {"spiking": 1, "current": shape.steps}.get(shape.kind, 0)

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
                projects=form == "patch" and not (keeps and index > 0),
                counts_positions=index == 0 and rows.start == 0,
                slice_lines_used=ceil_div(len(tile), vpus) * unit_rows * row_lines,
                input_bits=input_bits,
                weight_word=word,
                form=form,
                selects=layer.masks is not None,
                scales=not dense and layer.scheme.criterion.startswith("norm"),
                code_pass=_code_pass(layer) if index == 0 and rows.start == 0 else None,
                neuron_steps=neuron_steps,
                noise=shape.noise,
                spikes=tuple(_spikes(layer, image, position) for position in range(shape.positions)),
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
        return not _approximated(layer)
    return bool(int(layer.masks[image, position, row // 8]) >> (row % 8) & 1)


def _spikes(layer: LayerTrace, image: int, position: int) -> frozenset[int]:
    if layer.spikes is None:
        return frozenset()
    packed = [int(byte) for byte in layer.spikes[image, position]]
    return frozenset(number for number in range(layer.shape.d) if packed[number // 8] >> (number % 8) & 1)
