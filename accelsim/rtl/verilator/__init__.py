"""The emitted Verilog under Verilator, driven from Python: for layers of real size (docs/rtl.md)."""

from __future__ import annotations
