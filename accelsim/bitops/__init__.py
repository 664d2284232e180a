"""BitOPs: the paper's measure of arithmetic, for layers, traces and counts, and beside its tables (docs/robustness.md)."""

from accelsim.bitops.accounting import BitOps, essential_neurons, layer_bitops
from accelsim.bitops.trace_bitops import counted_bitops, trace_bitops

__all__ = ["BitOps", "counted_bitops", "essential_neurons", "layer_bitops", "trace_bitops"]
