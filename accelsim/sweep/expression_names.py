"""What expressions of a sweep can read and call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from accelsim.config import Machine, Technology
from accelsim.config.source import Source
from accelsim.config.validation import validate
from accelsim.energy import area, clock_limit, iso_area_vpus
from accelsim.errors import AccelsimError
from accelsim.expressions import PLAIN_FUNCTIONS, Expression, Functions
from accelsim.sweep.machine_fields import LET, TECHNOLOGY, flat, look_up
from accelsim.trace import Scheme

WORKLOAD_FIELDS = ("images", "scheme.name", "scheme.kind", "scheme.noise", "scheme.keep", "scheme.of")
"""Names that depend on what runs, not on the machine."""


def parse_expression(text: str, where: str) -> Expression:
    """An expression of a sweep. Raises AccelsimError, beginning with ``where``, if it is none."""
    return Expression(text, where, _SIGNATURES)


def _of_machine(name: object = None) -> object:
    raise AssertionError  # stands for a function of `Names` while an expression is parsed


def _of_two(name: object, share: object = 1.0) -> object:
    raise AssertionError


_SIGNATURES: Functions = {
    **PLAIN_FUNCTIONS,
    "area_mm2": _of_machine,
    "sram_kib": _of_machine,
    "clock_limit_mhz": _of_machine,
    "iso_area_vpus": _of_two,
}


@dataclass(frozen=True)
class Names:
    """The names of one point. ``machine`` is plain data, perhaps no machine yet; ``named`` loads a machine by its name."""

    machine: Mapping[str, Any]
    label: str
    technology: Technology
    let: Mapping[str, Any]
    scheme: Scheme
    images: int
    named: Callable[[str], Machine]

    def look_up(self, path: tuple[str, ...]) -> Any:
        """As `accelsim.expressions.Lookup`."""
        head, rest = path[0], path[1:]
        try:
            if head == TECHNOLOGY:
                return look_up(self._technology_data, rest)
            if head == LET:
                return look_up(self.let, rest)
            if head in ("scheme", "images"):
                return look_up(self._workload, path)
            return look_up(self.machine, path)
        except KeyError:
            raise KeyError(self._known) from None

    @cached_property
    def functions(self) -> Functions:
        """The functions, each about this point's machine or, where it takes one, a machine by name."""

        def machine(name: object = None) -> Machine:
            if name is None:
                return self.built
            if not isinstance(name, str):
                raise AccelsimError(f"{name!r} is not the name of a machine")
            return self.named(name)

        def sized(name: object, share: object = 1.0) -> int:
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1e6:
                raise AccelsimError(f"a share of {share!r}; allowed: a number above 0")
            return iso_area_vpus(self.built, machine(name), self.technology, float(share))

        return {
            **PLAIN_FUNCTIONS,
            "area_mm2": lambda *name: area(machine(*name), self.technology).total_mm2,
            "sram_kib": lambda *name: _sram_kib(machine(*name)),
            "clock_limit_mhz": lambda *name: clock_limit(machine(*name), self.technology).max_clock_mhz,
            "iso_area_vpus": sized,
        }

    @cached_property
    def built(self) -> Machine:
        """The machine. Raises AccelsimError if the data is none."""
        return validate(Machine, Source(f"machine {self.label}", self.machine, {}))

    @cached_property
    def _technology_data(self) -> dict[str, Any]:
        return self.technology.as_file()

    @property
    def _workload(self) -> dict[str, Any]:
        fields = [name.removeprefix("scheme.") for name in WORKLOAD_FIELDS if name.startswith("scheme.")]
        return {"scheme": {name: getattr(self.scheme, name) for name in fields}, "images": self.images}

    @property
    def _known(self) -> list[str]:
        everything = {**self.machine, **self._workload, LET: self.let, TECHNOLOGY: self._technology_data}
        return [name for name, _ in flat(everything)]


def _sram_kib(machine: Machine) -> int:
    """KiB of all memories of all cores."""
    data = machine.model_dump(mode="json")
    memories = [section for section in data.values() if isinstance(section, dict) and "macro_kib" in section]
    return machine.cores * sum(int(memory["kib"]) for memory in memories)
