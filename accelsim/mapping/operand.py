"""How the operands of an MVU job are cut into chunks (section 4, the table of "MVU job")."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.config import Machine
from accelsim.lengths import CODE_BITS, WORD_BITS, ceil_div


def bricks_per_product(bits: int) -> int:
    """Return the 4x4-bit bricks that multiply two numbers of so many bits: 16, 4 or 1."""
    return (bits // CODE_BITS) ** 2


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
    def precise(
        cls, machine: Machine, d: int, input_bits: int = WORD_BITS, weight_bits: int = WORD_BITS
    ) -> Operand:
        """Return the operand of precise work: B/16 weights of 16 bits per chunk, B/4 of 8, or B of 4, and as many inputs.

        ``input_bits``: those of a weight, or 1 of a spike. ``weight_bits`` 0 is that of a layer without precise work: no
        chunks.
        """
        if weight_bits == 0:
            return cls(0, 0, 0, 0, 0)
        per_chunk = machine.mvu.bricks_per_vpu // bricks_per_product(weight_bits)
        return cls._of(machine, d, per_chunk, input_bits, weight_bits)

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
