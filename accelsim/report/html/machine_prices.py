"""What a machine of stored results costs: its area, and the energy of each thing that is counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from accelsim.config import Machine, Technology
from accelsim.config.source import Source
from accelsim.config.validation import validate
from accelsim.energy import area, energy_terms
from accelsim.errors import AccelsimError
from accelsim.inputs import as_technology


@dataclass(frozen=True)
class Prices:
    """areas_mm2: by machine. terms: by machine, the items of its energy. missing: why there are none; empty if there are."""

    areas_mm2: dict[str, float] = field(default_factory=dict)
    terms: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    missing: str = ""


def prices(provenance: dict[str, Any], technology: str | None) -> Prices:
    """Price the machines of a folder of results with the technology that it was simulated with.

    Results name their technology and its hash but do not carry it. ``technology``: a file or bundled name; None for the
    bundled one of that name, and if that is not it, the page does without. Raises AccelsimError if the one given is not
    that of the results.
    """
    used = provenance["technology"]
    try:
        found = as_technology(technology or used["name"])
    except AccelsimError:
        if technology is not None:
            raise
        return Prices(
            missing=f"technology {used['name']} is not one that ships; give its file with --technology"
        )
    if found.sha256 != used["sha256"]:
        if technology is not None:
            raise AccelsimError(
                f"{technology}: not the technology of the results ({used['name']}): another hash"
            )
        return Prices(missing=f"technology {used['name']} has changed since; give its file with --technology")
    machines = {}
    for name, entry in provenance["machines"].items():
        machine = _machine(name, entry, found)
        if machine is None:
            return Prices(missing=f"machine {name} was written by another version of accelsim")
        machines[name] = machine
    return Prices(
        areas_mm2={name: area(machine, found).total_mm2 for name, machine in machines.items()},
        terms={
            name: [
                {"name": term.name, "group": term.group, "pj": dict(term.pj_per_count)}
                for term in energy_terms(machine, found)
            ]
            for name, machine in machines.items()
        },
    )


def _machine(name: str, entry: dict[str, Any], technology: Technology) -> Machine | None:
    try:
        machine = validate(Machine, Source(f"machine {name}", entry["config"], {}))
        area(machine, technology)
    except AccelsimError:
        return None
    return machine if machine.sha256 == entry["sha256"] else None
