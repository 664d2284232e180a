"""What the compiled jobs of a tile are told about it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from accelsim.config import Machine
from accelsim.lengths import ceil_div
from accelsim.mapping.mvu_job import Ints
from accelsim.mapping.operand import Operand
from accelsim.mapping.tiling import Tile


class JobShape(NamedTuple):
    """What the precise jobs of a tile depend on besides its masks. Names as in `Tile`, `Operand` and `Machine`.

    ``owners``: VPUs of a lane that own rows; ``most_rows``: most rows that one of them owns. Rows that are
    ``owners * rows_per_unit`` (a period) apart belong to the same VPU.
    """

    first_row: int
    rows: int
    rows_per_unit: int
    owners: int
    most_rows: int
    lanes: int
    position_block: int
    rows_per_pass: int
    chunks: int
    chunk_bits: int
    weight_accesses: int
    patch_bits: int
    hold_weights: int
    accumulate_latency_cycles: int
    words_per_line: int
    banks: int

    @classmethod
    def of(cls, tile: Tile, machine: Machine) -> JobShape:
        """Those of a tile on a machine."""
        operand, mvu = Operand.precise(machine, tile.d), machine.mvu
        owners = min(mvu.vpus, tile.units)
        return cls(
            first_row=tile.first_row,
            rows=tile.rows,
            rows_per_unit=tile.rows_per_unit,
            owners=owners,
            most_rows=ceil_div(tile.units, owners) * tile.rows_per_unit,
            lanes=tile.lanes,
            position_block=mvu.position_block,
            rows_per_pass=mvu.accumulators_per_vpu // mvu.position_block,
            chunks=operand.chunks,
            chunk_bits=operand.chunk_bits,
            weight_accesses=operand.weight_accesses,
            patch_bits=machine.patch_buffer.width_bits,
            hold_weights=int(mvu.hold_weights),
            accumulate_latency_cycles=mvu.accumulate_latency_cycles,
            words_per_line=machine.output_sram.width_bits // 16,
            banks=machine.output_sram.banks,
        )

    def owner_of_row(self) -> Ints:
        """The VPU, within its lane, of each row of the tile: int64 (rows,)."""
        return np.arange(self.rows, dtype=np.int64) // self.rows_per_unit % self.owners
