"""The code pass: before a layer's first tile, every core makes the code map of the whole input map (section 4)."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.components.code_sram import section
from accelsim.components.input_sram import window_words
from accelsim.config import Machine
from accelsim.lengths import CODE_BITS, WORD_BITS, ceil_div
from accelsim.mapping.capacity import channels
from accelsim.trace import LayerTrace


@dataclass(frozen=True, slots=True)
class CodePass:
    """Cycles that a layer's code pass takes, the same in all cores; counts by name, of all cores."""

    cycles: int
    counts: dict[str, int]


NO_CODE_PASS = CodePass(0, {})
"""That of a layer without a code map."""


def code_pass(layer: LayerTrace, machine: Machine) -> CodePass:
    """Return the code pass of a layer that the machine can run; `NO_CODE_PASS` if it needs none."""
    approximation = layer.approximation if layer.approximated else None
    if approximation is None or approximation.form == "patch":
        return NO_CODE_PASS
    input_bits = layer.precise_bits or WORD_BITS
    one_core = _of_words if approximation.form == "none" else _of_pixels
    cycles, counts = one_core(layer, input_bits, machine)
    in_all = {name: machine.cores * count for name, count in counts.items()}
    core_cycles = machine.cores * cycles
    return CodePass(cycles, in_all | {"core_cycles": core_cycles, "code_pass_cycles": core_cycles})


def _of_words(layer: LayerTrace, input_bits: int, machine: Machine) -> tuple[int, dict[str, int]]:
    """Return one core's pass for form `none`: every row of the map is read, rounded and written, side by side."""
    shape, projection, sram = layer.shape, machine.projection, machine.input_sram
    assert projection is not None
    rows, row_words = shape.groups * shape.h_in, shape.w_in * channels(shape)
    reads = ceil_div(input_bits * row_words, sram.width_bits)
    cycles = max(ceil_div(reads, sram.banks), ceil_div(row_words, projection.quantizers))
    return rows * cycles, {
        "input_sram_reads": rows * reads,
        "projected_values": rows * row_words,
        "code_sram_writes": rows * ceil_div(CODE_BITS * row_words, section(machine).width_bits),
    }


def _of_pixels(layer: LayerTrace, input_bits: int, machine: Machine) -> tuple[int, dict[str, int]]:
    """Return one core's pass for form `pixel`: the channels of every pixel are projected, once for all kernel elements."""
    shape, projection, approximation = layer.shape, machine.projection, layer.approximation
    assert projection is not None and projection.lanes is not None and approximation is not None
    pixels, values = shape.groups * shape.h_in * shape.w_in, approximation.values_per_pixel(shape)
    windows = ceil_div(channels(shape), window_words(machine))
    groups_of_sums = ceil_div(values, projection.lanes)
    cycles = windows * groups_of_sums + ceil_div(values, projection.quantizers)
    reads = groups_of_sums * ceil_div(input_bits * channels(shape), machine.input_sram.width_bits)
    return pixels * cycles, {
        "input_sram_reads": pixels * reads,
        "projection_additions": pixels * approximation.nnz,
        "projection_accumulations": pixels * windows * values,
        "projected_values": pixels * values,
        "code_sram_writes": pixels * ceil_div(CODE_BITS * values, section(machine).width_bits),
    }
