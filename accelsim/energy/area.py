"""Area and leakage of a machine, block by block (docs/energy.md, section "Area")."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from accelsim.config.machine import Machine, NmSelector, Sram, ThresholdSelector
from accelsim.config.technology import Block, Technology
from accelsim.energy.macro import (
    INDEX_BITS,
    chunk_words,
    mask_walkers,
    operand_select_inputs,
    psum_words,
    sram_macro,
    weight_register_words,
    weight_slice,
)

AreaKind = Literal["logic", "sram"]


@dataclass(frozen=True)
class AreaItem:
    """One kind of block in one core."""

    name: str
    kind: AreaKind
    mm2: float
    leakage_mw: float


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
        _blocks("multipliers", mvu.vpus * mvu.lanes, blocks.multiplier),
        _blocks("adder_trees", mvu.vpus * (mvu.lanes - 1), blocks.tree_adder),
        _blocks("psum_adders", mvu.vpus, blocks.psum_adder),
        _blocks("psum_registers", mvu.vpus * psum_words(mvu.accumulators_per_vpu), blocks.register_file_word),
        # Twice: one set is loaded while the other is broadcast.
        _blocks("operand_registers", 2 * mvu.position_block * chunk_words(machine), blocks.register_word),
        _blocks(
            "requantizers",
            machine.output_sram.banks * machine.output_sram.width_bits / 16,
            blocks.requantizer,
        ),
    ]
    if mvu.hold_weights:
        words = mvu.vpus * weight_register_words(machine)
        items.append(_blocks("weight_registers", words, blocks.register_word))
    if (inputs := operand_select_inputs(machine)) > 1:
        words = mvu.vpus * (inputs - 1) * chunk_words(machine)
        items.append(_blocks("operand_select", words, blocks.word_mux2))
    if machine.projection is not None:
        items.append(_blocks("projection", machine.projection.adders, blocks.projection_adder))
    return items + _selection(machine, technology)


def _selection(machine: Machine, technology: Technology) -> list[AreaItem]:
    mvu, blocks, selector = machine.mvu, technology.blocks, machine.selector
    if isinstance(selector, ThresholdSelector):
        queue_words = mvu.vpus * mvu.accumulators_per_vpu * INDEX_BITS / 16
        return [
            _blocks("threshold_comparators", selector.comparators, blocks.threshold_comparator),
            _blocks("mask_walkers", mvu.vpus * mask_walkers(machine), blocks.index_compactor),
            _blocks("index_queues", queue_words, blocks.register_file_word),
            _blocks("output_scatter", mvu.vpus * (mvu.vpus - 1), blocks.word_mux2),
        ]
    if isinstance(selector, NmSelector):
        of = selector.max_of
        pair_bits = selector.groups_per_cycle * (of * (of - 1) // 2) * 16
        return [
            _blocks("group_rankers", pair_bits, blocks.ranking_pair_bit),
            _blocks("group_magnitudes", selector.groups_per_cycle * of, blocks.magnitude),
            _blocks("mask_walkers", mvu.vpus * mask_walkers(machine), blocks.index_compactor),
        ]
    return []


def _memories(machine: Machine, technology: Technology) -> list[AreaItem]:
    return [
        _memory("weight_sram", machine.weight_sram, technology, weight_slice(machine)),
        _memory("input_sram", machine.input_sram, technology),
        _memory("patch_buffer", machine.patch_buffer, technology),
        _memory("output_sram", machine.output_sram, technology),
    ]


def _blocks(name: str, count: float, block: Block) -> AreaItem:
    return AreaItem(name, "logic", count * block.area_um2 * 1e-6, count * block.leakage_uw * 1e-3)


def _memory(name: str, sram: Sram, technology: Technology, slice_kib: float | None = None) -> AreaItem:
    macro = sram_macro(sram, technology, slice_kib)
    # Fractional on purpose: a slice of 3.2 macros is priced by its bits, so that area grows evenly with V.
    macros = sram.kib / macro.kib
    return AreaItem(name, "sram", macros * macro.area_mm2, macros * macro.leakage_mw)
