"""The selector: streams a block's z~ through the comparators or rankers and deals the mask bits to the VPUs."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accelsim.lengths import WORD_BITS
from accelsim.rtl.blocks.ranker import Ranker
from accelsim.rtl.blocks.threshold import ThresholdSelector
from accelsim.rtl.core.core_shape import READ_LATENCY, CoreShape
from accelsim.rtl.core.pipeline import delayed, thermometer


class Selector(wiring.Component):
    """``ready`` offers the block in ``slot`` with ``positions`` positions; ``start`` takes it in the same cycle.

    A cycle takes `units_selected` units of one position. ``mask_*`` is what it finds, some cycles later:
    ``mask`` the bits of the tile's neurons from ``mask_neuron`` on; for unit e of the cycle its bits
    ``unit_masks[e]`` and where they belong: VPU ``unit_vpus[e]``, rows from ``unit_rows[e]`` on.
    ``mask_first`` marks a position's first cycle: all that the place holds is then overwritten.
    """

    def __init__(self, shape: CoreShape) -> None:
        self._shape = shape
        units, most = shape.units_selected, shape.most_of
        self._words = units * most
        neurons = range(shape.neurons + 1)
        self.latency = shape.selector_latency_least
        super().__init__(
            {
                "ready": In(1),
                "slot": In(range(shape.slots)),
                "positions": In(range(shape.positions + 1)),
                "units": In(neurons),
                "unit_size": In(range(most + 1)),
                "unit_lanes": In(range(shape.positions + 1)),
                "neurons": In(neurons),
                "threshold": In(16),
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
        shape = self._shape
        units, most, vpus = shape.units_selected, shape.most_of, shape.vpus

        busy, slot, position = Signal(), Signal.like(self.slot), Signal(range(shape.positions))
        slot_now, position_now = Signal.like(slot), Signal.like(position)
        units_left, units_left_now = Signal.like(self.units), Signal.like(self.units)
        neuron, neuron_now = Signal.like(self.neurons), Signal.like(self.neurons)
        first, position_end = Signal(), Signal()
        m.d.comb += [
            self.start.eq(~busy & self.ready),
            self.active.eq(busy | self.start),
            slot_now.eq(Mux(busy, slot, self.slot)),
            position_now.eq(Mux(busy, position, 0)),
        ]
        fresh = Signal(init=1)
        m.d.comb += [
            first.eq(fresh),
            units_left_now.eq(Mux(fresh, self.units, units_left)),
            neuron_now.eq(Mux(fresh, 0, neuron)),
            position_end.eq(units_left_now <= units),
            self.end.eq(self.active & position_end & (position_now + 1 == self.positions)),
            self.units_taken.eq(Mux(self.active, Mux(position_end, units_left_now, units), 0)),
            self.place.eq(slot_now * shape.positions + position_now),
        ]
        with m.If(self.active):
            m.d.sync += [
                busy.eq(~self.end),
                slot.eq(slot_now),
                position.eq(position_now + position_end),
                fresh.eq(position_end),
                units_left.eq(units_left_now - units),
                neuron.eq(neuron_now + units * self.unit_size),
            ]

        # Members of the groups: all but a short last group's missing ones.
        members = []
        for e in range(units):
            begin = Signal(range(2 * shape.neurons + units * most + 1), name=f"unit_begin_{e}")
            m.d.comb += begin.eq(neuron_now + e * self.unit_size)
            size = thermometer(self.unit_size, most)
            for i in range(most):
                m.d.comb += self.neuron_addresses[e * most + i].eq(begin + i)
                members.append(size[i] & (begin + i < self.neurons) & (units_left_now > e))
        m.d.comb += self.reads.eq(Cat(members) & self.active.replicate(self._words))

        # Which VPU and rows the units belong to: units are dealt round, lane by lane if VPUs share them.
        lane, lane_base = Signal(range(shape.positions)), Signal(range(vpus + 1))
        vpu, vpu_now = Signal(range(vpus)), Signal(range(vpus))
        row, row_now = Signal(range(shape.rows + 1)), Signal(range(shape.rows + 1))
        m.d.comb += [
            vpu_now.eq(Mux(fresh, Mux(self.start, 0, lane_base), vpu)),
            row_now.eq(Mux(fresh, 0, row)),
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
            with m.If(self.end):
                m.d.sync += [lane.eq(0), lane_base.eq(0)]
            with m.Elif(position_end):
                last = lane + 1 == self.unit_lanes
                m.d.sync += [
                    lane.eq(Mux(last, 0, lane + 1)),
                    lane_base.eq(Mux(last, 0, lane_base + self.units)),
                ]

        # The data arrive a cycle later, the masks when they are compared or ranked.
        arrived = delayed(m, self.reads, READ_LATENCY, "members_late")
        if most == 1:
            m.submodules.compare = compare = ThresholdSelector(units)
            m.d.comb += [
                Value.cast(compare.values).eq(self.values),
                compare.members.eq(arrived),
                compare.threshold.eq(self.threshold),
            ]
            found = compare.mask
        else:
            masks = []
            for e in range(units):
                m.submodules[f"ranker_{e}"] = ranker = Ranker(most)
                part = slice(e * most, (e + 1) * most)
                m.d.comb += [
                    Value.cast(ranker.values).eq(
                        self.values[WORD_BITS * e * most : WORD_BITS * (e + 1) * most]
                    ),
                    ranker.members.eq(arrived[part]),
                    ranker.keep.eq(self.keep),
                ]
                masks.append(ranker.mask)
            found = Cat(masks)
        tag = data.StructLayout(
            {
                "valid": 1,
                "first": 1,
                "slot": range(shape.slots),
                "place": range(shape.places),
                "neuron": range(shape.neurons + 1),
                "vpus": data.ArrayLayout(range(vpus), units),
                "rows": data.ArrayLayout(range(shape.rows + 1), units),
            }
        )
        here = Signal(tag)
        m.d.comb += [
            here.valid.eq(self.active),
            here.first.eq(first),
            here.slot.eq(slot_now),
            here.place.eq(self.place),
            here.neuron.eq(neuron_now),
            *(here.vpus[e].eq(places[e][0]) for e in range(units)),
            *(here.rows[e].eq(places[e][1]) for e in range(units)),
        ]
        late = tag(delayed(m, here, self.latency, "masks_late"))
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
        return m
