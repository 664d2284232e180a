"""What all SRAMs share: their parameters, the macros that they are built of, and what an access costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, ValidationInfo, field_validator

from accelsim.components.component import AreaItem, Delay, MemoryPart, PriceOf
from accelsim.components.price import Price
from accelsim.errors import AccelsimError
from accelsim.strict_model import Strict

if TYPE_CHECKING:
    from accelsim.config import Machine, Technology
    from accelsim.config.sram_table import SramMacro

Kib = Annotated[int, Field(ge=1, le=1 << 20)]
PortBits = Annotated[int, Field(ge=16, le=4096, multiple_of=16)]


class Sram(Strict):
    """An on-chip memory: `kib` in macros of `macro_kib`, read and written `width_bits` at a time."""

    kib: Kib = Field(description="Capacity in KiB, per core.")
    macro_kib: Kib = Field(
        description="Size in KiB of the physical macros it is built of, at most kib; decides energy, area and clock only."
    )
    width_bits: PortBits = Field(description="Bits of one access, a multiple of 16.")

    @field_validator("macro_kib")
    @classmethod
    def _fits(cls, value: int, info: ValidationInfo) -> int:
        kib = info.data.get("kib", value)
        if value > kib:
            raise ValueError(f"a macro of {value} KiB is larger than the memory of {kib} KiB")
        return value


class BankedSram(Sram):
    """An SRAM with `banks` ports of `width_bits` that work side by side."""

    banks: int = Field(ge=1, le=1024, description="Ports of width_bits each: accesses per cycle.")


@dataclass(frozen=True)
class Memory:
    """How one memory of the machine is built: what its component's area, charges and delay are made of.

    Attributes:
        name: Section of the machine, and name of the area item and of the delay.
        slice_kib: KiB of one physical part, where the memory is divided; a part smaller than ``macro_kib`` is a macro of
            its own size. None where it is in one piece.
        built_kib: KiB that are built, where that can be more than the capacity.
    """

    name: str
    slice_kib: Callable[[Machine, Technology], float] | None = None
    built_kib: Callable[[Machine, Technology], float] | None = None

    def macro(self, machine: Machine, technology: Technology) -> SramMacro:
        """Return the macro that the memory is built of.

        Raises:
            AccelsimError: If the technology's table does not reach that far.
        """
        sram: Sram = getattr(machine, self.name)
        kib = float(sram.macro_kib)
        if self.slice_kib is not None:
            kib = min(kib, self.slice_kib(machine, technology))
        return technology.sram.macro(kib, sram.width_bits)

    def part(self, formula: str = "capacity / macro size (fractional) x macro area") -> MemoryPart:
        """Return the memory as a part of the core's area.

        The number of macros is fractional on purpose: a slice of 3.2 macros is priced by its bits, so that area grows
        evenly with the number of VPUs.
        """

        def make(machine: Machine, technology: Technology) -> AreaItem:
            macro = self.macro(machine, technology)
            kib = getattr(machine, self.name).kib
            if self.built_kib is not None:
                kib = self.built_kib(machine, technology)
            macros = kib / macro.kib
            unit = f"{macro.kib:g} KiB x {macro.width_bits}"
            return AreaItem(
                self.name, "sram", macros * macro.area_mm2, macros * macro.leakage_mw, macros, unit
            )

        return MemoryPart(self.name, make, formula)

    def delay(self) -> Delay:
        """Return the macro's cycle time, which names the memory's field where there is no such macro."""

        def cycle_ns(machine: Machine, technology: Technology) -> float:
            try:
                return self.macro(machine, technology).cycle_ns
            except AccelsimError as error:
                raise AccelsimError(f"{machine.where(self.name)}: {error}") from None

        return Delay(self.name, cycle_ns)

    def read(self, constant: str) -> PriceOf:
        """Return the price of a read, as the constant of that name."""
        return lambda machine, tariff: Price.of(
            constant, "sram", self.macro(machine, tariff.technology).read_pj
        )

    def write(self, constant: str) -> PriceOf:
        """Return the price of a write, as the constant of that name."""
        return lambda machine, tariff: Price.of(
            constant, "sram", self.macro(machine, tariff.technology).write_pj
        )
