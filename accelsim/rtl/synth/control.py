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
    Stimulus,
    always,
    index_bits,
)
from accelsim.rtl.synth.gate_simulation import bits_of
from accelsim.rtl.synth.parts import GroupSelect, WordRotator
from accelsim.rtl.synth.real_operands import CYCLES, STREAMS
from accelsim.rtl.synth.sources import Source

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
    """The units, those of the threshold and of the N:M machine beside each other."""
    shape = _shape(machines["unstructured"])
    entry = shape.machine.weight_sram.width_bits
    longest, bits = shape.most_weight_accesses, shape.vpu.narrow_bits
    units = [
        BlockSpec(
            "weight_ring",
            lambda: OperandRing(entry, longest, bits),
            (
                Operation(
                    "pass", lambda s: _ring(s, entry // 16, longest), per_cycle=entry // 16, schemes=SCHEMES
                ),
            ),
        ),
        BlockSpec("neuron_masks", lambda: NeuronMasks(shape), ()),
        *(
            BlockSpec(name, lambda kind=kind: kind(shape), ())  # type: ignore[misc]
            for name, kind in _CORE_CONTROL.items()
        ),
    ]
    for name, (kind, schemes) in _KINDS.items():
        each = _shape(machines[name])
        units += [
            BlockSpec(
                f"walker_{kind}",
                lambda each=each: Walker(each),  # type: ignore[misc]
                (Operation("step", lambda source, each=each: _walk(source, each), schemes=schemes),),  # type: ignore[misc]
            ),
            BlockSpec(f"vpu_masks_{kind}", lambda each=each: VpuMasks(each), ()),  # type: ignore[misc]
            BlockSpec(f"selector_{kind}", lambda each=each: Selector(each), ()),  # type: ignore[misc]
        ]
    selector = machines["structured"].selector
    assert isinstance(selector, NmSelector)
    threshold, groups = shape, _shape(machines["structured"])
    return [
        *units,
        BlockSpec(
            "word_rotator",
            lambda: WordRotator(threshold.vpus, threshold.units_selected),
            (
                Operation(
                    "read", lambda source: _rotate(source, threshold), threshold.units_selected, THRESHOLD
                ),
            ),
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
    """Weights on their way: an entry a cycle, a chunk taken when its entries are there."""
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
                steps = max(1, int(np.minimum(left, shape.rows_in_pass).sum()))
                for chunk in range(_CHUNKS):
                    if cycle < CYCLES:
                        flags[cycle, stream, 1] = 1
                    cycle += steps
                    if chunk == _CHUNKS - 1 and cycle <= CYCLES:
                        flags[cycle - 1, stream, 2] = 1
                left = np.maximum(left - shape.rows_in_pass, 0)
                if not left.any() or cycle >= CYCLES:
                    break
            shown[start:cycle, stream] = bits
    return {
        "active": always(),
        "wide": always(),
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
    """Each VPU shows a group; every cycle another is taken, and the one that was taken shows its next."""
    values, _, _ = source.outputs(shape.most_of)
    shown = np.zeros((CYCLES, STREAMS, shape.vpus, shape.most_of), np.int64)
    for cycle in range(CYCLES):
        if cycle:
            shown[cycle] = shown[cycle - 1]
        shown[cycle, :, cycle % shape.vpus] = values[cycle]
    which = np.broadcast_to((np.arange(CYCLES) % shape.vpus)[:, None], (CYCLES, STREAMS))
    banks = shown.reshape(CYCLES, STREAMS, -1)
    return {"banks": bits_of(banks, 16), "vpu": bits_of(which, index_bits(shape.vpus))}
