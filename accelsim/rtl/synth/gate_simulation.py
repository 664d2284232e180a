"""Gate-level simulation without delays, many independent streams at once: bit s of every word is stream s.

A cycle runs from one rising edge of the clock to the next: registers take what they saw, inputs change, and every
gate settles once. Glitches, the extra changes before a gate settles, do not exist here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accelsim.errors import AccelsimError
from accelsim.rtl.synth.liberty_function import Bits
from accelsim.rtl.synth.library import Cell
from accelsim.rtl.synth.netlist import ONE, Instance, Netlist

WORD_BITS = 64
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@dataclass(frozen=True)
class Group:
    """Instances of one cell: for each pin, the nets of all of them, in one array."""

    cell: Cell
    instances: tuple[Instance, ...]
    nets: Mapping[str, NDArray[np.int64]]


def grouped(instances: Sequence[Instance]) -> list[Group]:
    """The instances by cell, so that one array operation serves all of a kind."""
    kinds: dict[str, list[Instance]] = {}
    for each in instances:
        kinds.setdefault(each.cell.name, []).append(each)
    return [
        Group(
            found[0].cell,
            tuple(found),
            {pin: np.array([each.nets[pin] for each in found]) for pin in found[0].cell.pins},
        )
        for found in kinds.values()
    ]


def bits_of(words: ArrayLike, bits: int) -> Bits:
    """Stimulus of a port that is one word or several side by side, the first lowest.

    `words`: integers [cycles, streams] or [cycles, streams, words], two's complement where negative.
    Returns uint64 [cycles, port bits, streams / 64]. Raises AccelsimError if streams is no multiple of 64.
    """
    values = np.asarray(words, dtype=np.int64)
    if values.ndim == 2:
        values = values[:, :, None]
    cycles, streams, count = values.shape
    if streams % WORD_BITS:
        raise AccelsimError(f"stimulus: {streams} streams; a multiple of {WORD_BITS} is needed")
    packed = np.empty((cycles, count * bits, streams // WORD_BITS), dtype=np.uint64)
    for bit in range(bits):
        ones = np.ascontiguousarray(((values >> bit) & 1).astype(np.uint8).transpose(0, 2, 1))
        packed[:, bit::bits] = np.packbits(ones, axis=-1, bitorder="little").view(np.uint64)
    return packed


def words_of(packed: Bits, bits: int, signed: bool) -> NDArray[np.int64]:
    """The inverse of `bits_of` for one word: uint64 [bits, streams / 64] to int64 [streams]."""
    ones = np.unpackbits(np.ascontiguousarray(packed).view(np.uint8), axis=-1, bitorder="little").astype(
        np.int64
    )
    total = (ones << np.arange(bits)[:, None]).sum(axis=0)
    word: NDArray[np.int64] = total - (ones[bits - 1] << bits) if signed else total
    return word


class Simulator:
    """A netlist in simulation, all registers 0 at first.

    `values` [nets, streams / 64] are settled values of the current cycle, `before` those of the one before;
    `clocked` says for every register and clock gate group in which streams the last edge reached it.
    """

    def __init__(self, netlist: Netlist, streams: int) -> None:
        if streams <= 0 or streams % WORD_BITS:
            raise AccelsimError(
                f"simulation: {streams} streams; a positive multiple of {WORD_BITS} is needed"
            )
        self.netlist = netlist
        self.streams = streams
        self.values: Bits = np.zeros((netlist.nets, streams // WORD_BITS), dtype=np.uint64)
        self.values[ONE] = _ALL
        self.before: Bits = self.values.copy()
        self.registers = grouped(netlist.registers)
        self.gates = grouped(netlist.gates)
        self.clocked: list[Bits] = []
        self._inputs = {port: np.array(nets, dtype=np.int64) for port, nets in netlist.inputs.items()}
        self._levels = [grouped(level) for level in netlist.levels]
        # A clock pin whose clock gate is open, or which hangs on the clock itself.
        self._clock_open: Bits = np.zeros_like(self.values)
        if netlist.clock is not None:
            self._clock_open[netlist.clock] = _ALL
        self._settle()

    def cycle(self, inputs: Mapping[str, Bits]) -> None:
        """One edge, then `inputs` (port to uint64 [bits, streams / 64]; a port left out keeps its value)."""
        self.before, old = self.values.copy(), self.values
        for group in self.gates:
            assert group.cell.gate is not None
            self._clock_open[group.nets[group.cell.gate.output]] = old[group.nets[group.cell.gate.enable]]
        self.clocked = []
        updates = []
        for group in self.registers:
            register = group.cell.register
            assert register is not None
            clocked = self._clock_open[group.nets[register.clock]]
            self.clocked.append(clocked)
            following = register.next_state({pin: old[nets] for pin, nets in group.nets.items()})
            for pin in group.cell.outputs:
                function = group.cell.pins[pin].function
                assert function is not None
                new = following if function.pin == register.state else ~following
                updates.append((group.nets[pin], (clocked & new) | (~clocked & old[group.nets[pin]])))
        for nets, new in updates:
            self.values[nets] = new
        for port, bits in inputs.items():
            self.values[self._inputs[port]] = bits
        self._settle()

    def gate_open(self, group: Group) -> Bits:
        """In which streams the clock gates of a group let the last edge through."""
        assert group.cell.gate is not None
        return self._clock_open[group.nets[group.cell.gate.output]]

    def output(self, port: str, signed: bool = False) -> NDArray[np.int64]:
        """The settled value of an output port in every stream."""
        nets = np.array(self.netlist.outputs[port])
        return words_of(self.values[nets], len(nets), signed)

    def _settle(self) -> None:
        for level in self._levels:
            for group in level:
                seen = {pin: self.values[group.nets[pin]] for pin in group.cell.inputs}
                for pin in group.cell.outputs:
                    function = group.cell.pins[pin].function
                    assert function is not None
                    if not seen:  # a tie cell
                        seen = {"": self.values[group.nets[pin]]}
                    self.values[group.nets[pin]] = function(seen)
