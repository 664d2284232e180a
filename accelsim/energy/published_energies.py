"""Our energies beside published ones at the same node: each brought to one width and one voltage by a stated formula.

Published figures are facts with a source; what turns them into figures for our blocks is code, so that a reader can
disagree with a formula rather than guess where a number came from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from accelsim.config.technology import Technology
from accelsim.energy.constant_prices import ConstantKind

HOROWITZ = "Horowitz, ISSCC 2014 (45 nm, 0.9 V)"
HAN = "Han et al., NIPS 2015 (45 nm, after Horowitz)"
SHAO = "Shao et al., ISCA 2014: Aladdin's `power_func.h` (commercial 40 nm, 2 ns, voltage not given)"

NODE_NM = 45
HOROWITZ_V = 0.9
ADD_PJ = {8: 0.03, 32: 0.1}
"""Horowitz: integer addition, by width in bits."""
MULTIPLY_PJ = {8: 0.2, 32: 3.1}
"""Horowitz: integer multiplication, by width in bits."""
CACHE_READ_PJ = {8: 10.0, 32: 20.0, 1024: 100.0}
"""Horowitz: 64 bits from a cache, by KiB."""
DRAM_64BIT_PJ = (1300.0, 2600.0)
"""Horowitz: 64 bits from DRAM, least and most."""
REGISTER_FILE_32BIT_PJ = 1.0
"""Han et al.: a 32-bit word of a register file."""
SHAO_ADD_32BIT_PJ = 0.08575164
SHAO_MULTIPLY_32BIT_PJ = 9.554858
SHAO_REGISTER_BIT_PJ = 0.009011432
"""Dynamic energies at 2 ns, milliwatts times nanoseconds."""

PSUM_REGISTER_BITS = 48 + 34 + 48
"""Registers around the psum adder in the RTL, which `psum_addition` includes: psum, term and sum."""

PLAIN_BLOCKS_PJ = {"add8": 0.09626, "add32": 0.42012, "mul8s": 0.70518, "mul32s": 10.47119}
"""Plain adders and multipliers of the flow that made freepdk45 (1.1 V, glitch-free, uniform operands): rows add8 1ns,
add32 min_area, mul8s 1ns and mul32s min_area. No machine is charged for them; like stands beside like."""
PLAIN_BLOCKS_V = 1.1

CACTI_SUPPLY_V = {"itrs-hp": 1.0, "itrs-lstp": 1.1, "itrs-lop": 0.7}
"""Supply by cell type in CACTI 7's parameters of 45 nm (tech_params/45nm.dat)."""

FLOW = (
    "the flow: its plain adders and multipliers are off as much. Their operands are uniform and new in every operation, so "
    "half of the input bits toggle, and the cells are an academic library's; operands and cells of the published figures "
    "are not given (two published 32-bit multipliers differ threefold between themselves)"
)
FUSED = (
    "the flow, as for plain multipliers, times the design: sixteen 4x4 bricks with shifts, adders and pipeline registers "
    "between them, so that one block multiplies in both precisions; what is published is a plain multiplier"
)
ACTIVITY = (
    "activity, probably: ours has new uniform operands in every operation; the published one's is not given, and its "
    "multiplier, of the same library, agrees with ours"
)
REGISTER_FILE = (
    "the read multiplexer is made of standard cells and toggles whole; what is published is a "
    "register file made as a macro"
)
CACHE = "a cache reads tags and ways beside the data, at a processor's speed; ours is one bank of slow, low-leakage cells"


@dataclass(frozen=True)
class Comparison:
    """One of our energies beside a published one.

    ``ours_pj``: at ``ours_v`` volts. ``published_pj``: at ``published_v``, None if not given, then neither is scaled.
    ``formula``: how the published figure was brought to our width; ``why``: what explains a ratio beyond twofold.
    """

    name: str
    ours_pj: float
    ours_v: float
    published_pj: float
    published_v: float | None
    source: str
    formula: str
    why: str = ""

    @property
    def scaled_pj(self) -> float:
        """Ours at the published voltage: dynamic energy goes with its square."""
        if self.published_v is None:
            return self.ours_pj
        return self.ours_pj * (self.published_v / self.ours_v) ** 2

    @property
    def ratio(self) -> float:
        """Ours over the published one, at the same voltage."""
        return self.scaled_pj / self.published_pj

    @property
    def agrees(self) -> bool:
        """Within a factor of two, either way."""
        return 0.5 <= self.ratio <= 2


def adder_pj(bits: int) -> float:
    """Horowitz's adders at another width: the straight line through 8 and 32 bits, as full adders are in a row."""
    slope = (ADD_PJ[32] - ADD_PJ[8]) / (32 - 8)
    return ADD_PJ[8] + slope * (bits - 8)


def multiplier_pj(bits: int) -> float:
    """Horowitz's multipliers at another width w: ``a w + b w^2`` through 8 and 32 bits.

    b w^2 are the cells of the array, a w its edges; nothing is left at width 0.
    """
    square = (MULTIPLY_PJ[32] / 32 - MULTIPLY_PJ[8] / 8) / (32 - 8)
    linear = MULTIPLY_PJ[8] / 8 - 8 * square
    return linear * bits + square * bits**2


