"""The output port: writes the lines of a block, those of z~ all, those of z that hold an essential neuron."""

from __future__ import annotations

from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accelsim.lengths import WORD_BITS
from accelsim.rtl.core.core_shape import READ_LATENCY, CoreShape
from accelsim.rtl.core.pipeline import delayed, encode, lowest, select, thermometer
from accelsim.rtl.core.relu_stage import ReluStage


class OutputPort(wiring.Component):
    """``ready`` offers a job: ``slot``, its ``positions``, ``all_words`` (z~, or a dense layer) or those of ``masks``.

    ``output_base`` is the output SRAM line of the slot's first position. In a cycle up to ``banks`` lines are chosen
    (``lines_taken``), in the next read out of the result buffer (``reads``), and in the one after that written.
    """

    def __init__(self, shape: CoreShape) -> None:
        self._shape = shape
        banks, words = shape.output_banks, shape.output_line_words
        address = range(max(2, shape.output_lines))
        super().__init__(
            {
                "ready": In(1),
                "slot": In(range(shape.slots)),
                "positions": In(range(shape.positions + 1)),
                "all_words": In(1),
                "masks": In(shape.positions * shape.neurons),
                "lines": In(range(shape.neurons + 1)),
                "neurons": In(range(shape.neurons + 1)),
                "output_base": In(address),
                "start": Out(1),
                "active": Out(1),
                "end": Out(1),
                "place": Out(data.ArrayLayout(range(shape.places), banks)),
                "reads": Out(banks * words),
                "neuron_addresses": Out(data.ArrayLayout(range(shape.neurons + 1), banks * words)),
                "values": In(WORD_BITS * banks * words),
                "lines_taken": Out(banks),
                "write": Out(banks),
                "write_words": Out(banks * words),
                "write_addresses": Out(data.ArrayLayout(address, banks)),
                "write_data": Out(WORD_BITS * banks * words),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self._shape
        words, per_position = shape.output_line_words, shape.lines_of_position
        total = shape.positions * per_position

        # The lines of the job, a bit each; those of its positions that hold a word to write.
        wanted = Signal(shape.positions * shape.neurons)
        everything, there = Signal(shape.neurons), Signal(shape.positions)
        m.d.comb += [
            everything.eq(thermometer(self.neurons, shape.neurons)),
            there.eq(thermometer(self.positions, shape.positions)),
        ]
        for i in range(shape.positions):
            part = slice(i * shape.neurons, (i + 1) * shape.neurons)
            of_position = Mux(self.all_words, everything, self.masks[part])
            m.d.comb += wanted[part].eq(Mux(there[i], of_position, 0))
        lines = Cat(wanted[i * words : (i + 1) * words].any() for i in range(total))

        busy, left, left_now = Signal(), Signal(total), Signal(total)
        m.d.comb += [
            self.start.eq(~busy & self.ready),
            self.active.eq(busy | self.start),
            left_now.eq(Mux(busy, left, lines)),
        ]
        remaining: Value = left_now
        tags = []
        for bank in range(shape.output_banks):
            line = Signal(total, name=f"line_{bank}")
            m.d.comb += line.eq(lowest(m, remaining, f"search_{bank}"))
            rest = Signal(total, name=f"rest_{bank}")
            m.d.comb += rest.eq(remaining & ~line)
            remaining = rest
            taken = Signal(name=f"taken_{bank}")
            m.d.comb += [taken.eq(self.active & line.any()), self.lines_taken[bank].eq(taken)]

            # A line's words and place are found in the next cycle: the search alone fills this one.
            chosen, of_slot = (
                Signal(total, name=f"chosen_{bank}"),
                Signal.like(self.slot, name=f"slot_{bank}"),
            )
            needed, base = (
                Signal(words, name=f"needed_{bank}"),
                Signal.like(self.output_base, name=f"base_{bank}"),
            )
            m.d.sync += [
                chosen.eq(Mux(taken, line, 0)),
                needed.eq(Cat((line & wanted[i::words]).any() & taken for i in range(words))),
                of_slot.eq(self.slot),
                base.eq(self.output_base),
            ]
            at = [chosen[p * per_position : (p + 1) * per_position] for p in range(shape.positions)]
            position = Signal(range(shape.positions), name=f"position_{bank}")
            in_position = Signal(range(per_position), name=f"in_position_{bank}")
            address = Signal.like(self.output_base, name=f"address_{bank}")
            lines_before = select([p * self.lines for p in range(shape.positions)], position)
            m.d.comb += [
                position.eq(encode(Cat(part.any() for part in at))),
                in_position.eq(encode(reduce(or_, at))),
                address.eq(base + in_position + lines_before),
                self.place[bank].eq(of_slot * shape.positions + position),
                self.reads[bank * words : (bank + 1) * words].eq(needed),
                *(self.neuron_addresses[bank * words + i].eq(in_position * words + i) for i in range(words)),
            ]
            tag = delayed(m, Cat(chosen.any(), needed, address), READ_LATENCY, f"write_{bank}")
            tags.append((tag[0], tag[1 : 1 + words], tag[1 + words :]))
        m.d.comb += self.end.eq(self.active & ~remaining.any())
        m.d.sync += [busy.eq(self.active & ~self.end), left.eq(remaining)]

        m.d.comb += [
            self.write.eq(Cat(tag[0] for tag in tags)),
            self.write_words.eq(Cat(tag[1] for tag in tags)),
            *(self.write_addresses[i].eq(tag[2]) for i, tag in enumerate(tags)),
        ]
        if shape.machine.activation is None:
            m.d.comb += self.write_data.eq(self.values)
        else:
            m.submodules.activation = stage = ReluStage(shape.output_banks * words)
            m.d.comb += [stage.input.eq(self.values), self.write_data.eq(stage.output)]
        return m
