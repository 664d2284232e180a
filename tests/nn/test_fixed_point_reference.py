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
from accelsim.forms import Form
from accelsim.nn.fixed_point.fixed_point_reference import code_map, fixed_point_layer
from accelsim.nn.fixed_point.layer_operands import CoreOperands, KeepLargest, NoiseOperands, Scale, Threshold
from accelsim.nn.fixed_point.random_operands import KINDS, Kind, Limits, random_operands
from accelsim.nn.layers.projection_forms import FORMS


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


def plain_scores(z_noise: list[int], noise: NoiseOperands) -> list[int]:
    values = z_noise
    if noise.scale is not None:
        rows = zip(z_noise, noise.scale.multipliers.tolist(), noise.scale.terms.tolist(), strict=True)
        values = [plain_word(plain_rounded(z * m + o, noise.scale.shift)) for z, m, o in rows]
    return values if noise.signed else [abs(value) for value in values]


def plain_mask(scores: list[int], selection: Threshold | KeepLargest | None) -> list[bool]:
    if isinstance(selection, Threshold):
        return [score >= selection.value for score in scores]
    mask = [False] * len(scores)
    if selection is None:
        return mask
    for first in range(0, len(mask), selection.of):
        group = range(first, min(first + selection.of, len(mask)))
        for row in sorted(group, key=lambda row: (-scores[row], row))[: selection.keep]:
            mask[row] = True
    return mask


def plain_y(noise: NoiseOperands, patch: list[int], channels: int) -> list[int]:
    """P x by the form: sums over the patch, over each of its pixels, or its words."""
    if noise.form == "none":
        sums = patch
    elif noise.form == "patch":
        sums = [plain_dot(signs, patch) for signs in noise.signs.tolist()]
    else:
        pixels = [patch[first : first + channels] for first in range(0, len(patch), channels)]
        sums = [plain_dot(signs, pixel) for pixel in pixels for signs in noise.signs.tolist()]
    assert all(-(2**31) <= total < 2**31 for total in sums)
    return [min(max(plain_rounded(total * noise.y_multiplier, noise.y_shift), -7), 7) for total in sums]


def brute_force(layer: CoreOperands) -> dict[str, list[list[int]]]:
    """docs/machine.md section 11 once more, in plain Python integers: fields of FixedResult."""
    result: dict[str, list[list[int]]] = {"z": [], "mask": [], "z_noise": [], "y": [], "scores": []}
    for patch in plain_patches(layer):
        factors = [1] * layer.n if layer.multipliers is None else layer.multipliers.tolist()
        z = [
            plain_word(plain_rounded(plain_dot(row, patch) * factor + term, layer.shift))
            for row, factor, term in zip(layer.w.tolist(), factors, layer.terms.tolist(), strict=True)
        ]
        mask = [True] * layer.n
        if (noise := layer.noise) is not None:
            y = plain_y(noise, patch, layer.x.shape[0])
            z_noise = [
                plain_word(plain_rounded(plain_dot(codes, y) * m + term, noise.shift))
                for codes, m, term in zip(
                    noise.codes.tolist(), noise.multipliers.tolist(), noise.terms.tolist(), strict=True
                )
            ]
            scores = plain_scores(z_noise, noise)
            mask = plain_mask(scores, noise.selection)
            if noise.selection is not None:
                result["scores"].append(scores)
            z = [precise if m else cheap for precise, cheap, m in zip(z, z_noise, mask, strict=True)]
            result["z_noise"].append(z_noise)
            result["y"].append(y)
        result["z"].append(z)
        result["mask"].append([int(m) for m in mask])
    return result


EVERY = Limits(forms=FORMS, precise_bits=(16, 8, 4), scales=True, signed=True)
"""All that a layer can have; the default is what the paper's machine has."""


@settings(deadline=None, max_examples=240)
@given(st.integers(0, 2**32 - 1), st.sampled_from((*KINDS, "all-noise")), st.sampled_from((Limits(), EVERY)))
def test_random_layers_equal_plain_integers(seed: int, kind: Kind, limits: Limits) -> None:
    layer = random_operands(np.random.default_rng(seed), kind, limits)
    actual = fixed_point_layer(layer)
    for field, expected in brute_force(layer).items():
        ours = getattr(actual, field)
        assert (ours is None and not expected) or ours.tolist() == expected, field


