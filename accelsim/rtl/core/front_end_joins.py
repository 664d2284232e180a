"""The front end of a core joined: windows, projection, the code map, and the patch buffer's writer."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value

from accelsim.rtl.core.code_writer import CodeWriter
from accelsim.rtl.core.core_shape import CoreShape
from accelsim.rtl.core.front_control import FrontControl
from accelsim.rtl.core.patch_writer import PatchWriter
from accelsim.rtl.core.pipeline import delayed, drive, select
from accelsim.rtl.core.registers import ConfigRegisters
from accelsim.rtl.core.rtl_projection_unit import ProjectionUnit
from accelsim.rtl.core.scheduler import Scheduler
from accelsim.rtl.core.window_fetch import WindowFetch
from accelsim.rtl.core.word_rounder import WordRounder


class FrontEndJoins:
    """The part of `Core` that joins its front end. What is listed is the core's, and set before it calls the methods."""

    shape: CoreShape
    start: Signal
    code_address: Value
    code_data: Value
    code_read: Value
    code_write: Value
    code_write_address: Value
    code_write_data: Value
    input_address: Value
    input_data: Value
    input_read: Value
    patch_write: Value
    patch_write_address: Value
    patch_write_data: Value
    signs_address: Value
    signs_data: Value
    signs_read: Value
    _m: Module
    _config: ConfigRegisters
    _front: FrontControl
    _scheduler: Scheduler
    _passes: Value
    _passing: Value
    _kept: Signal

    def _join_front_end(self) -> None:
        m, shape, config = self._m, self.shape, self._config
        front, scheduler = self._front, self._scheduler
        m.submodules.fetch = self._fetch = fetch = WindowFetch(shape.input_map, config)
        m.submodules.patch_writer = self._writer = writer = PatchWriter(shape)
        drive(
            m,
            front,
            load=self.start,
            may_start=Mux(self._passes, self._passing, scheduler.front_ready),
            projects=config["projects"],
            passes=self._passes,
            codes_only=config["all_noise"],
            mode=config["mode"],
            patch_units=config["patch_units"],
            k=config["k"],
            positions_start=config["positions_left"],
            block_step=config["block_step"],
        )
        drive(m, scheduler, front_start=front.start & ~self._passes, front_end=front.end & ~self._passes)
        drive(
            m,
            fetch,
            load=self.start,
            fetch=front.fetch,
            last_window=front.last_window,
            position_end=front.position_end,
            jumps=front.last_position,
            step=front.step,
            units_left=front.units_left,
            read_data=self.input_data,
        )
        lines_before = select([p * config["y_lines"] for p in range(shape.positions)], front.position)
        drive(
            m,
            writer,
            fetch=front.fetch & front.first_group & ~config["all_noise"] & ~self._passes,
            last_window=front.last_window,
            quantize=front.quantize & ~self._passes,
            last_code=front.last_code,
            place=scheduler.front_slot * shape.positions + front.position,
            position=front.position,
            words=fetch.words,
            half=front.half,
            mode=config["mode"],
            x_lines=config["x_lines"],
            keeps=config["keeps"],
            kept_base=self._kept + lines_before,
        )
        m.d.comb += [
            self.input_read.eq(fetch.read),
            self.input_address.eq(fetch.addresses),
            self.patch_write.eq(writer.write),
            self.patch_write_address.eq(writer.address),
            self.patch_write_data.eq(writer.data),
        ]

    def _join_projection(self) -> None:
        m, config, front = self._m, self._config, self._front
        m.submodules.projection = self._projection = projection = ProjectionUnit(self.shape)
        drive(
            m,
            projection,
            load=self.start,
            fetch=front.fetch & config["projects"] & (self._passes if self.shape.passes_codes else 1),
            first_window=front.first_window,
            quantize=front.quantize & (self._passes if self.shape.passes_codes else 1),
            sums_left=front.sums_left,
            position_end=front.position_end,
            words=self._fetch.words,
            half=front.half,
            multiplier=config["y_multiplier"],
            shift=config["y_shift"],
            signs=self.signs_data,
        )
        m.d.comb += [
            self.signs_read.eq(projection.signs_read),
            self.signs_address.eq(projection.signs_address),
        ]
        if self.shape.projects_patches:
            m.d.comb += self._writer.codes.eq(projection.codes)

    def _join_code_map(self) -> None:
        """Connect what makes the codes of the map in a pass, and what fetches them for patches."""
        m, shape, config, front = self._m, self.shape, self._config, self._front
        m.submodules.code_writer = self._code_writer = writer = CodeWriter(shape)
        m.submodules.code_fetch = fetch = WindowFetch(shape.code_map, config)
        if shape.has_lanes:
            made, last, codes = front.quantize, front.last_code, self._projection.codes
            left, most = front.sums_left, shape.quantizers
            count = Mux(left > most, most, left)
        else:
            m.submodules.rounder = rounder = WordRounder(shape)
            units = Mux(front.units_left > front.step, front.step, front.units_left)
            per_word = [max(1, bits // shape.unit_bits) for bits in shape.precisions]
            made, last = front.fetch, front.last_window
            count = select([units >> (each.bit_length() - 1) for each in per_word], config["mode"])[
                : len(writer.count)
            ]
            drive(
                m,
                rounder,
                valid=1,
                mode=config["mode"],
                words=self._fetch.words,
                multiplier=config["y_multiplier"],
                shift=config["y_shift"],
            )
            codes = rounder.codes
        late = delayed(
            m, Cat(made & self._passes, last, Value.cast(count)), shape.code_write_skew, "codes_made"
        )
        drive(
            m,
            writer,
            load=self.start,
            valid=late[0],
            last=late[1],
            count=late[2:],
            codes=codes,
            row_positions=config["row_positions"],
            pitch_lines=config["pitch_lines"],
            pitch_columns=config["pitch_columns"],
        )
        drive(
            m,
            fetch,
            load=self.start,
            fetch=front.quantize & ~self._passes,
            last_window=front.last_code,
            position_end=front.position_end,
            jumps=front.last_position,
            step=shape.code_map.columns,
            units_left=front.sums_left,
            read_data=self.code_data,
        )
        m.d.comb += [
            self._writer.codes.eq(fetch.words),
            self.code_write.eq(writer.write),
            self.code_write_data.eq(writer.data),
            *(
                mine.eq(theirs)
                for mine, theirs in zip(self.code_write_address, writer.addresses, strict=True)
            ),
            self.code_read.eq(fetch.read),
            self.code_address.eq(fetch.addresses),
        ]
