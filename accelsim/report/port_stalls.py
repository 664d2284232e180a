"""Which modes of a machine's multipliers wait for its ports, whatever the layer: what `accelsim inspect` warns of."""

from __future__ import annotations

from accelsim.config import Machine
from accelsim.lengths import CODE_BITS, ceil_div
from accelsim.mapping.operand import Operand


def port_stall_share(machine: Machine, bits: int) -> float:
    """Return the share of the cycles of a full job in `bits` bits in which a port keeps the multipliers waiting, 0 to 1.

    In a full job every VPU works on `a` rows in every pass, each for all positions of a whole block (docs/machine.md,
    section 4).
    """
    mvu = machine.mvu
    rows, positions = mvu.accumulators_per_vpu // mvu.position_block, mvu.position_block
    operand = Operand.precise(machine, 1, bits, bits)
    per_row = positions * operand.weight_accesses
    if mvu.hold_weights:
        per_row = max(positions, operand.weight_accesses)
    reads = ceil_div(positions * operand.chunk_bits, machine.patch_buffer.width_bits)
    return 1 - rows * positions / max(rows * per_row, reads)


def port_warnings(machine: Machine) -> list[str]:
    """Return a line for each mode that waits for a port in full jobs; none for a machine whose ports keep up."""
    modes = set(machine.mvu.precise_bits) | ({CODE_BITS} if machine.projection is not None else set())
    shares = {bits: port_stall_share(machine, bits) for bits in sorted(modes)}
    return [
        f"work in {bits} bits waits for a port in {share:.0%} of the cycles of a full job; wider weight_sram.width_bits or "
        "patch_buffer.width_bits"
        + ("" if machine.mvu.hold_weights else ", or mvu.hold_weights,")
        + " would mend it"
        for bits, share in shares.items()
        if share > 0
    ]
