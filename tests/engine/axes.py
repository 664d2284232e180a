"""Random cases over the axes of the approximation: forms of the projection, criteria, precisions, 100 % noise."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from accelsim.config import Machine
from accelsim.forms import Form
from accelsim.mapping.capacity import TooSmall
from accelsim.mapping.tiling import check_runs
from accelsim.trace import Approximation, LayerShape, LayerTrace, Scheme
from tests.engine.strategies import (
    BITS_PER_KIB,
    Case,
    _random_mask,
    _random_shape,
    random_machine,
    small_machine,
)
from tests.oracles.layout import ceil_div

FORMS: tuple[Form, ...] = ("none", "pixel", "patch")
CRITERIA = ("magnitude", "signed", "norm", "normsigned")


def axes_case(rng: Random) -> Case:
    """A network of one to three layers of one form of projection, and a machine that runs it."""
    scheme, form, images = random_axes_scheme(rng), rng.choice(FORMS), rng.randint(1, 2)
    layers = tuple(axes_layer(rng, scheme, form, images, index) for index in range(rng.choice((1, 1, 2, 3))))
    return Case(layers, axes_machine(rng, layers, form), rng.randrange(images))


def random_axes_scheme(rng: Random) -> Scheme:
    """Any scheme, with or without masks."""
    criterion, bits = rng.choice(CRITERIA), rng.choice((16, 16, 8))
    kind = rng.choice(("unstructured", "nm", "unstructured", "nm", "dense", "all-noise"))
    if kind == "nm":
        of = rng.choice((rng.randint(2, 6), 8))  # the compiled engine has a way of its own for groups of 8
        return Scheme.nm(rng.randint(1, of), of, criterion, bits)
    if kind == "unstructured":
        return Scheme.unstructured(0.5, "calibrated", criterion, bits)
    return Scheme.all_noise() if kind == "all-noise" else Scheme.dense(rng.choice((16, 8, 4)))


def axes_layer(rng: Random, scheme: Scheme, form: Form, images: int, index: int) -> LayerTrace:
    """A layer that is now and then always dense, else approximated in the given form."""
    shape = _random_shape(rng)
    approximation = None if rng.random() < 0.15 else _approximation(rng, shape, form)
    masks = None
    if scheme.has_masks and approximation is not None:
        draw = np.random.default_rng(rng.getrandbits(32))
        masks = np.stack([_random_mask(draw, shape, scheme) for _ in range(images)])
    return LayerTrace.from_masks(
        f"layer{index}", shape, scheme, masks, approximation, index=index, image_ids=range(images)
    )


def _approximation(rng: Random, shape: LayerShape, form: Form) -> Approximation:
    if form == "none":
        return Approximation(shape.d, 0, 0, "none")
    channels = shape.c_in // shape.groups
    rows, columns, taps = rng.randint(1, 60), shape.d, 1
    if form == "pixel":
        rows, columns, taps = rng.randint(1, 2 * channels), channels, shape.taps
    return Approximation(rows * taps, rng.randint(0, min(rows * columns, 80)), 1, form)


def axes_machine(rng: Random, layers: tuple[LayerTrace, ...], form: Form) -> Machine:
    """A machine of the form, with the precisions that the layers need, and with memories that barely fit or are larger."""
    data: dict[str, Any] = random_machine(rng, layers).model_dump(mode="json")
    scheme = layers[0].scheme
    wanted = {16, scheme.precise_bits or 16} | ({rng.choice((8, 4))} if rng.random() < 0.3 else set())
    data["mvu"]["precise_bits"] = sorted(wanted, reverse=True)
    if data["projection"] is not None:
        data["projection"] = _projection(rng, data["projection"], form)
    elif scheme.approximates:
        raise AssertionError("a machine without projection for a scheme that approximates")
    if data["projection"] is not None and form != "patch":
        data["code_sram"] = _code_sram(rng, data, layers)
        window = data["code_sram"]["banks"] * data["code_sram"]["width_bits"]
        projection = data["projection"]
        if projection["quantizers"] * 4 > window:
            projection["quantizers"] = 1
    if scheme.kind == "all-noise" and rng.random() < 0.5:
        data["selector"] = None
    if data["selector"] is not None:
        data["selector"]["scales"] = scheme.scales_scores or rng.random() < 0.2
    return _large_enough(data, layers)


def _large_enough(data: dict[str, Any], layers: tuple[LayerTrace, ...]) -> Machine:
    """The machine, with those memories enlarged that were chosen for words of 16 bits and have become too small.

    Chunks of 8 and 4 bits have more words, so a short row may take more lines than in 16 bits.
    """
    while True:
        machine = Machine.model_validate(data)
        try:
            check_runs(layers, machine)
        except TooSmall as error:
            memory, field = error.field.split(".")
            data[memory][field] = error.least_kib
        else:
            return machine


def _projection(rng: Random, unit: dict[str, Any], form: Form) -> dict[str, Any]:
    if form == "none":
        return {"form": "none", "quantizers": unit["quantizers"]}
    return unit | {"form": form}


def _code_sram(rng: Random, data: dict[str, Any], layers: tuple[LayerTrace, ...]) -> dict[str, Any]:
    """A code SRAM whose window divides a line of the patch buffer."""
    line_words = data["patch_buffer"]["width_bits"] // 16
    window_words = rng.choice([words for words in range(1, line_words + 1) if line_words % words == 0])
    banks = rng.choice([ports for ports in (1, 2, 3) if window_words % ports == 0])
    window_codes = 4 * window_words
    codes = 1
    for layer in layers:
        if layer.approximated:
            assert layer.approximation is not None
            shape, values = layer.shape, layer.approximation.values_per_pixel(layer.shape)
            codes = max(
                codes, shape.groups * shape.h_in * (shape.w_in * values + window_codes - 1) + window_codes
            )
    kib = ceil_div(4 * codes, BITS_PER_KIB) + rng.choice((0, 0, 2))
    return {"kib": kib, "macro_kib": 1, "width_bits": 16 * window_words // banks, "banks": banks}


def groups_of_8_case(rng: Random) -> Case:
    """N:M groups of 8 on VPUs that hold weights of one access, so that jobs of several passes are counted by groups."""
    keep, positions, neurons = rng.randint(1, 8), rng.randint(3, 9), 8 * rng.randint(2, 20)
    scheme = Scheme.nm(keep, 8)
    shape = LayerShape(
        kind="conv", c_in=rng.randint(2, 9), c_out=neurons, kernel=(1, 1), h_in=1, w_in=positions
    )
    draw = np.random.default_rng(rng.getrandbits(32))
    mask = _random_mask(draw, shape, scheme)[None]
    layer = LayerTrace.from_masks("groups", shape, scheme, mask, Approximation(4, 4, 0))
    block = rng.randint(1, 4)
    machine = small_machine(
        mvu={
            "vpus": rng.choice((2, 3, 4, 8, 16)),
            "bricks_per_vpu": 16,
            "position_block": block,
            "accumulators_per_vpu": block * rng.randint(1, 5) + rng.randint(0, 1),
            "hold_weights": True,
        },
        weight_sram={"kib": rng.choice((16, 64)), "width_bits": 64},
        selector={"kind": "nm", "groups_per_cycle": 1, "latency_cycles": 1, "max_of": 8},
    )
    return Case((layer,), machine, 0)
