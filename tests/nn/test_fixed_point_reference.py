"""The fixed-point layer against integers computed by hand, by plain Python, and by float PyTorch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import AccelsimError
from accelsim.nn.fixed_point.fixed_point_reference import fixed_point_layer
from accelsim.nn.fixed_point.layer_operands import CoreOperands, KeepLargest, NoiseOperands, Threshold
from accelsim.nn.fixed_point.random_operands import KINDS, Kind, random_operands


def worked_layer(selection: Threshold | KeepLargest) -> CoreOperands:
    """A 1x2 kernel on a 1x3 map of two channels: two positions, d = 4, three rows, k = 2.

    Map: channel 0 is 10 20 30, channel 1 is 1 -2 3. Patches, channels innermost: (10 1 20 -2), (20 -2 30 3).
    P x: row 0 (1 0 -1 0): -10, -10; row 1 (0 0 1 1): 18, 33. y = (v * 3 + 4) >> 3: -30 to -26 >> 3 = -4 (floor
    of -3.25); 54 to 58 >> 3 = 7; 99 to 103 >> 3 = 12, clamped to 7. So y = (-4 7) at both positions.
    """
    return CoreOperands(
        x=np.array([[[10, 20, 30]], [[1, -2, 3]]], np.int16),
        kernel=(1, 2),
        stride=(1, 1),
        padding=(0, 0),
        w=np.array([[1, 0, 0, 0], [100, 100, 100, 100], [-1000, 0, 0, 1000]], np.int16),
        terms=np.array([0, 3, -5]),
        shift=1,
        noise=NoiseOperands(
            signs=np.array([[1, 0, -1, 0], [0, 0, 1, 1]], np.int8),
            y_multiplier=3,
            y_shift=3,
            codes=np.array([[1, 1], [7, -7], [-2, 0]], np.int8),
            multipliers=np.array([2, 65535, 1]),
            terms=np.array([0, 0, 6]),
            shift=2,
            selection=selection,
        ),
    )


def test_worked_layer() -> None:
    # W~ y: 3, -77, 8. Times multipliers: 6, -5046195, 8. Plus term and half 2, >> 2: 2; -1261549 (saturates); 4.
    noise = [2, -32768, 4]
    # Psums at position 0: 10; 2900; -12000. At 1: 20; 5100; -17000. (psum + term + 1) >> 1:
    precise = [[5, 1452, -6002], [10, 2552, -8502]]
    result = fixed_point_layer(worked_layer(Threshold(4)))
    assert result.y is not None and result.y.tolist() == [[-4, 7], [-4, 7]]
    assert result.z_noise is not None and result.z_noise.tolist() == [noise, noise]
    assert result.mask.tolist() == [[False, True, True]] * 2
    assert result.z.tolist() == [[2, *row[1:]] for row in precise]
    result = fixed_point_layer(worked_layer(KeepLargest(1, 2)))  # groups {0, 1} and {2}
    assert result.mask.tolist() == [[False, True, True]] * 2
    assert not fixed_point_layer(worked_layer(Threshold(65535))).mask.any()
    assert fixed_point_layer(worked_layer(Threshold(32768))).mask.tolist() == [[False, True, False]] * 2
    assert fixed_point_layer(worked_layer(Threshold(0))).z.tolist() == precise
    dense = fixed_point_layer(replace(worked_layer(Threshold(0)), noise=None))
    assert dense.z.tolist() == precise and dense.mask.all() and dense.z_noise is None and dense.y is None


def plain_rounded(value: int, shift: int) -> int:
    return (value + (2 ** (shift - 1) if shift else 0)) // 2**shift


def plain_word(value: int) -> int:
    return min(max(value, -32768), 32767)


def plain_dot(left: list[int], right: list[int]) -> int:
    return sum(a * b for a, b in zip(left, right, strict=True))


def plain_patches(layer: CoreOperands) -> list[list[int]]:
    x = layer.x.tolist()
    channels, height, width = layer.x.shape
    (kh, kw), (down, right), (vertical, horizontal) = layer.kernel, layer.stride, layer.padding
    patches = []
    for top in range(-vertical, height + vertical - kh + 1, down):
        for left in range(-horizontal, width + horizontal - kw + 1, right):
            pixels = [(i, j) for i in range(top, top + kh) for j in range(left, left + kw)]
            inside = [0 <= i < height and 0 <= j < width for i, j in pixels]
            patches.append(
                [
                    x[c][i][j] if there else 0
                    for (i, j), there in zip(pixels, inside, strict=True)
                    for c in range(channels)
                ]
            )
    return patches


def plain_mask(z_noise: list[int], selection: Threshold | KeepLargest) -> list[bool]:
    if isinstance(selection, Threshold):
        return [abs(value) >= selection.value for value in z_noise]
    mask = [False] * len(z_noise)
    for first in range(0, len(mask), selection.of):
        group = range(first, min(first + selection.of, len(mask)))
        for row in sorted(group, key=lambda row: (-abs(z_noise[row]), row))[: selection.keep]:
            mask[row] = True
    return mask


def brute_force(layer: CoreOperands) -> dict[str, list[list[int]]]:
    """docs/machine.md section 11 once more, in plain Python integers: fields of FixedResult."""
    result: dict[str, list[list[int]]] = {"z": [], "mask": [], "z_noise": [], "y": []}
    for patch in plain_patches(layer):
        z = [
            plain_word(plain_rounded(plain_dot(row, patch) + term, layer.shift))
            for row, term in zip(layer.w.tolist(), layer.terms.tolist(), strict=True)
        ]
        mask = [True] * layer.n
        if (noise := layer.noise) is not None:
            y = []
            for signs in noise.signs.tolist():
                total = plain_dot(signs, patch)
                assert -(2**31) <= total < 2**31
                y.append(min(max(plain_rounded(total * noise.y_multiplier, noise.y_shift), -7), 7))
            z_noise = [
                plain_word(plain_rounded(plain_dot(codes, y) * m + term, noise.shift))
                for codes, m, term in zip(
                    noise.codes.tolist(), noise.multipliers.tolist(), noise.terms.tolist(), strict=True
                )
            ]
            mask = plain_mask(z_noise, noise.selection)
            z = [precise if m else cheap for precise, cheap, m in zip(z, z_noise, mask, strict=True)]
            result["z_noise"].append(z_noise)
            result["y"].append(y)
        result["z"].append(z)
        result["mask"].append([int(m) for m in mask])
    return result


@settings(deadline=None, max_examples=120)
@given(st.integers(0, 2**32 - 1), st.sampled_from(KINDS))
def test_random_layers_equal_plain_integers(seed: int, kind: Kind) -> None:
    layer = random_operands(np.random.default_rng(seed), kind)
    actual = fixed_point_layer(layer)
    for field, expected in brute_force(layer).items():
        ours = getattr(actual, field)
        assert (ours is None and not expected) or ours.tolist() == expected, field


def test_the_longest_rows_of_extremes_are_exact() -> None:
    """Psums of 2**46 and y of 2**31, where a 32-bit or float32 sum would have gone wrong."""
    d = 65535
    x = np.full((d, 1, 1), -32768, np.int16)
    w = np.stack([np.full(d, -32768), np.full(d, 32767), np.arange(d) % 3 - 1]).astype(np.int16)
    term = 2**45 - 1
    layer = CoreOperands(x, (1, 1), (1, 1), (0, 0), w, np.array([term, -term, 7]), 32)
    half = 2**31
    psums = [d * 2**30 + term, -d * 32768 * 32767 - term, int(w[2].astype(int).sum()) * -32768 + 7]
    assert all(abs(psum) + half < 2**47 for psum in psums)
    expected = [min(max((psum + half) >> 32, -32768), 32767) for psum in psums]
    assert fixed_point_layer(layer).z.tolist() == [expected]
    assert fixed_point_layer(replace(layer, shift=8)).z.tolist() == [[32767, -32768, (psums[2] + 128) >> 8]]
    signs = np.full((1, d), -1, np.int8)
    noise = NoiseOperands(
        signs,
        65535,
        45,
        np.ones((3, 1), np.int8),
        np.ones(3, np.int64),
        np.zeros(3, np.int64),
        0,
        Threshold(0),
    )
    # y = 65,535 * 2**15 * 65,535 / 2**45 = 3.9999: 4.
    assert fixed_point_layer(replace(layer, noise=noise)).y.tolist() == [[4]]  # type: ignore[union-attr]


@pytest.mark.parametrize("stride,padding", [((1, 1), (1, 1)), ((2, 1), (0, 2))])
def test_close_to_a_float_convolution(stride: tuple[int, int], padding: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(5)
    x = torch.randint(-32768, 32768, (1, 5, 9, 8), generator=generator).double()
    w = torch.randint(-32768, 32768, (6, 5, 3, 3), generator=generator).double()
    layer = CoreOperands(
        x=x[0].numpy().astype(np.int16),
        kernel=(3, 3),
        stride=stride,
        padding=padding,
        w=w.permute(0, 2, 3, 1).reshape(6, -1).numpy().astype(np.int16),
        terms=np.zeros(6, np.int64),
        shift=24,
    )
    real = F.conv2d(x, w, None, stride, padding)[0].flatten(1).T.numpy() / 2**24
    assert np.abs(fixed_point_layer(layer).z - real).max() <= 0.5


@pytest.mark.parametrize(
    "field,value,message",
    [
        ("x", np.zeros((2, 1, 3)), "x must be a NumPy array of int16"),
        ("x", np.zeros((3, 1, 3), np.int16), "rows of w have 4 words"),
        ("x", np.zeros((2, 1, 1), np.int16), "does not fit the padded map"),
        ("w", np.zeros((0, 4), np.int16), "must not be empty"),
        ("stride", (0, 1), "stride is"),
        ("terms", np.zeros(2, np.int64), "terms is"),
        ("terms", np.array([0, 2**45, 0]), "terms reaches"),
        ("shift", 47, "shift reaches"),
    ],
)
def test_operands_that_the_core_cannot_hold(field: str, value: object, message: str) -> None:
    with pytest.raises(AccelsimError, match=message):
        replace(worked_layer(Threshold(1)), **{field: value})


@pytest.mark.parametrize(
    "field,value,message",
    [
        ("signs", np.zeros((2, 5), np.int8), "signs are"),
        ("signs", np.full((2, 4), 2, np.int8), "signs reaches"),
        ("codes", np.full((3, 2), -8, np.int8), "codes reaches"),
        ("multipliers", np.full(3, 65536), "multipliers reaches"),
        ("terms", np.full(3, -(2**45)), "noise terms reaches"),
        ("y_shift", -1, "y_shift reaches"),
        ("y_multiplier", 65536, "y_multiplier reaches"),
        ("shift", 47, "noise shift reaches"),
        ("selection", Threshold(65536), "threshold reaches"),
        ("selection", KeepLargest(3, 2), "keep reaches"),
    ],
)
def test_noise_operands_that_the_core_cannot_hold(field: str, value: object, message: str) -> None:
    layer = worked_layer(Threshold(1))
    assert layer.noise is not None
    with pytest.raises(AccelsimError, match=message):
        replace(layer, noise=replace(layer.noise, **{field: value}))


def test_random_layers_reach_the_extremes() -> None:
    """Co-simulation is only as good as its cases: each of these must be among any few hundred of them."""
    seen = set()
    for seed in range(300):
        layer = random_operands(np.random.default_rng(seed))
        result = fixed_point_layer(layer)
        seen |= {
            f"kernel {layer.kernel}",
            f"linear {layer.x.shape[1:] == (1, 1)}",
            f"padded {max(layer.padding) > 0}",
        }
        seen |= (
            {f"stride {layer.stride[1]}", f"z {limit}"} if (limit := int(result.z.max())) == 32767 else set()
        )
        seen |= {"z -32768"} if result.z.min() == -32768 else set()
        if layer.noise is None:
            seen.add("dense")
            continue
        assert result.z_noise is not None
        kind = type(layer.noise.selection).__name__
        seen |= {f"{kind} all {result.mask.all()}", f"{kind} none {not result.mask.any()}"}
        magnitudes = np.abs(result.z_noise.astype(int))
        if isinstance(layer.noise.selection, Threshold):
            seen.add(f"on the threshold {(magnitudes == layer.noise.selection.value).any()}")
        else:
            seen.add(f"short last group {layer.n % layer.noise.selection.of > 0}")
            seen.add(f"ties {any(len(set(row)) < len(row) for row in magnitudes.tolist())}")
    assert seen >= {
        *(f"kernel {kernel}" for kernel in ((1, 1), (3, 3), (5, 5), (1, 3), (2, 1))),
        *(f"stride {stride}" for stride in (1, 2, 3)),
        *("linear True", "padded True", "padded False", "z 32767", "z -32768", "dense", "ties True"),
        *("Threshold all True", "Threshold none True", "Threshold all False", "on the threshold True"),
        *("short last group True", "short last group False", "KeepLargest all False"),
    }
