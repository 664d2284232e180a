"""The blocks that are measured, each with its operations.

A block does one operation per cycle. The energy of a cycle, divided by `per_cycle`, is the energy of what is charged:
one comparator of sixteen, or one code of sixteen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from amaranth.lib import wiring

from accelsim.components.nm_selector import NmSelector
from accelsim.components.threshold_selector import ThresholdSelector
from accelsim.config.machine import Machine
from accelsim.rtl.blocks.brick import Brick
from accelsim.rtl.blocks.fused import BRICKS, BYTES, PRODUCT_16X16_BITS, FusedMultiplier
from accelsim.rtl.blocks.operand_stage import OperandStage
from accelsim.rtl.blocks.projection_lane import ProjectionLane
from accelsim.rtl.blocks.psums import AccumulatorFile
from accelsim.rtl.blocks.quantizer import Quantizer
from accelsim.rtl.blocks.ranker import Ranker
from accelsim.rtl.blocks.requantize import Requantizer, code_sum_bits
from accelsim.rtl.blocks.threshold import ThresholdSelector as ThresholdBlock
from accelsim.rtl.blocks.tree import AdderTree, sum_bits
from accelsim.rtl.synth import stimuli
from accelsim.rtl.synth.parts import RegisterFile, WordMagnitude, WordMux, WordRegister
from accelsim.rtl.synth.sources import Source
from accelsim.rtl.synth.stimuli import Stimulus

SCHEMES = ("dense", "unstructured-87.5", "nm-1of8")
NOISY = SCHEMES[1:]
THRESHOLD, GROUPS = SCHEMES[1:2], SCHEMES[2:3]

MOST_CODES = 1536
"""Largest k of the shipped machines, which the requantizer's multiplier is made for."""


@dataclass(frozen=True)
class Operation:
    """What a block does in every cycle, on operands of layers under `schemes`.

    With `one_position` it is measured without position blocks too: then no weight is held.
    """

    name: str
    drive: Callable[[Source], Stimulus]
    per_cycle: int = 1
    schemes: tuple[str, ...] = SCHEMES
    one_position: bool = False


@dataclass(frozen=True)
class BlockSpec:
    """A block to measure. `ignored` are outputs that only count for validation and are left out."""

    name: str
    build: Callable[[], wiring.Component]
    operations: tuple[Operation, ...]
    ignored: tuple[str, ...] = ()


def catalog(machines: Mapping[str, Machine]) -> list[BlockSpec]:
    """Return the blocks with the parameters of the shipped machines.

    Args:
        machines: Machines by name, ``structured`` and ``unstructured`` at least.
    """
    return [
        *_multipliers(),
        *_operand_stages(machines["unstructured"]),
        *_accumulation(machines),
        *_projection(machines["unstructured"]),
        *_selection(machines),
        *_single_words(),
        *_register_files(),
    ]


def _multipliers() -> list[BlockSpec]:
    """Return a brick, and the multiplier made of bricks without and with its mode for bytes."""
    return [
        BlockSpec("brick", Brick, (Operation("multiply", stimuli.brick, schemes=NOISY, one_position=True),)),
        BlockSpec(
            "fused_multiplier",
            FusedMultiplier,
            (
                Operation("precise", stimuli.fused_precise, one_position=True),
                Operation("approximate", stimuli.fused_approximate, BRICKS, NOISY, one_position=True),
            ),
        ),
        BlockSpec(
            "fused_multiplier_bytes",
            lambda: FusedMultiplier(bytes=True),
            (
                Operation("precise", stimuli.fused_precise, one_position=True),
                Operation("bytes", stimuli.fused_bytes, BYTES, one_position=True),
                Operation("approximate", stimuli.fused_approximate, BRICKS, NOISY, one_position=True),
            ),
        ),
    ]


def _operand_stages(machine: Machine) -> list[BlockSpec]:
    """Return the operand stage for one position, and for the positions of the machine's blocks."""
    lanes = machine.mvu.lanes
    return [
        BlockSpec(
            f"operand_stage_{count}",
            lambda count=count: OperandStage(lanes, count),  # type: ignore[misc]
            (
                Operation(
                    "precise",
                    lambda source, count=count: stimuli.operand_stage(source, True, lanes, count),  # type: ignore[misc]
                    lanes,
                ),
                Operation(
                    "approximate",
                    lambda source, count=count: stimuli.operand_stage(source, False, lanes, count),  # type: ignore[misc]
                    4 * lanes,
                    NOISY,
                ),
            ),
        )
        for count in (1, machine.mvu.position_block)
    ]


