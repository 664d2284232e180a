"""Area and leakage of a machine, block by block (docs/energy.md, section "Area")."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from accelsim.config.machine import Machine, Sram, ThresholdSelector
from accelsim.config.technology import Block, Blocks, Technology
from accelsim.energy.macro import (
    NOISE_UNIFORMS,
    SUM_WORDS,
    chunk_flag_words,
    chunk_words,
    lanes_per_quantizer,
    mask_places,
    mask_walkers,
    operand_select_inputs,
    output_words,
    psum_words,
    result_bank,
    sram_macro,
    weight_register_words,
    weight_slice,
    window_words,
)

AreaKind = Literal["logic", "sram"]


@dataclass(frozen=True)
class AreaItem:
    """One kind of block in one core: `count` of `unit`, a key of the technology's blocks or an SRAM macro's size."""

    name: str
    kind: AreaKind
    mm2: float
    leakage_mw: float
    count: float
    unit: str


@dataclass(frozen=True)
class AreaBreakdown:
    """Blocks of one core, and how many cores there are."""

    items: tuple[AreaItem, ...]
    cores: int

    @property
    def core_mm2(self) -> float:
        """Area of one core."""
        return math.fsum(item.mm2 for item in self.items)

    @property
    def total_mm2(self) -> float:
        """Area of all cores."""
        return self.cores * self.core_mm2

    def leakage_mw(self, kind: AreaKind | None = None) -> float:
        """Leakage of one core, of its logic or SRAM alone if `kind` says so."""
        return math.fsum(item.leakage_mw for item in self.items if kind in (None, item.kind))

    def as_dict(self) -> dict[str, float]:
        """Item name to mm2 of one core."""
        return {item.name: item.mm2 for item in self.items}


def area(machine: Machine, technology: Technology) -> AreaBreakdown:
    """Area of a machine in a technology, one item a kind of block.

    Raises AccelsimError if an SRAM is outside the technology's table.
    """
    return AreaBreakdown((*_logic(machine, technology), *_memories(machine, technology)), machine.cores)


def _logic(machine: Machine, technology: Technology) -> list[AreaItem]:
    mvu, blocks = machine.mvu, technology.blocks
    items = [
        _blocks("multipliers", mvu.vpus * mvu.lanes, blocks, "multiplier"),
        _blocks("adder_trees", mvu.vpus * (mvu.lanes - 1), blocks, "tree_adder"),
        _blocks("psum_adders", mvu.vpus, blocks, "psum_adder"),
        _blocks(
            "psum_registers", mvu.vpus * psum_words(mvu.accumulators_per_vpu), blocks, "register_file_word"
        ),
        # Twice: one set is loaded while the other is broadcast.
        _blocks("operand_registers", 2 * mvu.position_block * chunk_words(machine), blocks, "ring_word"),
        _blocks("weight_registers", mvu.vpus * weight_register_words(machine), blocks, "ring_word"),
        _blocks("operand_words", mvu.vpus * chunk_words(machine), blocks, "operand_word"),
        _blocks("requantizers", mvu.vpus, blocks, "requantizer"),
        _blocks("output_gather", output_words(machine) * (mvu.vpus - 1), blocks, "word_mux2"),
    ]
    if (inputs := operand_select_inputs(machine)) > 1:
        words = mvu.vpus * (inputs - 1) * chunk_words(machine)
        items.append(_blocks("operand_select", words, blocks, "word_mux2"))
    return (
        items
        + _projection(machine, technology)
        + _selection(machine, technology)
        + _spiking(machine, technology)
    )


def _projection(machine: Machine, technology: Technology) -> list[AreaItem]:
    unit, blocks = machine.projection, technology.blocks
    if unit is None:
        return []
    select_words = SUM_WORDS * (lanes_per_quantizer(unit) - 1)
    return [
        _blocks("projection_trees", unit.lanes * window_words(machine), blocks, "projection_adder"),
        _blocks("projection_sums", unit.lanes, blocks, "tree_adder"),
        _blocks("projection_registers", SUM_WORDS * unit.lanes, blocks, "register_word"),
        _blocks("quantizers", unit.quantizers, blocks, "quantizer"),
        _blocks("quantizer_select", unit.quantizers * select_words, blocks, "word_mux2"),
    ]


def _selection(machine: Machine, technology: Technology) -> list[AreaItem]:
    mvu, blocks, selector = machine.mvu, technology.blocks, machine.selector
    if selector is None:
        return []
    finding = [
        _blocks("mask_walkers", mvu.vpus * mask_walkers(machine), blocks, "index_compactor"),
        _blocks("vpu_masks", mvu.vpus * mask_places(machine), blocks, "vpu_masks"),
        _blocks("neuron_masks", mask_places(machine), blocks, "neuron_masks"),
    ]
    if isinstance(selector, ThresholdSelector):
        return [
            *finding,
            _blocks("threshold_comparators", selector.comparators, blocks, "threshold_comparator"),
            _blocks("selector_control", 1, blocks, "threshold_control"),
            _blocks("result_select", mvu.vpus, blocks, "result_rotator_word"),
        ]
    of = selector.max_of
    pair_bits = selector.groups_per_cycle * (of * (of - 1) // 2) * 16
    return [
        *finding,
        _blocks("group_rankers", pair_bits, blocks, "ranking_pair_bit"),
        _blocks("group_magnitudes", selector.groups_per_cycle * of, blocks, "magnitude"),
        _blocks("selector_control", 1, blocks, "groups_control"),
        _blocks("result_select", selector.groups_per_cycle * of * mvu.vpus, blocks, "result_group_word"),
    ]


def _spiking(machine: Machine, technology: Technology) -> list[AreaItem]:
    """Of the neurons that are updated in a cycle: as many as the output port has words."""
    mvu, blocks, spiking = machine.mvu, technology.blocks, machine.spiking
    if spiking is None:
        return []
    neurons = output_words(machine)
    items = [
        _blocks("spike_gates", mvu.vpus * mvu.lanes, blocks, "word_mux2"),
        _blocks("membrane_adders", neurons, blocks, "tree_adder"),
        _blocks("membrane_thresholds", neurons, blocks, "threshold_comparator"),
        _blocks("membrane_registers", 2 * neurons, blocks, "register_word"),
    ]
    if spiking.skip_silent_chunks:
        items += [
            _blocks("chunk_flags", chunk_flag_words(machine), blocks, "register_word"),
            _blocks("event_walkers", 2, blocks, "index_compactor"),
        ]
    if spiking.noise_generators:
        items += [
            _blocks("noise_registers", neurons * NOISE_UNIFORMS, blocks, "register_word"),
            _blocks("noise_adders", neurons * NOISE_UNIFORMS / 2, blocks, "tree_adder"),
            _blocks("noise_multipliers", neurons, blocks, "multiplier"),
        ]
    return items


def _memories(machine: Machine, technology: Technology) -> list[AreaItem]:
    bank_kib = result_bank(machine, technology)
    # Banks that are built larger than their share of the capacity take their own area.
    banks_kib = max(machine.result_buffer.kib, machine.mvu.vpus * bank_kib)
    return [
        _memory("weight_sram", machine.weight_sram, technology, weight_slice(machine)),
        _memory("input_sram", machine.input_sram, technology),
        _memory("patch_buffer", machine.patch_buffer, technology),
        _memory("result_buffer", machine.result_buffer, technology, bank_kib, banks_kib),
        _memory("output_sram", machine.output_sram, technology),
    ]


def _blocks(name: str, count: float, blocks: Blocks, unit: str) -> AreaItem:
    block: Block = getattr(blocks, unit)
    return AreaItem(
        name, "logic", count * block.area_um2 * 1e-6, count * block.leakage_uw * 1e-3, count, unit
    )


def _memory(
    name: str, sram: Sram, technology: Technology, slice_kib: float | None = None, kib: float | None = None
) -> AreaItem:
    macro = sram_macro(sram, technology, slice_kib)
    # Fractional on purpose: a slice of 3.2 macros is priced by its bits, so that area grows evenly with V.
    macros = (sram.kib if kib is None else kib) / macro.kib
    unit = f"{macro.kib:g} KiB x {macro.width_bits}"
    return AreaItem(name, "sram", macros * macro.area_mm2, macros * macro.leakage_mw, macros, unit)
