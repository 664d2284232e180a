"""The images of a core's memories that the host loads: weights, scales, the input map, and the signs of P."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import AccelsimError
from accelsim.lengths import CODE_BITS, ceil_div
from accelsim.mapping.tiling import Tile
from accelsim.nn.fixed_point.layer_operands import CoreOperands, NoiseOperands
from accelsim.rtl.core.core_shape import CoreShape
from accelsim.rtl.core.ports import scale_layout, score_layout

Bytes = NDArray[np.uint8]


def units_of_word(operands: CoreOperands, shape: CoreShape) -> int:
    """Return the units of the input map that a word of x takes."""
    return operands.precise_bits // shape.unit_bits


def row_pitch(channels: int, kernel_columns: int, width: int, window: int) -> int:
    """Return the words from a map row to the next: at least the row's, congruent to a kernel row's (see `window_fetch`)."""
    least = width * channels
    return least + (kernel_columns * channels - least) % window


def code_lines(operands: CoreOperands, shape: CoreShape) -> int:
    """Return the weight SRAM lines of a row's codes."""
    return _chunk_lines(operands.k, shape, CODE_BITS) if operands.k else 0


def _chunk_lines(values: int, shape: CoreShape, bits: int) -> int:
    """Return the weight SRAM lines of a row of so many weights of `bits` bits."""
    mode = shape.mode(bits)
    return ceil_div(values, shape.chunk_values[mode]) * shape.weight_accesses[mode]


def weight_image(
    operands: CoreOperands, shape: CoreShape, tile: Tile, owners: list[list[int]], most_rows: int
) -> Bytes:
    """Chunk by chunk, in each row by row: first all chunks of codes, then all of precise weights."""
    bits, narrow = operands.essential_bits, code_lines(operands, shape)
    lines = (narrow + (_chunk_lines(operands.d, shape, bits) if bits else 0)) * most_rows
    if lines > shape.weight_lines:
        raise AccelsimError(
            f"{shape.machine.where('weight_sram.kib')}: a slice has {shape.weight_lines} lines; the tile takes {lines}"
        )
    width = shape.machine.weight_sram.width_bits // 8
    image = np.zeros((lines, shape.vpus, width), np.uint8)
    for vpu, rows in enumerate(owners):
        if not rows:
            continue
        chosen = [tile.first_row + row for row in rows]
        parts: list[tuple[NDArray[np.integer], int, int]] = []
        if bits:
            parts.append((operands.w[chosen], bits, narrow))
        if operands.noise is not None:
            parts.append((operands.noise.codes[chosen], CODE_BITS, 0))
        for weights, each, base in parts:
            mode = shape.mode(each)
            accesses = shape.weight_accesses[mode]
            chunks = _as_chunks(packed(weights, each), 2 * shape.chunk_words[mode], accesses * width)
            count = chunks.shape[1]
            by_line = chunks.transpose(1, 0, 2).reshape(count, len(rows), accesses, width)
            region = image[base * most_rows : (base + count * accesses) * most_rows, vpu]
            region.reshape(count, most_rows, accesses, width)[:, : len(rows)] = by_line
    return image.reshape(lines, shape.vpus * width)


def packed(values: NDArray[np.integer], bits: int) -> Bytes:
    """Return each row of integers of 16, 8 or 4 bits as bytes, the first value in the lowest; two of 4 bits a byte."""
    if bits != CODE_BITS:
        return np.ascontiguousarray(values.astype(f"<i{bits // 8}")).view(np.uint8)
    even = np.zeros((values.shape[0], values.shape[1] + values.shape[1] % 2), np.uint8)
    even[:, : values.shape[1]] = values.astype(np.uint8) & 15
    both: Bytes = even[:, 0::2] | (even[:, 1::2] << 4)
    return both


def _as_chunks(rows: Bytes, chunk_bytes: int, padded_bytes: int) -> Bytes:
    """Bytes (rows, n) as (rows, chunks, padded_bytes): every chunk filled up with zeros to whole accesses."""
    count = ceil_div(rows.shape[1], chunk_bytes)
    whole = np.zeros((rows.shape[0], count * chunk_bytes), np.uint8)
    whole[:, : rows.shape[1]] = rows
    chunks = np.zeros((rows.shape[0], count, padded_bytes), np.uint8)
    chunks[:, :, :chunk_bytes] = whole.reshape(rows.shape[0], count, chunk_bytes)
    return chunks


