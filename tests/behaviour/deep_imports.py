"""Every import of the behaviour digest that is not of the public surface, in one place.

Whoever moves a module changes the line here and nothing else of this folder. Each function imports when it is called,
so that a missing optional package is noticed only by the section that needs it.
"""

from __future__ import annotations

from types import SimpleNamespace


def energy() -> SimpleNamespace:
    """Return what prices a machine: `area`, `clock_limit`, `energy_terms`."""
    from accelsim.energy import area, clock_limit, energy_terms

    return SimpleNamespace(area=area, clock_limit=clock_limit, energy_terms=energy_terms)


def synthetic() -> SimpleNamespace:
    """Return `write_synthetic_trace`."""
    from accelsim.trace.synthetic import write_synthetic_trace

    return SimpleNamespace(write_synthetic_trace=write_synthetic_trace)


def algorithm() -> SimpleNamespace:
    """Return conversion, distillation, attacks, export and the fixed-point reference (needs torch)."""
    from accelsim.nn.attacks import FGSM, PGD, Target
    from accelsim.nn.fixed_point.fixed_point_reference import fixed_point_layer
    from accelsim.nn.fixed_point.from_network import layer_operands
    from accelsim.nn.injection.conversion import convert, non_essential_layers, set_scheme
    from accelsim.nn.injection.distillation import distill
    from accelsim.nn.trace_export import export_trace

    return SimpleNamespace(
        FGSM=FGSM,
        PGD=PGD,
        Target=Target,
        convert=convert,
        distill=distill,
        export_trace=export_trace,
        fixed_point_layer=fixed_point_layer,
        layer_operands=layer_operands,
        non_essential_layers=non_essential_layers,
        set_scheme=set_scheme,
    )


def rtl() -> SimpleNamespace:
    """Return the chip and its emitter (needs amaranth and pyosys)."""
    from accelsim.rtl.core.core_shape import Limits, core_shape
    from accelsim.rtl.core.rtl_chip import Chip
    from accelsim.rtl.emit import to_verilog

    return SimpleNamespace(Chip=Chip, Limits=Limits, core_shape=core_shape, to_verilog=to_verilog)