def dram_pj_per_bit() -> tuple[float, float]:
    """Horowitz's DRAM, least and most."""
    return DRAM_64BIT_PJ[0] / 64, DRAM_64BIT_PJ[1] / 64


def comparisons(technology: Technology) -> list[Comparison]:
    """All comparisons, the plain blocks first; none of the SRAM if the supply of its cells is not known."""
    return [*_plain(), *_events(technology), *_srams(technology)]


def _plain() -> list[Comparison]:
    def plain(
        block: str, name: str, published_pj: float, volts: float | None, source: str, why: str
    ) -> Comparison:
        ours_pj = PLAIN_BLOCKS_PJ[block]
        return Comparison(
            f"plain {name}", ours_pj, PLAIN_BLOCKS_V, published_pj, volts, source, "as published", why
        )

    return [
        plain("add8", "8-bit adder", ADD_PJ[8], HOROWITZ_V, HOROWITZ, FLOW),
        plain("add32", "32-bit adder", ADD_PJ[32], HOROWITZ_V, HOROWITZ, FLOW),
        plain("mul8s", "8-bit multiplier", MULTIPLY_PJ[8], HOROWITZ_V, HOROWITZ, FLOW),
        plain("mul32s", "32-bit multiplier", MULTIPLY_PJ[32], HOROWITZ_V, HOROWITZ, FLOW),
        plain("add32", "32-bit adder", SHAO_ADD_32BIT_PJ, None, SHAO, ACTIVITY),
        plain("mul32s", "32-bit multiplier", SHAO_MULTIPLY_32BIT_PJ, None, SHAO, ""),
    ]


def _events(technology: Technology) -> list[Comparison]:
    events, volts = technology.events, technology.process.supply_v
    line, parabola = "8 and 32 bits, straight line", "8 and 32 bits, a w + b w^2"

    def horowitz(name: str, ours: float, published: float, formula: str, why: str) -> Comparison:
        return Comparison(name, ours, volts, published, HOROWITZ_V, HOROWITZ, formula, why)

    # A register file's read is charged by the entries its multiplexer spans; 32 are a processor's.
    read_pj = 32 * events.register_file_read_per_entry_pj.value
    return [
        horowitz("`multiply_16bit`", events.multiply_16bit_pj.value, multiplier_pj(16), parabola, FUSED),
        horowitz("`multiply_4bit`", events.multiply_4bit_pj.value, multiplier_pj(4), parabola, FUSED),
        horowitz("`tree_addition`, 32 bits", events.tree_addition_pj.value, adder_pj(32), "as published", FLOW),
        horowitz(
            "`psum_addition`, 48 bits",
            events.psum_addition_pj.value,
            adder_pj(48) + PSUM_REGISTER_BITS * SHAO_REGISTER_BIT_PJ,
            f"{line}; and {PSUM_REGISTER_BITS} register bits (Shao et al.)",
            FLOW,
        ),
        Comparison(
            "`register_write`, 16 bits", events.register_write_pj.value, volts, 16 * SHAO_REGISTER_BIT_PJ, None, SHAO,
            "16 x one bit", ACTIVITY,
        ),
        Comparison(
            "16 bits of 32 by `register_file_read_per_entry`", read_pj, volts, REGISTER_FILE_32BIT_PJ / 2, HOROWITZ_V, HAN,
            "half of 32 bits", REGISTER_FILE,
        ),
    ]  # fmt: skip


def _srams(technology: Technology) -> list[Comparison]:
    volts = CACTI_SUPPLY_V.get(technology.sram_conditions.cell_type)
    if volts is None:
        return []
    low, high = technology.sram.macro_range_kib(64)
    return [
        Comparison(
            f"SRAM, 64 bits of {kib:,} KiB", technology.sram.macro(kib, 64).read_pj, volts, published,
            HOROWITZ_V, HOROWITZ, "as published (a cache)", CACHE,
        )
        for kib, published in CACHE_READ_PJ.items()
        if low <= kib <= high
    ]  # fmt: skip


def published_factors(
    technology: Technology, constants: Sequence[tuple[str, ConstantKind]]
) -> list[float] | None:
    """What each constant would be multiplied by to be as published; None for another node, or unknown SRAM cells.

    Those of the multipliers and adders by their own ratio, other logic by the mean of the plain blocks', SRAM by the mean
    over its sizes (geometric means); DRAM, which is published already, and leakage, which Horowitz has not, stay.
    """
    srams = _srams(technology)
    if technology.process.node_nm != NODE_NM or not srams:
        return None
    own = {row.name.split("`")[1]: row.ratio for row in _events(technology) if row.source == HOROWITZ}
    by_kind = {
        "logic": _geometric_mean([row.ratio for row in _plain() if row.source == HOROWITZ]),
        "sram": _geometric_mean([row.ratio for row in srams]),
        "dram": 1.0,
        "leakage": 1.0,
    }
    return [
        1 / (own.get(name, by_kind[kind]) if kind == "logic" else by_kind[kind]) for name, kind in constants
    ]


def _geometric_mean(values: Sequence[float]) -> float:
    return math.exp(math.fsum(math.log(value) for value in values) / len(values))
