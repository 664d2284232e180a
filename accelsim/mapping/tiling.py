"""Cut a layer into tiles that fit the weight SRAM, and choose how many VPUs share a unit.

Sections 2 and 3 of ``docs/machine.md``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from accelsim.config import Machine
from accelsim.errors import AccelsimError
from accelsim.forms import Form
from accelsim.lengths import CODE_BITS, SPIKE_BITS, WORD_BITS, ceil_div
from accelsim.mapping.capacity import (
    TooSmall,
    check_code_map,
    check_input_map,
    check_output_map,
    spare_patch_lines,
    units_per_slice,
)
from accelsim.mapping.operand import Operand
from accelsim.mapping.support import check_supported
from accelsim.schemes import NmScheme
from accelsim.trace import LayerTrace
from accelsim.trace.layer_shape import SPIKING_KINDS


@dataclass(frozen=True, slots=True)
class Tile:
    """Consecutive rows of one sub-layer whose weights fit the slices together.

    ``first_row`` counts neurons of the whole layer; ``rows_per_unit``: the scheme's; 1 in a dense layer.
    ``k`` and ``nnz`` are 0 in a dense layer; ``form`` is that of its projection. ``projects``: whether patches are projected
    on their way: with form `patch`, unless an earlier tile's projections are kept. ``row_lines``: lines of a weight slice
    that a row takes. ``input_bits``: of a word of the inputs, or 1 if they are spikes; ``precise_bits``: of the weights of
    precise work, 0 if there is none. ``neuron_steps``: time steps that the rows' spiking neurons make at each position; 0 if
    they are no such neurons. ``noise``: whether they add a random number in every step. ``scales_scores``: whether z~ is
    scaled before it is ranked. ``kept_per_unit``: essential rows of every full unit at every position; 0 if that differs.
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
    row_lines: int
    input_bits: int = WORD_BITS
    precise_bits: int = WORD_BITS
    form: Form | None = None
    neuron_steps: int = 0
    noise: bool = False
    scales_scores: bool = False
    kept_per_unit: int = 0

    @property
    def has_spikes(self) -> bool:
        """Whether the inputs are spikes."""
        return self.input_bits == SPIKE_BITS

    @property
    def approximates(self) -> bool:
        """Whether z~ of every neuron is made."""
        return self.k > 0

    @property
    def is_precise(self) -> bool:
        """Whether any neuron may be computed precisely, so that its inputs go into the patch buffer."""
        return self.precise_bits > 0

    @property
    def fetches_codes(self) -> bool:
        """Whether codes come from the code SRAM, one code map for all tiles of the layer."""
        return self.form in ("none", "pixel")

    @property
    def load_bits(self) -> int:
        """Weight bits of the tile: rows x (b d + 4 k)."""
        return self.rows * (self.precise_bits * self.d + CODE_BITS * self.k)

    def slice_lines_used(self, vpus: int) -> int:
        """Lines that the fullest VPU slice holds of this tile."""
        return ceil_div(self.units, vpus) * self.rows_per_unit * self.row_lines


def tile_layer(layer: LayerTrace, machine: Machine) -> list[Tile]:
    """Return the tiles of a layer, in the order in which they run.

    Raises:
        AccelsimError: If the machine cannot run the layer: no fitting selector, no spiking neurons, or a memory too small.
    """
    check_supported(layer, machine)
    shape, mvu, approximated, precise_bits = layer.shape, machine.mvu, layer.approximated, layer.precise_bits
    if layer.masks is not None and layer.approximation is None:
        raise AccelsimError(f"layer {layer.name}: has masks but no approximation (k, nnz)")
    approximation, per_unit = layer.approximation if approximated else None, layer.rows_per_unit
    k, nnz, form = (approximation.k, approximation.nnz, approximation.form) if approximation else (0, 0, None)
    input_bits = SPIKE_BITS if shape.has_spikes else precise_bits or WORD_BITS
    check_input_map(layer, machine, precise_bits or WORD_BITS)
    if approximation is not None and form in ("none", "pixel"):
        check_code_map(layer, machine, approximation.values_per_pixel(shape))

    rows = shape.n // shape.groups
    units = ceil_div(rows, per_unit)
    precise = Operand.precise(machine, shape.d, weight_bits=precise_bits)
    row_lines = precise.weight_lines + Operand.approximate(machine, k).weight_lines
    per_tile = mvu.vpus * units_per_slice(layer, machine, per_unit, row_lines)

    most_rows = ceil_div(min(per_tile, units), mvu.vpus) * per_unit
    code_lines = ceil_div(CODE_BITS * k, machine.patch_buffer.width_bits)
    word_lines = ceil_div(input_bits * shape.d, machine.patch_buffer.width_bits) if precise_bits else 0
    spare_lines = spare_patch_lines(layer, machine, word_lines + code_lines, most_rows)

    cuts = [(first, min(per_tile, units - first)) for first in range(0, units, per_tile)]
    kept = len(cuts) > 1 and precise_bits > 0 and shape.positions * code_lines <= spare_lines
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
                    lanes=_lanes(tile_units, machine),
                    positions=shape.positions,
                    d=shape.d,
                    k=k,
                    nnz=nnz,
                    projects=form == "patch" and (index == 0 or not kept),
                    counts_positions=group == 0 and index == 0,
                    row_lines=row_lines,
                    input_bits=input_bits,
                    precise_bits=precise_bits,
                    form=form,
                    neuron_steps=shape.steps // shape.positions if shape.kind in SPIKING_KINDS else 0,
                    noise=shape.noise,
                    scales_scores=approximated and layer.scheme.scales_scores,
                    kept_per_unit=layer.scheme.keep if isinstance(layer.scheme, NmScheme) else 0,
                )
            )
    check_output_map(layer, machine, (tile.rows for tile in tiles))
    return tiles


def _lanes(tile_units: int, machine: Machine) -> int:
    """Return how many positions are worked on at a time."""
    mvu = machine.mvu
    if mvu.spare_vpus != "share" or tile_units >= mvu.vpus:
        return 1
    return min(mvu.position_block, mvu.vpus // tile_units)


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
        raise max(same, key=lambda error: error.least_kib)
