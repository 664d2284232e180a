"""How the operands of an MVU job are cut into chunks (section 4, the table of "MVU job")."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.config import Machine
from accelsim.lengths import CODE_BITS, WORD_BITS, ceil_div


@dataclass(frozen=True, slots=True)
class Operand:
    """The chunks of a row in one precision, and what each takes.

    ``chunk_bits``, ``operand_words``: bits and words of 16 bits of one position's operand; ``weight_accesses``,
    ``weight_words``: of the row's weights.
    """

    chunks: int
    chunk_bits: int
    operand_words: int
    weight_accesses: int
    weight_words: int

    @classmethod
    def approximate(cls, machine: Machine, k: int) -> Operand:
        """Return the operand in 4-bit mode: B codes per chunk, and no chunks for ``k = 0``."""
        return cls._of(machine, k, machine.mvu.bricks_per_vpu, CODE_BITS, CODE_BITS)

    @classmethod
    def precise(cls, machine: Machine, d: int, input_bits: int = WORD_BITS) -> Operand:
        """Return the operand in 16-bit mode: L = B/16 weights per chunk, and as many inputs (words or spikes)."""
        return cls._of(machine, d, machine.mvu.lanes, input_bits, WORD_BITS)

    @classmethod
    def _of(cls, machine: Machine, length: int, per_chunk: int, input_bits: int, weight_bits: int) -> Operand:
        return cls(
            chunks=ceil_div(length, per_chunk),
            chunk_bits=per_chunk * input_bits,
            operand_words=ceil_div(per_chunk * input_bits, WORD_BITS),
            weight_accesses=ceil_div(per_chunk * weight_bits, machine.weight_sram.width_bits),
            weight_words=per_chunk * weight_bits // WORD_BITS,
        )

    @property
    def weight_lines(self) -> int:
        """Lines of a weight slice that a row's chunks take. Each chunk begins on a line of its own."""
        return self.chunks * self.weight_accesses
