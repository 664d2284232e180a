"""The blocks that are measured, and how their ports are driven in each operation.

A block's operations take one operation a cycle; the energy of a cycle, divided by `per_cycle`, is the energy of
what is charged (a comparator of sixteen, one code of sixteen).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from amaranth.lib import wiring

from accelsim.components.nm_selector import NmSelector
from accelsim.components.threshold_selector import ThresholdSelector
from accelsim.config.machine import Machine
from accelsim.rtl.blocks.brick import Brick
from accelsim.rtl.blocks.fused import BRICKS, PRODUCT_16X16_BITS, FusedMultiplier
from accelsim.rtl.blocks.operand_stage import OperandStage
from accelsim.rtl.blocks.projection_lane import ProjectionLane
from accelsim.rtl.blocks.psums import AccumulatorFile
from accelsim.rtl.blocks.quantizer import Quantizer
from accelsim.rtl.blocks.ranker import Ranker
from accelsim.rtl.blocks.requantize import Requantizer, code_sum_bits
from accelsim.rtl.blocks.threshold import ThresholdSelector as ThresholdBlock
from accelsim.rtl.blocks.tree import AdderTree, sum_bits
from accelsim.rtl.synth.gate_simulation import WORD_BITS, bits_of
from accelsim.rtl.synth.liberty_function import Bits
from accelsim.rtl.synth.parts import RegisterFile, WordMagnitude, WordMux, WordRegister
from accelsim.rtl.synth.real_operands import CYCLES, STREAMS
from accelsim.rtl.synth.sources import Ints, Source

Stimulus = Mapping[str, Bits]

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
    """The blocks with the parameters of the shipped machines (`structured` and `unstructured` at least)."""
    machine = machines["unstructured"]
    mvu = machine.mvu
    lanes, positions = mvu.lanes, mvu.position_block
    files = sorted({each.mvu.accumulators_per_vpu for each in machines.values()} | {4})
    comparators = next(
        s.comparators for m in machines.values() if isinstance(s := m.selector, ThresholdSelector)
    )
    most_of = next(s.max_of for m in machines.values() if isinstance(s := m.selector, NmSelector))
    window = machine.input_sram.banks * machine.input_sram.width_bits // 16
    value_bits = sum_bits(lanes, PRODUCT_16X16_BITS)
    return [
        BlockSpec("brick", Brick, (Operation("multiply", _brick, schemes=NOISY, one_position=True),)),
        BlockSpec(
            "fused_multiplier",
            FusedMultiplier,
            (
                Operation("precise", _fused_precise, one_position=True),
                Operation("approximate", _fused_noise, BRICKS, NOISY, one_position=True),
            ),
        ),
        *(
            BlockSpec(
                f"operand_stage_{count}",
                lambda count=count: OperandStage(lanes, count),  # type: ignore[misc]
                (
                    Operation(
                        "precise",
                        lambda source, count=count: _operands(source, True, lanes, count),  # type: ignore[misc]
                        lanes,
                    ),
                    Operation(
                        "approximate",
                        lambda source, count=count: _operands(source, False, lanes, count),  # type: ignore[misc]
                        4 * lanes,
                        NOISY,
                    ),
                ),
            )
            for count in (1, positions)
        ),
        BlockSpec(
            "adder_tree",
            lambda: AdderTree(lanes, PRODUCT_16X16_BITS),
            (
                Operation("precise", _tree_precise, lanes - 1),
                Operation("approximate", _tree_noise, lanes - 1, schemes=NOISY),
            ),
        ),
        *(
            BlockSpec(
                f"psum_file_{entries}",
                lambda entries=entries: AccumulatorFile(entries, 3, value_bits),  # type: ignore[misc]
                (
                    Operation("precise", lambda source, e=entries: _psums(source, True, e, value_bits)),  # type: ignore[misc]
                    Operation(
                        "approximate",
                        lambda source, e=entries: _psums(source, False, e, value_bits),  # type: ignore[misc]
                        schemes=NOISY,
                    ),
                ),
            )
            for entries in files
        ),
        BlockSpec(
            "requantizer",
            lambda: Requantizer(code_sum_bits(MOST_CODES)),
            (
                Operation("precise", lambda source: _requantize(source, True)),
                Operation("approximate", lambda source: _requantize(source, False), schemes=NOISY),
            ),
        ),
        BlockSpec(
            "projection_lane",
            lambda: ProjectionLane(window),
            (Operation("accumulate", _project, schemes=NOISY),),
            ignored=("additions",),
        ),
        BlockSpec("quantizer", Quantizer, (Operation("quantize", _quantize, schemes=NOISY),)),
        BlockSpec(
            "threshold_selector",
            lambda: ThresholdBlock(comparators),
            (Operation("compare", lambda s: _compare(s, comparators), comparators, THRESHOLD),),
        ),
        BlockSpec(
            "ranker",
            lambda: Ranker(most_of),
            (Operation("rank", lambda source: _rank(source, most_of), schemes=GROUPS),),
        ),
        BlockSpec("word_magnitude", WordMagnitude, (Operation("take", _magnitude, schemes=NOISY),)),
        BlockSpec("word_register", WordRegister, (Operation("write", _register),)),
        BlockSpec("word_mux", WordMux, (Operation("select", _mux),)),
        *(
            BlockSpec(
                f"register_file_{entries}",
                lambda entries=entries: RegisterFile(entries),  # type: ignore[misc]
                (
                    Operation("write", lambda source, e=entries: _file(source, e, True)),  # type: ignore[misc]
                    Operation("read", lambda source, e=entries: _file(source, e, False)),  # type: ignore[misc]
                ),
            )
            for entries in (8, 16)
        ),
    ]


def always(value: int = 1, bits: int = 1) -> Bits:
    """A port that keeps one value."""
    return bits_of(np.full((CYCLES, STREAMS), value), bits)


def index_bits(count: int) -> int:
    """Bits of a port that numbers `count` things."""
    return (count - 1).bit_length()


def _lane(chunks: Ints, lanes: int) -> Ints:
    """Of chunks [cycles, streams, items] one lane's part; each stream looks at another lane."""
    parts = chunks.reshape(*chunks.shape[:2], lanes, -1)
    which = np.arange(chunks.shape[1]) % lanes
    return parts[:, np.arange(chunks.shape[1]), which]


