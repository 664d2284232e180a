"""What the API takes as input: an object, or the path or bundled name to load it from."""

from __future__ import annotations

import os
import re
from pathlib import Path

from accelsim.bundled import bundled_path
from accelsim.config import Machine, Technology, load_machine, load_technology
from accelsim.errors import AccelsimError, suggestion
from accelsim.trace import TraceFile, open_trace

DEFAULT_TECHNOLOGY = "freepdk45-rtl"
BUNDLED_TRACES = ("resnet18-cifar10", "wrn34-10-cifar10")
"""Of networks whose neurons are approximated: what the paper's comparisons are about."""

FORM_TRACES = ("resnet18-none-cifar10",)
"""Of the full-width ResNet-18 with another form of projection than the paper's."""

MNIST_TRACES = ("snn-stbp-mnist", "snn-nit-mnist", "ann-mnist")
"""Of two spiking networks, and an ANN of their size."""

ROBUST_TRACES = ("resnet18-w16-at-cifar10",)
"""Of a narrower ResNet-18 that is adversarially trained."""

ALL_TRACES = (*BUNDLED_TRACES, *FORM_TRACES, *ROBUST_TRACES, *MNIST_TRACES)

MachineLike = Machine | str | Path
TechnologyLike = Technology | str | Path
TraceLike = TraceFile | str | Path


def as_machine(machine: MachineLike) -> Machine:
    """A machine, from itself, a YAML file, or the name of a bundled one (``"structured"``)."""
    return machine if isinstance(machine, Machine) else load_machine(_path("machine", machine))


def as_technology(technology: TechnologyLike) -> Technology:
    """A technology, from itself, a YAML file, or the name of a bundled one (``"freepdk45-rtl"``)."""
    if isinstance(technology, Technology):
        return technology
    return load_technology(_path("technology", technology))


def as_trace(trace: TraceLike) -> TraceFile:
    """An open trace, from itself, an HDF5 file, or the name of a bundled one (``"resnet18-cifar10"``)."""
    if isinstance(trace, TraceFile):
        return trace
    _path("trace", trace)
    if re.fullmatch(r"[A-Za-z0-9_-]{1,100}", str(trace)) and not Path(trace).exists():
        if str(trace) not in ALL_TRACES:
            near = suggestion(str(trace), ALL_TRACES)
            raise AccelsimError(f"{trace}: no such trace; {near}, or a file (accelsim export makes one)")
        return open_trace(bundled_path(f"traces/{trace}.h5"))
    return open_trace(trace)


def _path(what: str, given: str | Path) -> str | Path:
    if not isinstance(given, str | os.PathLike):
        raise AccelsimError(f"{what}: {type(given).__name__}; allowed: a {what}, a file or a bundled name")
    return given


MAX_IMAGE = 1 << 31
"""Largest bound of a range of images; a trace holds far fewer."""


def image_slice(text: str) -> slice:
    """Return ``0:4``, ``2:``, ``:4`` or ``3`` as a slice. Raise AccelsimError for anything else."""
    first, colon, last = text.partition(":")
    try:
        start = int(first) if first else None
        stop = (int(last) if last else None) if colon else int(first) + 1
    except ValueError:
        start, stop = -1, None
    if (start or 0) < 0 or (stop is not None and stop <= (start or 0)):
        raise AccelsimError(f"{text!r} is not a range of images such as 0:4, 2: or 3")
    if max(start or 0, stop or 0) > MAX_IMAGE:
        raise AccelsimError(f"{text!r} is not a range of images: at most {MAX_IMAGE:,}")
    return slice(start, stop)
