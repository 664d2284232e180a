"""The projection unit: lanes that add windows to one sum of y each, and quantizers that round the sums."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.lengths import CODE_BITS, WORD_BITS
from accelsim.rtl.blocks.projection_lane import ProjectionLane
from accelsim.rtl.blocks.quantizer import Quantizer
from accelsim.rtl.blocks.rounding import SHIFT_BITS
from accelsim.rtl.core.core_shape import MAX_D, READ_LATENCY, CoreShape
from accelsim.rtl.core.pipeline import delayed, population

SIGN_BITS = 2
SIGN_ADDRESS_BITS = 20


class ProjectionUnit(wiring.Component):
    """Takes what `FrontControl` issues; ``words`` are the window register's, in the low half as many of 8 bits if ``half``.

    The signs of P come from a generator outside: asked for with ``signs_read`` (number ``signs_address`` of the
    position: for each group of sums the windows in order), they are at ``signs`` in the next cycle: 2 bits (not
    zero, negative) for every lane and word. ``codes`` come out, ``quantizers`` at a time and 0 beyond k, at
    `CoreShape.patch_write_skew` after their issue.
    """

    def __init__(self, shape: CoreShape) -> None:
        self._shape = shape
        lanes = shape.projection_lanes
        super().__init__(
            {
                "load": In(1),
                "fetch": In(1),
                "first_window": In(1),
                "quantize": In(1),
                "sums_left": In(range(MAX_D + 1)),
                "position_end": In(1),
                "words": In(shape.window_bits),
                "half": In(1),
                "multiplier": In(16),
                "shift": In(SHIFT_BITS),
                "signs_read": Out(1),
                "signs_address": Out(SIGN_ADDRESS_BITS),
                "signs": In(SIGN_BITS * shape.window_words * lanes),
                "codes": Out(CODE_BITS * shape.quantizers),
                "additions": Out(range(shape.window_words * lanes + 1)),
                "accumulations": Out(range(lanes + 1)),
                "values": Out(range(shape.quantizers + 1)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._ask_for_signs(m)
        lanes = self._add_windows(m)
        self._round_sums(m, lanes)
        return m

    def _ask_for_signs(self, m: Module) -> None:
        """Ask for the signs of P so late that they arrive in the same cycle as their window."""
        number = Signal.like(self.signs_address)
        with m.If(self.position_end | self.load):
            m.d.sync += number.eq(0)
        with m.Elif(self.fetch):
            m.d.sync += number.eq(number + 1)
        asked = delayed(m, Cat(self.fetch, number), self._shape.window_latency - READ_LATENCY, "signs_asked")
        m.d.comb += [self.signs_read.eq(asked[0]), self.signs_address.eq(asked[1:])]

    def _add_windows(self, m: Module) -> list[ProjectionLane]:
        """Add each window to one sum of y per lane; return the lanes."""
        shape = self._shape
        issue = Cat(self.fetch, self.first_window, self.sums_left)
        late = delayed(m, issue, shape.window_latency, "window_late")
        valid, first, left = late[0], late[1], late[2:]
        lanes = []
        words = self._as_words(m) if shape.halves_windows else self.words
        part = SIGN_BITS * shape.window_words
        for i in range(shape.projection_lanes):
            m.submodules[f"lane_{i}"] = lane = ProjectionLane(shape.window_words)
            lanes.append(lane)
            m.d.comb += [
                lane.valid.eq(valid & (left > i)),
                lane.first.eq(first),
                Value.cast(lane.words).eq(words),
                Value.cast(lane.signs).eq(self.signs[part * i : part * (i + 1)]),
            ]
        m.d.comb += [
            self.additions.eq(sum((lane.additions for lane in lanes), start=Value.cast(0))),
            self.accumulations.eq(population([lane.valid for lane in lanes])),
        ]
        return lanes

    def _as_words(self, m: Module) -> Value:
        """Return the window's words as 16-bit ones."""
        half = delayed(m, self.half, self._shape.window_latency, "half_late")
        short = (self.words.word_select(i, WORD_BITS // 2) for i in range(self._shape.window_words))
        return Mux(half, Cat(Cat(word, word[-1].replicate(WORD_BITS // 2)) for word in short), self.words)

    def _round_sums(self, m: Module, lanes: list[ProjectionLane]) -> None:
        """Round a group's sums in turns, as many per turn as there are quantizers, from lane 0 on."""
        quantizers = self._shape.quantizers
        late = delayed(m, Cat(self.quantize, self.sums_left), self._shape.quantize_skew, "quantize_late")
        quantize, left = late[0], late[1:]
        turns = len(lanes) // quantizers
        turn = Signal(range(turns))
        with m.If(quantize):
            m.d.sync += turn.eq(Mux((turn == turns - 1) | (left <= quantizers), 0, turn + 1))
        width = len(lanes[0].y)
        chosen, exists = Signal(width * quantizers), Signal(quantizers)
        m.d.comb += [
            chosen.eq(Cat(lane.y for lane in lanes).word_select(turn, width * quantizers)),
            exists.eq(Cat(quantize & (left > i) for i in range(quantizers))),
        ]
        late_exists = delayed(m, exists, Quantizer.latency, "codes_exist")
        for i in range(quantizers):
            m.submodules[f"quantizer_{i}"] = unit = Quantizer()
            m.d.comb += [
                unit.valid.eq(exists[i]),
                unit.y.eq(chosen[width * i : width * (i + 1)].as_signed()),
                unit.multiplier.eq(self.multiplier),
                unit.shift.eq(self.shift),
                self.codes[CODE_BITS * i : CODE_BITS * (i + 1)].eq(Mux(late_exists[i], unit.code, 0)),
            ]
        m.d.comb += self.values.eq(population(exists))
