"""How the ports of measured blocks are driven: one operation per cycle, on the operands of a source."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from accelsim.rtl.blocks.fused import BRICKS, BYTES, PRODUCT_16X16_BITS, diagonal_brick
from accelsim.rtl.blocks.score import SCORE_BITS
from accelsim.rtl.synth.gate_simulation import WORD_BITS, bits_of
from accelsim.rtl.synth.liberty_function import Bits
from accelsim.rtl.synth.real_operands import CYCLES, STREAMS
from accelsim.rtl.synth.sources import Ints, Source

Stimulus = Mapping[str, Bits]
"""For each input port that is not 0 its values in every cycle."""


def always(value: int = 1, bits: int = 1) -> Bits:
    """Return a port that keeps one value."""
    return bits_of(np.full((CYCLES, STREAMS), value), bits)


def index_bits(count: int) -> int:
    """Return the bits of a port that numbers `count` things."""
    return (count - 1).bit_length()


def _lane(chunks: Ints, lanes: int) -> Ints:
    """Return one lane's part of chunks (cycles, streams, items); each stream looks at another lane."""
    parts = chunks.reshape(*chunks.shape[:2], lanes, -1)
    which = np.arange(chunks.shape[1]) % lanes
    return parts[:, np.arange(chunks.shape[1]), which]


def brick(source: Source) -> Stimulus:
    """Drive a brick with a step's first operand and weight, both signed."""
    steps = source.steps(wide=False)
    a, b = steps.operands[:, :, 0], steps.weights[:, :, 0]
    return {"a": bits_of(a, 4), "b": bits_of(b, 4), "a_signed": always(), "b_signed": always()}


def fused_precise(source: Source) -> Stimulus:
    """Drive a multiplier with words, one per precise step."""
    steps = source.steps(wide=True)
    lanes = steps.operands.shape[2]
    return {
        "wide": always(),
        "a_wide": bits_of(_lane(steps.operands, lanes), 16),
        "b_wide": bits_of(_lane(steps.weights, lanes), 16),
    }


def fused_approximate(source: Source) -> Stimulus:
    """Drive a multiplier with a chunk of codes per approximate step."""
    steps = source.steps(wide=False)
    lanes = steps.operands.shape[2] // BRICKS
    return {
        "a_narrow": bits_of(_lane(steps.operands, lanes), 4),
        "b_narrow": bits_of(_lane(steps.weights, lanes), 4),
    }


def fused_bytes(source: Source) -> Stimulus:
    """Drive a multiplier with four bytes per step: neighbouring words of precise steps, rounded to their upper halves."""
    steps = source.steps(wide=True)
    lanes = steps.operands.shape[2] // BYTES
    return {
        "byte": always(),
        "a_narrow": bits_of(_spread(_lane(steps.operands, lanes)), 4),
        "b_narrow": bits_of(_spread(_lane(steps.weights, lanes)), 4),
    }


def _spread(words: Ints) -> Ints:
    """Return words (cycles, streams, 4), rounded to bytes, as nibbles (cycles, streams, 16) in the multiplier's order."""
    rounded = np.minimum((words + 128) >> 8, 127)
    nibbles = np.zeros((*words.shape[:2], BRICKS), np.int64)
    for q in range(BYTES):
        for half in (0, 1):
            nibbles[:, :, diagonal_brick(q, half)] = rounded[:, :, q] >> (4 * half) & 15
    return nibbles


def operand_stage(source: Source, wide: bool, lanes: int, positions: int) -> Stimulus:
    """Drive the operand stage: steps take the chunks of the block's `positions` in turn.

    A position's broadcast register holds the chunk that was used last; the others keep still meanwhile, as in the core.
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


def tree_precise(source: Source) -> Stimulus:
    """Drive the adder tree with the products of words."""
    steps = source.steps(wide=True)
    return {"terms": bits_of(steps.operands * steps.weights, PRODUCT_16X16_BITS)}


def tree_approximate(source: Source) -> Stimulus:
    """Drive the adder tree with the sums of each lane's products of codes."""
    steps = source.steps(wide=False)
    products = steps.operands * steps.weights
    return {"terms": bits_of(products.reshape(CYCLES, STREAMS, -1, BRICKS).sum(axis=3), PRODUCT_16X16_BITS)}


