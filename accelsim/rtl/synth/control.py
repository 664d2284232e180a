"""Units of the core that find and move work, at the sizes of the shipped machines: walkers, masks, rings, selection.

They are measured for their area, and those whose work is counted for their energy too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from amaranth.lib import wiring

from accelsim.components.nm_selector import NmSelector
from accelsim.config.machine import Machine
from accelsim.rtl.core.core_shape import CoreShape, Limits
from accelsim.rtl.core.front_control import FrontControl
from accelsim.rtl.core.mvu_control import MvuControl
from accelsim.rtl.core.operand_ring import OperandRing
from accelsim.rtl.core.patch_reader import PatchReader
from accelsim.rtl.core.patch_writer import PatchWriter
from accelsim.rtl.core.registers import ConfigRegisters
from accelsim.rtl.core.rtl_mask_units import NeuronMasks, VpuMasks
from accelsim.rtl.core.rtl_selector import Selector
from accelsim.rtl.core.scheduler import Scheduler
from accelsim.rtl.core.walker import Walker
from accelsim.rtl.synth.catalog import (
    GROUPS,
    SCHEMES,
    THRESHOLD,
    BlockSpec,
    Operation,
)
from accelsim.rtl.synth.gate_simulation import bits_of
from accelsim.rtl.synth.parts import GroupSelect, WordRotator
from accelsim.rtl.synth.real_operands import CYCLES, STREAMS
from accelsim.rtl.synth.sources import Source
from accelsim.rtl.synth.stimuli import Stimulus, always, index_bits

ROWS_PER_VPU = 32
"""Rows of a tile that a VPU's walker is built for: 512 neurons, the widest shipped layers, on 16 VPUs."""

_KINDS = {"unstructured": ("threshold", THRESHOLD), "structured": ("groups", GROUPS)}

_CORE_CONTROL: dict[str, Callable[[CoreShape], wiring.Component]] = {
    "front_control": FrontControl,
    "mvu_control": MvuControl,
    "scheduler": Scheduler,
    "patch_writer": PatchWriter,
    "patch_reader": PatchReader,
    "config_registers": ConfigRegisters,
}
"""One of each in a core; no machine is charged for them (docs/energy.md says how much that is)."""


def control_units(machines: Mapping[str, Machine]) -> list[BlockSpec]:
    """Return the units, those of the threshold machine before those of the N:M machine.

    Args:
        machines: Machines by name, ``structured`` and ``unstructured`` at least.
    """
    shape = _shape(machines["unstructured"])
    return [
        _weight_ring(shape),
        BlockSpec("neuron_masks", lambda: NeuronMasks(shape), ()),
        *(
            BlockSpec(name, lambda kind=kind: kind(shape), ())  # type: ignore[misc]
            for name, kind in _CORE_CONTROL.items()
        ),
        *(
            unit
            for name, (kind, schemes) in _KINDS.items()
            for unit in _mask_units(_shape(machines[name]), kind, schemes)
        ),
        *_result_readers(shape, _shape(machines["structured"])),
    ]


def _weight_ring(shape: CoreShape) -> BlockSpec:
    """Return the ring between a VPU's weight SRAM and its multipliers."""
    entry = shape.machine.weight_sram.width_bits
    longest, bits = shape.most_weight_accesses, shape.vpu.narrow_bits
    words = entry // 16
    return BlockSpec(
        "weight_ring",
        lambda: OperandRing(entry, longest, bits),
        (Operation("pass", lambda s: _ring(s, words, longest), per_cycle=words, schemes=SCHEMES),),
    )


def _mask_units(shape: CoreShape, kind: str, schemes: tuple[str, ...]) -> list[BlockSpec]:
    """Return the walker, the masks of a VPU and the selector of a core; `kind` is the end of their names."""
    return [
        BlockSpec(
            f"walker_{kind}",
            lambda: Walker(shape),
            (Operation("step", lambda source: _walk(source, shape), schemes=schemes),),
        ),
        BlockSpec(f"vpu_masks_{kind}", lambda: VpuMasks(shape), ()),
        BlockSpec(f"selector_{kind}", lambda: Selector(shape), ()),
    ]


