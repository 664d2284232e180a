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
from accelsim.nn.fixed_point.layer_operands import CoreOperands, KeepLargest, Threshold
from accelsim.rtl.core.core_shape import MAX_D, MAX_KERNEL_ROWS, CoreShape
from accelsim.rtl.core.registers import registers
from accelsim.rtl.memory_images import (
    Bytes,
    code_lines,
    input_image,
    row_pitch,
    scale_image,
    score_image,
    sign_image,
    units_of_word,
    weight_image,
)


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
        "precise_base": code_lines(operands, shape) * most_rows,
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
        "weight": weight_image(operands, shape, tile, owners, most_rows),
        "scale": scale_image(operands, shape, tile, owners),
        "input": input_image(operands, shape),
    }
    if operands.noise is not None and shape.projects_patches:
        images["signs"] = sign_image(operands, shape)
    if shape.scales_scores:
        images["score"] = score_image(operands.noise, tile)
    return images


def _tile_values(operands: CoreOperands, shape: CoreShape, tile: Tile) -> dict[str, int]:
    """Return the register values of the layer's sizes and the tile's units."""
    return {
        "dense": operands.noise is None,
        "all_noise": operands.essential_bits == 0,
        "projects": tile.projects or tile.fetches_codes,
        "counts_positions": tile.counts_positions,
        "d": operands.d,
        "patch_units": operands.d * units_of_word(operands, shape),
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
    channels = operands.x.shape[0] * units_of_word(operands, shape)  # from here on, lengths are in units
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
    units, t = units_of_word(operands, shape), shape.positions
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
    images = {"input": input_image(operands, shape)}
    if shape.has_lanes:
        images["signs"] = sign_image(operands, shape)
    return TileProgram(
        registers={register.name: int(values.get(register.name, 0)) for register in registers(shape)},
        images=images,
        first_row=0,
        rows=0,
        positions=(),
        lines=(),
    )


def _x_lines(operands: CoreOperands, shape: CoreShape) -> int:
    """Return the lines of the patch buffer that a patch's words take: none where no neuron is essential."""
    return ceil_div(operands.essential_bits * operands.d, WORD_BITS * shape.patch_columns)


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
