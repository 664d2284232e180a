"""The core: its units joined. What is outside are the memories, the generator of P's signs, and the host."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.lengths import WORD_BITS
from accelsim.rtl.core.activity import (
    front_terms,
    idle_terms,
    mvu_terms,
    output_terms,
    projection_terms,
    selection_terms,
)
from accelsim.rtl.core.core_shape import CoreShape
from accelsim.rtl.core.counters import COUNTER_BITS, Counters
from accelsim.rtl.core.front_control import FrontControl
from accelsim.rtl.core.front_end_joins import FrontEndJoins
from accelsim.rtl.core.mvu_control import MvuControl
from accelsim.rtl.core.operand_ring import OperandRing
from accelsim.rtl.core.patch_reader import PatchReader
from accelsim.rtl.core.pipeline import delayed, drive, population, thermometer
from accelsim.rtl.core.ports import memory_ports, result_address
from accelsim.rtl.core.registers import ADDRESS_BITS, DATA_BITS, ConfigRegisters
from accelsim.rtl.core.rtl_mask_units import NeuronMasks
from accelsim.rtl.core.rtl_output_port import OutputPort
from accelsim.rtl.core.rtl_selector import Selector
from accelsim.rtl.core.scheduler import Scheduler
from accelsim.rtl.core.vpu_slice import ISSUE, MASK_STREAM, VpuSlice


class Core(FrontEndJoins, wiring.Component):
    """One core of docs/machine.md. The host writes the configuration, raises ``start`` for a cycle, waits for ``done``.

    The cycle after ``start`` is the tile's first; ``done`` rises in the one in which the tile has ended, and
    stays until the next start. The counters then hold the tile's counts (``count_*``).
    """

    def __init__(self, shape: CoreShape) -> None:
        self.shape = shape
        super().__init__(
            {
                "config_write": In(1),
                "config_address": In(ADDRESS_BITS),
                "config_data": In(DATA_BITS),
                "start": In(1),
                "done": Out(1),
                **memory_ports(shape),
                **{f"count_{name}": Out(COUNTER_BITS) for name in shape.counters},
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = self._m = Module()
        shape = self.shape
        m.submodules.config = self._config = config = ConfigRegisters(shape)
        m.submodules.scheduler = self._scheduler = scheduler = Scheduler(shape)
        m.submodules.front = self._front = FrontControl(shape)
        m.submodules.mvu = self._mvu = MvuControl(shape)
        m.submodules.output = self._output = OutputPort(shape)
        self._slices = []
        for v in range(shape.vpus):
            m.submodules[f"vpu_{v}"] = each = VpuSlice(shape)
            self._slices.append(each)
        drive(m, config, write=self.config_write, address=self.config_address, data=self.config_data)

        running, done = Signal(), Signal()
        with m.If(self.start):
            m.d.sync += running.eq(1)
        self._passes = passes = config["passes"] if shape.passes_codes else Const(0, 1)
        finished, pass_over = Signal(), Signal()
        self._passing = running & ~pass_over
        with m.If(self.start):
            m.d.sync += pass_over.eq(0)
        with m.Elif(self._front.end & self._front.last_block):
            m.d.sync += pass_over.eq(1)
        m.d.comb += finished.eq(Mux(passes, running & pass_over, scheduler.finished))
        drained = finished
        if shape.passes_codes:  # the host must not go on before the last codes are written
            drained = Mux(passes, delayed(m, finished, shape.code_write_skew, "drained"), finished)
        with m.If(~self.start & finished):
            m.d.sync += running.eq(0)
        with m.If(self.start):
            m.d.sync += done.eq(0)
        with m.Elif(drained):
            m.d.sync += done.eq(1)
        m.d.comb += self.done.eq((done | drained) & ~self.start)
        drive(m, scheduler, load=self.start & ~passes, running=running & ~passes, blocks=config["blocks"])
        drive(m, scheduler, dense=config["dense"], all_noise=config["all_noise"])

        self._join_slots()
        self._join_front_end()
        if shape.has_lanes:
            self._join_projection()
        if shape.passes_codes:
            self._join_code_map()
        if shape.selects:
            m.submodules.selector = self._selector = Selector(shape)
            self._join_selector()
        self._join_mvu()
        self._join_execution()
        self._join_output()
        self._join_counters(running & ~finished)
        return m

    def _join_slots(self) -> None:
        """What belongs to a slot, written when its block's fetch starts."""
        m, config, front = self._m, self._config, self._front
        output, kept = Signal.like(config["output_start"]), Signal.like(config["kept_start"])
        with m.If(self.start):
            m.d.sync += [output.eq(config["output_start"]), kept.eq(config["kept_start"])]
        with m.Elif(front.end):
            m.d.sync += [output.eq(output + config["output_step"]), kept.eq(kept + config["kept_step"])]

        def of_slots(name: str, value: Signal) -> Array[Signal]:
            registers = [Signal.like(value, name=f"{name}_{s}") for s in range(self.shape.slots)]
            for s, register in enumerate(registers):
                with m.If(front.start & (self._scheduler.front_slot == s)):
                    m.d.sync += register.eq(value)
            return Array(registers)

        self._kept = kept
        self._positions = of_slots("positions", front.block_positions)
        self._output_base = of_slots("output_base", output)
        self._kept_base = of_slots("kept_base", kept)

    def _join_selector(self) -> None:
        m, shape, config = self._m, self.shape, self._config
        selector, scheduler = self._selector, self._scheduler
        m.submodules.masks = self._masks = masks = NeuronMasks(shape)
        drive(
            m,
            selector,
            ready=scheduler.select_ready,
            slot=scheduler.select_slot,
            positions=self._positions[scheduler.select_slot],
            units=config["units"],
            unit_size=config["unit_rows"],
            unit_lanes=config["unit_lanes"],
            neurons=config["neurons"],
            threshold=config["threshold"],
            keep=config["keep"],
            keeps_sign=config["keeps_sign"],
            values=self.select_data,
        )
        if shape.scales_scores:
            drive(m, selector, scales=Value.cast(self.score_data), score_shift=config["score_shift"])
            m.d.comb += [
                address.eq(neuron)
                for address, neuron in zip(self.score_address, selector.neuron_addresses, strict=True)
            ]
        stream = ("mask_valid", "mask_first", "mask_slot", "mask_place", "mask_neuron", "mask")
        drive(m, masks, slot=scheduler.output_slot, **{name: getattr(selector, name) for name in stream})
        drive(
            m,
            scheduler,
            select_start=selector.start,
            select_end=selector.end,
            any_essential=masks.any_essential,
        )
        m.d.comb += self.select_read.eq(selector.reads)
        for address, neuron in zip(self.select_address, selector.neuron_addresses, strict=True):
            m.d.comb += address.eq(result_address(shape, selector.place, neuron))

    def _join_mvu(self) -> None:
        """Connect the issue stage: the controller, and the walkers of all VPUs."""
        m, shape, config = self._m, self.shape, self._config
        mvu, scheduler = self._mvu, self._scheduler
        drive(
            m,
            mvu,
            narrow_ready=scheduler.narrow_ready,
            narrow_slot=scheduler.narrow_slot,
            wide_ready=scheduler.wide_ready,
            wide_slot=scheduler.wide_slot,
            positions=self._positions[mvu.slot],
            k=config["k"],
            d=config["d"],
            rows_stride=config["rows_stride"],
            precise_base=config["precise_base"],
            precise_mode=config["mode"],
            walkers_finished=Cat(each.finished for each in self._slices).all(),
            walkers_more=Cat(each.more for each in self._slices).any(),
        )
        drive(
            m,
            scheduler,
            mvu_start=mvu.job_start,
            mvu_end=mvu.job_end,
            mvu_wide=mvu.wide,
            mvu_slot=mvu.slot,
        )
        for v, each in enumerate(self._slices):
            drive(m, each, **{name: getattr(mvu, name) for name in ISSUE})
            drive(
                m,
                each,
                vpu=v,
                slot=mvu.slot,
                all_rows=config["dense"] | ~mvu.wide,
                rows=config[f"rows_{v}"],
                served=config[f"serves_{v}"],
                positions=mvu.positions,
                weight_base=mvu.weight_base,
            )
            if shape.selects:
                drive(m, each, **{name: getattr(self._selector, name) for name in MASK_STREAM})

    def _join_execution(self) -> None:
        """Connect the execution stage: what is common to all VPUs, and their results."""
        m, shape, config = self._m, self.shape, self._config
        reader = self._join_patch_reader()
        late = self._late_window()
        broadcast = self._join_broadcast(reader, late)
        enable = Signal(shape.bricks)
        m.d.comb += enable.eq(thermometer(late["values"], shape.bricks))
        slot = delayed(m, late["slot"], shape.vpu_latency, "result_slot")
        width = shape.machine.weight_sram.width_bits
        for v, each in enumerate(self._slices):
            drive(
                m,
                each,
                exec_precise=late["wide"],
                exec_mode=late["mode"],
                exec_first=late["first_chunk"],
                exec_last=late["last_chunk"],
                exec_operands=broadcast.chunk,
                exec_enable=enable,
                noise_shift=config["noise_shift"],
                precise_shift=config["precise_shift"],
                weight_data=self.weight_data[width * v : width * (v + 1)],
                scale_data=self.scale_data[v],
            )
            self._join_slice_memories(v, each, slot)

    def _late_window(self) -> dict[str, Signal]:
        """Return what the MVU's controller says of a window, by name, as it arrives at the execution stage."""
        m = self._m
        names = (
            "wide",
            "mode",
            "first_chunk",
            "last_chunk",
            "slot",
            "window_start",
            "window_reads",
            "values",
        )
        parts = {name: getattr(self._mvu, name) for name in names}
        late = {name: Signal.like(part, name=f"exec_{name}") for name, part in parts.items()}
        m.d.comb += Cat(late.values()).eq(delayed(m, Cat(parts.values()), self.shape.step_skew, "window"))
        return late

    def _join_broadcast(self, reader: PatchReader, late: dict[str, Signal]) -> OperandRing:
        """Put the patch reader's words into the ring that broadcasts them to all VPUs; return the ring."""
        m, shape = self._m, self.shape
        m.submodules.broadcast = broadcast = OperandRing(
            WORD_BITS * shape.patch_columns, shape.most_patch_reads, shape.positions * shape.most_chunk_bits
        )
        drive(
            m,
            broadcast,
            put=reader.valid,
            entry=reader.words,
            take=late["window_start"],
            length=late["window_reads"],
        )
        return broadcast

    def _join_slice_memories(self, v: int, each: VpuSlice, slot: Value) -> None:
        """Connect VPU `v` to its weight, scale and result memories; its results belong to `slot`."""
        place = slot * self.shape.positions + each.result_position
        self._m.d.comb += [
            self.weight_read[v].eq(each.weight_read),
            self.weight_address[v].eq(each.weight_address),
            self.scale_read[v].eq(each.scale_read),
            self.scale_address[v].eq(each.scale_address),
            self.result_write[v].eq(each.result_valid),
            self.result_write_address[v].eq(result_address(self.shape, place, each.result_neuron)),
            self.result_write_data[v].eq(each.result_value),
        ]

    def _join_patch_reader(self) -> PatchReader:
        m, shape, config, mvu = self._m, self.shape, self._config, self._mvu
        m.submodules.patch_reader = reader = PatchReader(shape)
        parts = {
            "read": mvu.patch_read,
            "wide": mvu.wide,
            "mode": mvu.mode,
            "slot": mvu.slot,
            "offset": mvu.patch_offset,
            "line": mvu.chunk_line,
            "column": mvu.chunk_column,
            "kept_base": self._kept_base[mvu.slot],
        }
        issue = Cat(Value.cast(value)[: len(getattr(reader, name))] for name, value in parts.items())
        late = delayed(m, issue, shape.patch_read_skew, "patch_read_late")
        m.d.comb += Cat(getattr(reader, name) for name in parts).eq(late)
        drive(
            m,
            reader,
            x_lines=config["x_lines"],
            y_lines=config["y_lines"],
            kept=config["keeps"],
            read_data=self.patch_data,
        )
        m.d.comb += [self.patch_read.eq(reader.enable), self.patch_address.eq(reader.addresses)]
        return reader

    def _join_output(self) -> None:
        m, shape, config = self._m, self.shape, self._config
        port, scheduler = self._output, self._scheduler
        slot = scheduler.output_slot
        drive(
            m,
            port,
            ready=scheduler.output_ready,
            slot=slot,
            positions=self._positions[slot],
            all_words=config["dense"] | ~scheduler.output_wide,
            masks=self._masks.masks if shape.selects else Const(0),
            lines=config["output_lines"],
            neurons=config["neurons"],
            output_base=self._output_base[slot],
            values=self.result_data,
        )
        drive(m, scheduler, output_start=port.start, output_end=port.end)
        m.d.comb += [
            self.result_read.eq(port.reads),
            self.output_write.eq(port.write),
            self.output_words.eq(port.write_words),
            self.output_address.eq(port.write_addresses),
            self.output_data.eq(port.write_data),
        ]
        for i, neuron in enumerate(port.neuron_addresses):
            place = port.place[i // shape.output_line_words]
            m.d.comb += self.result_address[i].eq(result_address(shape, place, neuron))

    def _join_counters(self, running: Value) -> None:
        m, shape, config = self._m, self.shape, self._config
        m.submodules.counters = counters = Counters(shape.counters)
        words_read = population(self.result_read)
        terms = {
            **mvu_terms(m, shape, self._mvu, self._slices),
            **idle_terms(
                m, running & ~self._passes, config["dense"], self._mvu, self._front, self._scheduler
            ),
            **front_terms(m, shape, config, self._front, self._passes),
            **output_terms(self._output),
            "core_cycles": running,
            "patch_buffer_writes": self.patch_write,
            "result_buffer_writes": population(self.result_write),
        }
        if shape.passes_codes:
            terms |= {
                "code_pass_cycles": running & self._passes,
                "code_sram_writes": self._code_writer.touched,
            }
            if not shape.has_lanes:
                terms["projected_values"] = population(self._code_writer.write)
        if shape.has_lanes:
            terms |= projection_terms(self._projection)
        if shape.selects:
            terms |= selection_terms(shape, config, self._selector)
            words_read = words_read + population(self.select_read)
        terms["result_buffer_reads"] = words_read
        counters.add(m, terms)
        m.d.comb += counters.clear.eq(self.start)
        m.d.comb += [getattr(self, f"count_{name}").eq(counters[name]) for name in shape.counters]
