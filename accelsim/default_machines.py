"""The bundled machines that a trace is compared on if none are named: those that make its form of projection."""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.errors import AccelsimError
from accelsim.forms import Form
from accelsim.trace import TraceFile

MACHINES_OF_FORM: Mapping[Form, tuple[str, ...]] = {
    "none": ("dense", "unstructured-none", "structured-none", "dense-int", "int4"),
    "pixel": ("dense", "unstructured-pixel", "structured-pixel", "dense-int"),
    "patch": ("dense", "unstructured", "structured", "dense-int"),
}
"""Bundled machines, all of the area of `unstructured` (tests/energy/test_iso_area.py), by the form that they make."""


def form_of(trace: TraceFile) -> Form:
    """Return the form of a trace's projections; `patch` if it has none.

    Raises:
        AccelsimError: If its layers have several; no machine runs it, so there are no default machines.
    """
    forms = sorted({layer.approximation.form for layer in trace.layers if layer.approximation is not None})
    if len(forms) > 1:
        raise AccelsimError(
            f"{trace.path}: has projections of the forms {' and '.join(forms)}; a machine makes one form"
        )
    return forms[0] if forms else "patch"


def default_machines(trace: TraceFile) -> tuple[str, ...]:
    """Return the names of the bundled machines for a trace, the dense one first.

    Raises:
        AccelsimError: As `form_of` does.
    """
    return MACHINES_OF_FORM[form_of(trace)]
