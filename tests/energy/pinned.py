"""Machines with every parameter pinned that a hand-worked number depends on."""

from __future__ import annotations

from accelsim.config import Machine, load_machine


def pinned_machine(name: str, **mvu: object) -> Machine:
    """A shipped machine with the given MVU fields, pinned projection, and, if it ranks groups, 4 of up to 16 a cycle."""
    data = load_machine(name).model_dump()
    data["mvu"] |= mvu
    data["result_buffer"] |= {"kib": 16, "macro_kib": 1}
    if data["projection"] is not None:
        data["projection"] |= {"lanes": 96, "quantizers": 16}
    if name == "structured":
        data["selector"] |= {"groups_per_cycle": 4, "max_of": 16}
    return Machine.model_validate(data)
