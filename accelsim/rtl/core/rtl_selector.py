"""The selector: streams a block's z~ through the comparators or rankers and deals the mask bits to the VPUs."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accelsim.lengths import WORD_BITS
from accelsim.rtl.blocks.ranker import Ranker
from accelsim.rtl.blocks.rounding import SHIFT_BITS
from accelsim.rtl.blocks.score import SCORE_BITS, ScoreScaler
from accelsim.rtl.blocks.threshold import ThresholdSelector
from accelsim.rtl.core.core_shape import CoreShape
from accelsim.rtl.core.pipeline import delayed, thermometer
from accelsim.rtl.core.ports import score_layout


class Selector(wiring.Component):
    """``ready`` offers the block in ``slot`` with ``positions`` positions; ``start`` takes it in the same cycle.

    A cycle takes `units_selected` units of one position. ``mask_*`` is what it finds, some cycles later:
    ``mask`` the bits of the tile's neurons from ``mask_neuron`` on; for unit e of the cycle its bits
    ``unit_masks[e]`` and where they belong: VPU ``unit_vpus[e]``, rows from ``unit_rows[e]`` on.
    ``scales`` are the scale constants of the ``values``, which come with them, in a core that scales scores.
    ``mask_first`` marks a position's first cycle: all that the place holds is then overwritten.
    """

    def __init__(self, shape: CoreShape) -> None:
        self._shape = shape
        units, most = shape.units_selected, shape.most_of
        self._words = units * most
        neurons = range(shape.neurons + 1)
        self.latency = shape.selector_latency_least
        scales = {
            "scales": In(score_layout().size * self._words),
            "score_shift": In(SHIFT_BITS),
        }
        super().__init__(
            {
                **(scales if shape.scales_scores else {}),
                "ready": In(1),
                "slot": In(range(shape.slots)),
                "positions": In(range(shape.positions + 1)),
                "units": In(neurons),
                "unit_size": In(range(most + 1)),
                "unit_lanes": In(range(shape.positions + 1)),
                "neurons": In(neurons),
                "threshold": In(signed(SCORE_BITS)),
                "keeps_sign": In(1),
                "keep": In(range(most + 1)),
                "start": Out(1),
                "active": Out(1),
                "end": Out(1),
                "reads": Out(self._words),
                "place": Out(range(shape.places)),
                "neuron_addresses": Out(data.ArrayLayout(neurons, self._words)),
                "values": In(WORD_BITS * self._words),
                "units_taken": Out(range(units + 1)),
                "mask_valid": Out(1),
                "mask_first": Out(1),
                "mask_slot": Out(range(shape.slots)),
                "mask_place": Out(range(shape.places)),
                "mask_neuron": Out(neurons),
                "mask": Out(self._words),
                "unit_masks": Out(data.ArrayLayout(most, units)),
                "unit_vpus": Out(data.ArrayLayout(range(shape.vpus), units)),
                "unit_rows": Out(data.ArrayLayout(range(shape.rows + 1), units)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._issue_units(m)
        self._ask_for_members(m)
        places = self._deal_units(m)
        found = self._compare(m) if self._shape.most_of == 1 else self._rank(m)
        self._tell_masks(m, found, places)
        return m

    def _issue_units(self, m: Module) -> None:
        """Go through the block's positions, as many units per cycle as are selected at once."""
        shape, units = self._shape, self._shape.units_selected
        busy, slot, position = Signal(), Signal.like(self.slot), Signal(range(shape.positions))
        self._slot_now, position_now = Signal.like(slot), Signal.like(position, name="position_now")
        units_left, self._units_left_now = (
            Signal.like(self.units),
            Signal.like(self.units, name="units_left_now"),
        )
        neuron, self._neuron_now = Signal.like(self.neurons), Signal.like(self.neurons, name="neuron_now")
        self._first, self._position_end = Signal(), Signal(name="position_end")
        self._fresh = fresh = Signal(init=1, name="fresh")
        m.d.comb += [
            self.start.eq(~busy & self.ready),
            self.active.eq(busy | self.start),
            self._slot_now.eq(Mux(busy, slot, self.slot)),
            position_now.eq(Mux(busy, position, 0)),
            self._first.eq(fresh),
            self._units_left_now.eq(Mux(fresh, self.units, units_left)),
            self._neuron_now.eq(Mux(fresh, 0, neuron)),
            self._position_end.eq(self._units_left_now <= units),
            self.end.eq(self.active & self._position_end & (position_now + 1 == self.positions)),
            self.units_taken.eq(Mux(self.active, Mux(self._position_end, self._units_left_now, units), 0)),
            self.place.eq(self._slot_now * shape.positions + position_now),
        ]
        with m.If(self.active):
            m.d.sync += [
                busy.eq(~self.end),
                slot.eq(self._slot_now),
                position.eq(position_now + self._position_end),
                fresh.eq(self._position_end),
                units_left.eq(self._units_left_now - units),
                neuron.eq(self._neuron_now + units * self.unit_size),
            ]

    def _ask_for_members(self, m: Module) -> None:
        """Read the members of the groups: all words of the units except those that a short last group lacks."""
        units, most = self._shape.units_selected, self._shape.most_of
        members = []
        for e in range(units):
            begin = Signal(range(2 * self._shape.neurons + units * most + 1), name=f"unit_begin_{e}")
            m.d.comb += begin.eq(self._neuron_now + e * self.unit_size)
            size = thermometer(self.unit_size, most)
            for i in range(most):
                m.d.comb += self.neuron_addresses[e * most + i].eq(begin + i)
                members.append(size[i] & (begin + i < self.neurons) & (self._units_left_now > e))
        m.d.comb += self.reads.eq(Cat(members) & self.active.replicate(self._words))

    def _deal_units(self, m: Module) -> list[tuple[Signal, Signal]]:
        """Deal the units round the VPUs, lane by lane if VPUs share them; return each unit's VPU and first row.

        The last pair, one more than there are units, is where the next cycle's units begin.
        """
        units, vpus = self._shape.units_selected, self._shape.vpus
        lane, lane_base = Signal(range(self._shape.positions)), Signal(range(vpus + 1))
        vpu, vpu_now = Signal(range(vpus)), Signal(range(vpus))
        row, row_now = Signal(range(self._shape.rows + 1)), Signal(range(self._shape.rows + 1))
        m.d.comb += [
            vpu_now.eq(Mux(self._fresh, Mux(self.start, 0, lane_base), vpu)),
            row_now.eq(Mux(self._fresh, 0, row)),
        ]
        places = []
        for e in range(units + 1):
            at = Signal(range(vpus + units + 1), name=f"unit_at_{e}")
            m.d.comb += at.eq(vpu_now + e)
            rounds = sum((at >= limit for limit in range(vpus, vpus + units + 1, vpus)), start=Value.cast(0))
            owner, rows = Signal(range(vpus), name=f"unit_vpu_{e}"), Signal.like(row, name=f"unit_row_{e}")
            m.d.comb += [owner.eq(at - rounds * vpus), rows.eq(row_now + rounds * self.unit_size)]
            places.append((owner, rows))
        with m.If(self.active):
            m.d.sync += [vpu.eq(places[units][0]), row.eq(places[units][1])]
            self._move_to_next_lane(m, lane, lane_base)
        return places

    def _move_to_next_lane(self, m: Module, lane: Signal, lane_base: Signal) -> None:
        """Begin the next position at the next lane's first VPU (`lane_base`), and the next block at lane 0."""
        with m.If(self.end):
            m.d.sync += [lane.eq(0), lane_base.eq(0)]
        with m.Elif(self._position_end):
            last = lane + 1 == self.unit_lanes
            m.d.sync += [
                lane.eq(Mux(last, 0, lane + 1)),
                lane_base.eq(Mux(last, 0, lane_base + self.units)),
            ]

    def _scored(self, m: Module) -> tuple[Value, Value]:
        """Return the values to compare, scaled in a core that can, and which of them are members, as they arrive."""
        arrived = delayed(m, self.reads, self._shape.score_latency, "members_late")
        if not self._shape.scales_scores:
            return self.values, arrived
        scores = []
        for i in range(self._words):
            m.submodules[f"scaler_{i}"] = scaler = ScoreScaler()
            layout = score_layout()
            scale = layout(self.scales.word_select(i, layout.size))
            m.d.comb += [
                scaler.value.eq(self.values.word_select(i, WORD_BITS)),
                scaler.factor.eq(scale.factor),
                scaler.offset.eq(scale.offset),
                scaler.shift.eq(self.score_shift),
            ]
            scores.append(scaler.score)
        return Cat(scores), arrived

    def _compare(self, m: Module) -> Value:
        """Return the mask bits that the comparators find when the values arrive."""
        values, arrived = self._scored(m)
        m.submodules.compare = compare = ThresholdSelector(self._shape.units_selected)
        m.d.comb += [
            Value.cast(compare.values).eq(values),
            compare.members.eq(arrived),
            compare.keeps_sign.eq(self.keeps_sign),
            compare.threshold.eq(self.threshold),
        ]
        found: Value = compare.mask
        return found

    def _rank(self, m: Module) -> Value:
        """Return the mask bits that the rankers, one per unit, find when the values arrive."""
        most = self._shape.most_of
        values, arrived = self._scored(m)
        masks = []
        for e in range(self._shape.units_selected):
            m.submodules[f"ranker_{e}"] = ranker = Ranker(most)
            part = slice(e * most, (e + 1) * most)
            m.d.comb += [
                Value.cast(ranker.values).eq(values[WORD_BITS * e * most : WORD_BITS * (e + 1) * most]),
                ranker.members.eq(arrived[part]),
                ranker.keeps_sign.eq(self.keeps_sign),
                ranker.keep.eq(self.keep),
            ]
            masks.append(ranker.mask)
        return Cat(masks)

    def _tell_masks(self, m: Module, found: Value, places: list[tuple[Signal, Signal]]) -> None:
        """Drive the mask outputs: the bits found, and whose they are, kept since their units were issued."""
        units, most = self._shape.units_selected, self._shape.most_of
        late = self._kept_issue(m, places)
        whole = Value.cast(0)
        for e in range(units):
            bits = found[e * most : (e + 1) * most]
            m.d.comb += self.unit_masks[e].eq(bits)
            whole = whole | (bits << (e * self.unit_size)[: self._words.bit_length()])
        m.d.comb += [
            self.mask_valid.eq(late.valid),
            self.mask_first.eq(late.first),
            self.mask_slot.eq(late.slot),
            self.mask_place.eq(late.place),
            self.mask_neuron.eq(late.neuron),
            self.mask.eq(Mux(late.valid, whole, 0)),
            *(self.unit_vpus[e].eq(late.vpus[e]) for e in range(units)),
            *(self.unit_rows[e].eq(late.rows[e]) for e in range(units)),
        ]

    def _kept_issue(self, m: Module, places: list[tuple[Signal, Signal]]) -> data.View:
        """Return what identifies a cycle's units as it was when the masks of this cycle were issued."""
        shape, units = self._shape, self._shape.units_selected
        tag = data.StructLayout(
            {
                "valid": 1,
                "first": 1,
                "slot": range(shape.slots),
                "place": range(shape.places),
                "neuron": range(shape.neurons + 1),
                "vpus": data.ArrayLayout(range(shape.vpus), units),
                "rows": data.ArrayLayout(range(shape.rows + 1), units),
            }
        )
        here = Signal(tag)
        m.d.comb += [
            here.valid.eq(self.active),
            here.first.eq(self._first),
            here.slot.eq(self._slot_now),
            here.place.eq(self.place),
            here.neuron.eq(self._neuron_now),
            *(here.vpus[e].eq(places[e][0]) for e in range(units)),
            *(here.rows[e].eq(places[e][1]) for e in range(units)),
        ]
        late: data.View = tag(delayed(m, here, self.latency, "masks_late"))
        return late
