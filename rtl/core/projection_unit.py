"""The projection unit: lanes that add windows into the sums of y, and quantizers that round the sums."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.blocks.projection_lane import ProjectionLane
from rtl.blocks.quantizer import Quantizer
from rtl.blocks.rounding import SHIFT_BITS
from rtl.core.pipeline import delayed, population
from rtl.core.shape import CODE_BITS, READ_LATENCY, WORD_BITS, CoreShape

SIGN_BITS = 2


class ProjectionUnit(wiring.Component):
    """Takes what `FrontControl` issues; ``words`` are the window register's.

    The signs of P come from a generator outside: asked for with ``signs_read`` (number ``signs_address`` of
    the position: windows in order, and for each the rows of P, ``lanes`` at a time), they are at
    ``signs`` in the next cycle: 2 bits (not zero, negative) for every lane and word.
    ``codes`` come out, ``quantizers`` at a time and 0 beyond k, at `CoreShape.patch_write_skew` after their issue.
    """

    def __init__(self, shape: CoreShape) -> None:
        self._shape = shape
        count = range(shape.max_k + 1)
        self._sign_rows = 1 << 20
        super().__init__(
            {
                "project": In(1),
                "first_window": In(1),
                "sums_left": In(count),
                "sum_row": In(range(shape.max_k)),
                "quantize": In(1),
                "codes_left": In(count),
                "position_end": In(1),
                "load": In(1),
                "words": In(WORD_BITS * shape.window_words),
                "multiplier": In(16),
                "shift": In(SHIFT_BITS),
                "signs_read": Out(1),
                "signs_address": Out(range(self._sign_rows)),
                "signs": In(SIGN_BITS * shape.window_words * shape.projection_lanes),
                "codes": Out(CODE_BITS * shape.quantizers),
                "additions": Out(range(shape.window_words * shape.projection_lanes + 1)),
                "accumulations": Out(range(shape.projection_lanes + 1)),
                "values": Out(range(shape.quantizers + 1)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self._shape
        lanes, quantizers = shape.projection_lanes, shape.quantizers

        # The signs must meet the window: both are asked for so that they arrive in the same cycle.
        number = Signal(range(self._sign_rows))
        with m.If(self.position_end | self.load):
            m.d.sync += number.eq(0)
        with m.Elif(self.project):
            m.d.sync += number.eq(number + 1)
        wait = shape.window_latency - READ_LATENCY
        asked = delayed(m, Cat(self.project, number), wait, "signs_asked")
        m.d.comb += [self.signs_read.eq(asked[0]), self.signs_address.eq(asked[1:])]

        issue = Cat(self.project, self.first_window, self.sum_row, self.sums_left)
        late = delayed(m, issue, shape.window_latency, "projection_late")
        valid, first = late[0], late[1]
        row = late[2 : 2 + len(self.sum_row)]
        left = late[2 + len(self.sum_row) :]

        read_index = Signal(range(shape.sums_of_lane))
        read_lane = Signal(range(lanes))
        units = []
        for i in range(lanes):
            m.submodules[f"lane_{i}"] = lane = ProjectionLane(shape.window_words, shape.sums_of_lane)
            units.append(lane)
            part = SIGN_BITS * shape.window_words
            m.d.comb += [
                lane.valid.eq(valid & (left > i)),
                lane.first.eq(first),
                lane.index.eq(row),
                Value.cast(lane.words).eq(self.words),
                Value.cast(lane.signs).eq(self.signs[part * i : part * (i + 1)]),
                # The sums to be quantized lie side by side from `read_lane` on, and wrap to the next index.
                lane.read_index.eq(read_index + (read_lane > i)),
            ]
        m.d.comb += [
            self.additions.eq(sum((lane.additions for lane in units), start=Value.cast(0))),
            self.accumulations.eq(population([lane.valid for lane in units])),
        ]

        late = delayed(m, Cat(self.quantize, self.codes_left), shape.quantize_skew, "quantize_late")
        quantize, codes_left = late[0], late[1:]
        with m.If(quantize):
            beyond = Signal()
            m.d.comb += beyond.eq(read_lane + quantizers >= lanes)
            with m.If(codes_left <= quantizers):
                m.d.sync += [read_lane.eq(0), read_index.eq(0)]
            with m.Else():
                m.d.sync += [
                    read_lane.eq(read_lane + quantizers - Mux(beyond, lanes, 0)),
                    read_index.eq(read_index + beyond),
                ]
        sums = Cat(lane.read_value for lane in units)
        width = len(units[0].read_value)
        chosen = Cat(sums, sums).bit_select(read_lane * width, width * quantizers)
        exists = Cat(quantize & (codes_left > i) for i in range(quantizers))
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
        return m