def psum_file(source: Source, wide: bool, entries: int, value_bits: int) -> Stimulus:
    """Drive a psum file with the steps' sums; the first cycles set every entry to the sum it goes on from."""
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
    """Return the index, except that the first cycles go through all entries once."""
    swept = index.copy()
    swept[: min(entries, CYCLES)] = np.arange(min(entries, CYCLES))[:, None]
    return swept


def _preloaded(
    value: Ints, before: Ints, first: Ints, index: Ints, entries: int, bits: int
) -> tuple[Ints, Ints]:
    """Return values and first-flags whose first `entries` cycles set every entry to the sum that it next goes on from.

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


def requantizer(source: Source, wide: bool) -> Stimulus:
    """Drive the requantizer with finished psums and their scale constants."""
    found = source.finished(wide)
    return {
        "valid": always(),
        "wide": always(int(wide)),
        "psum": bits_of(found.psum, 48),
        "bias": bits_of(found.bias, 48),
        "multiplier": bits_of(found.multiplier, 16),
        "shift": bits_of(found.shift, 6),
    }


def projection_lane(source: Source) -> Stimulus:
    """Drive a projection lane with windows and the signs of P."""
    found = source.windows()
    bits = np.stack([found.signs != 0, found.signs < 0], axis=-1).reshape(CYCLES, STREAMS, -1)
    return {
        "valid": always(),
        "first": bits_of(found.first, 1),
        "words": bits_of(found.words, 16),
        "signs": bits_of(bits, 1),
    }


def quantizer(source: Source) -> Stimulus:
    """Drive a quantizer with sums of y."""
    sums, multiplier, shift = source.sums()
    return {
        "valid": always(),
        "y": bits_of(sums, 32),
        "multiplier": always(multiplier, 16),
        "shift": always(shift, 6),
    }


def threshold_selector(source: Source, comparators: int) -> Stimulus:
    """Drive the threshold selector with outputs z~."""
    values, threshold, _ = source.outputs(comparators)
    return {
        "values": bits_of(values, 16),
        "members": always(-1, comparators),
        "threshold": always(threshold, SCORE_BITS),
    }


def ranker(source: Source, members: int) -> Stimulus:
    """Drive a ranker with groups of outputs z~."""
    values, _, keep = source.outputs(members)
    return {
        "values": bits_of(values, 16),
        "members": always(-1, members),
        "keep": always(keep, members.bit_length()),
    }


def word_magnitude(source: Source) -> Stimulus:
    """Drive the magnitude of a word with outputs z~."""
    return {"word": bits_of(source.outputs(1)[0], 16)}


def word_register(source: Source) -> Stimulus:
    """Drive a register with words of weights, a new one per cycle, as a register of the ring gets them."""
    weights = source.steps(wide=True).weights
    return {"write": always(), "word": bits_of(weights[:, :, 0], 16)}


def word_mux(source: Source) -> Stimulus:
    """Drive a multiplexer with two words that stay for eight cycles; the choice alternates."""
    operands = source.steps(wide=True).operands
    choose = np.broadcast_to((np.arange(CYCLES) % 2)[:, None], (CYCLES, STREAMS))
    held = operands[np.arange(CYCLES) // 8 * 8]
    return {"a": bits_of(held[:, :, 0], 16), "b": bits_of(held[:, :, 1], 16), "choose": bits_of(choose, 1)}


def register_file(source: Source, entries: int, write: bool) -> Stimulus:
    """Write or read the entries of a register file in turn.

    Entries to be read are written in the first cycles, before counting begins.
    """
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
