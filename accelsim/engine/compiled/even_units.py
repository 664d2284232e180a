"""Fetches of held weight chunks under N:M schemes with groups of 8 that keep a whole number of passes' rows.

Every group of a VPU then begins with a pass of its own, so its passes are the first kept rows, the next ones and so on,
whatever the groups before it keep. A word holds eight groups, a byte each.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from accelsim.engine.compiled.block_group import BlockGroup
from accelsim.engine.compiled.engine_sums import JOB
from accelsim.engine.compiled.jit import helper, popcount
from accelsim.engine.compiled.job_shape import JobShape
from accelsim.engine.compiled.packed_words import ONE_PER_BYTE, ZERO

_TOP_OF_BYTES: Final = ONE_PER_BYTE * np.uint64(0x80)


@helper
def count_rows_of_even_units(group: BlockGroup, shape: JobShape, blocks: int) -> None:
    """Add to the sum of fetches, pass by pass, the rows that some position of a lane works on."""
    bits, scratch, fetches = group.bits, group.scratch, group.sums[JOB.weight_fetches]
    left = np.zeros((shape.position_block, blocks), np.uint64)  # kept rows of passes to come
    before = np.zeros(blocks, np.uint64)
    for word in range(shape.words):
        for position in range(shape.position_block):
            for block in range(blocks):
                left[position, block] = bits[position, word, block]
        for _ in range(shape.passes_per_unit):
            for lane in range(shape.lanes):
                scratch[:blocks] = ZERO
                for position in range(lane, shape.position_block, shape.lanes):
                    for block in range(blocks):
                        before[block] = left[position, block]
                    for _ in range(shape.rows_per_pass):  # take the lowest row out of every byte
                        for block in range(blocks):
                            rows = left[position, block]
                            left[position, block] = rows & ((rows | _TOP_OF_BYTES) - ONE_PER_BYTE)
                    for block in range(blocks):
                        scratch[block] |= before[block] ^ left[position, block]
                for block in range(blocks):
                    fetches[block] += popcount(scratch[block])
