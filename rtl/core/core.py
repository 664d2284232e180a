"""The core: its units joined. What is outside are the memories, the generator of P's signs, and the host."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value, ValueLike, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.blocks.requantize import BIAS_BITS, MULTIPLIER_BITS, Requantizer
from rtl.blocks.vpu_pipeline import VpuPipeline
from rtl.core.counters import COUNTER_BITS, COUNTERS, Counters
from rtl.core.front_control import FrontControl
from rtl.core.masks import NeuronMasks, VpuMasks
from rtl.core.mvu_control import MvuControl
from rtl.core.operand_ring import OperandRing
from rtl.core.output_port import OutputPort
from rtl.core.patch_reader import PatchReader
from rtl.core.patch_writer import PatchWriter
from rtl.core.pipeline import delayed, population, select, thermometer
from rtl.core.projection_unit import SIGN_ADDRESS_BITS, SIGN_BITS, ProjectionUnit
from rtl.core.registers import ADDRESS_BITS, DATA_BITS, ConfigRegisters
from rtl.core.scheduler import Scheduler
from rtl.core.selector import Selector
from rtl.core.shape import READ_LATENCY, WORD_BITS, CoreShape
from rtl.core.walker import Walker
from rtl.core.window_fetch import WindowFetch


def scale_layout(shape: CoreShape) -> data.StructLayout:
    """What a VPU's scale memory holds for a row, z~'s at ``row``, z's at ``rows + row``.

    ``neuron`` is the row's place among the tile's neurons.
    """
    return data.StructLayout(
        {
            "bias": signed(BIAS_BITS),
            "multiplier": MULTIPLIER_BITS,
            "neuron": range(shape.neurons + 1),
        }
    )


def result_address(shape: CoreShape, place: Value, neuron: Value) -> Value:
    """Where the result buffer holds a neuron's output at a place (slot * T + position)."""
    return neuron * shape.places + place


def memory_ports(shape: CoreShape) -> dict[str, wiring.Member]:
    """The core's ports to its memories; data come a cycle after ``read``."""
    vpus, columns, words = shape.vpus, shape.window_words, shape.output_line_words * shape.output_banks
    patch_lines, results = range(shape.patch_lines), range(shape.result_words)
    ports = {
        "weight_read": Out(vpus),
        "weight_address": Out(data.ArrayLayout(range(shape.weight_lines), vpus)),
        "weight_data": In(shape.machine.weight_sram.width_bits * vpus),
        "scale_read": Out(vpus),
        "scale_address": Out(data.ArrayLayout(range(2 * shape.rows), vpus)),
        "scale_data": In(data.ArrayLayout(scale_layout(shape), vpus)),
        "input_read": Out(1),
        "input_address": Out(data.ArrayLayout(range(shape.input_lines), columns)),
        "input_data": In(WORD_BITS * columns),
        "patch_write": Out(1),
        "patch_write_address": Out(patch_lines),
        "patch_write_data": Out(WORD_BITS * shape.patch_columns),
        "patch_read": Out(1),
        "patch_address": Out(data.ArrayLayout(patch_lines, shape.patch_columns)),
        "patch_data": In(WORD_BITS * shape.patch_columns),
        "result_write": Out(vpus),
        "result_write_address": Out(data.ArrayLayout(results, vpus)),
        "result_write_data": Out(data.ArrayLayout(WORD_BITS, vpus)),
        "result_read": Out(words),
        "result_address": Out(data.ArrayLayout(results, words)),
        "result_data": In(WORD_BITS * words),
        "output_write": Out(shape.output_banks),
        "output_words": Out(words),
        "output_address": Out(data.ArrayLayout(range(max(2, shape.output_lines)), shape.output_banks)),
        "output_data": Out(WORD_BITS * words),
    }
    if shape.approximates:
        selected = shape.units_selected * shape.most_of
        ports |= {
            "signs_read": Out(1),
            "signs_address": Out(SIGN_ADDRESS_BITS),
            "signs_data": In(SIGN_BITS * columns * shape.projection_lanes),
            "select_read": Out(selected),
            "select_address": Out(data.ArrayLayout(results, selected)),
            "select_data": In(WORD_BITS * selected),
        }
    return ports


