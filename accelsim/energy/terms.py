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
    NOISE_UNIFORMS,
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
        *_spiking_terms(machine, technology),
        *_register_terms(machine, technology),
        *_sram_terms(machine, technology),
        *_leakage_terms(machine, technology),
    )


def _term(name: str, group: Group, **pj_per_count: float) -> EnergyTerm:
    return EnergyTerm(name, group, tuple(pj_per_count.items()))


def step_counts(machine: Machine) -> tuple[str, ...]:
    """The counts of VPU steps that the machine can make."""
    approximate = () if machine.dense_only else ("vpu_steps_4bit",)
    return ("vpu_steps_16bit", *approximate, *(("vpu_steps_1bit",) if machine.spiking else ()))


def _compute_terms(machine: Machine, technology: Technology) -> list[EnergyTerm]:
    mvu, events = machine.mvu, technology.events
    tree_pj = (mvu.lanes - 1) * events.tree_addition_pj.value
    psum_pj = events.psum_addition_pj.value
    approximates = not machine.dense_only
    every = step_counts(machine)
    terms = [_term("multiply_16bit", "compute", brick_ops_16bit=events.multiply_16bit_pj.value / 16)]
    if approximates:
        terms.append(_term("multiply_4bit", "compute", brick_ops_4bit=events.multiply_4bit_pj.value))
    terms.append(_term("adder_tree", "compute", **dict.fromkeys(every, tree_pj)))
    terms.append(_term("psum_addition", "compute", **dict.fromkeys(every, psum_pj)))
    words = {
        "vpu_steps_16bit": mvu.lanes,
        "vpu_steps_4bit": 4 * mvu.lanes,
        "vpu_steps_1bit": math.ceil(mvu.lanes / 16),
    }
    mux_pj = math.log2(operand_select_inputs(machine)) * events.word_mux2_pj.value
    word_pj = events.operand_word_pj.value + mux_pj
    terms.append(_term("operand_select", "compute", **{count: words[count] * word_pj for count in every}))
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
    walk = _term("mask_walk", "compute", **dict.fromkeys(step_counts(machine), walk_pj))
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


def _spiking_terms(machine: Machine, technology: Technology) -> list[EnergyTerm]:
    if machine.spiking is None:
        return []
    events = technology.events
    # A 32-bit adder stands for the two of 16 bits that let a potential decay and add the current.
    update_pj = (
        events.tree_addition_pj.value + events.threshold_comparison_pj.value + events.word_mux2_pj.value
    )
    terms = [
        _term("spike_gate", "compute", spike_additions=events.word_mux2_pj.value),
        _term("membrane_update", "compute", membrane_updates=update_pj),
        _term("membrane_registers", "registers", membrane_updates=2 * events.register_write_pj.value),
    ]
    if machine.spiking.skip_silent_chunks:
        terms.append(_term("event_walk", "compute", event_walks=events.index_walk_pj.value))
    if machine.spiking.noise_generators:
        # Seven additions make the sum and one adds it to the potential: eight of 16 bits.
        noise_pj = (
            NOISE_UNIFORMS * (events.sign_generation_pj.value + events.tree_addition_pj.value / 2)
            + events.multiply_16bit_pj.value
        )
        terms.append(_term("noise_generator", "compute", noise_draws=noise_pj))
    return terms


def _register_terms(machine: Machine, technology: Technology) -> list[EnergyTerm]:
    mvu, events = machine.mvu, technology.events
    read_pj = events.register_file_read_per_entry_pj.value
    write_pj = events.register_file_write_pj.value
    psum_pj = psum_words(1) * (mvu.accumulators_per_vpu * read_pj + write_pj)
    steps = dict.fromkeys(step_counts(machine), psum_pj)
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
    output = macro(machine.output_sram)
    accesses = {"output_sram_writes": output.write_pj}
    if machine.spiking is not None:
        accesses |= {"membrane_reads": output.read_pj, "membrane_writes": output.write_pj}
    terms.append(_term("output_sram", "sram", **accesses))
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
