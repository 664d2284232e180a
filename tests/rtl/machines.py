"""A small buildable machine for tests of the core."""

from __future__ import annotations

from typing import Any

from accelsim.config import Machine


def small_machine(**changes: dict[str, Any]) -> Machine:
    """Two VPUs of two 16-bit lanes and a threshold selector; a section's changes replace its fields."""
    data: dict[str, Any] = {
        "format": "accelsim-machine/1",
        "name": "small",
        "clock_mhz": 500,
        "cores": 1,
        "split": "contiguous",
        "mvu": {
            "vpus": 2,
            "bricks_per_vpu": 32,
            "pipeline_depth_cycles": 40,
            "accumulate_latency_cycles": 3,
            "accumulators_per_vpu": 4,
            "position_block": 2,
            "hold_weights": True,
            "spare_vpus": "share",
        },
        "weight_sram": {"kib": 8, "macro_kib": 1, "width_bits": 32},
        "input_sram": {"kib": 2, "macro_kib": 1, "width_bits": 32, "banks": 1},
        "patch_buffer": {"kib": 4, "macro_kib": 1, "width_bits": 64},
        "result_buffer": {"kib": 1, "macro_kib": 1, "width_bits": 16},
        "output_sram": {"kib": 2, "macro_kib": 1, "width_bits": 32, "banks": 1},
        "projection": {"lanes": 4, "quantizers": 2},
        "selector": {"kind": "threshold", "comparators": 2, "latency_cycles": 3},
        "sequencer": {"lookahead": 1, "mvu_order": "approximate_first"},
        "dram": None,
    }
    for section, change in changes.items():
        data[section] = {**data.get(section, {}), **change}
    return Machine.model_validate(data)