class Core(wiring.Component):
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
                **{f"count_{name}": Out(COUNTER_BITS) for name in COUNTERS},
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
        if shape.approximates:
            m.submodules.selector = self._selector = Selector(shape)
            m.submodules.masks = self._masks = NeuronMasks(shape)
        m.d.comb += [
            config.write.eq(self.config_write),
            config.address.eq(self.config_address),
            config.data.eq(self.config_data),
        ]
        running, done = Signal(), Signal()
        with m.If(self.start):
            m.d.sync += [running.eq(1), done.eq(0)]
        with m.Elif(scheduler.finished):
            m.d.sync += [running.eq(0), done.eq(1)]
        m.d.comb += [
            self.done.eq((done | scheduler.finished) & ~self.start),
            scheduler.load.eq(self.start),
            scheduler.running.eq(running),
            scheduler.dense.eq(config["dense"]),
            scheduler.blocks.eq(config["blocks"]),
        ]
        self._running = running & ~scheduler.finished
        self._join_slots()
        additions = self._join_front_end()
        self._join_walkers()
        self._join_vpus()
        if shape.approximates:
            self._join_selector()
        self._join_output()
        self._join_counters(additions)
        return m

    # --- what belongs to a slot

    def _join_slots(self) -> None:
        """Registers of each slot, written when its block's fetch starts."""
        m, shape, config, front = self._m, self.shape, self._config, self._front
        slot = self._scheduler.front_slot
        output, kept = Signal.like(config["output_start"]), Signal.like(config["kept_start"])
        with m.If(self.start):
            m.d.sync += [output.eq(config["output_start"]), kept.eq(config["kept_start"])]
        with m.Elif(front.end):
            m.d.sync += [output.eq(output + config["output_step"]), kept.eq(kept + config["kept_step"])]
        self._kept_now = kept
        self._positions, self._output_base, self._kept_base = [], [], []
        for s in range(shape.slots):
            positions = Signal(range(shape.positions + 1), name=f"positions_{s}")
            output_base = Signal.like(output, name=f"output_base_{s}")
            kept_base = Signal.like(kept, name=f"kept_base_{s}")
            with m.If(front.start & (slot == s)):
                m.d.sync += [
                    positions.eq(front.block_positions),
                    output_base.eq(output),
                    kept_base.eq(kept),
                ]
            self._positions.append(positions)
            self._output_base.append(output_base)
            self._kept_base.append(kept_base)

    # --- front end

    def _join_front_end(self) -> dict[str, ValueLike]:
        """Returns what the projection unit adds to the counters."""
        m, shape, config = self._m, self.shape, self._config
        front, scheduler = self._front, self._scheduler
        m.submodules.fetch = fetch = WindowFetch(shape, config)
        m.submodules.patch_writer = writer = PatchWriter(shape)
        m.d.comb += [
            front.load.eq(self.start),
            front.may_start.eq(scheduler.front_ready),
            front.projects.eq(config["projects"]),
            front.d.eq(config["d"]),
            front.k.eq(config["k"]),
            front.positions_start.eq(config["positions_left"]),
            front.block_step.eq(config["block_step"]),
            scheduler.front_start.eq(front.start),
            scheduler.front_end.eq(front.end),
            fetch.load.eq(self.start),
            fetch.fetch.eq(front.fetch),
            fetch.last_window.eq(front.last_window),
            fetch.position_end.eq(front.position_end),
            fetch.jumps.eq(front.last_position),
            fetch.words_left.eq(front.words_left),
            self.input_read.eq(fetch.read),
            self.input_address.eq(fetch.addresses),
            fetch.read_data.eq(self.input_data),
        ]
        place = Signal(range(shape.places))
        position_lines = select([p * config["y_lines"] for p in range(shape.positions)], front.position)
        m.d.comb += [
            place.eq(scheduler.front_slot * shape.positions + front.position),
            writer.fetch.eq(front.fetch & front.first_group),
            writer.last_window.eq(front.last_window),
            writer.quantize.eq(front.quantize),
            writer.last_code.eq(front.last_code),
            writer.place.eq(place),
            writer.position.eq(front.position),
            writer.words.eq(fetch.words),
            writer.x_lines.eq(config["x_lines"]),
            writer.keeps.eq(config["keeps"]),
            writer.kept_base.eq(self._kept_now + position_lines),
            self.patch_write.eq(writer.write),
            self.patch_write_address.eq(writer.address),
            self.patch_write_data.eq(writer.data),
        ]
        if not shape.approximates:
            return {}
        m.submodules.projection = projection = ProjectionUnit(shape)
        m.d.comb += [
            projection.load.eq(self.start),
            projection.fetch.eq(front.fetch & config["projects"]),
            projection.first_window.eq(front.first_window),
            projection.sums_left.eq(front.sums_left),
            projection.quantize.eq(front.quantize),
            projection.position_end.eq(front.position_end),
            projection.words.eq(fetch.words),
            projection.multiplier.eq(config["y_multiplier"]),
            projection.shift.eq(config["y_shift"]),
            self.signs_read.eq(projection.signs_read),
            self.signs_address.eq(projection.signs_address),
            projection.signs.eq(self.signs_data),
            writer.codes.eq(projection.codes),
        ]
        return {
            "projection_additions": projection.additions,
            "projection_accumulations": projection.accumulations,
            "projected_values": projection.values,
        }

    # --- MVU

    def _join_walkers(self) -> None:
        m, shape, config = self._m, self.shape, self._config
        mvu, scheduler = self._mvu, self._scheduler
        self._walkers = []
        for v in range(shape.vpus):
            m.submodules[f"walker_{v}"] = walker = Walker(shape)
            m.submodules[f"vpu_masks_{v}"] = masks = VpuMasks(shape)
            m.d.comb += [
                masks.vpu.eq(v),
                masks.slot.eq(mvu.slot),
                masks.all_rows.eq(config["dense"] | ~mvu.wide),
                masks.rows.eq(config[f"rows_{v}"]),
                masks.served.eq(config[f"serves_{v}"]),
                masks.positions.eq(mvu.positions),
                walker.pairs.eq(masks.pairs),
                walker.active.eq(mvu.active),
                walker.job_start.eq(mvu.job_start),
                walker.window_start.eq(mvu.window_start),
                walker.pass_end.eq(mvu.pass_end),
                walker.wide.eq(mvu.wide),
            ]
            if shape.approximates:
                selector = self._selector
                m.d.comb += [
                    masks.mask_valid.eq(selector.mask_valid),
                    masks.mask_first.eq(selector.mask_first),
                    masks.mask_place.eq(selector.mask_place),
                    masks.unit_masks.eq(selector.unit_masks),
                    masks.unit_vpus.eq(selector.unit_vpus),
                    masks.unit_rows.eq(selector.unit_rows),
                ]
            self._walkers.append(walker)
        m.d.comb += [
            mvu.narrow_ready.eq(scheduler.narrow_ready),
            mvu.narrow_slot.eq(scheduler.narrow_slot),
            mvu.wide_ready.eq(scheduler.wide_ready),
            mvu.wide_slot.eq(scheduler.wide_slot),
            mvu.positions.eq(Array(self._positions)[mvu.slot]),
            mvu.k.eq(config["k"]),
            mvu.d.eq(config["d"]),
            mvu.rows_stride.eq(config["rows_stride"]),
            mvu.precise_base.eq(config["precise_base"]),
            mvu.walkers_finished.eq(Cat(walker.finished for walker in self._walkers).all()),
            mvu.walkers_more.eq(Cat(walker.more for walker in self._walkers).any()),
            scheduler.mvu_start.eq(mvu.job_start),
            scheduler.mvu_end.eq(mvu.job_end),
            scheduler.mvu_wide.eq(mvu.wide),
            scheduler.mvu_slot.eq(mvu.slot),
        ]

    def _join_vpus(self) -> None:
        m, shape, config, mvu = self._m, self.shape, self._config, self._mvu
        skew = shape.step_skew
        reader = self._join_patch_reader()

        # What is common to all VPUs in the execution stage.
        issue = Cat(
            mvu.wide,
            mvu.first_chunk,
            mvu.last_chunk,
            mvu.slot,
            mvu.window_start,
            mvu.window_reads,
            mvu.values,
        )
        late = delayed(m, issue, skew, "window_late")
        wide, first, last = late[0], late[1], late[2]
        slot, late = late[3 : 3 + len(mvu.slot)], late[3 + len(mvu.slot) :]
        window_start, window_reads = late[0], late[1 : 1 + len(mvu.window_reads)]
        values = late[1 + len(mvu.window_reads) :]
        narrow_bits = shape.vpu.narrow_bits
        m.submodules.broadcast = broadcast = OperandRing(
            WORD_BITS * shape.patch_columns,
            shape.most_patch_reads,
            shape.positions * (narrow_bits if shape.approximates else shape.vpu.wide_bits),
        )
        operands = Signal(shape.positions * narrow_bits)
        enable = Signal(shape.bricks)
        m.d.comb += [
            broadcast.put.eq(reader.valid),
            broadcast.entry.eq(reader.words),
            broadcast.take.eq(window_start),
            broadcast.length.eq(window_reads),
            operands.eq(broadcast.chunk),
            enable.eq(thermometer(values, shape.bricks)),
        ]

        narrow_accesses, wide_accesses = shape.weight_accesses
        width = shape.machine.weight_sram.width_bits
        result_writes = []
        for v, walker in enumerate(self._walkers):
            address = Signal(range(shape.weight_lines), name=f"weight_address_{v}")
            m.d.comb += address.eq(
                mvu.weight_base + walker.row * Mux(mvu.wide, wide_accesses, narrow_accesses) + walker.access
            )
            asked = delayed(m, Cat(walker.read, address), shape.weight_read_skew, f"weight_asked_{v}")
            m.d.comb += [self.weight_read[v].eq(asked[0]), self.weight_address[v].eq(asked[1:])]

            step = Cat(walker.step, walker.slot_start, walker.position, walker.psum, walker.row)
            late = delayed(m, step, skew, f"step_late_{v}")
            m.submodules[f"weights_{v}"] = weights = OperandRing(
                width, shape.most_weight_accesses, narrow_bits if shape.approximates else shape.vpu.wide_bits
            )
            m.submodules[f"vpu_{v}"] = vpu = VpuPipeline(shape.vpu)
            m.d.comb += [
                weights.put.eq(delayed(m, asked[0], READ_LATENCY, f"weight_arrives_{v}")),
                weights.entry.eq(self.weight_data[width * v : width * (v + 1)]),
                weights.take.eq(late[1]),
                weights.length.eq(Mux(wide, wide_accesses, narrow_accesses)),
                vpu.weights.eq(weights.chunk),
                vpu.broadcast.eq(operands),
                vpu.enable.eq(enable),
                vpu.step.valid.eq(late[0]),
                vpu.step.wide.eq(wide),
                vpu.step.first.eq(first),
                vpu.step.last.eq(last),
                Cat(vpu.step.position, vpu.step.psum, vpu.step.row).eq(late[2:]),
                self.scale_read[v].eq(vpu.scale_read),
                self.scale_address[v].eq(vpu.scale_row + Mux(vpu.scale_wide, shape.rows, 0)),
                vpu.bias.eq(self.scale_data[v].bias),
                vpu.multiplier.eq(self.scale_data[v].multiplier),
            ]
            # The scale constants arrive when the requantizer begins; the neuron's number waits for its end.
            neuron = delayed(m, self.scale_data[v].neuron, Requantizer.latency, f"neuron_{v}")
            result_slot = self._result_slot(slot, vpu.latency)
            place = result_slot * shape.positions + vpu.result.position
            asked_wide = delayed(m, vpu.scale_wide, READ_LATENCY, f"scaled_wide_{v}")
            m.d.comb += [
                vpu.shift.eq(Mux(asked_wide, config["precise_shift"], config["noise_shift"])),
                self.result_write[v].eq(vpu.result.valid),
                self.result_write_address[v].eq(result_address(shape, place, neuron)),
                self.result_write_data[v].eq(vpu.result.value),
            ]
            result_writes.append(vpu.result.valid)
        self._result_writes = population(result_writes)

    def _result_slot(self, slot: Value, latency: int) -> Value:
        """The slot of the results, the same for all VPUs."""
        if not hasattr(self, "_late_slot"):
            self._late_slot = delayed(self._m, slot, latency, "result_slot")
        return self._late_slot

    def _join_patch_reader(self) -> PatchReader:
        m, shape, config, mvu = self._m, self.shape, self._config, self._mvu
        m.submodules.patch_reader = reader = PatchReader(shape)
        parts = {
            "read": mvu.patch_read,
            "wide": mvu.wide,
            "slot": mvu.slot,
            "offset": mvu.patch_offset,
            "line": mvu.chunk_line,
            "column": mvu.chunk_column,
            "kept_base": Array(self._kept_base)[mvu.slot],
        }
        issue = Cat(Value.cast(value)[: len(getattr(reader, name))] for name, value in parts.items())
        late = delayed(m, issue, shape.patch_read_skew, "patch_read_late")
        m.d.comb += Cat(getattr(reader, name) for name in parts).eq(late)
        m.d.comb += [
            reader.x_lines.eq(config["x_lines"]),
            reader.y_lines.eq(config["y_lines"]),
            reader.kept.eq(config["keeps"]),
            self.patch_read.eq(reader.enable),
            self.patch_address.eq(reader.addresses),
            reader.read_data.eq(self.patch_data),
        ]
        return reader

    # --- selection and output

    def _join_selector(self) -> None:
        m, shape, config = self._m, self.shape, self._config
        selector, masks, scheduler = self._selector, self._masks, self._scheduler
        m.d.comb += [
            selector.ready.eq(scheduler.select_ready),
            selector.slot.eq(scheduler.select_slot),
            selector.positions.eq(Array(self._positions)[scheduler.select_slot]),
            selector.units.eq(config["units"]),
            selector.unit_size.eq(config["unit_rows"]),
            selector.unit_lanes.eq(config["unit_lanes"]),
            selector.neurons.eq(config["neurons"]),
            selector.threshold.eq(config["threshold"]),
            selector.keep.eq(config["keep"]),
            scheduler.select_start.eq(selector.start),
            scheduler.select_end.eq(selector.end),
            self.select_read.eq(selector.reads),
            selector.values.eq(self.select_data),
            masks.mask_valid.eq(selector.mask_valid),
            masks.mask_first.eq(selector.mask_first),
            masks.mask_slot.eq(selector.mask_slot),
            masks.mask_place.eq(selector.mask_place),
            masks.mask_neuron.eq(selector.mask_neuron),
            masks.mask.eq(selector.mask),
            masks.slot.eq(scheduler.output_slot),
            scheduler.any_essential.eq(masks.any_essential),
            *(
                self.select_address[i].eq(result_address(shape, selector.place, selector.neuron_addresses[i]))
                for i in range(shape.units_selected * shape.most_of)
            ),
        ]

    def _join_output(self) -> None:
        m, shape, config = self._m, self.shape, self._config
        port, scheduler = self._output, self._scheduler
        slot, words = scheduler.output_slot, shape.output_line_words
        m.d.comb += [
            port.ready.eq(scheduler.output_ready),
            port.slot.eq(slot),
            port.positions.eq(Array(self._positions)[slot]),
            port.all_words.eq(config["dense"] | ~scheduler.output_wide),
            port.masks.eq(self._masks.masks if shape.approximates else Const(0)),
            port.lines.eq(config["output_lines"]),
            port.neurons.eq(config["neurons"]),
            port.output_base.eq(Array(self._output_base)[slot]),
            scheduler.output_start.eq(port.start),
            scheduler.output_end.eq(port.end),
            self.result_read.eq(port.reads),
            port.values.eq(self.result_data),
            self.output_write.eq(port.write),
            self.output_words.eq(port.write_words),
            self.output_address.eq(port.write_addresses),
            self.output_data.eq(port.write_data),
            *(
                self.result_address[i].eq(
                    result_address(shape, port.place[i // words], port.neuron_addresses[i])
                )
                for i in range(words * shape.output_banks)
            ),
        ]

    # --- counters

    def _join_counters(self, terms: dict[str, ValueLike]) -> None:
        m, shape, config = self._m, self.shape, self._config
        mvu, front, port, scheduler = self._mvu, self._front, self._output, self._scheduler
        m.submodules.counters = counters = Counters()
        running = self._running

        # The busiest VPU's steps of a window: a step is one of them if no VPU had as many before.
        most, most_now = Signal(range(shape.vpu.accumulators + 1)), Signal(range(shape.vpu.accumulators + 1))
        issues = Signal()
        m.d.comb += [
            most_now.eq(Mux(mvu.window_start, 0, most)),
            issues.eq(Cat(w.step & (w.psum == most_now) for w in self._walkers).any()),
        ]
        m.d.sync += most.eq(most_now + issues)
        waits = mvu.patch_read | Cat(w.working for w in self._walkers).any()
        bubble, stall = mvu.active & ~waits, mvu.active & waits & ~issues
        steps, reads = (
            population([w.step for w in self._walkers]),
            population([w.read for w in self._walkers]),
        )
        slots_begun = population([w.slot_start for w in self._walkers])
        narrow_words, wide_words = shape.chunk_words
        chunk_words = Mux(mvu.wide, wide_words, narrow_words)
        per_chunk = Mux(mvu.wide, shape.lanes, shape.bricks)
        values = Mux(mvu.last_chunk, mvu.values, per_chunk)[: shape.bricks.bit_length()]

        # An idle stretch of the MVU is charged when what it waited for is known: the next job, or the tile's end.
        idle = Signal(COUNTER_BITS)
        with m.If(self.start | mvu.job_start):
            m.d.sync += idle.eq(0)
        with m.Elif(running & ~mvu.active):
            m.d.sync += idle.eq(idle + 1)
        waited_for_mask = mvu.wide & ~config["dense"]
        drained = Signal()
        with m.If(self.start):
            m.d.sync += drained.eq(0)
        with m.Elif(scheduler.finished):
            m.d.sync += drained.eq(1)

        words_fetched = Mux(front.last_window, front.words_left, shape.window_words)
        access = shape.input_access_words
        accesses = sum(
            (words_fetched > i * access for i in range(shape.machine.input_sram.banks)), start=Value.cast(0)
        )
        front_idle = running & ~front.active
        output_words = population(port.reads)
        terms |= {
            "core_cycles": running,
            "positions": front.position_end & config["counts_positions"],
            "blocks": front.end,
            "essential_neurons": Mux(mvu.wide & mvu.last_chunk, steps, 0),
            "brick_ops_4bit": Mux(mvu.wide, 0, steps * values),
            "brick_ops_16bit": Mux(mvu.wide, (steps * values) << 4, 0),
            "vpu_steps_4bit": Mux(mvu.wide, 0, steps),
            "vpu_steps_16bit": Mux(mvu.wide, steps, 0),
            "weight_sram_reads_4bit": Mux(mvu.wide, 0, reads),
            "weight_sram_reads_16bit": Mux(mvu.wide, reads, 0),
            "weight_register_writes": slots_begun * chunk_words,
            "broadcast_register_writes": Mux(mvu.window_start, mvu.positions * chunk_words, 0),
            "patch_buffer_reads": mvu.patch_read,
            "patch_buffer_writes": self.patch_write,
            "mvu_idle_input_cycles": Mux(mvu.job_start & ~waited_for_mask, idle, 0),
            "mvu_idle_select_cycles": Mux(mvu.job_start & waited_for_mask, idle, 0),
            "mvu_idle_drain_cycles": Mux(scheduler.finished & ~drained, idle, 0),
            "fetch_cycles": front.fetch,
            "projection_cycles": front.active & config["projects"],
            "front_busy_cycles": front.active,
            "front_idle_slot_cycles": front_idle & scheduler.blocks_waiting,
            "front_idle_done_cycles": front_idle & ~scheduler.blocks_waiting,
            "input_sram_reads": Mux(front.fetch, accesses, 0),
            "output_busy_cycles": port.active,
            "output_sram_writes": population(port.lines_taken),
            "result_buffer_writes": self._result_writes,
            "result_buffer_reads": output_words,
        }
        for name, wide in (("approximate", 0), ("precise", 1)):
            mine = mvu.wide == wide
            terms |= {
                f"{name}_issue_cycles": issues & mine,
                f"{name}_port_stall_cycles": stall & mine,
                f"{name}_bubble_cycles": bubble & mine,
            }
        if shape.approximates:
            selector = self._selector
            compared = population(selector.reads)
            terms["selector_busy_cycles"] = selector.active
            terms["result_buffer_reads"] = output_words + compared
            if shape.machine.selector is not None and shape.machine.selector.kind == "threshold":
                terms["comparisons"] = compared
            else:
                terms["groups_ranked"] = selector.units_taken
        counters.add(m, terms)
        m.d.comb += counters.clear.eq(self.start)
        m.d.comb += [getattr(self, f"count_{name}").eq(counters[name]) for name in COUNTERS]
