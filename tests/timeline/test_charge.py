"""Which job makes which count: block 0 of the worked examples, by hand from docs/machine.md, sections 7 and 8."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.config import machine_from_yaml
from accelsim.timeline import record_layer
from accelsim.timeline.charge import job_counts
from tests.timeline.cases import EXAMPLE_1, EXAMPLE_2, example_1, example_2

STORAGE = (
    "input_sram_reads",
    "patch_buffer_writes",
    "patch_buffer_reads",
    "weight_sram_reads_4bit",
    "weight_sram_reads_16bit",
    "result_buffer_writes",
    "result_buffer_reads",
    "output_sram_writes",
    "broadcast_register_writes",
    "weight_register_writes",
)


def storage_of_block_0(counts: dict[str, dict[str, np.ndarray]]) -> dict[str, dict[str, int]]:
    """By job, its accesses that are not 0."""
    return {
        job: {name: int(of_job[name][0]) for name in STORAGE if name in of_job and of_job[name][0]}
        for job, of_job in counts.items()
    }


def test_an_approximated_block() -> None:
    (core,) = record_layer(example_2(), machine_from_yaml(EXAMPLE_2)).tiles[0].cores
    assert storage_of_block_0(core.counts) == {
        # Two patches of two windows, for two groups of sums; two lines of x and one of y each.
        "fetch": {"input_sram_reads": 8, "patch_buffer_writes": 6},
        # Two rows on each of two VPUs, four accesses and eight words to a chunk; eight outputs.
        "approximate": {
            "patch_buffer_reads": 8,
            "weight_sram_reads_4bit": 16,
            "result_buffer_writes": 8,
            "broadcast_register_writes": 16,
            "weight_register_writes": 32,
        },
        "select": {"result_buffer_reads": 8},
        "write_noise": {"result_buffer_reads": 8, "output_sram_writes": 4},
        # Rows 0, 1 and 3 in two chunks of two words; four essential outputs.
        "precise": {
            "patch_buffer_reads": 4,
            "weight_sram_reads_16bit": 6,
            "result_buffer_writes": 4,
            "broadcast_register_writes": 8,
            "weight_register_writes": 12,
        },
        "write": {"result_buffer_reads": 4, "output_sram_writes": 4},
    }
    assert core.counts["select"]["groups_ranked"].tolist() == [4, 2]
    assert core.counts["fetch"]["projected_values"].tolist() == [16, 8]


def test_a_dense_block() -> None:
    (core,) = record_layer(example_1(), machine_from_yaml(EXAMPLE_1)).tiles[0].cores
    assert storage_of_block_0(core.counts) == {
        "fetch": {"input_sram_reads": 6, "patch_buffer_writes": 6},
        "approximate": {},
        "select": {},
        "write_noise": {},
        # Six steps in each of three chunks of two words, nothing held.
        "precise": {
            "patch_buffer_reads": 6,
            "weight_sram_reads_16bit": 18,
            "result_buffer_writes": 6,
            "broadcast_register_writes": 12,
            "weight_register_writes": 36,
        },
        "write": {"result_buffer_reads": 6, "output_sram_writes": 4},
    }


def test_a_count_that_no_job_is_known_to_make() -> None:
    with pytest.raises(KeyError, match="spikes"):
        job_counts(True, {}, {"spikes": np.ones(1, np.int64)})
