"""One result row: what was run, what it cost, how well the units were used, and every count."""

from __future__ import annotations

from accelsim.config import Machine, Technology
from accelsim.counts import Counts
from accelsim.energy import GROUPS, energy
from accelsim.trace import LayerTrace

KEYS = ("network", "dataset", "machine", "scheme", "kind", "noise", "image_id")
"""Columns that say which simulation of a whole image a row belongs to."""


def cost_columns(counts: Counts, machine: Machine, technology: Technology) -> dict[str, float | int]:
    """Latency, energy and EDP of some work: cycles exact, times in us, energies in pJ.

    ``latency_cycles`` is ``core_cycles / cores``; ``energy_pj`` is the sum of the groups that follow it.
    """
    spent = energy(counts, machine, technology)
    latency_cycles = counts.core_cycles // machine.cores
    latency_us = latency_cycles / machine.clock_mhz
    by_group = spent.by_group_pj()
    return {
        "latency_cycles": latency_cycles,
        "latency_us": latency_us,
        "energy_pj": spent.total_pj,
        "edp_pj_us": spent.total_pj * latency_us,
        **{f"{group}_pj": by_group[group] for group in GROUPS},
    }


def utilization_columns(counts: Counts, machine: Machine) -> dict[str, float]:
    """Shares between 0 and 1.

    ``mvu_busy``: of core cycles, in which a job holds the MVU. ``mapping_efficiency``: of VPU slots in
    those cycles, the share that works on a row (the rest are stalls, bubbles, and VPUs that have no row or fewer
    steps than the busiest). ``brick_utilization``: of all bricks in all cycles, the share that fires.
    """
    mvu = machine.mvu
    vpu_slots = counts.mvu_busy_cycles * mvu.vpus
    bricks = counts.core_cycles * mvu.vpus * mvu.bricks_per_vpu
    steps = counts.vpu_steps_4bit + counts.vpu_steps_8bit + counts.vpu_steps_16bit + counts.vpu_steps_1bit
    fired = counts.brick_ops_4bit + counts.brick_ops_8bit + counts.brick_ops_16bit
    unit_cycles = max(counts.core_cycles, 1)
    return {
        "mvu_busy": counts.mvu_busy_cycles / unit_cycles,
        "mapping_efficiency": steps / max(vpu_slots, 1),
        "brick_utilization": fired / max(bricks, 1),
        "front_busy": counts.front_busy_cycles / unit_cycles,
        "selector_busy": counts.selector_busy_cycles / unit_cycles,
        "output_busy": counts.output_busy_cycles / unit_cycles,
    }


def layer_columns(layer: LayerTrace) -> dict[str, str | int]:
    """Which layer a row is about."""
    shape = layer.shape
    return {
        "layer_index": layer.index,
        "layer": layer.name,
        "layer_kind": shape.kind,
        "n": shape.n,
        "d": shape.d,
        "k": layer.approximation.k if layer.approximation and layer.approximated else 0,
    }
