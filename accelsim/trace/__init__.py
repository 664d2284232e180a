"""The trace file: what a network computed precisely, layer by layer, image by image.

`TraceWriter` makes one, `open_trace` reads it lazily, `check_trace` reads all of it and reports damage.
`synthetic_layer_trace` and `write_synthetic_trace` draw random masks, for tests and benchmarks.
docs/trace-format.md is the normative description.
"""

from accelsim.schemes import Scheme
from accelsim.trace.layer_shape import Approximation, LayerInfo, LayerShape
from accelsim.trace.layer_trace import LayerTrace
from accelsim.trace.reader import TraceFile, open_trace
from accelsim.trace.synthetic import synthetic_layer_trace, synthetic_masks, write_synthetic_trace
from accelsim.trace.trace_check import TraceReport, check_trace
from accelsim.trace.writer import TraceWriter

__all__ = [
    "Approximation",
    "LayerInfo",
    "LayerShape",
    "LayerTrace",
    "Scheme",
    "TraceFile",
    "TraceReport",
    "TraceWriter",
    "check_trace",
    "open_trace",
    "synthetic_layer_trace",
    "synthetic_masks",
    "write_synthetic_trace",
]