def scale_image(operands: CoreOperands, shape: CoreShape, tile: Tile, owners: list[list[int]]) -> Bytes:
    """Return each VPU's scale memory for a tile: a line for every row and kind of result, as the RTL's layout has it.

    Args:
        operands: The layer's numbers.
        shape: The core.
        tile: The tile.
        owners: Rows of the tile that each VPU owns, ascending.
    """
    layout = scale_layout(shape)
    lines = [0] * (2 * shape.rows)
    for vpu, rows in enumerate(owners):
        for i, row in enumerate(rows):
            neuron = tile.first_row + row
            multiplier = 0 if operands.multipliers is None else int(operands.multipliers[neuron])
            entries = [(shape.rows + i, int(operands.terms[neuron]), multiplier)]
            if operands.noise is not None:
                noise = operands.noise
                entries.append((i, int(noise.terms[neuron]), int(noise.multipliers[neuron])))
            for line, bias, multiplier in entries:
                entry = layout.const({"bias": bias, "multiplier": multiplier, "neuron": row})
                lines[line] |= entry.as_value().value << (layout.size * vpu)
    width = ceil_div(layout.size * shape.vpus, 8)
    image: Bytes = np.frombuffer(b"".join(line.to_bytes(width, "little") for line in lines), np.uint8)
    return image.reshape(-1, width)


def score_image(noise: NoiseOperands | None, tile: Tile) -> Bytes:
    """A line for each neuron of the tile; where scores are not scaled, what leaves z~ as it is."""
    layout, scale = score_layout(), None if noise is None else noise.scale
    lines = []
    for neuron in range(tile.first_row, tile.first_row + tile.rows):
        factor, offset = (
            (1, 0) if scale is None else (int(scale.multipliers[neuron]), int(scale.terms[neuron]))
        )
        entry = layout.const({"factor": factor, "offset": offset}).as_value().value & (2**layout.size - 1)
        lines.append(entry.to_bytes(layout.size // 8, "little"))
    image: Bytes = np.frombuffer(b"".join(lines), np.uint8).reshape(tile.rows, -1)
    return image


def input_image(operands: CoreOperands, shape: CoreShape) -> Bytes:
    """The map row by row, [y][x][channel], each row at its pitch."""
    channels, height, width = operands.x.shape
    window = shape.window_bits // operands.precise_bits
    pitch = row_pitch(channels, operands.kernel[1], width, window)
    lines = ceil_div(height * pitch, window)
    if lines > shape.input_lines:
        raise AccelsimError(
            f"{shape.machine.where('input_sram.kib')}: {shape.machine.input_sram.kib} KiB hold {shape.input_lines} "
            f"windows; the map takes {lines}"
        )
    image = np.zeros(lines * window, np.int16)
    rows = image[: height * pitch].reshape(height, pitch)
    rows[:, : width * channels] = operands.x.transpose(1, 2, 0).reshape(height, -1)
    return packed(image.reshape(lines, window), operands.precise_bits)


def sign_image(operands: CoreOperands, shape: CoreShape) -> Bytes:
    """For each group of sums, and for each window of it, the signs of all lanes: bit 0 not zero, bit 1 negative."""
    assert operands.noise is not None
    signs, lanes, window = operands.noise.signs, shape.projection_lanes, shape.window_words
    sums, words = signs.shape
    windows, groups = ceil_div(words, window), ceil_div(sums, lanes)
    whole = np.zeros((groups * lanes, windows * window), np.int8)
    whole[:sums, :words] = signs
    ordered = whole.reshape(groups, lanes, windows, window).transpose(0, 2, 1, 3)
    bits = np.stack([ordered != 0, ordered < 0], axis=-1).reshape(groups * windows, -1)
    return np.packbits(bits, axis=1, bitorder="little")