def _result_readers(threshold: CoreShape, groups: CoreShape) -> list[BlockSpec]:
    """Return what reads results for selection: the rotator of the threshold core, and the N:M core's group select."""
    selector = groups.machine.selector
    assert isinstance(selector, NmSelector)
    units = threshold.units_selected
    return [
        BlockSpec(
            "word_rotator",
            lambda: WordRotator(threshold.vpus, units),
            (Operation("read", lambda source: _rotate(source, threshold), units, THRESHOLD),),
        ),
        BlockSpec(
            "group_select",
            lambda: GroupSelect(groups.vpus, selector.max_of),
            (Operation("read", lambda source: _choose(source, groups), selector.max_of, GROUPS),),
        ),
    ]


def _shape(machine: Machine) -> CoreShape:
    return CoreShape(machine, Limits(rows_per_vpu=ROWS_PER_VPU))


def _ring(source: Source, words: int, longest: int) -> Stimulus:
    """Put one entry of weights per cycle, and take a chunk when its entries are there."""
    weights = source.steps(wide=True).weights
    taken = np.broadcast_to((np.arange(CYCLES) % longest == longest - 1)[:, None], (CYCLES, STREAMS))
    return {
        "put": always(),
        "entry": bits_of(weights[:, :, :words], 16),
        "take": bits_of(taken, 1),
        "length": always(longest, longest.bit_length()),
    }


def _walk(source: Source, shape: CoreShape) -> Stimulus:
    """Precise jobs, one step a cycle, pass by pass till none of the essential pairs is left; `_CHUNKS` windows a pass."""
    pairs = source.pairs(shape.rows)  # [jobs, streams, positions * rows]
    most = shape.rows_in_pass[shape.positions]
    flags = np.zeros((CYCLES, STREAMS, 3), np.int64)  # job_start, window_start, pass_end
    shown = np.zeros((CYCLES, STREAMS, shape.positions * shape.rows), np.int64)
    for stream in range(STREAMS):
        cycle, job = 0, 0
        while cycle < CYCLES:
            bits = pairs[job % len(pairs), stream]
            job += 1
            left = bits.reshape(shape.positions, shape.rows).sum(axis=1)
            flags[cycle, stream, 0] = 1
            start = cycle
            while True:
                steps = max(1, int(np.minimum(left, most).sum()))
                for chunk in range(_CHUNKS):
                    if cycle < CYCLES:
                        flags[cycle, stream, 1] = 1
                    cycle += steps
                    if chunk == _CHUNKS - 1 and cycle <= CYCLES:
                        flags[cycle - 1, stream, 2] = 1
                left = np.maximum(left - most, 0)
                if not left.any() or cycle >= CYCLES:
                    break
            shown[start:cycle, stream] = bits
    return {
        "active": always(),
        "mode": always(shape.mode(16), 1),
        "positions": always(shape.positions, shape.positions.bit_length()),
        "pairs": bits_of(shown, 1),
        "job_start": bits_of(flags[:, :, 0], 1),
        "window_start": bits_of(flags[:, :, 1], 1),
        "pass_end": bits_of(flags[:, :, 2], 1),
    }


_CHUNKS = 4
"""Chunks of a row in the walker's operands; real rows have more, and its work in each is the same."""


def _rotate(source: Source, shape: CoreShape) -> Stimulus:
    values, _, _ = source.outputs(shape.vpus)
    start = np.broadcast_to((np.arange(CYCLES) // 4 % shape.vpus)[:, None], (CYCLES, STREAMS))
    return {"banks": bits_of(values, 16), "start": bits_of(start, index_bits(shape.vpus))}


def _choose(source: Source, shape: CoreShape) -> Stimulus:
    """Show one group per VPU; a group is taken per cycle, and its VPU then shows its next one."""
    values, _, _ = source.outputs(shape.most_of)
    shown = np.zeros((CYCLES, STREAMS, shape.vpus, shape.most_of), np.int64)
    for cycle in range(CYCLES):
        if cycle:
            shown[cycle] = shown[cycle - 1]
        shown[cycle, :, cycle % shape.vpus] = values[cycle]
    which = np.broadcast_to((np.arange(CYCLES) % shape.vpus)[:, None], (CYCLES, STREAMS))
    banks = shown.reshape(CYCLES, STREAMS, -1)
    return {"banks": bits_of(banks, 16), "vpu": bits_of(which, index_bits(shape.vpus))}
