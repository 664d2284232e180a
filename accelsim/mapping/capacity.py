"""What fits into the memories of a core, by whole lines, and the errors where a layer does not (sections 2 and 3)."""

from __future__ import annotations

from collections.abc import Iterable

from accelsim.components.code_sram import window_codes
from accelsim.config import Machine
from accelsim.errors import AccelsimError
from accelsim.lengths import BITS_PER_KIB, CODE_BITS, SPIKE_BITS, WORD_BITS, ceil_div
from accelsim.trace import LayerShape, LayerTrace
from accelsim.trace.layer_shape import SPIKING_KINDS


class TooSmall(AccelsimError):
    """Error: a memory is too small for a layer. ``field`` names the memory, ``least_kib`` is the size that would do."""

    def __init__(self, machine: Machine, sram: str, what: str, least_bits: int) -> None:
        self.field = f"{sram}.kib"
        self.least_kib = ceil_div(least_bits, BITS_PER_KIB)
        given = getattr(machine, sram).kib
        super().__init__(
            f"{machine.where(self.field)}: {given} is too small for {what}; at least {self.least_kib}"
        )


def slice_lines(machine: Machine) -> int:
    """Return the lines of one VPU's weight slice."""
    slice_bits = machine.weight_sram.kib * BITS_PER_KIB // machine.mvu.vpus
    return slice_bits // machine.weight_sram.width_bits


def units_per_slice(layer: LayerTrace, machine: Machine, unit_rows: int, row_lines: int) -> int:
    """Return how many units fit into a weight slice. Raise TooSmall if none does."""
    units = slice_lines(machine) // (unit_rows * row_lines)
    if units == 0:
        vpus, width = machine.mvu.vpus, machine.weight_sram.width_bits
        rows = f"{unit_rows} row(s) of {row_lines} lines in each of {vpus} slices"
        least_bits = vpus * unit_rows * row_lines * width
        raise TooSmall(machine, "weight_sram", f"one tile of layer {layer.name} ({rows})", least_bits)
    return units


def channels(shape: LayerShape) -> int:
    """Return the input channels of a sub-layer."""
    return shape.c_in // shape.groups


def row_pitch(shape: LayerShape, per_pixel: int, per_window: int) -> int:
    """Return the words, or codes, from one row of a sub-layer's map to the next; a pixel has ``per_pixel`` of them.

    With it any ``per_window`` consecutive ones of a patch lie in different columns of the memory.
    """
    row = shape.w_in * per_pixel
    return row + (shape.kernel[1] * per_pixel - row) % per_window


def check_input_map(layer: LayerTrace, machine: Machine, input_bits: int) -> None:
    """Raise TooSmall if the input SRAM does not hold the layer's input map, whose words have ``input_bits``."""
    sram, shape = machine.input_sram, layer.shape
    line_bits = sram.banks * sram.width_bits
    line_words = line_bits // input_bits
    lines = ceil_div(shape.groups * shape.h_in * row_pitch(shape, channels(shape), line_words), line_words)
    if shape.has_spikes:
        lines = shape.positions * ceil_div(shape.d * SPIKE_BITS, line_bits)
    if lines > sram.kib * BITS_PER_KIB // line_bits:
        raise TooSmall(machine, "input_sram", f"the input map of layer {layer.name}", lines * line_bits)


def check_code_map(layer: LayerTrace, machine: Machine, per_pixel: int) -> None:
    """Raise TooSmall if the code SRAM does not hold the layer's code map, of ``per_pixel`` codes a pixel and group."""
    shape, sram = layer.shape, machine.code_sram
    assert sram is not None
    line_codes = window_codes(machine)
    codes = shape.groups * shape.h_in * row_pitch(shape, per_pixel, line_codes)
    lines, line_bits = ceil_div(codes, line_codes), line_codes * CODE_BITS
    if lines > sram.kib * BITS_PER_KIB // line_bits:
        raise TooSmall(machine, "code_sram", f"the code map of layer {layer.name}", lines * line_bits)


def check_output_map(layer: LayerTrace, machine: Machine, tile_rows: Iterable[int]) -> None:
    """Raise TooSmall if the output SRAM does not hold the layer's output map; tile_rows: rows of each tile.

    The map of spiking neurons has a bit for each of them and step; beside it are their potentials and noise levels.
    """
    shape, width = layer.shape, machine.output_sram.width_bits
    word_lines = spike_lines = 0
    for rows in tile_rows:
        word_lines += ceil_div(rows * WORD_BITS, width)
        spike_lines += ceil_div(rows * SPIKE_BITS, width)
    lines = shape.positions * word_lines
    if shape.kind in SPIKING_KINDS:
        lines = shape.steps * spike_lines + (shape.has_spikes + shape.noise) * word_lines
    if lines > machine.output_sram.kib * BITS_PER_KIB // width:
        raise TooSmall(machine, "output_sram", f"the output map of layer {layer.name}", lines * width)


def spare_patch_lines(layer: LayerTrace, machine: Machine, patch_lines: int, most_rows: int) -> int:
    """Return the lines of the patch buffer that are left when all slots are taken.

    patch_lines: lines of a position's words and codes. most_rows: rows of the VPU that has most of them.
    Raises TooSmall if the patch buffer or the result buffer does not hold all slots.
    """
    patch, result, vpus = machine.patch_buffer, machine.result_buffer, machine.mvu.vpus
    slots = machine.sequencer.lookahead + 1
    patches = slots * machine.mvu.position_block
    in_flight = f"{slots} slots of {machine.mvu.position_block} patches of layer {layer.name}"

    lines = patches * patch_lines
    spare_lines = patch.kib * BITS_PER_KIB // patch.width_bits - lines
    if spare_lines < 0:
        raise TooSmall(machine, "patch_buffer", in_flight, lines * patch.width_bits)
    if patches * most_rows > result.kib * BITS_PER_KIB // (WORD_BITS * vpus):
        outputs = f"the outputs of {in_flight} in each of {vpus} banks"
        raise TooSmall(machine, "result_buffer", outputs, patches * most_rows * WORD_BITS * vpus)
    return spare_lines
