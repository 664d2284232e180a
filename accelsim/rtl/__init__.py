"""The core of docs/machine.md as hardware, in Amaranth: what both engines are validated against (docs/rtl.md).

Nothing is imported before it is used, so importing `accelsim.rtl` needs no Amaranth (its names do: the extra `rtl`).

Run one layer in the RTL, as Amaranth simulates it, and get its words, cycles and counts::

    from accelsim import load_machine
    from accelsim.rtl import AmaranthRunner, core_shape, run_layer

    shape = core_shape(load_machine("structured"))
    result = run_layer(operands, shape, AmaranthRunner(shape))

| to | use |
| --- | --- |
| ask whether a machine can be built, and with what widths | `core_shape`, `CoreShape`, `Limits` |
| run a layer | `run_layer` (a `LayerResult`), `AmaranthRunner`, `VerilatorRunner` |
| get the hardware | `Core`, `Chip`, `to_verilog` |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.extras import lazy_names

if TYPE_CHECKING:
    from accelsim.rtl.core.core_shape import CoreShape as CoreShape
    from accelsim.rtl.core.core_shape import Limits as Limits
    from accelsim.rtl.core.core_shape import core_shape as core_shape
    from accelsim.rtl.core.rtl_chip import Chip as Chip
    from accelsim.rtl.core.rtl_core import Core as Core
    from accelsim.rtl.emit import to_verilog as to_verilog
    from accelsim.rtl.rtl_simulation import AmaranthRunner as AmaranthRunner
    from accelsim.rtl.rtl_simulation import LayerResult as LayerResult
    from accelsim.rtl.rtl_simulation import run_layer as run_layer
    from accelsim.rtl.verilator.runner import VerilatorRunner as VerilatorRunner
else:
    MODULE_OF, __getattr__ = lazy_names(
        __name__,
        {
            "core.core_shape": "CoreShape Limits core_shape",
            "core.rtl_chip": "Chip",
            "core.rtl_core": "Core",
            "emit": "to_verilog",
            "rtl_simulation": "AmaranthRunner LayerResult run_layer",
            "verilator.runner": "VerilatorRunner",
        },
        needs={"amaranth": "Amaranth", "pyosys": "pyosys", "torch": "PyTorch"},
        extra="rtl,train",
    )
    __all__ = sorted(MODULE_OF)
