"""accelsim: cycle-accurate simulation of accelerators that run noise-injected neural networks.

The public API::

    from accelsim import compare, figure5, load_machine, load_technology, open_trace, simulate

    results = simulate("resnet18-cifar10", "structured", schemes=["nm-1of8"], images=slice(0, 1))
    print(results.summary[["scheme", "latency_us", "energy_pj"]])

Traces are made with `TraceWriter` (from NumPy) or with `accelsim.nn` (from PyTorch); the core in hardware is `accelsim.rtl`.
"""

from accelsim import early_interrupt  # noqa: F401  # isort: skip  # first: the other imports take seconds
from accelsim.compare import compare
from accelsim.config import Machine, Technology, load_machine, load_technology
from accelsim.errors import AccelsimError
from accelsim.report.figure5 import figure5
from accelsim.results.run_results import Results
from accelsim.simulate import simulate
from accelsim.trace import (
    Approximation,
    LayerShape,
    LayerTrace,
    Scheme,
    TraceFile,
    TraceWriter,
    check_trace,
    open_trace,
)
from accelsim.version import __version__

__all__ = [
    "AccelsimError",
    "Approximation",
    "LayerShape",
    "LayerTrace",
    "Machine",
    "Results",
    "Scheme",
    "Technology",
    "TraceFile",
    "TraceWriter",
    "__version__",
    "check_trace",
    "compare",
    "figure5",
    "load_machine",
    "load_technology",
    "open_trace",
    "simulate",
]
