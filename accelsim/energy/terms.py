"""Which energy is charged for which count: the table behind docs/energy.md, section "Energy"."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from accelsim.config.machine import Machine, NmSelector, Sram, ThresholdSelector
from accelsim.config.sram_table import SramMacro
from accelsim.config.technology import Technology
from accelsim.energy.area import area
from accelsim.energy.macro import (
    SUM_WORDS,
    lanes_per_quantizer,
    operand_select_inputs,
    psum_words,
    result_bank,
    sram_macro,
    weight_slice,
    window_words,
)

Group = Literal["compute", "sram", "registers", "dram", "leakage"]
GROUPS: tuple[Group, ...] = ("compute", "sram", "registers", "dram", "leakage")


@dataclass(frozen=True)
class EnergyTerm:
    """One item of the energy: `pj_per_count` maps names of `Counts` fields to pJ per unit of that count."""

    name: str
    group: Group
    pj_per_count: tuple[tuple[str, float], ...]


@lru_cache(maxsize=256)
def energy_terms(machine: Machine, technology: Technology) -> tuple[EnergyTerm, ...]:
    """The items that this machine's counts are charged for, each linear in the counts.

    Raises AccelsimError if an SRAM is outside the technology's table.
    """
    return (
        *_compute_terms(machine, technology),
        *_projection_terms(machine, technology),
        *_selection_terms(machine, technology),
        *_register_terms(machine, technology),
        *_sram_terms(machine, technology),
        *_leakage_terms(machine, technology),
    )


def _term(name: str, group: Group, **pj_per_count: float) -> EnergyTerm:
    return EnergyTerm(name, group, tuple(pj_per_count.items()))


def _compute_terms(machine: Machine, technology: Technology) -> list[EnergyTerm]:
    mvu, events = machine.mvu, technology.events
    tree_pj = (mvu.lanes - 1) * events.tree_addition_pj.value
    psum_pj = events.psum_addition_pj.value
    approximates = not machine.dense_only
    both = {"vpu_steps_16bit": 1, "vpu_steps_4bit": 1} if approximates else {"vpu_steps_16bit": 1}
    terms = [_term("multiply_16bit", "compute", brick_ops_16bit=events.multiply_16bit_pj.value / 16)]
    if approximates:
        terms.append(_term("multiply_4bit", "compute", brick_ops_4bit=events.multiply_4bit_pj.value))
    terms.append(_term("adder_tree", "compute", **dict.fromkeys(both, tree_pj)))
    terms.append(_term("psum_addition", "compute", **dict.fromkeys(both, psum_pj)))
    words = {"vpu_steps_16bit": mvu.lanes, "vpu_steps_4bit": 4 * mvu.lanes}
    mux_pj = math.log2(operand_select_inputs(machine)) * events.word_mux2_pj.value
    word_pj = events.operand_word_pj.value + mux_pj
    terms.append(_term("operand_select", "compute", **{count: words[count] * word_pj for count in both}))
    terms.append(_term("requantize", "compute", result_buffer_writes=events.requantize_pj.value))
    gather_pj = machine.output_sram.width_bits / 16 * math.log2(mvu.vpus) * events.word_mux2_pj.value
    terms.append(_term("output_gather", "compute", output_sram_writes=gather_pj))
    return terms


def _projection_terms(machine: Machine, technology: Technology) -> list[EnergyTerm]:
    unit, events = machine.projection, technology.events
    if unit is None:
        return []
    signs_pj = window_words(machine) / 8 * events.sign_generation_pj.value
    select_pj = SUM_WORDS * math.log2(lanes_per_quantizer(unit)) * events.word_mux2_pj.value
    register_pj = SUM_WORDS * events.register_write_pj.value
    return [
        _term("projection_tree", "compute", projection_additions=events.projection_addition_pj.value),
        _term("projection_sum", "compute", projection_accumulations=events.tree_addition_pj.value),
        _term("projection_signs", "compute", projection_accumulations=signs_pj),
        _term("quantize", "compute", projected_values=events.quantize_pj.value),
        _term("quantizer_select", "compute", projected_values=select_pj),
        _term("projection_registers", "registers", projection_accumulations=register_pj),
    ]


def _selection_terms(machine: Machine, technology: Technology) -> list[EnergyTerm]:
    events, selector = technology.events, machine.selector
    walk_pj = events.index_walk_pj.value
    walk = _term("mask_walk", "compute", vpu_steps_16bit=walk_pj, vpu_steps_4bit=walk_pj)
    if isinstance(selector, ThresholdSelector):
        return [
            _term("threshold_compare", "compute", comparisons=events.threshold_comparison_pj.value),
            _term("result_select", "compute", comparisons=events.result_rotate_pj.value),
            walk,
        ]
    if isinstance(selector, NmSelector):
        pairs = selector.max_of * (selector.max_of - 1) // 2
        rank_pj = pairs * 16 * events.ranking_pair_bit_pj.value + selector.max_of * events.magnitude_pj.value
        select_pj = selector.max_of * events.result_group_pj.value
        return [
            _term("group_ranking", "compute", groups_ranked=rank_pj),
            _term("result_select", "compute", groups_ranked=select_pj),
            walk,
        ]
    return []


def _register_terms(machine: Machine, technology: Technology) -> list[EnergyTerm]:
    mvu, events = machine.mvu, technology.events
    read_pj = events.register_file_read_per_entry_pj.value
    write_pj = events.register_file_write_pj.value
    psum_pj = psum_words(1) * (mvu.accumulators_per_vpu * read_pj + write_pj)
    steps = {"vpu_steps_16bit": psum_pj}
    if not machine.dense_only:
        steps["vpu_steps_4bit"] = psum_pj
    register_pj = events.ring_write_pj.value
    return [
        _term("psum_registers", "registers", **steps),
        _term("operand_registers", "registers", broadcast_register_writes=register_pj),
        _term("weight_registers", "registers", weight_register_writes=register_pj),
    ]


def _sram_terms(machine: Machine, technology: Technology) -> list[EnergyTerm]:
    def macro(sram: Sram, kib: float | None = None) -> SramMacro:
        return sram_macro(sram, technology, kib)

    weight_pj = macro(machine.weight_sram, weight_slice(machine)).read_pj
    patch = macro(machine.patch_buffer)
    result = macro(machine.result_buffer, result_bank(machine, technology))
    terms = [
        _term("input_sram", "sram", input_sram_reads=macro(machine.input_sram).read_pj),
        _term("patch_buffer_write", "sram", patch_buffer_writes=patch.write_pj),
        _term("patch_buffer_read", "sram", patch_buffer_reads=patch.read_pj),
        _term("result_buffer_write", "sram", result_buffer_writes=result.write_pj),
        _term("result_buffer_read", "sram", result_buffer_reads=result.read_pj),
        _term("weight_sram_16bit", "sram", weight_sram_reads_16bit=weight_pj),
    ]
    if not machine.dense_only:
        terms.append(_term("weight_sram_4bit", "sram", weight_sram_reads_4bit=weight_pj))
    terms.append(_term("output_sram", "sram", output_sram_writes=macro(machine.output_sram).write_pj))
    if machine.dram is not None:
        terms.append(_term("dram", "dram", dram_bits=machine.dram.pj_per_bit))
    return terms


def _leakage_terms(machine: Machine, technology: Technology) -> list[EnergyTerm]:
    breakdown = area(machine, technology)
    # mW x us = nJ; a core cycle is 1 / clock_mhz us of one core's leakage.
    pj_per_mw = 1000.0 / machine.clock_mhz
    return [
        _term("sram_leakage", "leakage", core_cycles=breakdown.leakage_mw("sram") * pj_per_mw),
        _term("logic_leakage", "leakage", core_cycles=breakdown.leakage_mw("logic") * pj_per_mw),
    ]
