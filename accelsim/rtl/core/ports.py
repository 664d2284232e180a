"""The core's ports to its memories, and what stands where in them."""

from __future__ import annotations

from amaranth.hdl import Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accelsim.lengths import WORD_BITS
from accelsim.rtl.blocks.requantize import BIAS_BITS, MULTIPLIER_BITS
from accelsim.rtl.blocks.score import FACTOR_BITS
from accelsim.rtl.core.core_shape import CoreShape
from accelsim.rtl.core.rtl_projection_unit import SIGN_ADDRESS_BITS, SIGN_BITS


def scale_layout(shape: CoreShape) -> data.StructLayout:
    """What a VPU's scale memory holds for a row: z~'s at line ``row``, z's at ``rows + row``.

    ``neuron`` is the row's place among the tile's neurons.
    """
    return data.StructLayout(
        {"bias": signed(BIAS_BITS), "multiplier": MULTIPLIER_BITS, "neuron": range(shape.neurons + 1)}
    )


def score_layout() -> data.StructLayout:
    """What a score memory holds for a neuron, at its place in the tile."""
    return data.StructLayout({"offset": signed(BIAS_BITS), "factor": signed(FACTOR_BITS)})


def result_address(shape: CoreShape, place: Value, neuron: Value) -> Value:
    """Where the result buffer holds a neuron's output at a place (slot * T + position)."""
    return neuron * shape.places + place


def memory_ports(shape: CoreShape) -> dict[str, wiring.Member]:
    """All of them; data come in the cycle after ``read``, and stay until the next. Scores are read with ``select_read``."""
    vpus, columns, words = shape.vpus, shape.window_units, shape.output_line_words * shape.output_banks
    patch_lines, results = range(shape.patch_lines), range(shape.result_words)
    ports = {
        "weight_read": Out(vpus),
        "weight_address": Out(data.ArrayLayout(range(shape.weight_lines), vpus)),
        "weight_data": In(shape.machine.weight_sram.width_bits * vpus),
        "scale_read": Out(vpus),
        "scale_address": Out(data.ArrayLayout(range(2 * shape.rows), vpus)),
        "scale_data": In(data.ArrayLayout(scale_layout(shape), vpus)),
        "input_read": Out(1),
        "input_address": Out(data.ArrayLayout(range(shape.input_lines), columns)),
        "input_data": In(shape.window_bits),
        "patch_write": Out(1),
        "patch_write_address": Out(patch_lines),
        "patch_write_data": Out(WORD_BITS * shape.patch_columns),
        "patch_read": Out(1),
        "patch_address": Out(data.ArrayLayout(patch_lines, shape.patch_columns)),
        "patch_data": In(WORD_BITS * shape.patch_columns),
        "result_write": Out(vpus),
        "result_write_address": Out(data.ArrayLayout(results, vpus)),
        "result_write_data": Out(data.ArrayLayout(WORD_BITS, vpus)),
        "result_read": Out(words),
        "result_address": Out(data.ArrayLayout(results, words)),
        "result_data": In(WORD_BITS * words),
        "output_write": Out(shape.output_banks),
        "output_words": Out(words),
        "output_address": Out(data.ArrayLayout(range(max(2, shape.output_lines)), shape.output_banks)),
        "output_data": Out(WORD_BITS * words),
    }
    if shape.passes_codes:
        codes = shape.code_map
        line = data.ArrayLayout(range(codes.lines), codes.columns)
        ports |= {
            "code_write": Out(codes.columns),
            "code_write_address": Out(line),
            "code_write_data": Out(codes.unit_bits * codes.columns),
            "code_read": Out(1),
            "code_address": Out(line),
            "code_data": In(codes.unit_bits * codes.columns),
        }
    if shape.has_lanes:
        ports |= {
            "signs_read": Out(1),
            "signs_address": Out(SIGN_ADDRESS_BITS),
            "signs_data": In(SIGN_BITS * shape.window_words * shape.projection_lanes),
        }
    if shape.selects:
        selected = shape.units_selected * shape.most_of
        ports |= {
            "select_read": Out(selected),
            "select_address": Out(data.ArrayLayout(results, selected)),
            "select_data": In(WORD_BITS * selected),
        }
    if shape.scales_scores:
        selected = shape.units_selected * shape.most_of
        ports |= {
            "score_address": Out(data.ArrayLayout(range(shape.neurons + 1), selected)),
            "score_data": In(data.ArrayLayout(score_layout(), selected)),
        }
    return ports