def _brick(source: Source) -> Stimulus:
    steps = source.steps(wide=False)
    a, b = steps.operands[:, :, 0], steps.weights[:, :, 0]
    return {"a": bits_of(a, 4), "b": bits_of(b, 4), "a_signed": always(), "b_signed": always()}


def _fused_precise(source: Source) -> Stimulus:
    steps = source.steps(wide=True)
    lanes = steps.operands.shape[2]
    return {
        "wide": always(),
        "a_wide": bits_of(_lane(steps.operands, lanes), 16),
        "b_wide": bits_of(_lane(steps.weights, lanes), 16),
    }


def _fused_noise(source: Source) -> Stimulus:
    steps = source.steps(wide=False)
    lanes = steps.operands.shape[2] // BRICKS
    return {
        "a_narrow": bits_of(_lane(steps.operands, lanes), 4),
        "b_narrow": bits_of(_lane(steps.weights, lanes), 4),
    }


def _operands(source: Source, wide: bool, lanes: int, positions: int) -> Stimulus:
    """The chunk of a step is one of the block's `positions` in the broadcast registers, each of them in turn.

    A position's register holds the chunk that was used last; the others keep still meanwhile, as in the core.
    """
    steps = source.steps(wide)
    chunk, bits = steps.operands, 16 if wide else 4
    size, own = 4 * BRICKS * lanes, bits * steps.operands.shape[2]
    position = np.arange(CYCLES) % positions
    broadcast = np.zeros((CYCLES, positions * size, STREAMS // WORD_BITS), np.uint64)
    packed = bits_of(chunk, bits)
    for cycle, place in enumerate(position):
        if cycle:
            broadcast[cycle] = broadcast[cycle - 1]
        broadcast[cycle, place * own : (place + 1) * own] = packed[cycle]
    weights = np.zeros((CYCLES, size, STREAMS // WORD_BITS), np.uint64)
    weights[:, :own] = bits_of(steps.weights, bits)
    return {
        "valid": always(),
        "wide": always(int(wide)),
        "position": bits_of(np.broadcast_to(position[:, None], (CYCLES, STREAMS)), index_bits(positions)),
        "enable": always(-1, BRICKS * lanes),
        "broadcast": broadcast,
        "weights": weights,
    }


def _tree_precise(source: Source) -> Stimulus:
    steps = source.steps(wide=True)
    return {"terms": bits_of(steps.operands * steps.weights, PRODUCT_16X16_BITS)}


def _tree_noise(source: Source) -> Stimulus:
    steps = source.steps(wide=False)
    products = steps.operands * steps.weights
    return {"terms": bits_of(products.reshape(CYCLES, STREAMS, -1, BRICKS).sum(axis=3), PRODUCT_16X16_BITS)}


def _psums(source: Source, wide: bool, entries: int, value_bits: int) -> Stimulus:
    steps = source.steps(wide)
    slot = steps.slot % entries
    value, first = _preloaded(steps.partial, steps.before, steps.first, slot, entries, value_bits)
    return {
        "valid": always(),
        "index": bits_of(_swept(slot, entries), index_bits(entries)),
        "first": bits_of(first, 1),
        "value": bits_of(value, value_bits),
    }


def _swept(index: Ints, entries: int) -> Ints:
    """The index, but the first cycles go through all entries once."""
    swept = index.copy()
    swept[: min(entries, CYCLES)] = np.arange(min(entries, CYCLES))[:, None]
    return swept


def _preloaded(
    value: Ints, before: Ints, first: Ints, index: Ints, entries: int, bits: int
) -> tuple[Ints, Ints]:
    """Values and first-flags whose first `entries` cycles put into every entry the sum that it next goes on from.

    Without this the sums in the middle of a row would start from 0 and be too small.
    """
    value, first = value.copy(), first.copy()
    limit = 2 ** (bits - 1) - 1
    streams = np.arange(value.shape[1])
    for entry in range(min(entries, CYCLES)):
        used = (index[entries:] == entry).argmax(axis=0) + entries
        value[entry] = np.clip(before[np.minimum(used, CYCLES - 1), streams], -limit, limit)
        first[entry] = 1
    return value, first


def _requantize(source: Source, wide: bool) -> Stimulus:
    found = source.finished(wide)
    return {
        "valid": always(),
        "wide": always(int(wide)),
        "psum": bits_of(found.psum, 48),
        "bias": bits_of(found.bias, 48),
        "multiplier": bits_of(found.multiplier, 16),
        "shift": bits_of(found.shift, 6),
    }


def _project(source: Source) -> Stimulus:
    found = source.windows()
    bits = np.stack([found.signs != 0, found.signs < 0], axis=-1).reshape(CYCLES, STREAMS, -1)
    return {
        "valid": always(),
        "first": bits_of(found.first, 1),
        "words": bits_of(found.words, 16),
        "signs": bits_of(bits, 1),
    }


def _quantize(source: Source) -> Stimulus:
    sums, multiplier, shift = source.sums()
    return {
        "valid": always(),
        "y": bits_of(sums, 32),
        "multiplier": always(multiplier, 16),
        "shift": always(shift, 6),
    }


def _compare(source: Source, comparators: int) -> Stimulus:
    values, threshold, _ = source.outputs(comparators)
    return {
        "values": bits_of(values, 16),
        "members": always(-1, comparators),
        "threshold": always(threshold, 16),
    }


def _rank(source: Source, members: int) -> Stimulus:
    values, _, keep = source.outputs(members)
    return {
        "values": bits_of(values, 16),
        "members": always(-1, members),
        "keep": always(keep, members.bit_length()),
    }


def _magnitude(source: Source) -> Stimulus:
    return {"word": bits_of(source.outputs(1)[0], 16)}


def _register(source: Source) -> Stimulus:
    """Words of weights, each other than the one before: a register of the ring gets the next chunk's."""
    weights = source.steps(wide=True).weights
    return {"write": always(), "word": bits_of(weights[:, :, 0], 16)}


def _mux(source: Source) -> Stimulus:
    """Two words that stay for a while; which is chosen changes."""
    operands = source.steps(wide=True).operands
    choose = np.broadcast_to((np.arange(CYCLES) % 2)[:, None], (CYCLES, STREAMS))
    held = operands[np.arange(CYCLES) // 8 * 8]
    return {"a": bits_of(held[:, :, 0], 16), "b": bits_of(held[:, :, 1], 16), "choose": bits_of(choose, 1)}


def _file(source: Source, entries: int, write: bool) -> Stimulus:
    """Entries in turn. Read alone, they were written in the first cycles (before counting begins)."""
    words = source.steps(wide=True).weights[:, :, 0]
    index = np.broadcast_to((np.arange(CYCLES) % entries)[:, None], (CYCLES, STREAMS))
    writing = np.broadcast_to((np.arange(CYCLES) < entries)[:, None] | write, (CYCLES, STREAMS))
    bits = index_bits(entries)
    return {
        "write": bits_of(writing, 1),
        "write_index": bits_of(np.where(writing, index, 0), bits),
        "word": bits_of(np.where(writing, words, 0), 16),
        "read_index": bits_of(np.zeros_like(index) if write else index, bits),
    }
