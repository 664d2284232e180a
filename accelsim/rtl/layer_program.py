"""What a host does to run a layer: which tiles and blocks a core gets, its registers, and its memory images.

Only geometry is put in. Which neurons are essential, and all that follows from it, the core finds out by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import AccelsimError
from accelsim.lengths import CODE_BITS, WORD_BITS, ceil_div
from accelsim.mapping.tiling import Tile, tile_layer
from accelsim.nn.fixed_point.as_trace import as_layer_trace
from accelsim.nn.fixed_point.layer_operands import CoreOperands, KeepLargest, NoiseOperands, Threshold
from accelsim.rtl.core.core_shape import MAX_D, MAX_KERNEL_ROWS, CoreShape
from accelsim.rtl.core.ports import scale_layout, score_layout
from accelsim.rtl.core.registers import registers

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class TileProgram:
    """One tile on one core.

    registers: values by name, in the order of their addresses; negative ones are two's complement in hardware.
    images: for each memory that the host loads its lines, uint8 (lines, bytes of a line), little-endian.
    first_row, rows: the tile's neurons. positions: output positions of this core, in order.
    lines: for each of those positions the output SRAM line of its first neuron.
    """

    registers: dict[str, int]
    images: dict[str, Bytes]
    first_row: int
    rows: int
    positions: tuple[int, ...]
    lines: tuple[int, ...]


def _placeholder_mask(operands: CoreOperands) -> NDArray[np.bool_]:
    """Return a mask that the scheme allows; tiles do not depend on which."""
    mask = np.zeros((operands.positions, operands.n), np.bool_)
    selection = operands.noise.selection if operands.noise is not None else None
    if isinstance(selection, KeepLargest):
        for first in range(0, operands.n, selection.of):
            mask[:, first : first + min(selection.keep, operands.n - first)] = True
    return mask


def layer_programs(operands: CoreOperands, shape: CoreShape) -> Iterator[list[TileProgram]]:
    """Yield for each tile of the layer the programs of all cores, in order.

    Raises AccelsimError if the machine, or the core's limits, cannot take the layer.
    """
    _check_limits(operands, shape)
    tiles = tile_layer(as_layer_trace(operands, _placeholder_mask(operands)), shape.machine)
    keeps = shape.projects_patches and not all(tile.projects for tile in tiles) and operands.noise is not None
    output_line = 0
    if shape.passes_codes and operands.noise is not None:
        yield [_code_pass(operands, shape)] * shape.machine.cores
    for tile in tiles:
        yield [
            _program(operands, shape, tile, core, keeps, output_line) for core in range(shape.machine.cores)
        ]
        output_line += tile.positions * ceil_div(tile.rows, shape.output_line_words)
        if output_line > shape.output_lines:
            raise AccelsimError(
                f"{shape.machine.where('output_sram.kib')}: {shape.machine.output_sram.kib} KiB hold "
                f"{shape.output_lines} lines; the layer's outputs take {output_line}"
            )


def _check_limits(operands: CoreOperands, shape: CoreShape) -> None:
    if operands.kernel[0] > MAX_KERNEL_ROWS:
        raise AccelsimError(
            f"a kernel of {operands.kernel[0]} rows; the RTL's front end takes at most {MAX_KERNEL_ROWS}"
        )
    if shape.passes_codes and operands.x.shape[0] * operands.x.shape[2] > MAX_D:
        raise AccelsimError(f"a map row of more than {MAX_D} words; the RTL's code pass takes no more")
    if operands.k > shape.limits.codes:
        raise AccelsimError(f"a projection of {operands.k} codes; limits.codes is {shape.limits.codes}")
    if operands.noise is not None and shape.has_lanes:
        sums, words = operands.noise.signs.shape
        rows = ceil_div(words, shape.window_words) * ceil_div(sums, shape.projection_lanes)
        if rows > shape.limits.sign_rows:
            raise AccelsimError(f"P takes {rows} rows of signs; limits.sign_rows is {shape.limits.sign_rows}")


def _program(
    operands: CoreOperands, shape: CoreShape, tile: Tile, core: int, keeps: bool, output_line: int
) -> TileProgram:
    """Return the program of one core for `tile`, whose first output line is `output_line`."""
    owners = _owned_rows(shape, tile)
    most_rows = max(len(rows) for rows in owners)
    if most_rows > shape.limits.rows_per_vpu:
        raise AccelsimError(
            f"a VPU owns {most_rows} rows of a tile; limits.rows_per_vpu is {shape.limits.rows_per_vpu}"
        )
    images = _images(operands, shape, tile, owners, most_rows)
    blocks = _blocks(tile.positions, shape, core)
    t, lines = shape.positions, ceil_div(tile.rows, shape.output_line_words)
    positions = tuple(p for block in blocks for p in range(block * t, min(block * t + t, tile.positions)))
    values = {
        **_tile_values(operands, shape, tile),
        "keeps": keeps,
        "rows_stride": most_rows,
        "precise_base": _code_lines(operands, shape) * most_rows,
        "output_lines": lines,
        **_position_values(operands, shape, blocks, output_line, lines),
        **_noise_values(operands),
        **_vpu_values(shape, tile, owners),
    }
    return TileProgram(
        registers={register.name: int(values.get(register.name, 0)) for register in registers(shape)},
        images=images,
        first_row=tile.first_row,
        rows=tile.rows,
        positions=positions,
        lines=tuple(output_line + position * lines for position in positions),
    )


def _images(
    operands: CoreOperands, shape: CoreShape, tile: Tile, owners: list[list[int]], most_rows: int
) -> dict[str, Bytes]:
    """Return the images of the memories that the host loads, by memory."""
    images = {
        "weight": _weight_image(operands, shape, tile, owners, most_rows),
        "scale": _scale_image(operands, shape, tile, owners),
        "input": _input_image(operands, shape),
    }
    if operands.noise is not None and shape.projects_patches:
        images["signs"] = _sign_image(operands, shape)
    if shape.scales_scores:
        images["score"] = _score_image(operands.noise, tile)
    return images


def _tile_values(operands: CoreOperands, shape: CoreShape, tile: Tile) -> dict[str, int]:
    """Return the register values of the layer's sizes and the tile's units."""
    return {
        "dense": operands.noise is None,
        "all_noise": operands.essential_bits == 0,
        "projects": tile.projects or tile.fetches_codes,
        "counts_positions": tile.counts_positions,
        "d": operands.d,
        "patch_units": operands.d * _units(operands, shape),
        "mode": shape.mode(operands.precise_bits),
        "k": operands.k,
        "x_lines": _x_lines(operands, shape),
        "y_lines": ceil_div(CODE_BITS * operands.k, WORD_BITS * shape.patch_columns),
        "precise_shift": operands.shift,
        "units": tile.units,
        "unit_rows": tile.rows_per_unit,
        "unit_lanes": tile.lanes,
        "neurons": tile.rows,
    }


def _noise_values(operands: CoreOperands) -> dict[str, int]:
    """Return the register values of quantizers, scaling of z~, and selector; none for a dense layer."""
    noise = operands.noise
    if noise is None:
        return {}
    return {
        "keeps_sign": noise.signed,
        "scales": noise.scale is not None,
        "score_shift": noise.scale.shift if noise.scale is not None else 0,
        "y_multiplier": noise.y_multiplier,
        "y_shift": noise.y_shift,
        "noise_shift": noise.shift,
        "threshold": noise.selection.value if isinstance(noise.selection, Threshold) else 0,
        "keep": noise.selection.keep if isinstance(noise.selection, KeepLargest) else 0,
    }


def _vpu_values(shape: CoreShape, tile: Tile, owners: list[list[int]]) -> dict[str, int]:
    """Return for each VPU how many rows it owns, and which positions of a block it serves (one bit each)."""
    values = {}
    for vpu, rows in enumerate(owners):
        lane = 0 if tile.lanes == 1 else vpu // tile.units
        served = (i for i in range(shape.positions) if i % tile.lanes == lane and rows)
        values[f"rows_{vpu}"] = len(rows)
        values[f"serves_{vpu}"] = sum(1 << i for i in served)
    return values


def _blocks(positions: int, shape: CoreShape, core: int) -> range:
    """Return the core's blocks (docs/machine.md, section 3)."""
    blocks, cores = ceil_div(positions, shape.positions), shape.machine.cores
    if shape.machine.split == "interleaved":
        return range(core, blocks, cores)
    return range(core * blocks // cores, (core + 1) * blocks // cores)


def _position_values(
    operands: CoreOperands, shape: CoreShape, blocks: range, output_line: int, lines: int
) -> dict[str, int]:
    """Where the core's positions lie in the input map, the output SRAM and the kept projections."""
    _, height, width = operands.x.shape
    channels = operands.x.shape[0] * _units(operands, shape)  # from here on, lengths are in units
    (down, right), (above, before) = operands.stride, operands.padding
    window, t = shape.window_units, shape.positions
    pitch = row_pitch(channels, operands.kernel[1], width, window)
    kernel_row = operands.kernel[1] * channels
    first = blocks.start * t
    row, column = divmod(first, operands.w_out)
    jump_rows, jump_columns = divmod((blocks.step - 1) * t + 1, operands.w_out)
    y_lines = ceil_div(CODE_BITS * operands.k, WORD_BITS * shape.patch_columns)
    x_lines = _x_lines(operands, shape)
    step_words = right * channels
    values = {
        "blocks": len(blocks),
        "positions_left": max(0, operands.positions - first),
        "block_step": blocks.step * t,
        "kept_start": shape.places * (x_lines + y_lines) + first * y_lines,
        "kept_step": blocks.step * t * y_lines,
        "output_start": output_line + first * lines,
        "output_step": blocks.step * t * lines,
        "map_rows": height,
        "row_words": width * channels,
        "kernel_row_words": kernel_row,
        "row_jump": (pitch - kernel_row) // window,
        "out_columns": operands.w_out,
        "first_column": column,
        "first_row": row * down - above,
        "first_word": (column * right - before) * channels,
        "next_columns": 1,
        "next_rows": 0,
        "next_words": step_words,
        "jump_columns": jump_columns,
        "jump_rows": jump_rows * down,
        "jump_words": jump_columns * step_words,
        "wrap_rows": down,
        "wrap_words": -operands.w_out * step_words,
    }
    _place(values, pitch, window)
    if shape.passes_codes and operands.noise is not None:
        per_pixel = operands.k // (operands.kernel[0] * operands.kernel[1])
        values |= _code_values(operands, shape, values, channels, per_pixel)
    return values


def _place(values: dict[str, int], pitch: int, window: int) -> None:
    """Add lines and columns of the map's SRAM to steps in rows and words."""
    for name in ("next", "jump", "wrap"):
        address = values[f"{name}_rows"] * pitch + values[f"{name}_words"]
        values[f"{name}_lines"], values[f"{name}_word_columns"] = divmod(address, window)
    address = values["first_row"] * pitch + values["first_word"]
    values["first_line"], values["first_word_column"] = divmod(address, window)


def _code_values(
    operands: CoreOperands, shape: CoreShape, values: dict[str, int], channels: int, per_pixel: int
) -> dict[str, int]:
    """Return the registers of the code map, of `per_pixel` codes a pixel; `values`: those of the input map."""
    width, columns = operands.x.shape[2], shape.code_map.columns
    pitch = row_pitch(per_pixel, operands.kernel[1], width, columns)
    scaled = ("first_word", "next_words", "jump_words", "wrap_words")
    found = {name: values[name] // channels * per_pixel for name in scaled}
    found |= {name: values[name] for name in ("first_row", "next_rows", "jump_rows", "wrap_rows")}
    _place(found, pitch, columns)
    kernel_row = operands.kernel[1] * per_pixel
    found |= {
        "row_words": width * per_pixel,
        "kernel_row_words": kernel_row,
        "row_jump": (pitch - kernel_row) // columns,
    }
    return {f"code_{name}": value for name, value in found.items() if not name.endswith("_rows")}


def _code_pass(operands: CoreOperands, shape: CoreShape) -> TileProgram:
    """Return the program that makes the code map: a 1x1 layer over all pixels, or, with form `none`, over all rows."""
    noise = operands.noise
    assert noise is not None
    channels, height, width = operands.x.shape
    per_pixel = operands.k // (operands.kernel[0] * operands.kernel[1])
    units, t = _units(operands, shape), shape.positions
    columns = width if shape.has_lanes else 1
    step = channels * units * width // columns
    pitch = row_pitch(channels * units, operands.kernel[1], width, shape.window_units)
    values = {
        "passes": 1,
        "projects": shape.has_lanes,
        "patch_units": step,
        "mode": shape.mode(operands.precise_bits),
        "k": per_pixel if shape.has_lanes else 0,
        "positions_left": height * columns,
        "block_step": t,
        "map_rows": height,
        "row_words": width * channels * units,
        "kernel_row_words": step,
        "out_columns": columns,
        "next_columns": 1,
        "next_words": step,
        "jump_columns": 1,
        "jump_words": step,
        "wrap_rows": 1,
        "wrap_words": -columns * step,
        "next_rows": 0,
        "jump_rows": 0,
        "first_row": 0,
        "first_word": 0,
        "y_multiplier": noise.y_multiplier,
        "y_shift": noise.y_shift,
        "row_positions": columns,
    }
    _place(values, pitch, shape.window_units)
    code_pitch = row_pitch(per_pixel, operands.kernel[1], width, shape.code_map.columns)
    values["pitch_lines"], values["pitch_columns"] = divmod(code_pitch, shape.code_map.columns)
    images = {"input": _input_image(operands, shape)}
    if shape.has_lanes:
        images["signs"] = _sign_image(operands, shape)
    return TileProgram(
        registers={register.name: int(values.get(register.name, 0)) for register in registers(shape)},
        images=images,
        first_row=0,
        rows=0,
        positions=(),
        lines=(),
    )


def _units(operands: CoreOperands, shape: CoreShape) -> int:
    """Return the units of the input map that a word of x takes."""
    return operands.precise_bits // shape.unit_bits


def _x_lines(operands: CoreOperands, shape: CoreShape) -> int:
    """Return the lines of the patch buffer that a patch's words take: none where no neuron is essential."""
    return ceil_div(operands.essential_bits * operands.d, WORD_BITS * shape.patch_columns)


def row_pitch(channels: int, kernel_columns: int, width: int, window: int) -> int:
    """Return the words from a map row to the next: at least the row's, congruent to a kernel row's (see `window_fetch`)."""
    least = width * channels
    return least + (kernel_columns * channels - least) % window


def _owned_rows(shape: CoreShape, tile: Tile) -> list[list[int]]:
    """Return for each VPU the rows that it owns, numbered within the tile, ascending."""
    owners: list[list[int]] = [[] for _ in range(shape.vpus)]
    for unit in range(tile.units):
        rows = range(unit * tile.rows_per_unit, min((unit + 1) * tile.rows_per_unit, tile.rows))
        holders = (
            [unit % shape.vpus]
            if tile.lanes == 1
            else [lane * tile.units + unit for lane in range(tile.lanes)]
        )
        for vpu in holders:
            owners[vpu] += rows
    return owners


def _code_lines(operands: CoreOperands, shape: CoreShape) -> int:
    """Return the weight SRAM lines of a row's codes."""
    return _chunk_lines(operands.k, shape, CODE_BITS) if operands.k else 0


def _chunk_lines(values: int, shape: CoreShape, bits: int) -> int:
    """Return the weight SRAM lines of a row of so many weights of `bits` bits."""
    mode = shape.mode(bits)
    return ceil_div(values, shape.chunk_values[mode]) * shape.weight_accesses[mode]


def _weight_image(
    operands: CoreOperands, shape: CoreShape, tile: Tile, owners: list[list[int]], most_rows: int
) -> Bytes:
    """Chunk by chunk, in each row by row: first all chunks of codes, then all of precise weights."""
    bits, narrow = operands.essential_bits, _code_lines(operands, shape)
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


def _scale_image(operands: CoreOperands, shape: CoreShape, tile: Tile, owners: list[list[int]]) -> Bytes:
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


def _score_image(noise: NoiseOperands | None, tile: Tile) -> Bytes:
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


def _input_image(operands: CoreOperands, shape: CoreShape) -> Bytes:
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


def _sign_image(operands: CoreOperands, shape: CoreShape) -> Bytes:
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