def _accumulation(machines: Mapping[str, Machine]) -> list[BlockSpec]:
    """Return the adder tree, psum files of the machines' sizes and of 4 entries, and the requantizer."""
    lanes = machines["unstructured"].mvu.lanes
    files = sorted({each.mvu.accumulators_per_vpu for each in machines.values()} | {4})
    value_bits = sum_bits(lanes, PRODUCT_16X16_BITS)
    return [
        BlockSpec(
            "adder_tree",
            lambda: AdderTree(lanes, PRODUCT_16X16_BITS),
            (
                Operation("precise", stimuli.tree_precise, lanes - 1),
                Operation("approximate", stimuli.tree_approximate, lanes - 1, schemes=NOISY),
            ),
        ),
        *(_psum_file(entries, value_bits) for entries in files),
        BlockSpec(
            "requantizer",
            lambda: Requantizer(code_sum_bits(MOST_CODES)),
            (
                Operation("precise", lambda source: stimuli.requantizer(source, True)),
                Operation("approximate", lambda source: stimuli.requantizer(source, False), schemes=NOISY),
            ),
        ),
    ]


def _psum_file(entries: int, value_bits: int) -> BlockSpec:
    """Return a psum file that adds values of `value_bits`."""
    return BlockSpec(
        f"psum_file_{entries}",
        lambda: AccumulatorFile(entries, 3, value_bits),
        (
            Operation("precise", lambda source: stimuli.psum_file(source, True, entries, value_bits)),
            Operation(
                "approximate",
                lambda source: stimuli.psum_file(source, False, entries, value_bits),
                schemes=NOISY,
            ),
        ),
    )


def _projection(machine: Machine) -> list[BlockSpec]:
    """Return a lane of the projection unit for the machine's windows, and a quantizer."""
    window = machine.input_sram.banks * machine.input_sram.width_bits // 16
    return [
        BlockSpec(
            "projection_lane",
            lambda: ProjectionLane(window),
            (Operation("accumulate", stimuli.projection_lane, schemes=NOISY),),
            ignored=("additions",),
        ),
        BlockSpec("quantizer", Quantizer, (Operation("quantize", stimuli.quantizer, schemes=NOISY),)),
    ]


def _selection(machines: Mapping[str, Machine]) -> list[BlockSpec]:
    """Return the threshold selector and the ranker of the first machines that have one."""
    selectors = [machine.selector for machine in machines.values()]
    comparators = next(s.comparators for s in selectors if isinstance(s, ThresholdSelector))
    most_of = next(s.max_of for s in selectors if isinstance(s, NmSelector))
    return [
        BlockSpec(
            "threshold_selector",
            lambda: ThresholdBlock(comparators),
            (
                Operation(
                    "compare", lambda s: stimuli.threshold_selector(s, comparators), comparators, THRESHOLD
                ),
            ),
        ),
        BlockSpec(
            "ranker",
            lambda: Ranker(most_of),
            (Operation("rank", lambda source: stimuli.ranker(source, most_of), schemes=GROUPS),),
        ),
    ]


def _single_words() -> list[BlockSpec]:
    """Return the blocks that take one 16-bit word."""
    return [
        BlockSpec(
            "word_magnitude", WordMagnitude, (Operation("take", stimuli.word_magnitude, schemes=NOISY),)
        ),
        BlockSpec("word_register", WordRegister, (Operation("write", stimuli.word_register),)),
        BlockSpec("word_mux", WordMux, (Operation("select", stimuli.word_mux),)),
    ]


def _register_files() -> list[BlockSpec]:
    """Return register files of two sizes, which the energy is taken to grow linearly between."""
    return [
        BlockSpec(
            f"register_file_{entries}",
            lambda entries=entries: RegisterFile(entries),  # type: ignore[misc]
            (
                Operation("write", lambda source, e=entries: stimuli.register_file(source, e, True)),  # type: ignore[misc]
                Operation("read", lambda source, e=entries: stimuli.register_file(source, e, False)),  # type: ignore[misc]
            ),
        )
        for entries in (8, 16)
    ]
