"""What several rooms share: how hypothesis draws, and small synthetic traces (no network, no data set needed)."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import settings

from accelsim.trace import Scheme
from accelsim.trace.synthetic import write_synthetic_trace

# The same commit gives the same result. `make explore` draws other cases.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("explore", derandomize=False, print_blob=True)
settings.load_profile("repeatable")

# A shell that starts the tests in the background has them, and all that they start, ignore Ctrl-C, which some tests press.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SCHEMES = [
    Scheme.dense(),
    Scheme.unstructured(noise=0.5),
    Scheme.unstructured(noise=0.75),
    Scheme.unstructured(noise=0.875),
    Scheme.nm(keep=4, of=8),
    Scheme.nm(keep=2, of=8),
    Scheme.nm(keep=1, of=8),
]


@pytest.fixture(scope="session")
def small_trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two images of a three-layer network under seven schemes; masks random, seed 3."""
    path = tmp_path_factory.mktemp("traces") / "small.h5"
    write_synthetic_trace(path, SCHEMES, images=2, seed=3, network="small")
    return path
