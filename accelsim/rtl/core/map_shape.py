"""How the maps of a layer lie in the SRAMs of a core: windows, and the columns and units that they are made of."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.config import Machine
from accelsim.lengths import BITS_PER_KIB, CODE_BITS, WORD_BITS

MAX_D = 65535


@dataclass(frozen=True)
class MapColumns:
    """How a map lies in its SRAM: ``columns`` of ``unit_bits``, with ``lines`` words each.

    ``prefix`` is that of its registers' names. ``moves``: its windows may begin in any column.
    """

    prefix: str
    columns: int
    unit_bits: int
    lines: int
    moves: bool


class MapShape:
    """What of a core's sizes concerns maps, and the form in which patches of them are projected."""

    machine: Machine

    @property
    def approximates(self) -> bool:
        """Whether there is a projection unit."""
        return not self.machine.dense_only

    @property
    def quantizers(self) -> int:
        """Sums rounded in a cycle."""
        assert self.machine.projection is not None
        return self.machine.projection.quantizers

    @property
    def window_bits(self) -> int:
        """Bits of a window: what the input SRAM brings in a cycle."""
        return self.machine.input_sram.banks * self.machine.input_sram.width_bits

    @property
    def window_words(self) -> int:
        """C: words that a lane adds in a cycle; the 16-bit words of a window."""
        return self.window_bits // WORD_BITS

    @property
    def unit_bits(self) -> int:
        """Bits of a unit of the input map: its smallest words. The front end counts and addresses units."""
        return min(self.machine.mvu.precise_bits)

    @property
    def window_units(self) -> int:
        """Columns of the input SRAM: units of a window."""
        return self.window_bits // self.unit_bits

    @property
    def most_units(self) -> int:
        """Most units of a patch."""
        return MAX_D * WORD_BITS // self.unit_bits

    @property
    def halves_windows(self) -> bool:
        """Whether patches of 8-bit words are projected: half a window a cycle, since a lane adds C words of any length."""
        return self.machine.form in ("pixel", "patch") and 8 in self.machine.mvu.precise_bits

    @property
    def passes_codes(self) -> bool:
        """Whether codes are made in a pass over the map, and fetched from the code SRAM: forms `none` and `pixel`."""
        return self.machine.form in ("none", "pixel")

    @property
    def projects_patches(self) -> bool:
        """Whether patches are projected on their way: form `patch`."""
        return self.machine.form == "patch"

    @property
    def has_lanes(self) -> bool:
        """Whether sums are projected: forms `pixel` and `patch`."""
        return self.machine.form in ("pixel", "patch")

    @property
    def input_map(self) -> MapColumns:
        """The input map in its SRAM."""
        moves = self.halves_windows or self.machine.form == "none"
        return MapColumns("", self.window_units, self.unit_bits, self.input_lines, moves)

    @property
    def code_map(self) -> MapColumns:
        """The code map in its SRAM."""
        sram = self.machine.code_sram
        assert sram is not None
        bits = sram.banks * sram.width_bits
        return MapColumns("code_", bits // CODE_BITS, CODE_BITS, sram.kib * BITS_PER_KIB // bits, False)

    @property
    def code_banks(self) -> int:
        """Ports of the code SRAM."""
        assert self.machine.code_sram is not None
        return self.machine.code_sram.banks

    @property
    def code_access(self) -> int:
        """Codes of one port of the code SRAM."""
        return self.code_map.columns // self.code_banks

    @property
    def codes_in_part(self) -> int:
        """Codes that go to the patch buffer in a cycle: as many as are rounded, or as the code SRAM brings."""
        return self.code_map.columns if self.passes_codes else self.quantizers

    def rounded_units(self, bits: int) -> int:
        """Return the units of the input map whose words are rounded in a cycle of a pass of form `none`."""
        return min(self.quantizers, self.window_bits // bits) * bits // self.unit_bits

    @property
    def input_access_units(self) -> int:
        """Units of one port of the input SRAM."""
        return self.machine.input_sram.width_bits // self.unit_bits

    @property
    def input_lines(self) -> int:
        """Windows that the input SRAM holds."""
        return self.machine.input_sram.kib * BITS_PER_KIB // self.window_bits
