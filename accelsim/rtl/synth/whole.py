"""Parts of the core mapped in one piece: what areas and delays of single blocks leave out.

They need not meet the period of a stage: they tell which clock a machine can have (docs/energy.md, "Clock").
"""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.config.machine import Machine
from accelsim.rtl.blocks.vpu_pipeline import VpuPipeline
from accelsim.rtl.core.core_shape import CoreShape, Limits
from accelsim.rtl.core.rtl_core import Core
from accelsim.rtl.core.rtl_output_port import OutputPort
from accelsim.rtl.synth.catalog import MOST_CODES, BlockSpec
from accelsim.rtl.synth.control import ROWS_PER_VPU

_EXECUTION = (
    "scale_read", "scale_address", "patch_write_data", "result_write", "result_write_address", "result_write_data",
    "output_data", "signs_read", "signs_address",
)  # fmt: skip
"""Ports of a core that only its execution stage drives: without them nothing of the datapath is left."""


def wholes(machines: Mapping[str, Machine]) -> list[BlockSpec]:
    """A VPU, the output port, and the issue stage of cores of 1, 4 and all VPUs, for the threshold machine."""
    machine = machines["unstructured"]
    shape = _shape(machine)
    return [
        BlockSpec("whole_vpu", lambda: VpuPipeline(shape.vpu), ()),
        BlockSpec("output_port", lambda: OutputPort(shape), ()),
        *(_issue_stage(machine, vpus) for vpus in sorted({1, 4, machine.mvu.vpus})),
    ]


def _issue_stage(machine: Machine, vpus: int) -> BlockSpec:
    """A core without datapath and counters: scheduler, front end, MVU controller, masks, walkers, selector, output port."""
    shape = _shape(machine.model_copy(update={"mvu": machine.mvu.model_copy(update={"vpus": vpus})}))
    counters = tuple(f"count_{name}" for name in shape.counters)
    return BlockSpec(f"issue_stage_{vpus}", lambda: Core(shape), (), (*_EXECUTION, *counters))


def _shape(machine: Machine) -> CoreShape:
    return CoreShape(machine, Limits(rows_per_vpu=ROWS_PER_VPU, codes=MOST_CODES))
