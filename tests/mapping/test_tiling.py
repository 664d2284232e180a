"""Tiles, ownership and lanes by hand, from sections 2 and 3 of docs/machine.md."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim import AccelsimError, Approximation, LayerShape, LayerTrace, Machine, Scheme, load_machine
from accelsim.mapping import tile_layer
from accelsim.mapping.capacity import row_pitch
from accelsim.mapping.mvu_job import by_vpu, owned_rows


def machine(name: str = "structured", **changes: object) -> Machine:
    data = load_machine(name).model_dump(mode="json")
    data["mvu"]["vpus"] = 16  # whatever area the shipped machine is sized to
    for path, value in changes.items():
        section, _, field = path.partition("__")
        data[section][field] = value
    return Machine.model_validate(data)


def layer(c_in: int, c_out: int, scheme: Scheme, groups: int = 1, size: int = 4, k: int = 8) -> LayerTrace:
    shape = LayerShape(
        kind="conv", c_in=c_in, c_out=c_out, kernel=(1, 1), groups=groups, h_in=size, w_in=size
    )
    if scheme.kind == "dense":
        return LayerTrace.from_masks("layer", shape, scheme, None)
    masks = np.zeros((1, size * size, c_out), dtype=bool)
    masks.reshape(1, size * size, -1, scheme.of or c_out)[..., : scheme.keep or 1] = True
    return LayerTrace.from_masks("layer", shape, scheme, masks, Approximation(k, 3, 0))


def test_a_layer_that_fits_is_one_tile() -> None:
    (tile,) = tile_layer(layer(64, 64, Scheme.nm(keep=1, of=8)), machine())
    assert (tile.rows, tile.units, tile.rows_per_unit, tile.first_row) == (64, 8, 8, 0)
    # 16 chunks of one access each, and a chunk of codes of 256 bits through 64.
    assert tile.row_lines == 16 + 4
    assert tile.lanes == 2  # 8 groups on 16 VPUs
    assert tile.projects and tile.counts_positions


def test_weights_larger_than_the_sram_are_cut_into_tiles() -> None:
    # A slice of 1 KiB has 128 lines of 64 bits: 6 rows of 20 lines. 4 VPUs, 24 rows a tile.
    small = machine("unstructured", mvu__vpus=4, weight_sram__kib=4, weight_sram__macro_kib=1)
    tiles = tile_layer(layer(64, 60, Scheme.unstructured(0.5, "calibrated")), small)
    assert [(tile.first_row, tile.rows) for tile in tiles] == [(0, 24), (24, 24), (48, 12)]
    assert [tile.projects for tile in tiles] == [True, False, False]  # kept in the patch buffer
    assert [tile.counts_positions for tile in tiles] == [True, False, False]
    assert tiles[0].load_bits == 24 * (16 * 64 + 4 * 8)  # loaded packed
    assert tiles[0].slice_lines_used(4) == 6 * 20
    assert tiles[2].slice_lines_used(4) == 3 * 20


def test_a_slice_of_partial_lines_holds_whole_ones() -> None:
    # 7 slices of 2 KiB together: 2340 bits each, 36 lines of 64 bits.
    changed = machine("unstructured", mvu__vpus=7, weight_sram__kib=2, weight_sram__macro_kib=1)
    assert [tile.rows for tile in tile_layer(layer(48, 30, Scheme.dense()), changed)] == [21, 9]
    # Packed, 5 rows of 29 words would fit; of 8 chunks, the last with one word, 4 do.
    assert [tile.rows for tile in tile_layer(layer(29, 30, Scheme.dense()), changed)] == [28, 2]


@pytest.mark.parametrize("window_words", [1, 2, 3, 8, 16])
@pytest.mark.parametrize(
    ("channels", "kernel", "width"), [(3, 3, 8), (16, 3, 9), (5, 1, 4), (1, 4, 3), (7, 2, 7)]
)
def test_any_words_of_a_patch_lie_in_different_columns(
    window_words: int, channels: int, kernel: int, width: int
) -> None:
    """Wherever a window begins in the patch; and no smaller pitch would do."""
    shape = LayerShape(
        kind="conv",
        c_in=2 * channels,
        c_out=2,
        kernel=(kernel, kernel),
        padding=(1, 1),
        groups=2,
        h_in=9,
        w_in=width,
    )

    def conflicts(pitch: int) -> bool:
        columns = [
            (row * pitch + column * channels + channel) % window_words
            for row in range(kernel) for column in range(kernel) for channel in range(channels)
        ]  # fmt: skip
        windows = (columns[first : first + window_words] for first in range(len(columns)))
        return any(len(set(window)) < len(window) for window in windows)

    pitch = row_pitch(shape, channels, window_words)
    assert pitch >= width * channels
    assert not conflicts(pitch)
    if kernel > 1 and kernel * channels >= window_words:
        assert all(conflicts(smaller) for smaller in range(width * channels, pitch))


def test_rows_of_the_input_map_are_a_pitch_apart() -> None:
    # Rows of 10 x 3 words, 9 of a kernel's row: 30 is 14 modulo 16, so 41. 100 x 41 words are 257 lines of 16, and
    # 8 KiB have 256; 300 x 10 packed words would need 6 KiB.
    shape = LayerShape(kind="conv", c_in=3, c_out=2, kernel=(3, 3), h_in=100, w_in=10)
    trace = LayerTrace.from_masks("layer", shape, Scheme.dense(), None)
    with pytest.raises(
        AccelsimError, match=r"field input_sram.kib: 8 is too small for the input map .*; at least 9$"
    ):
        tile_layer(trace, machine(input_sram__kib=8, input_sram__macro_kib=1))
    tile_layer(trace, machine(input_sram__kib=9, input_sram__macro_kib=1))


def test_lines_of_the_output_map_are_whole_in_every_tile() -> None:
    # Rows of 16 lines, 8 in a slice of 1 KiB: tiles of 8, 8 and 1 row of 6 KiB: 2 + 2 + 1 lines of 4 words a position.
    small = {"mvu__vpus": 1, "weight_sram__kib": 1, "weight_sram__macro_kib": 1, "output_sram__macro_kib": 1}
    trace = layer(64, 17, Scheme.dense(), size=16)
    with pytest.raises(
        AccelsimError, match=r"field output_sram.kib: 9 is too small for the output .*; at least 10$"
    ):
        tile_layer(trace, machine("unstructured", **small, output_sram__kib=9))
    assert len(tile_layer(trace, machine("unstructured", **small, output_sram__kib=10))) == 3


def test_projections_that_do_not_fit_are_made_again() -> None:
    # Lines of 256 bits: 3 slots x 4 patches x (4 + 1) = 60, and 1,600 positions x 1; 51 KiB are 1,632, 52 KiB 1,664.
    changes = {"mvu__vpus": 4, "weight_sram__kib": 4, "weight_sram__macro_kib": 1}
    big = layer(64, 60, Scheme.unstructured(0.5, "calibrated"), size=40)
    for kib, projects in ((51, True), (52, False)):
        tight = machine("unstructured", **changes, patch_buffer__kib=kib, patch_buffer__macro_kib=1)
        assert [tile.projects for tile in tile_layer(big, tight)] == [True, projects, projects]


def test_groups_of_a_convolution_are_sub_layers() -> None:
    tiles = tile_layer(layer(8, 32, Scheme.nm(keep=2, of=4), groups=4), machine())
    assert [(tile.first_row, tile.rows, tile.units) for tile in tiles] == [
        (0, 8, 2), (8, 8, 2), (16, 8, 2), (24, 8, 2),
    ]  # fmt: skip
    assert [tile.counts_positions for tile in tiles] == [True, False, False, False]
    assert all(tile.d == 2 and tile.lanes == 4 for tile in tiles)  # 16 VPUs / 2 units, at most T = 4


def test_rows_go_round_the_vpus_and_groups_stay_whole() -> None:
    (tile,) = tile_layer(layer(8, 5, Scheme.dense()), machine("unstructured", mvu__vpus=2))
    assert owned_rows(tile, 2).tolist() == [[0, 2, 4], [1, 3, -1]]
    (tile,) = tile_layer(layer(8, 12, Scheme.nm(keep=1, of=4)), machine(mvu__vpus=2))
    assert owned_rows(tile, 2).tolist() == [[0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, -1, -1, -1, -1]]


def test_positions_are_dealt_to_lanes() -> None:
    (tile,) = tile_layer(layer(8, 3, Scheme.dense(), size=3), machine("unstructured", mvu__vpus=7))
    assert tile.lanes == 2
    active = np.zeros((9, 3), dtype=bool)
    active[6, 1] = True  # block 1 (positions 4-7), position 2 of it: turn 1, lane 0, unit 1
    arranged = by_vpu(active, tile, machine("unstructured", mvu__vpus=7))
    assert arranged.shape == (3, 2, 2, 3, 1)
    assert np.argwhere(arranged).tolist() == [[1, 1, 0, 1, 0]]


@pytest.mark.parametrize(
    ("trace", "changed", "words"),
    [
        (layer(64, 64, Scheme.nm(keep=1, of=8)), machine(weight_sram__kib=1, weight_sram__macro_kib=1),
         "machine structured: field weight_sram.kib: 1 is too small for one tile of layer layer .*; at least 20$"),
        # 60 lines of 256 bits are 15,360.
        (layer(64, 64, Scheme.nm(keep=1, of=8)), machine(patch_buffer__kib=1, patch_buffer__macro_kib=1),
         "field patch_buffer.kib: 1 is too small for 3 slots of 4 patches of layer layer; at least 2$"),
        # 20 groups of 8 on 18 VPUs: two groups in some, and 3 x 4 x 16 words of 18 banks are 6.75 KiB.
        (layer(64, 160, Scheme.nm(keep=1, of=8)), machine(mvu__vpus=18, result_buffer__kib=6),
         "field result_buffer.kib: 6 is too small for the outputs of 3 slots of 4 patches of layer layer "
         "in each of 18 banks; at least 7$"),
        (layer(64, 64, Scheme.nm(keep=1, of=8), size=32), machine(input_sram__kib=100),
         "field input_sram.kib: 100 is too small for the input map of layer layer; at least 128$"),
        (layer(8, 128, Scheme.nm(keep=1, of=8), size=32), machine(output_sram__kib=100),
         "field output_sram.kib: 100 is too small for the output map of layer layer; at least 256$"),
        (layer(64, 64, Scheme.nm(keep=1, of=8)), machine("unstructured"), "has a selector of kind threshold, not nm$"),
        (layer(64, 64, Scheme.unstructured(0.5, "calibrated")), machine(), "has a selector of kind nm, not threshold$"),
        (layer(64, 64, Scheme.unstructured(0.5, "calibrated")), machine("dense"),
             "machine dense has no projection and runs dense only$"),
        (layer(64, 64, Scheme.nm(keep=1, of=16)), machine(),
             "selector.max_of of machine structured is 8, less than the 16 rows of a group$"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_told_in_one_line(trace: LayerTrace, changed: Machine, words: str) -> None:
    with pytest.raises(AccelsimError, match=words) as caught:
        tile_layer(trace, changed)
    assert "\n" not in str(caught.value)
    assert "layer layer" in str(caught.value)
