"""Cut a layer into tiles that fit the weight SRAM, and choose how many VPUs share a unit.

Sections 2 and 3 of ``docs/machine.md``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from accelsim.config import Machine
from accelsim.errors import AccelsimError
from accelsim.trace import LayerTrace

BITS_PER_KIB = 8192
WORD_BITS = 16
CODE_BITS = 4


def ceil_div(a: int, b: int) -> int:
    """Integer ceiling of a / b for b > 0."""
    return -(-a // b)


@dataclass(frozen=True, slots=True)
class Tile:
    """Consecutive rows of one sub-layer whose weights fit the slices together.

    ``first_row`` counts neurons of the whole layer; ``rows_per_unit`` is 1, or M in an N:M layer.
    ``k`` and ``nnz`` are 0 in a dense layer. ``projects`` is False where an earlier tile's projections
    are kept. ``load_bits`` and ``units_per_slice`` matter to DRAM only.
    """

    first_row: int
    rows: int
    rows_per_unit: int
    units: int
    lanes: int
    positions: int
    d: int
    k: int
    nnz: int
    projects: bool
    counts_positions: bool
    row_bits: int

    @property
    def load_bits(self) -> int:
        """Weight bits of the tile: rows x (16 d + 4 k)."""
        return self.rows * self.row_bits

    def slice_bits_used(self, vpus: int) -> int:
        """Bits that the fullest VPU slice holds of this tile."""
        return ceil_div(self.units, vpus) * self.rows_per_unit * self.row_bits


def _check_scheme(layer: LayerTrace, machine: Machine) -> None:
    if layer.masks is None:
        return
    if machine.selector is None or machine.projection is None:
        raise AccelsimError(
            f"layer {layer.name}: machine {machine.name} has no selector and can only run dense schemes, "
            f"not {layer.scheme.name}"
        )
    wanted = "nm" if layer.scheme.kind == "nm" else "threshold"
    if machine.selector.kind != wanted:
        raise AccelsimError(
            f"layer {layer.name}: scheme {layer.scheme.name} needs a selector of kind {wanted}, "
            f"machine {machine.name} has {machine.selector.kind}"
        )
    if machine.selector.kind == "nm" and (layer.scheme.of or 0) > machine.selector.max_of:
        raise AccelsimError(
            f"layer {layer.name}: groups of {layer.scheme.of} are more than selector.max_of "
            f"{machine.selector.max_of} of machine {machine.name}"
        )


def _check_maps(layer: LayerTrace, machine: Machine) -> None:
    shape = layer.shape
    for what, sram, words in (
        ("input", machine.input_sram, shape.c_in * shape.h_in * shape.w_in),
        ("output", machine.output_sram, shape.n * shape.positions),
    ):
        if words * WORD_BITS > sram.kib * BITS_PER_KIB:
            raise _small_sram(
                machine, f"{what}_sram", f"the {what} map of layer {layer.name}", words * WORD_BITS
            )


class TooSmall(AccelsimError):
    """A size that a layer does not fit into; ``field`` and ``least`` say which and what would do."""

    def __init__(self, machine: Machine, field: str, what: str, least: int) -> None:
        self.field = field
        self.least = least
        section, _, name = field.partition(".")
        given = getattr(getattr(machine, section), name)
        super().__init__(f"{machine.where(field)}: {given} is too small for {what}; at least {least}")


def _small_sram(machine: Machine, sram: str, what: str, bits: int) -> TooSmall:
    return TooSmall(machine, f"{sram}.kib", what, ceil_div(bits, BITS_PER_KIB))


def _check_slots(layer: LayerTrace, machine: Machine, code_lines: int, most_rows: int) -> int:
    """Lines of the patch buffer that are left when all slots are taken.

    code_lines: lines of a position's projection. most_rows: rows of the VPU that has most of them.
    Raises TooSmall if the patch buffer or the result buffer does not hold all slots.
    """
    patch, result, vpus = machine.patch_buffer, machine.result_buffer, machine.mvu.vpus
    slots = machine.sequencer.lookahead + 1
    patches = slots * machine.mvu.position_block
    in_flight = f"{slots} slots of {machine.mvu.position_block} patches of layer {layer.name}"

    lines = patches * (ceil_div(WORD_BITS * layer.shape.d, patch.width_bits) + code_lines)
    spare_lines = patch.kib * BITS_PER_KIB // patch.width_bits - lines
    if spare_lines < 0:
        raise _small_sram(machine, "patch_buffer", in_flight, lines * patch.width_bits)
    if patches * most_rows > result.kib * BITS_PER_KIB // (WORD_BITS * vpus):
        outputs = f"the outputs of {in_flight} in each of {vpus} banks"
        raise _small_sram(machine, "result_buffer", outputs, patches * most_rows * WORD_BITS * vpus)
    return spare_lines


def tile_layer(layer: LayerTrace, machine: Machine) -> list[Tile]:
    """The tiles of a layer, in the order in which they run.

    Raises AccelsimError if the machine cannot run the layer: no fitting selector, or a size too small.
    """
    _check_scheme(layer, machine)
    _check_maps(layer, machine)
    shape, mvu = layer.shape, machine.mvu
    approximated = layer.masks is not None
    if approximated and layer.approximation is None:
        raise AccelsimError(f"layer {layer.name}: has masks but no approximation (k, nnz)")
    k = layer.approximation.k if approximated and layer.approximation else 0
    nnz = layer.approximation.nnz if approximated and layer.approximation else 0
    per_unit = layer.scheme.of if approximated and layer.scheme.kind == "nm" and layer.scheme.of else 1

    if machine.projection is not None and k > machine.projection.accumulators:
        raise TooSmall(machine, "projection.accumulators", f"the k of layer {layer.name}", k)

    rows = shape.n // shape.groups
    units = ceil_div(rows, per_unit)
    row_bits = WORD_BITS * shape.d + CODE_BITS * k
    slice_bits = machine.weight_sram.kib * BITS_PER_KIB // mvu.vpus
    units_per_slice = slice_bits // (per_unit * row_bits)
    if units_per_slice == 0:
        # The least whole number of KiB of which every VPU's equal share holds one unit.
        whole = f"one tile of layer {layer.name} ({per_unit} row(s) of {row_bits} bits in each of {mvu.vpus} slices)"
        raise _small_sram(machine, "weight_sram", whole, mvu.vpus * per_unit * row_bits)
    per_tile = mvu.vpus * units_per_slice

    code_lines = ceil_div(CODE_BITS * k, machine.patch_buffer.width_bits)
    most_rows = ceil_div(min(per_tile, units), mvu.vpus) * per_unit
    spare_lines = _check_slots(layer, machine, code_lines, most_rows)

    def lanes(tile_units: int) -> int:
        if mvu.spare_vpus != "share" or tile_units >= mvu.vpus:
            return 1
        return min(mvu.position_block, mvu.vpus // tile_units)

    cuts = [(first, min(per_tile, units - first)) for first in range(0, units, per_tile)]
    kept = approximated and len(cuts) > 1 and shape.positions * code_lines <= spare_lines
    tiles = []
    for group in range(shape.groups):
        for index, (first_unit, tile_units) in enumerate(cuts):
            first = first_unit * per_unit
            tiles.append(
                Tile(
                    first_row=group * rows + first,
                    rows=min(tile_units * per_unit, rows - first),
                    rows_per_unit=per_unit,
                    units=tile_units,
                    lanes=lanes(tile_units),
                    positions=shape.positions,
                    d=shape.d,
                    k=k,
                    nnz=nnz,
                    projects=approximated and (index == 0 or not kept),
                    counts_positions=group == 0 and index == 0,
                    row_bits=row_bits,
                )
            )
    return tiles


def check_runs(layers: Iterable[LayerTrace], machine: Machine) -> None:
    """Raise AccelsimError if the machine cannot run one of the layers; for a size, the layer that needs most."""
    small: list[TooSmall] = []
    for layer in layers:
        try:
            tile_layer(layer, machine)
        except TooSmall as error:
            small.append(error)
    if small:
        same = [error for error in small if error.field == small[0].field]
        raise max(same, key=lambda error: error.least)
