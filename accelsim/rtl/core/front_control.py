"""The front end's controller: blocks, positions, groups of sums, windows and quantizations, in the order of their issue."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, ValueLike, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.core.core_shape import COORDINATE_BITS, MAX_D, CoreShape
from accelsim.rtl.core.pipeline import select


class FrontControl(wiring.Component):
    """Issue one position after the other; between positions all counters stand where a position begins.

    ``load`` is the cycle before a tile's first. ``may_start``: a slot is free and a block is left. A position
    that projects goes through its windows (``fetch``, one a cycle) for each group of as many sums as there are
    lanes, and after each group rounds its sums (``quantize``); one that does not, goes through them once.
    A window brings ``step`` units of the patch: half of the SRAM's window (``half``) where words of 8 bits are projected,
    of which every second one is a ``read``. ``mode`` is that of x (`CoreShape.precisions`).
    With the forms `none` and `pixel` a tile's position that ``projects`` fetches its windows and then its codes
    (``quantize``), or with ``codes_only`` these alone; ``passes`` is set in the pass that makes the codes.
    ``sums_left`` are the sums of the position that are not rounded yet, ``units_left`` the units of the patch
    from the present window on.
    """

    def __init__(self, shape: CoreShape) -> None:
        self._shape = shape
        sums, units = range(MAX_D + 1), range(shape.most_units + 1)
        super().__init__(
            {
                "load": In(1),
                "may_start": In(1),
                "projects": In(1),
                "passes": In(1),
                "codes_only": In(1),
                "mode": In(range(len(shape.precisions))),
                "patch_units": In(units),
                "k": In(sums),
                "positions_start": In(signed(COORDINATE_BITS + 1)),
                "block_step": In(signed(COORDINATE_BITS + 1)),
                "active": Out(1),
                "start": Out(1),
                "end": Out(1),
                "block_positions": Out(range(shape.positions + 1)),
                "position": Out(range(shape.positions)),
                "last_block": Out(1),
                "position_end": Out(1),
                "last_position": Out(1),
                "fetch": Out(1),
                "first_group": Out(1),
                "first_window": Out(1),
                "last_window": Out(1),
                "half": Out(1),
                "step": Out(range(shape.window_units + 1)),
                "read": Out(1),
                "units_left": Out(units),
                "quantize": Out(1),
                "last_code": Out(1),
                "sums_left": Out(sums),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self._shape
        self._quantizers: ValueLike = 1
        self._turns = 1
        if shape.has_lanes:
            self._quantizers, self._turns = shape.quantizers, shape.projection_lanes // shape.quantizers
        if shape.passes_codes:  # what is fetched in a cycle, and not rounded
            self._quantizers = Mux(self.passes, self._quantizers, shape.code_map.columns)
        # What a cycle leaves to the next one.
        self._busy, self._quantizing, self._first_group, self._first_window = (
            Signal(),
            Signal(),
            Signal(),
            Signal(),
        )
        self._position, self._turn = Signal.like(self.position), Signal(range(self._turns), name="turn")
        self._positions_left = Signal(signed(COORDINATE_BITS + 1), name="positions_left")
        self._units_left, self._sums_left = (
            Signal.like(self.patch_units, name="units_left"),
            Signal.like(self.k, name="sums_left"),
        )

        self._second_half = Signal(name="second_half")

        windows_done = self._issue(m)
        self._count_windows(m, windows_done)
        self._count_positions(m)
        return m

    def _issue(self, m: Module) -> Signal:
        """Drive the outputs from the counters; return whether the position's windows end in this cycle."""
        shape, windows_done = self._shape, Signal(name="windows_done")
        positions_left = self._positions_left
        whole: ValueLike = shape.window_units
        if shape.machine.form == "none":
            rounded = select([shape.rounded_units(bits) for bits in shape.precisions], self.mode)
            whole = Mux(self.passes, rounded, shape.window_units)
        self._projecting = self.projects if shape.projects_patches else self.projects & self.passes
        m.d.comb += [
            self.start.eq(~self._busy & self.may_start),
            self.active.eq(self._busy | self.start),
            self.position.eq(self._position),
            self.block_positions.eq(Mux(positions_left > shape.positions, shape.positions, positions_left)),
            self.fetch.eq(self.active & ~self._quantizing),
            self.first_group.eq(self._first_group),
            self.first_window.eq(self._first_window),
            self.half.eq(self._projecting & (self.mode == shape.mode(8)) if shape.halves_windows else 0),
            self.step.eq(Mux(self.half, shape.window_units // 2, whole)),
            self.read.eq(self.fetch & ~self._second_half),
            self.last_window.eq(self._units_left <= self.step),
            self.units_left.eq(self._units_left),
            self.quantize.eq(self.active & self._quantizing),
            self.last_code.eq(self._sums_left <= self._quantizers),
            self.sums_left.eq(self._sums_left),
            windows_done.eq(self.fetch & self.last_window),
            self.position_end.eq(Mux(self.projects, self.quantize & self.last_code, windows_done)),
            self.last_position.eq(self._position + 1 == self.block_positions),
            self.end.eq(self.position_end & self.last_position),
            self.last_block.eq(positions_left <= shape.positions),
        ]
        return windows_done

    def _count_windows(self, m: Module, windows_done: Signal) -> None:
        """Count the windows, groups of sums and quantizations of a position."""
        m.d.sync += self._busy.eq(self.active & ~self.end)
        with m.If(self.fetch):
            m.d.sync += [
                self._units_left.eq(self._units_left - self.step),
                self._second_half.eq(self.half & ~self._second_half),
                self._first_window.eq(0),
            ]
        with m.If(windows_done):
            m.d.sync += [
                self._units_left.eq(self.patch_units),
                self._second_half.eq(0),
                self._first_window.eq(1),
                self._first_group.eq(0),
                self._quantizing.eq(1),
                self._turn.eq(0),
            ]
        with m.If(self.quantize):
            m.d.sync += [
                self._sums_left.eq(self._sums_left - self._quantizers),
                self._turn.eq(self._turn + 1),
                self._quantizing.eq((self._turn != self._turns - 1) | ~self._projecting),
            ]

    def _count_positions(self, m: Module) -> None:
        """Count positions and blocks, and set all counters of a position to its beginning when one ends."""
        shape = self._shape
        with m.If(self.position_end | self.load):
            m.d.sync += [
                self._quantizing.eq(self.projects & self.codes_only if shape.passes_codes else 0),
                self._units_left.eq(self.patch_units),
                self._second_half.eq(0),
                self._sums_left.eq(self.k),
                self._first_group.eq(1),
                self._first_window.eq(1),
                self._position.eq(Mux(self.load | self.last_position, 0, self._position + 1)),
            ]
        with m.If(self.load):
            m.d.sync += [self._positions_left.eq(self.positions_start), self._busy.eq(0)]
        with m.Elif(self.end):
            m.d.sync += self._positions_left.eq(self._positions_left - self.block_step)
