"""What each counter adds in a cycle (docs/machine.md, section 7), from what the units do in it."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal, Value, ValueLike

from accelsim.mapping.operand import bricks_per_product
from accelsim.rtl.core.core_shape import CoreShape
from accelsim.rtl.core.counters import COUNTER_BITS
from accelsim.rtl.core.front_control import FrontControl
from accelsim.rtl.core.mvu_control import MvuControl
from accelsim.rtl.core.pipeline import population, select
from accelsim.rtl.core.registers import ConfigRegisters
from accelsim.rtl.core.rtl_output_port import OutputPort
from accelsim.rtl.core.rtl_projection_unit import ProjectionUnit
from accelsim.rtl.core.rtl_selector import Selector
from accelsim.rtl.core.scheduler import Scheduler
from accelsim.rtl.core.vpu_slice import VpuSlice

Terms = dict[str, ValueLike]


def mvu_terms(m: Module, shape: CoreShape, mvu: MvuControl, slices: Sequence[VpuSlice]) -> Terms:
    """Steps, bricks, reads, and the MVU's busy cycles by kind."""
    # The busiest VPU's steps of a window: a step is one of them if no VPU had as many before.
    counts = range(shape.vpu.accumulators + 1)
    most, most_now, issues = Signal(counts), Signal(counts), Signal()
    m.d.comb += [
        most_now.eq(Mux(mvu.window_start, 0, most)),
        issues.eq(Cat(each.step & (each.psum == most_now) for each in slices).any()),
    ]
    m.d.sync += most.eq(most_now + issues)
    waits = Signal()
    m.d.comb += waits.eq(mvu.patch_read | Cat(each.working for each in slices).any())
    steps, reads = Signal(range(shape.vpus + 1)), Signal(range(shape.vpus + 1))
    chunk_words, per_chunk = select(shape.chunk_words, mvu.mode), select(shape.chunk_values, mvu.mode)
    values, fired = Signal(range(shape.bricks + 1)), Signal(range(shape.vpus * shape.bricks + 1))
    m.d.comb += [
        steps.eq(population([each.step for each in slices])),
        reads.eq(population([each.read for each in slices])),
        values.eq(Mux(mvu.last_chunk, mvu.values, per_chunk)),
        fired.eq(steps * values),
    ]
    terms: Terms = {
        "essential_neurons": Mux(mvu.wide & mvu.last_chunk, steps, 0),
        "weight_register_writes": population([each.slot_start for each in slices]) * chunk_words,
        "broadcast_register_writes": Mux(mvu.window_start, mvu.positions * chunk_words, 0),
        "patch_buffer_reads": mvu.patch_read,
    }
    for mode, bits in enumerate(shape.precisions):
        mine = mvu.mode == mode
        terms |= {
            f"brick_ops_{bits}bit": Mux(mine, fired * bricks_per_product(bits), 0),
            f"vpu_steps_{bits}bit": Mux(mine, steps, 0),
            f"weight_sram_reads_{bits}bit": Mux(mine, reads, 0),
        }
    for name, wide in (("approximate", 0), ("precise", 1)):
        mine = mvu.active & (mvu.wide == wide)
        terms |= {
            f"{name}_issue_cycles": mine & issues,
            f"{name}_port_stall_cycles": mine & waits & ~issues,
            f"{name}_bubble_cycles": mine & ~waits,
        }
    return terms


def idle_terms(
    m: Module, running: Value, dense: Value, mvu: MvuControl, front: FrontControl, scheduler: Scheduler
) -> Terms:
    """Idle cycles of the MVU and the front end, by reason."""
    # An idle stretch of the MVU is charged when what it waited for is known: the next job, or the tile's end.
    idle, ended = Signal(COUNTER_BITS), Signal()
    with m.If(scheduler.load | mvu.job_start):
        m.d.sync += idle.eq(0)
    with m.Elif(running & ~mvu.active):
        m.d.sync += idle.eq(idle + 1)
    m.d.sync += ended.eq(scheduler.finished)
    waited_for_mask = mvu.wide & ~dense
    front_idle = running & ~front.active
    return {
        "mvu_idle_input_cycles": Mux(mvu.job_start & ~waited_for_mask, idle, 0),
        "mvu_idle_select_cycles": Mux(mvu.job_start & waited_for_mask, idle, 0),
        "mvu_idle_drain_cycles": Mux(scheduler.finished & ~ended, idle, 0),
        "front_idle_slot_cycles": front_idle & scheduler.blocks_waiting,
        "front_idle_done_cycles": front_idle & ~scheduler.blocks_waiting,
    }


def front_terms(
    m: Module, shape: CoreShape, config: ConfigRegisters, front: FrontControl, passes: Value
) -> Terms:
    """Positions, blocks, and the front end's busy cycles and reads."""
    units_left = front.units_left
    units_read = Mux(units_left > shape.window_units, shape.window_units, units_left)
    firsts = range(0, shape.window_units, shape.input_access_units)
    reads = Mux(front.read, population([units_read > first for first in firsts]), 0)
    terms: Terms = {
        "positions": front.position_end & config["counts_positions"] & ~passes,
        "blocks": front.end & ~passes,
        "fetch_cycles": (front.fetch | (front.quantize if shape.passes_codes else 0)) & ~passes,
        "projection_cycles": front.active & config["projects"] if shape.projects_patches else 0,
        "front_busy_cycles": front.active & ~passes,
    }
    if shape.passes_codes:
        left, columns = front.sums_left, shape.code_map.columns
        code_reads = population([left > first for first in range(0, columns, shape.code_access)])
        terms["code_sram_reads"] = Mux(front.quantize & ~passes, code_reads, 0)
    if shape.machine.form == "none":
        reads = Mux(passes, _first_reads(m, shape, front), reads)
    return terms | {"input_sram_reads": reads}


def _first_reads(m: Module, shape: CoreShape, front: FrontControl) -> Value:
    """Return the accesses that bring units of this window which none before it in the row has brought."""
    access, firsts = shape.input_access_units, range(0, shape.window_units, shape.input_access_units)
    units = Mux(front.units_left > front.step, front.step, front.units_left)
    held, reads = Signal(range(2 * shape.window_units)), Signal(range(len(firsts) + 1))
    m.d.comb += reads.eq(Mux(front.fetch, population([units > held + first for first in firsts]), 0))
    with m.If(front.fetch):
        m.d.sync += held.eq(Mux(front.last_window, 0, held + reads * access - units))
    return reads


def projection_terms(projection: ProjectionUnit) -> Terms:
    """Counts of the projection unit."""
    return {
        "projection_additions": projection.additions,
        "projection_accumulations": projection.accumulations,
        "projected_values": projection.values,
    }


def selection_terms(shape: CoreShape, config: ConfigRegisters, selector: Selector) -> Terms:
    """Counts of the selector, by its kind."""
    selected = shape.machine.selector
    if selected is not None and selected.kind == "threshold":
        terms: Terms = {"comparisons": population(selector.reads)}
    else:
        terms = {"groups_ranked": selector.units_taken}
    return terms | {
        "selector_busy_cycles": selector.active,
        "scaled_scores": Mux(config["scales"], population(selector.reads), 0),
    }


def output_terms(port: OutputPort) -> Terms:
    """Counts of the output port."""
    return {
        "output_busy_cycles": port.active,
        "output_sram_writes": population(port.lines_taken),
        "activations": population(port.reads),
    }
