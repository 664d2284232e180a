"""Operand sets for the energy of an operation: real ones from exported layers, and uniform ones.

Real operands are those of one 3x3 layer of each stage of ResNet-18 (CIFAR-10), in the order in which a core
of docs/machine.md uses them. Long streams are cut into segments that are simulated side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.config.machine import Machine
from accelsim.nn.fixed_point.fixed_point_reference import FixedResult, fixed_point_layer
from accelsim.nn.fixed_point.layer_operands import CoreOperands, KeepLargest
from accelsim.nn.fixed_point.operand_streams import (
    MvuShape,
    MvuStream,
    ProjectionStream,
    block_count,
    noise_stream,
    precise_stream,
    projection_stream,
    spread,
)
from accelsim.nn.fixed_point.sample import load_sample
from accelsim.nn.injection.converted_checkpoint import load_converted

STREAMS = 128
WARM_UP_CYCLES = 20
COUNTED_CYCLES = 28
CYCLES = WARM_UP_CYCLES + COUNTED_CYCLES

_BLOCKS, _VPUS, _LANES = 6, 4, 4  # of a layer, from which streams are drawn


@dataclass(frozen=True)
class LayerOperands:
    """One exported layer under one scheme, with what the reference makes of it."""

    layer: str
    scheme: str
    operands: CoreOperands

    @cached_property
    def result(self) -> FixedResult:
        """z~, mask, y and z' of the layer."""
        return fixed_point_layer(self.operands)

    @property
    def group_size(self) -> int:
        """Rows that go to one VPU together."""
        noise = self.operands.noise
        selection = noise.selection if noise is not None else None
        return selection.of if isinstance(selection, KeepLargest) else 1

    def precise(self, machine: Machine, position_block: int) -> list[MvuStream]:
        """Steps of precise jobs on several VPUs."""
        shape = _shape(machine, position_block)
        found = [
            precise_stream(self.operands, self.result, shape, vpu, self._blocks(shape))
            for vpu in spread(machine.mvu.vpus, _VPUS)
        ]
        return [stream for stream in found if len(stream.row)]

    def noise(self, machine: Machine, position_block: int) -> list[MvuStream]:
        """Steps of approximate jobs on several VPUs."""
        shape = _shape(machine, position_block)
        found = [
            noise_stream(self.operands, self.result, shape, vpu, self._blocks(shape))
            for vpu in spread(machine.mvu.vpus, _VPUS)
        ]
        return [stream for stream in found if len(stream.row)]

    def projection(self, machine: Machine) -> list[ProjectionStream]:
        """Cycles of several lanes of the projection unit."""
        assert machine.projection is not None
        window = machine.input_sram.banks * machine.input_sram.width_bits // 16
        positions = spread(self.operands.positions, 4 * _BLOCKS)
        lanes = machine.projection.lanes or 0
        used = min(lanes, self.operands.k)
        return [
            projection_stream(self.operands, window, lanes, lane, positions) for lane in spread(used, _LANES)
        ]

    def _blocks(self, shape: MvuShape) -> Sequence[int]:
        return spread(block_count(self.operands, shape), _BLOCKS)


def operand_files(root: Path) -> tuple[Path, Path]:
    """The bundled checkpoint and sample that the real operands are from; `root` is the project's folder."""
    return (
        root / "models" / "checkpoints" / "resnet18-cifar10.safetensors",
        root / "traces" / "operands" / "resnet18-cifar10.npz",
    )


def exported_layers(root: Path, schemes: Sequence[str]) -> list[LayerOperands]:
    """The sampled layers of the bundled checkpoint under the schemes; `root` is the project's folder.

    Raises AccelsimError if checkpoint or sample cannot be read.
    """
    checkpoint, sampled = operand_files(root)
    converted, sample = load_converted(checkpoint), load_sample(sampled)
    return [
        LayerOperands(each.layer, each.scheme.name, sample.operands(converted, each.scheme.name, each.layer))
        for each in sample.maps
        if each.scheme.name in schemes
    ]


def by_sum(stream: ProjectionStream) -> NDArray[np.int64]:
    """The order in which a lane goes through its cycles: all windows of a sum, then the next sum of the position."""
    return np.lexsort((np.arange(len(stream.y)), stream.y, stream.position))


def _shape(machine: Machine, position_block: int) -> MvuShape:
    mvu = machine.mvu
    return MvuShape(
        mvu.vpus, mvu.bricks_per_vpu, mvu.accumulators_per_vpu, position_block, mvu.spare_vpus == "share"
    )


def segments(parts: Sequence[NDArray[Any]], streams: int = STREAMS, cycles: int = CYCLES) -> NDArray[Any]:
    """Stretches of `cycles` consecutive entries, evenly spread over the arrays: [cycles, streams, ...].

    All arrays have the same trailing axes. A short array is repeated, so that a stretch fits.
    """
    whole = [_long_enough(part, cycles) for part in parts]
    room = np.array([len(part) - cycles + 1 for part in whole])
    ends = room.cumsum()
    cut = []
    for start in (np.arange(streams) * int(ends[-1])) // streams:
        which = int(np.searchsorted(ends, start, side="right"))
        inside = int(start - (ends[which] - room[which]))
        cut.append(whole[which][inside : inside + cycles])
    return np.stack(cut, axis=1)


def _long_enough(part: NDArray[Any], cycles: int) -> NDArray[Any]:
    return np.concatenate([part] * -(-cycles // len(part))) if len(part) < cycles else part
