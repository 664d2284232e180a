"""Where the masks of the blocks in flight stand: a copy by VPU and row, one by neuron for the output port."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.core.core_shape import CoreShape
from accelsim.rtl.core.pipeline import thermometer


class VpuMasks(wiring.Component):
    """The masks of the rows of VPU number ``vpu``, `places` x `rows` bits, and the pairs of the job that begins.

    ``unit_*`` and ``mask_*`` are the selector's. ``pairs`` are those of ``slot``: of an approximate job
    or a dense layer (``all_rows``) all its rows, else the essential ones; only of the ``served`` positions,
    and of those below ``positions``.
    """

    def __init__(self, shape: CoreShape) -> None:
        self._shape = shape
        members = {
            "vpu": In(range(shape.vpus)),
            "slot": In(range(shape.slots)),
            "all_rows": In(1),
            "rows": In(range(shape.rows + 1)),
            "served": In(shape.positions),
            "positions": In(range(shape.positions + 1)),
            "pairs": Out(shape.positions * shape.rows),
        }
        if shape.selects:
            units = shape.units_selected
            members |= {
                "mask_valid": In(1),
                "mask_first": In(1),
                "mask_place": In(range(shape.places)),
                "unit_masks": In(data.ArrayLayout(shape.most_of, units)),
                "unit_vpus": In(data.ArrayLayout(range(shape.vpus), units)),
                "unit_rows": In(data.ArrayLayout(range(shape.rows + 1), units)),
            }
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self._shape
        every, there = Signal(shape.rows), Signal(shape.positions)
        m.d.comb += [
            every.eq(thermometer(self.rows, shape.rows)),
            there.eq(self.served & thermometer(self.positions, shape.positions)),
        ]
        chosen = Cat([every] * shape.positions)
        if shape.selects:
            bits, found = Value.cast(0), Signal(shape.rows)
            for e in range(shape.units_selected):
                mine = self.unit_vpus[e] == self.vpu
                bits = bits | Mux(mine, self.unit_masks[e] << self.unit_rows[e], 0)
            m.d.comb += found.eq(bits)
            masks = [Signal(shape.rows, name=f"mask_{i}") for i in range(shape.places)]
            for i, mask in enumerate(masks):
                with m.If(self.mask_valid & (self.mask_place == i)):
                    m.d.sync += mask.eq(Mux(self.mask_first, 0, mask) | found)
            t = shape.positions
            slots = Array(Cat(masks[s * t : (s + 1) * t]) for s in range(shape.slots))
            chosen = Mux(self.all_rows, chosen, slots[self.slot])
        m.d.comb += self.pairs.eq(chosen & Cat(bit.replicate(shape.rows) for bit in there))
        return m


class NeuronMasks(wiring.Component):
    """The masks in the order of the tile's neurons. ``masks`` are those of ``slot``, position by position.

    ``any_essential`` says for each slot whether a bit is set, one that is just being written included.
    """

    def __init__(self, shape: CoreShape) -> None:
        self._shape = shape
        super().__init__(
            {
                "mask_valid": In(1),
                "mask_first": In(1),
                "mask_slot": In(range(shape.slots)),
                "mask_place": In(range(shape.places)),
                "mask_neuron": In(range(shape.neurons + 1)),
                "mask": In(shape.units_selected * shape.most_of),
                "slot": In(range(shape.slots)),
                "masks": Out(shape.positions * shape.neurons),
                "any_essential": Out(shape.slots),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self._shape
        t = shape.positions
        found = Signal(shape.neurons)
        m.d.comb += found.eq(self.mask << self.mask_neuron)
        masks = [Signal(shape.neurons, name=f"mask_{i}") for i in range(shape.places)]
        some = [Signal(name=f"some_{s}") for s in range(shape.slots)]
        for i in range(shape.places):
            with m.If(self.mask_valid & (self.mask_place == i)):
                m.d.sync += masks[i].eq(Mux(self.mask_first, 0, masks[i]) | found)
        for s, seen in enumerate(some):
            written = self.mask_valid & (self.mask_slot == s)
            begins = written & self.mask_first & (self.mask_place == s * t)
            m.d.comb += self.any_essential[s].eq((seen & ~begins) | (written & self.mask.any()))
            m.d.sync += seen.eq(self.any_essential[s])
        m.d.comb += [
            self.masks.eq(Array(Cat(masks[s * t : (s + 1) * t]) for s in range(shape.slots))[self.slot]),
        ]
        return m
