"""Random small networks and machines: one generator, for hypothesis and for plain seeded loops."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from accelsim.config import Machine
from accelsim.trace import Approximation, LayerShape, LayerTrace, Scheme
from accelsim.trace.layer_shape import SPIKING_KINDS
from tests.oracles.layout import ceil_div

BITS_PER_KIB = 8192
WIDTHS = (16, 32, 48, 64, 128, 256)
MAX_LAYER_MACS = 12000


@dataclass(frozen=True)
class Case:
    """Some layers, a machine that can run them, and which of the images of their masks to run."""

    layers: tuple[LayerTrace, ...]
    machine: Machine
    image: int


def cases() -> st.SearchStrategy[Case]:
    """Networks of one to three layers with a machine that fits them.

    A third of them drawn by hypothesis, which favours small values and can shrink them, the others from a seed; of a
    third of the networks most layers are of spiking neurons.
    """
    seeds = st.integers(min_value=0, max_value=(1 << 64) - 1)
    return st.one_of(
        st.randoms(use_true_random=False).map(random_case),
        seeds.map(Random).map(random_case),
        seeds.map(Random).map(spiking_case),
    )


def random_case(rng: Random) -> Case:
    """A network without spiking neurons, and a machine, from any random generator."""
    return _random_case(rng, spiking=0.0)


def spiking_case(rng: Random) -> Case:
    """A network whose layers are mostly of spiking neurons, and a machine, from any random generator."""
    return _random_case(rng, spiking=0.7)


def _random_case(rng: Random, spiking: float) -> Case:
    scheme = random_scheme(rng)
    images = rng.randint(1, 2)
    layers = tuple(
        random_layer(rng, scheme, images, index, spiking=spiking) for index in range(rng.choice((1, 1, 2, 3)))
    )
    return Case(layers, random_machine(rng, layers), rng.randrange(images))


def random_scheme(rng: Random) -> Scheme:
    kind = rng.choice(("unstructured", "nm", "unstructured", "nm", "dense"))
    if kind == "nm":
        of = rng.randint(2, 6)
        return Scheme.nm(keep=rng.randint(1, of), of=of)
    return Scheme.unstructured(0.5, "calibrated") if kind == "unstructured" else Scheme.dense()


def random_layer(
    rng: Random, scheme: Scheme, images: int = 1, index: int = 0, *, spiking: float = 0.0
) -> LayerTrace:
    """A layer that is now and then always dense, else masked as the scheme says.

    spiking: probability that its neurons spike instead.
    """
    if spiking and rng.random() < spiking:
        return _random_spiking_layer(rng, scheme, images, index)
    shape = _random_shape(rng)
    if rng.random() < 0.15:
        approximation = None
    else:
        k = rng.choice((rng.randint(1, 12), rng.randint(13, 100), rng.randint(60, 160)))
        nnz = rng.randint(0, min(k * shape.d, 80))
        approximation = Approximation(k, nnz, seed=0)
    masks = None
    if scheme.kind != "dense" and approximation is not None:
        draw = np.random.default_rng(rng.getrandbits(32))
        masks = np.stack([_random_mask(draw, shape, scheme) for _ in range(images)])
    return LayerTrace.from_masks(
        f"layer{index}", shape, scheme, masks, approximation, index=index, image_ids=range(images)
    )


def _random_spiking_layer(rng: Random, scheme: Scheme, images: int, index: int) -> LayerTrace:
    """Spiking neurons with words or spikes as inputs, silent and busy steps among them."""
    d, n, steps, noise = rng.randint(1, 80), rng.randint(1, 30), rng.randint(1, 9), rng.random() < 0.5
    ids = range(images)
    if rng.random() < 0.25:
        shape = LayerShape.current(d, n, steps, noise=noise)
        return LayerTrace.from_masks(f"layer{index}", shape, scheme, None, index=index, image_ids=ids)
    draw = np.random.default_rng(rng.getrandbits(32))
    spikes = draw.random((images, steps, d)) < draw.choice([0.0, 0.02, 0.1, 0.5])
    spikes[draw.random((images, steps)) < 0.2] = False
    shape = LayerShape.spiking(d, n, steps, noise=noise)
    return LayerTrace.from_spikes(f"layer{index}", shape, spikes, scheme=scheme, index=index, image_ids=ids)


def _random_shape(rng: Random) -> LayerShape:
    if rng.random() < 0.2:
        return LayerShape.linear(rng.randint(1, 80), rng.randint(1, 30))
    wide = rng.random() < 0.6
    groups = rng.choice((1, 1, 1, 1, 2) if wide else (1, 1, 1, 2, 3, 4))
    kernel = (1, 1) if wide else (rng.randint(1, 3), rng.randint(1, 3))
    shape = LayerShape(
        kind="conv",
        c_in=groups * (rng.randint(10, 80) if wide else rng.randint(1, 3)),
        c_out=groups * rng.choice((1, rng.randint(1, 6), *(2 * [rng.randint(5, 36)] if groups == 1 else []))),
        kernel=kernel,
        stride=(rng.randint(1, 2), 1),
        padding=(rng.randint(0, 1), 0),
        groups=groups,
        h_in=kernel[0] + rng.randint(0, 4),
        w_in=kernel[1] + rng.randint(0, 5),
    )
    # Keeps the oracle, which goes cycle by cycle, fast.
    too_large = shape.macs > MAX_LAYER_MACS * groups or shape.positions > 30
    return _random_shape(rng) if too_large else shape


def _random_mask(draw: np.random.Generator, shape: LayerShape, scheme: Scheme) -> NDArray[np.bool_]:
    """Essential neurons (positions, n) of one image, rows of none and of all among them."""
    if scheme.kind == "nm":
        return _nm_mask(draw, shape, scheme)
    density = draw.choice([0.0, 0.1, 0.3, 0.7])
    mask: NDArray[np.bool_] = draw.random((shape.positions, shape.n)) < density
    special = draw.random(shape.positions)
    mask[special < 0.15] = False
    if density:
        mask[special > 0.9] = True
    return mask


def _nm_mask(draw: np.random.Generator, shape: LayerShape, scheme: Scheme) -> NDArray[np.bool_]:
    mask = np.zeros((shape.positions, shape.n), np.bool_)
    neurons = shape.n // shape.groups
    for position in range(shape.positions):
        for first in range(0, shape.n, neurons):
            for start in range(first, first + neurons, scheme.of):
                members = range(start, min(start + scheme.of, first + neurons))
                kept = draw.choice(members, min(scheme.keep, len(members)), replace=False)
                mask[position, kept] = True
    return mask


def random_machine(rng: Random, layers: tuple[LayerTrace, ...]) -> Machine:
    """A machine whose memories are barely, or somewhat more than, large enough for the layers."""
    scheme = layers[0].scheme
    vpus = rng.choice((1, 2, 2, 3, 3, 4, 5, 6, 8, 12, 16))
    block_size = rng.randint(1, 4)
    mvu = {
        "vpus": vpus,
        "bricks_per_vpu": rng.choice((16, 32, 48, 64)),
        "pipeline_depth_cycles": rng.randint(0, 6),
        "accumulate_latency_cycles": rng.randint(1, 6),
        "accumulators_per_vpu": block_size + rng.choice((0, rng.randint(0, 4), rng.randint(4, 12))),
        "position_block": block_size,
        "hold_weights": rng.random() < 0.5,
        "spare_vpus": rng.choice(("idle", "share")),
    }
    weight_width = rng.choice(WIDTHS)
    row_lines = max(_row_lines(layer, mvu["bricks_per_vpu"], weight_width) for layer in layers)
    input_banks, input_width = rng.choice(((1, 16), (1, 32), (1, 64), (2, 16), (2, 32), (3, 16), (1, 128)))
    line_bits = input_banks * input_width * rng.choice((1, 1, 2, 3))
    slot_lines = block_size * max(_patch_lines(layer, line_bits) for layer in layers)
    lookahead = rng.randint(0, 3)
    if rng.random() < 0.5:
        # Slots that fill a patch buffer of whole KiB leave no room for kept projections.
        kib = ceil_div((lookahead + 1) * slot_lines * line_bits, BITS_PER_KIB)
        lookahead = min(12, kib * BITS_PER_KIB // line_bits // slot_lines - 1)
    changes: dict[str, Any] = {
        "cores": rng.choice((1, 1, 2, 3)),
        "split": rng.choice(("contiguous", "interleaved")),
        "mvu": mvu,
        "sequencer": {
            "lookahead": lookahead,
            "mvu_order": rng.choice(("approximate_first", "precise_first")),
        },
        "projection": _random_projection(rng),
        "dram": None,
    }
    if rng.random() < 0.4:
        changes["dram"] = {
            "bytes_per_cycle": rng.choice((4, 16, 60)),
            "latency_cycles": rng.choice((0, rng.randint(1, 60))),
            "pj_per_bit": 1.0,
            "source": "none",
        }
    latency = rng.choice((0, 1, rng.randint(2, 12)))
    if scheme.kind == "nm":
        changes["selector"] = {
            "kind": "nm",
            "groups_per_cycle": rng.randint(1, 4),
            "latency_cycles": latency,
            "max_of": scheme.of + rng.randint(0, 2),
        }
    else:
        changes["selector"] = {
            "kind": "threshold",
            "comparators": rng.choice((1, 2, 5, 16)),
            "latency_cycles": latency,
        }
    if scheme.kind == "dense" and rng.random() < 0.5:
        changes["projection"] = changes["selector"] = None
    if any(layer.shape.kind in SPIKING_KINDS for layer in layers):
        noise = any(layer.shape.noise for layer in layers)
        changes["spiking"] = {"skip_silent_chunks": rng.random() < 0.6, "noise_generators": noise}

    unit_rows = scheme.of if scheme.kind == "nm" else 1
    slots = lookahead + 1
    window_words = input_banks * input_width // 16
    input_bits = 16 * max(_map_words(each.shape, window_words) for each in layers)
    input_bits = max(input_bits, *(_spike_bits(each.shape, 16 * window_words) for each in layers), 0)
    output_width = rng.choice(WIDTHS)
    rows_per_vpu = max(_most_rows(each, scheme, vpus) for each in layers)
    result_bits = 16 * vpus * slots * block_size * rows_per_vpu
    weight_kib = ceil_div(vpus * unit_rows * row_lines * weight_width, BITS_PER_KIB)
    weight_kib += rng.choice((0, 0, 0, 1, 4))
    slice_rows = weight_kib * BITS_PER_KIB // vpus // weight_width // row_lines
    output_bits = output_width * max(
        _output_lines(each, vpus * (slice_rows // unit_rows * unit_rows), output_width) for each in layers
    )
    changes["weight_sram"] = {"kib": weight_kib, "macro_kib": 1, "width_bits": weight_width}
    changes["patch_buffer"] = _sram(rng, slots * slot_lines * line_bits, (0, 0, 0, 1, 4), line_bits)
    changes["result_buffer"] = _sram(rng, result_bits, (0, 1), 16)
    changes["input_sram"] = _sram(rng, input_bits, (0, 2), input_width) | {"banks": input_banks}
    changes["output_sram"] = _sram(rng, output_bits, (0, 2), output_width) | {"banks": rng.randint(1, 3)}
    if mvu["accumulators_per_vpu"] % 3 == 0:  # without a draw: every seed keeps the case that it had
        changes["activation"] = {"function": "relu"}
    return small_machine(**changes)


def _row_lines(layer: LayerTrace, bricks: int, width: int) -> int:
    k = layer.approximation.k if layer.approximation and not layer.is_dense else 0
    precise, approximate = ceil_div(layer.shape.d, bricks // 16), ceil_div(k, bricks)
    return precise * ceil_div(bricks, width) + approximate * ceil_div(4 * bricks, width)


def _output_lines(layer: LayerTrace, tile_rows: int, width: int) -> int:
    """Lines of the output map, or a few more.

    A layer of shorter rows than the longest has larger tiles than these, and larger tiles may take more lines (29 words
    in lines of 8: 16 + 13 take 4, 20 + 9 take 5), but never more than all rows together and a line for each further tile.
    """
    neurons = layer.shape.n // layer.shape.groups
    further = ceil_div(neurons, tile_rows) - 1
    words, spikes = (ceil_div(bits * neurons, width) + further for bits in (16, 1))
    if layer.shape.kind in SPIKING_KINDS:
        return layer.shape.steps * spikes + (layer.shape.noise + layer.shape.has_spikes) * words
    return layer.shape.positions * layer.shape.groups * words


def _spike_bits(shape: LayerShape, window_bits: int) -> int:
    """Bits of the windows that a map of spikes takes; 0 of other maps."""
    return shape.steps * ceil_div(shape.d, window_bits) * window_bits if shape.has_spikes else 0


def _map_words(shape: LayerShape, window_words: int) -> int:
    """Enough for an input map whose rows are apart by a pitch, in whole lines."""
    row = shape.w_in * shape.c_in // shape.groups
    return shape.groups * shape.h_in * (row + window_words - 1) + window_words


def _most_rows(layer: LayerTrace, scheme: Scheme, vpus: int) -> int:
    """Rows of the busiest VPU if all are in one tile; several tiles have fewer."""
    unit_rows = scheme.of if scheme.kind == "nm" and not layer.is_dense else 1
    return ceil_div(ceil_div(layer.shape.n // layer.shape.groups, unit_rows), vpus) * unit_rows


def _patch_lines(layer: LayerTrace, line_bits: int) -> int:
    k = layer.approximation.k if layer.approximation and not layer.is_dense else 0
    return ceil_div(16 * layer.shape.d, line_bits) + ceil_div(4 * k, line_bits)


def _random_projection(rng: Random) -> dict[str, int]:
    """Fewer lanes and quantizers than there are sums, or more."""
    quantizers = rng.choice((1, 1, 2, 3, 8))
    return {"lanes": quantizers * rng.choice((1, 3, 4, 25)), "quantizers": quantizers}


def _sram(rng: Random, least_bits: int, spare_kib: tuple[int, ...], width_bits: int) -> dict[str, int]:
    kib = ceil_div(least_bits, BITS_PER_KIB) + rng.choice(spare_kib)
    return {"kib": kib, "macro_kib": 1, "width_bits": width_bits}


def small_machine(**changes: Any) -> Machine:
    """A threshold machine of one core and 4 VPUs; a section given as a dict updates that section's fields."""
    data: dict[str, Any] = {
        "format": "accelsim-machine/1",
        "name": "small",
        "clock_mhz": 500,
        "cores": 1,
        "split": "contiguous",
        "mvu": {
            "vpus": 4,
            "bricks_per_vpu": 32,
            "pipeline_depth_cycles": 3,
            "accumulate_latency_cycles": 3,
            "accumulators_per_vpu": 4,
            "position_block": 2,
            "hold_weights": True,
            "spare_vpus": "share",
        },
        "weight_sram": {"kib": 16, "macro_kib": 1, "width_bits": 32},
        "input_sram": {"kib": 16, "macro_kib": 1, "width_bits": 32, "banks": 1},
        "patch_buffer": {"kib": 16, "macro_kib": 1, "width_bits": 32},
        "result_buffer": {"kib": 16, "macro_kib": 1, "width_bits": 16},
        "output_sram": {"kib": 16, "macro_kib": 1, "width_bits": 32, "banks": 1},
        "projection": {"lanes": 4, "quantizers": 2},
        "selector": {"kind": "threshold", "comparators": 2, "latency_cycles": 1},
        "sequencer": {"lookahead": 1, "mvu_order": "approximate_first"},
        "dram": None,
    }
    for name, change in changes.items():
        old: Any = data.get(name)
        updates = isinstance(change, dict) and isinstance(old, dict) and change.get("kind") != "nm"
        data[name] = old | change if updates else change
    return Machine.model_validate(data)
