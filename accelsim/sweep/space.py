"""All the points that a sweep file spans, and any one of them by its coordinates."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, Literal

from accelsim.config import Machine, Technology, load_machine, load_technology
from accelsim.errors import AccelsimError, near_file, suggestion
from accelsim.expressions import Expression
from accelsim.inputs import as_trace, image_slice
from accelsim.mapping import why_not
from accelsim.schemes import BASELINE
from accelsim.selections import chosen_images
from accelsim.store import Point, Subject, Unbuildable, Workload
from accelsim.sweep.axis_values import Values, axis_values, listed_values
from accelsim.sweep.expression_names import WORKLOAD_FIELDS, Names, parse_expression
from accelsim.sweep.machine_fields import LET, TECHNOLOGY, changed, check_field, flat
from accelsim.sweep.sweep_file import Spec
from accelsim.trace import TraceFile

MAX_COMBINATIONS = 1_000_000

HARDWARE = ("machine", "technology")
WORKLOAD = ("trace", "scheme", "images")


@dataclass(frozen=True)
class Dimension:
    """One direction of the space. ``fields``: what changes along it; each of ``values`` has one for each field."""

    fields: tuple[str, ...]
    values: tuple[Values, ...]


@dataclass(frozen=True)
class LeftOut:
    """A combination that is no point: a constraint does not hold, or the scheme is not for the machine or trace."""

    why: Literal["where", "scheme"]


@dataclass(frozen=True)
class _Hardware:
    """A machine and technology, or why there is none. ``settings``: the values that were asked for, by field."""

    base: Machine
    built: Machine | str | LeftOut
    technology: Technology
    settings: Mapping[str, Any]


class Space:
    """The combinations of a sweep file. Made by `open_space`.

    ``dimensions``: machine and technology, every axis and zip group, then trace, scheme and images.
    """

    def __init__(
        self,
        spec: Spec,
        machines: Mapping[str, Machine],
        technologies: Mapping[str, Technology],
        traces: Mapping[str, TraceFile],
    ) -> None:
        self.spec = spec
        self.traces = traces
        self._machines, self._technologies = machines, technologies
        self._data = {name: machine.model_dump(mode="json") for name, machine in machines.items()}
        self._set = self._parsed_set()
        self._where = [
            parse_expression(text, self._at("where", index)) for index, text in enumerate(spec.file.where)
        ]
        self.dimensions = self._all_dimensions()
        self.combinations = math.prod(len(dimension.values) for dimension in self.dimensions)
        expressions = [*self._where, *(each for each in self._set.values() if isinstance(each, Expression))]
        self._check_names(expressions)
        self._workload_matters = any(
            ".".join(name) in WORKLOAD_FIELDS for each in expressions for name in each.names
        )
        self._hardware = lru_cache(maxsize=1024)(self._make_hardware)
        self._workload = lru_cache(maxsize=4096)(self._make_workload)
        self._named = lru_cache(maxsize=1024)(self._load_named)

    def choices(self) -> Iterator[tuple[int, ...]]:
        """Coordinates of every combination, the last dimension fastest.

        Raises AccelsimError if there are more than `MAX_COMBINATIONS`.
        """
        if self.combinations > MAX_COMBINATIONS:
            raise AccelsimError(
                f"{self.spec.source.label}: {self.combinations} combinations; at most {MAX_COMBINATIONS}"
            )
        return product(*(range(len(dimension.values)) for dimension in self.dimensions))

    def settings(self, choice: Sequence[int]) -> dict[str, Any]:
        """What is chosen along every dimension, by field."""
        return {
            field: value
            for dimension, index in zip(self.dimensions, choice, strict=True)
            for field, value in zip(dimension.fields, dimension.values[index], strict=True)
        }

    def at(self, choice: Sequence[int]) -> Subject | LeftOut:
        """The point at these coordinates (an index into every dimension's values).

        `Unbuildable` where the values are no machine, or an expression cannot be evaluated on them. Raises AccelsimError
        if the trace does not have the images.
        """
        hardware_part, workload_part = tuple(choice[: -len(WORKLOAD)]), tuple(choice[-len(WORKLOAD) :])
        workload = self._workload(*workload_part)
        if workload is None:
            return LeftOut("scheme")
        hardware = self._hardware(hardware_part, workload_part if self._workload_matters else None)
        built = hardware.built
        if isinstance(built, LeftOut):
            return built
        if why_not(workload.scheme, hardware.base if isinstance(built, str) else built) is not None:
            return LeftOut("scheme")
        if isinstance(built, str):
            return Unbuildable(hardware.settings, built, hardware.technology, workload)
        return Point(built, hardware.technology, workload)

    def labels(self, choice: Sequence[int]) -> dict[str, Any]:
        """Names of machine and technology, and the value of every axis, for people to read."""
        settings = self.settings(choice)
        labels = {key: value for key, value in settings.items() if key not in (*HARDWARE, *WORKLOAD)}
        machine = self._machines[settings["machine"]].name
        return {"machine": machine, "technology": self._technologies[settings["technology"]].name, **labels}

    def _all_dimensions(self) -> tuple[Dimension, ...]:
        file = self.spec.file
        groups: list[Dimension] = []
        for field, given in file.axes.items():
            where = self._at("axes", field)
            groups.append(Dimension((field,), tuple((value,) for value in axis_values(given, where))))
        for index, group in enumerate(file.zip):
            columns = {
                field: listed_values(given, self._at("zip", index, field)) for field, given in group.items()
            }
            lengths = {field: len(values) for field, values in columns.items()}
            if len(set(lengths.values())) != 1:
                shown = ", ".join(f"{field} {length}" for field, length in lengths.items()) or "nothing"
                raise AccelsimError(f"{self._at('zip', index)}: values in step must be as many: {shown}")
            groups.append(Dimension(tuple(columns), tuple(zip(*columns.values(), strict=True))))
        seen: set[str] = set()
        for field in (field for group in groups for field in group.fields):
            self._check_field(field, "axes" if field in file.axes else "zip")
            if field in seen:
                raise AccelsimError(f"{self._at('zip')}: {field} is in two axes")
            seen.add(field)
        return (
            Dimension(("machine",), tuple((name,) for name in self._machines)),
            Dimension(("technology",), tuple((name,) for name in self._technologies)),
            *groups,
            Dimension(("trace",), tuple((name,) for name in self.traces)),
            Dimension(("scheme",), tuple((name,) for name in self._scheme_names())),
            Dimension(("images",), tuple((str(images),) for images in dict.fromkeys(file.images))),
        )

    def _check_field(self, field: str, key: str) -> None:
        for technology in self._technologies.values():
            try:
                check_field(field, self._data, technology.as_file())
            except AccelsimError as error:
                raise AccelsimError(f"{self._at(key, field)}: {error}") from None

    def _parsed_set(self) -> dict[str, Expression | object]:
        parsed: dict[str, Expression | object] = {}
        for field, given in self.spec.file.set.items():
            self._check_field(field, "set")
            parsed[field] = (
                parse_expression(given, self._at("set", field)) if isinstance(given, str) else given
            )
        return parsed

    def _check_names(self, expressions: Iterable[Expression]) -> None:
        """A name that no machine of the sweep has is a slip, not a machine that cannot be built."""
        known = {name for data in self._data.values() for name, _ in flat(data)} | set(WORKLOAD_FIELDS)
        for technology in self._technologies.values():
            known |= {name for name, _ in flat({TECHNOLOGY: technology.as_file()})}
        for dimension in self.dimensions:
            for values in dimension.values:
                for field, value in zip(dimension.fields, values, strict=True):
                    known |= {field} | {
                        f"{field}.{name}" for name, _ in flat(value if isinstance(value, dict) else {})
                    }
        known |= set(self._set)
        for expression in expressions:
            for name in sorted(".".join(path) for path in expression.names):
                if name not in known:
                    raise AccelsimError(
                        f"{expression.where}: no field {name!r}; {suggestion(name, sorted(known), 12)}"
                    )

    def _scheme_names(self) -> list[str]:
        names = self.spec.file.schemes
        if names is None:
            return list(
                dict.fromkeys(scheme.name for trace in self.traces.values() for scheme in trace.schemes)
            )
        for trace in self.traces.values():
            for index, name in enumerate(names):
                try:
                    trace.scheme(name)
                except AccelsimError as error:
                    raise AccelsimError(f"{self._at('schemes', index)}: {error}") from None
        return list(dict.fromkeys(names))

    def _make_workload(self, trace: int, scheme: int, images: int) -> Workload | None:
        opened = list(self.traces.values())[trace]
        (name,) = self.dimensions[-2].values[scheme]
        (text,) = self.dimensions[-1].values[images]
        where = self._at("images")
        try:
            indices = chosen_images(opened, image_slice(str(text)))
        except AccelsimError as error:
            raise AccelsimError(f"{where}: {error}") from None
        known = {each.name for each in (BASELINE, *opened.schemes)}
        return Workload(opened, opened.scheme(str(name)), indices) if name in known else None

    def _make_hardware(self, choice: tuple[int, ...], workload_choice: tuple[int, ...] | None) -> _Hardware:
        settings: dict[str, Any] = {}
        for dimension, index in zip(self.dimensions, choice, strict=False):
            settings |= zip(dimension.fields, dimension.values[index], strict=True)
        base = self._machines[settings["machine"]]
        technology = self._technologies[settings["technology"]]
        asked = {field: value for field, value in settings.items() if field not in HARDWARE}
        told = {"base": self._data[settings["machine"]], **asked}
        workload = self._workload(*workload_choice) if workload_choice is not None else None
        scheme = workload.scheme if workload is not None else BASELINE
        images = len(workload.images) if workload is not None else 0
        let = {
            field.removeprefix(f"{LET}."): value
            for field, value in asked.items()
            if field.startswith(f"{LET}.")
        }
        data = self._data[settings["machine"]]
        try:
            technology = _technology_with(technology, asked)
            for field, value in asked.items():
                if not field.startswith((f"{LET}.", f"{TECHNOLOGY}.")):
                    data = changed(data, field, value)
            names = Names(data, base.name, technology, let, scheme, images, self._named)
            for field, given in self._set.items():
                value = (
                    given.value(names.look_up, names.functions) if isinstance(given, Expression) else given
                )
                if field.startswith(f"{TECHNOLOGY}."):
                    technology = _technology_with(technology, {field: value})
                elif field.startswith(f"{LET}."):
                    let = {**let, field.removeprefix(f"{LET}."): value}
                else:
                    data = changed(data, field, value)
                names = Names(data, base.name, technology, let, scheme, images, self._named)
            machine = names.built
            for expression in self._where:
                if not expression.holds(names.look_up, names.functions):
                    return _Hardware(base, LeftOut("where"), technology, told)
        except AccelsimError as error:
            return _Hardware(base, str(error), technology, told)
        return _Hardware(base, machine, technology, told)

    def _load_named(self, name: str) -> Machine:
        return load_machine(self.spec.named(name, "hwconfigs"))

    def _at(self, *path: str | int) -> str:
        return f"{self.spec.source.where(path)}: field {'.'.join(map(str, path))}"


def _technology_with(technology: Technology, asked: Mapping[str, Any]) -> Technology:
    prefix = f"{TECHNOLOGY}."
    wanted = {field.removeprefix(prefix): value for field, value in asked.items() if field.startswith(prefix)}
    if not wanted:
        return technology
    data = technology.as_file()
    for field, value in wanted.items():
        data = changed(data, field, value)
    return technology.changed(data)


def open_space(spec: Spec) -> Space:
    """Load the machines, technologies and traces that a sweep file names, and check its fields and expressions.

    Raises AccelsimError, one line with file, line and field.
    """

    def at(key: str, index: int) -> str:
        return f"{spec.source.where((key, index))}: field {key}.{index}"

    def files(key: str, shipped_in: str, suffix: str = ".yaml") -> Iterator[tuple[int, str, Path]]:
        names: list[str] = getattr(spec.file, key)
        for index, name in enumerate(names):
            path = spec.named(name, shipped_in, suffix)
            if not os.path.exists(path):  # noqa: PTH110 - Path.exists raises where a name is too long
                raise AccelsimError(
                    f"{at(key, index)}: {name!r}: no such file, and no bundled one of that name{near_file(path)}"
                )
            yield index, name, path

    machines: dict[str, Machine] = {}
    for index, name, path in files("machines", "hwconfigs"):
        machine = load_machine(path)
        if any(machine.name == other.name for other in machines.values()):
            raise AccelsimError(f"{at('machines', index)}: two machines are named {machine.name}; rename one")
        machines[name] = machine
    technologies = {
        name: load_technology(path) for _, name, path in files("technologies", "hwconfigs/technology")
    }
    traces = {name: as_trace(path) for _, name, path in files("traces", "traces", ".h5")}
    return Space(spec, machines, technologies, traces)
