"""What the compiled jobs of a tile need to know about it and its machine."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from accelsim.arrays import Ints
from accelsim.config import Machine
from accelsim.engine.compiled.jit import inlined
from accelsim.lengths import ceil_div
from accelsim.mapping.operand import Operand
from accelsim.mapping.tiling import Tile


class JobShape(NamedTuple):
    """What the precise jobs of a tile depend on besides its masks. Names as in `Tile`, `Operand` and `Machine`.

    owners, most_rows: VPUs of a lane that own rows, and the most rows that one of them owns. Rows that are
        ``owners * rows_per_unit`` (a period) apart belong to the same VPU.
    rows_per_pass, last_rows_per_pass: Rows of a VPU for each position in a pass, in a full block and in the last one, which
        may have fewer positions and then more psums for each.
    most_passes: The most passes that a job may have.
    words: Words that a position's mask bits take.
    stride_bits: Bits from one period to the next where each begins at a byte.
    plane_words, count_words: Words that hold a byte per VPU, while rows are counted and afterwards (`row_tallies`);
        0 if they are not counted.
    countable: Whether jobs can be made from counts of rows (`counted_jobs`).
    passes_per_unit: Passes in which a full block works on the rows that each unit keeps, where that is a whole number for
        all units and a unit is a byte of the masks (`even_units`); else 0.
    """

    first_row: int
    rows: int
    rows_per_unit: int
    owners: int
    most_rows: int
    lanes: int
    position_block: int
    rows_per_pass: int
    last_rows_per_pass: int
    chunks: int
    chunk_bits: int
    weight_accesses: int
    patch_bits: int
    hold_weights: int
    accumulate_latency_cycles: int
    words_per_line: int
    banks: int
    most_passes: int
    words: int
    stride_bits: int
    plane_words: int
    count_words: int
    countable: int
    passes_per_unit: int

    @classmethod
    def of(cls, tile: Tile, machine: Machine) -> JobShape:
        """Return the shape of a tile on a machine."""
        operand = Operand.precise(machine, tile.d, tile.input_bits, tile.precise_bits)
        mvu, unit = machine.mvu, tile.rows_per_unit
        owners = min(mvu.vpus, tile.units)
        most_rows = ceil_div(tile.units, owners) * unit
        rows_per_pass = mvu.accumulators_per_vpu // mvu.position_block
        most_in_pass = ceil_div(mvu.position_block, tile.lanes) * min(most_rows, rows_per_pass)
        last_positions = (
            tile.positions - (ceil_div(tile.positions, mvu.position_block) - 1) * mvu.position_block
        )
        stride_bits = ceil_div(owners * unit, 8) * 8
        countable = (
            unit in (1, 2, 4, 8)
            and max(most_rows, most_in_pass)
            < 128  # counts are bytes, whose top bit is needed to compare them
            and not (mvu.hold_weights and operand.weight_accesses > 1)
        )
        uneven = tile.rows % unit or tile.kept_per_unit % rows_per_pass
        plane_words = ceil_div(owners * unit, 64) * (8 // unit) if countable else 0
        count_words = plane_words
        if countable and stride_bits < 64:  # several planes are packed into a word
            count_words = ceil_div(8 // unit, 64 // stride_bits)
        return cls(
            first_row=tile.first_row,
            rows=tile.rows,
            rows_per_unit=unit,
            owners=owners,
            most_rows=most_rows,
            lanes=tile.lanes,
            position_block=mvu.position_block,
            rows_per_pass=rows_per_pass,
            last_rows_per_pass=mvu.accumulators_per_vpu // last_positions,
            chunks=operand.chunks,
            chunk_bits=operand.chunk_bits,
            weight_accesses=operand.weight_accesses,
            patch_bits=machine.patch_buffer.width_bits,
            hold_weights=int(mvu.hold_weights),
            accumulate_latency_cycles=mvu.accumulate_latency_cycles,
            words_per_line=machine.output_sram.width_bits // 16,
            banks=machine.output_sram.banks,
            most_passes=ceil_div(most_rows, rows_per_pass),
            words=ceil_div(tile.rows, 64),
            stride_bits=stride_bits,
            plane_words=plane_words,
            count_words=count_words,
            countable=int(countable),
            passes_per_unit=0 if uneven or unit != 8 else tile.kept_per_unit // rows_per_pass,
        )

    def owner_of_row(self) -> Ints:
        """Return the VPU, within its lane, of each row of the tile: int64 (rows,)."""
        return np.arange(self.rows, dtype=np.int64) // self.rows_per_unit % self.owners


@inlined
def shape_from_row(row: Ints) -> JobShape:
    """Return the shape whose fields, in order, are the values of a row: what `JobShape(*row)` is in Python."""
    return JobShape(
        row[0],  # first_row
        row[1],  # rows
        row[2],  # rows_per_unit
        row[3],  # owners
        row[4],  # most_rows
        row[5],  # lanes
        row[6],  # position_block
        row[7],  # rows_per_pass
        row[8],  # last_rows_per_pass
        row[9],  # chunks
        row[10],  # chunk_bits
        row[11],  # weight_accesses
        row[12],  # patch_bits
        row[13],  # hold_weights
        row[14],  # accumulate_latency_cycles
        row[15],  # words_per_line
        row[16],  # banks
        row[17],  # most_passes
        row[18],  # words
        row[19],  # stride_bits
        row[20],  # plane_words
        row[21],  # count_words
        row[22],  # countable
        row[23],  # passes_per_unit
    )