def test_random_layers_have_every_form_precision_and_score() -> None:
    seen: set[object] = set()
    for seed in range(120):
        layer = random_operands(np.random.default_rng(seed), "threshold", EVERY)
        assert layer.noise is not None
        scored = fixed_point_layer(layer).scores
        assert scored is not None
        seen |= {layer.noise.form, layer.precise_bits, ("scaled", layer.noise.scale is not None)}
        seen |= {("signed", layer.noise.signed), ("below 0", bool((scored < 0).any()))}
    assert seen == {*FORMS, 16, 8, 4} | {
        (what, answer) for what in ("scaled", "signed", "below 0") for answer in (True, False)
    }


@pytest.mark.parametrize("form", ["none", "pixel"])
def test_the_code_map_is_what_patches_gather(form: Form) -> None:
    """Each patch's y are the codes of its pixels, in the order (kernel row, kernel column, channel), 0 outside the map."""
    for seed in range(20):
        layer = random_operands(np.random.default_rng(seed), "nm", replace(EVERY, forms=(form,)))
        codes = code_map(layer)
        result = fixed_point_layer(layer)
        channels = codes.shape[2]
        map_first = np.ascontiguousarray(codes.transpose(2, 0, 1)).astype(np.int16)
        w = np.zeros((1, layer.k), np.int16)
        assert layer.k == channels * layer.kernel[0] * layer.kernel[1]
        gathered = CoreOperands(
            map_first, layer.kernel, layer.stride, layer.padding, w, np.zeros(1, np.int64), 0
        )
        assert result.y is not None and np.array_equal(gathered.patches(), result.y)
    with pytest.raises(AccelsimError, match="no codes per pixel"):
        code_map(worked_layer(Threshold(1)))


def test_worked_scores_and_eight_bits() -> None:
    """z~ is 2, -32768, 4 (above). Scores 3 z~ - 1, halved: 3 (2.5 up), -32768 (saturated), 6 (5.5 up)."""
    layer = worked_layer(Threshold(6))
    assert layer.noise is not None
    scale = Scale(np.array([3, 3, 3]), np.array([-1, -1, -1]), 1)
    scaled = fixed_point_layer(replace(layer, noise=replace(layer.noise, scale=scale)))
    assert scaled.mask.tolist() == [[False, True, True]] * 2
    signed = replace(layer.noise, scale=scale, signed=True)
    result = fixed_point_layer(replace(layer, noise=signed))
    assert result.scores is not None and result.scores.tolist() == [[3, -32768, 6]] * 2
    assert result.mask.tolist() == [[False, False, True]] * 2
    below = fixed_point_layer(replace(layer, noise=replace(signed, selection=KeepLargest(1, 2))))
    assert below.mask.tolist() == [[True, False, True]] * 2
    # In 8 bits a row has a multiplier of its own. Psum 10: (10 * 5 + 2) >> 2 = 13; 2900 -> w of 100s: (2900 * 7 + 5) >> 2.
    eight = replace(
        layer,
        w=np.array([[1, 0, 0, 0], [100, 100, 100, 100], [-128, 0, 0, 127]], np.int16),
        terms=np.array([0, 3, -5]),
        shift=2,
        precise_bits=8,
        multipliers=np.array([5, 7, 65535]),
        noise=replace(layer.noise, selection=Threshold(0)),
    )
    assert fixed_point_layer(eight).z.tolist()[0] == [13, 5076, -32768]
    nothing = fixed_point_layer(replace(layer, noise=replace(layer.noise, selection=None)))
    assert nothing.z.tolist() == [[2, -32768, 4]] * 2 and not nothing.mask.any() and nothing.scores is None


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
        ("precise_bits", 2, "precise_bits is 2"),
        ("precise_bits", 8, "multipliers are for 8 and 4 bits, and needed there|w reaches"),
        ("multipliers", np.ones(3, np.int64), "multipliers are for 8 and 4 bits"),
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
        ("form", "pixel", r"signs are \(2, 4\), must be \(2, 2\) with the form pixel"),
        ("form", "none", r"signs are \(2, 4\), must be \(0, 4\) with the form none"),
        ("form", "row", "form is 'row'"),
        ("scale", Scale(np.full(3, 32768), np.zeros(3, np.int64), 0), "score multipliers reaches"),
        ("scale", Scale(np.ones(3, np.int64), np.full(3, 2**45), 0), "score terms reaches"),
        ("scale", Scale(np.ones(3, np.int64), np.zeros(3, np.int64), 47), "score shift reaches"),
        ("selection", Threshold(65536), "threshold reaches"),
        ("selection", Threshold(-65537), "threshold reaches"),
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
