"""Sections about the algorithm (PyTorch) and the hardware description (Amaranth)."""

from __future__ import annotations

import re
import tempfile
import zlib
from pathlib import Path
from typing import Any

from accelsim import Scheme, load_machine, open_trace
from tests.behaviour import deep_imports
from tests.behaviour.fingerprint import sha256

SCHEMES = (
    "unstructured-50",
    "unstructured-87.5-calibrated",
    "unstructured-75-position",
    "nm-1of4",
    "nm-2of8",
)

CHIP = """
format: accelsim-machine/1
name: small
clock_mhz: 500
cores: 1
split: contiguous
mvu: {vpus: 2, bricks_per_vpu: 32, pipeline_depth_cycles: 40, accumulate_latency_cycles: 3, accumulators_per_vpu: 4,
      position_block: 2, hold_weights: true, spare_vpus: share}
weight_sram: {kib: 8, macro_kib: 1, width_bits: 32}
input_sram: {kib: 2, macro_kib: 1, width_bits: 32, banks: 1}
patch_buffer: {kib: 4, macro_kib: 1, width_bits: 64}
result_buffer: {kib: 1, macro_kib: 1, width_bits: 16}
output_sram: {kib: 2, macro_kib: 1, width_bits: 32, banks: 1}
projection: {lanes: 4, quantizers: 2}
selector: {SELECTOR}
sequencer: {lookahead: 1, mvu_order: approximate_first}
dram: null
"""

SELECTORS = {
    "threshold": "{kind: threshold, comparators: 2, latency_cycles: 3}",
    "nm": "{kind: nm, groups_per_cycle: 1, latency_cycles: 4, max_of: 4}",
}

IDENTIFIER = re.compile(r"\\\S+ |[A-Za-z_$][\w$]*")


def network() -> dict[str, str]:
    """Hash INT4 codes, masks, attacked images and fixed-point words of a small seeded network.

    Masks, codes and words are integers; other numbers are rounded to 4 digits, for sums depend on the processor.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            return _network_keys()
    finally:
        torch.set_num_threads(threads)


def _network_keys() -> dict[str, str]:
    import torch

    parts = deep_imports.algorithm()
    torch.manual_seed(7)
    plain = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, 12, 3, stride=2, padding=1, groups=2),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(192, 5),
    ).eval()
    generator = torch.Generator().manual_seed(11)
    images = torch.rand(160, 3, 8, 8, generator=generator)
    keys: dict[str, str] = {}
    for method in ("lstsq", "sgd"):
        model = parts.convert(plain, Scheme.dense(), seed=6, form="patch", k_ratio=0.1, linear=True)
        fits = parts.distill(model, [images[:80], images[80:]], method=method, seed=3)
        keys[f"{method}/fit"] = sha256([(fit.name, fit.rows, _rounded(fit.relative_error)) for fit in fits])
        for name, layer in parts.non_essential_layers(model):
            keys[f"{method}/codes/{name}"] = sha256([_integers(layer.w_codes()), _integers(layer.b_codes())])
            keys[f"{method}/signs/{name}"] = sha256([layer.k, layer.nnz, layer.signs.tolist()])
        keys |= {f"{method}/{key}": each for key, each in _mask_keys(parts, model, images[:3]).items()}
        keys |= {f"{method}/{key}": each for key, each in _attack_keys(parts, model, images[:4]).items()}
    return keys | _fixed_point_keys(parts, model, images[:1])


def _mask_keys(parts: Any, model: Any, images: Any) -> dict[str, str]:
    """Return keys of the masks as a trace exported from the network holds them, and of the logits."""
    import torch

    keys: dict[str, str] = {}
    schemes = [Scheme.parse(name) for name in SCHEMES]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.h5"
        parts.export_trace(
            model, images, range(len(images)), path, schemes, network="small", dataset="invented"
        )
        trace = open_trace(path)
        for scheme in trace.schemes:
            layers = [trace.layer(info.name, scheme) for info in trace.layers]
            keys[f"masks/{scheme.name}"] = sha256(
                [
                    (each.name, None if each.masks is None else zlib.crc32(each.masks.tobytes()))
                    for each in layers
                ]
            )
    for scheme in schemes:
        with torch.no_grad():
            keys[f"logits/{scheme.name}"] = sha256(_rounded(parts.set_scheme(model, scheme)(images)))
    return keys


def _attack_keys(parts: Any, model: Any, images: Any) -> dict[str, str]:
    """Return keys of images attacked by one step of FGSM and two of PGD."""
    import torch

    target = parts.Target(parts.set_scheme(model, Scheme.parse("nm-2of8")))
    labels = torch.tensor([0, 1, 2, 3])
    generator = torch.Generator().manual_seed(5)
    return {
        "attack/fgsm": sha256(_rounded(parts.FGSM().perturb(target, images, labels, generator))),
        "attack/pgd": sha256(_rounded(parts.PGD(steps=2).perturb(target, images, labels, generator))),
    }


def _fixed_point_keys(parts: Any, model: Any, image: Any) -> dict[str, str]:
    """Return keys of the words that the core computes for each layer."""
    keys: dict[str, str] = {}
    for scheme in ("dense", "unstructured-50", "nm-1of4"):
        for layer in ("0", "2", "5"):
            operands, formats = parts.layer_operands(model, layer, image, Scheme.parse(scheme))
            result = parts.fixed_point_layer(operands)
            keys[f"fixed-point/{scheme}/{layer}"] = sha256(
                [
                    [formats.x, formats.w, formats.z, formats.threshold],
                    result.z,
                    result.mask,
                    result.z_noise,
                    result.y,
                ]
            )
    return keys


def verilog() -> dict[str, str]:
    """Hash the Verilog of a small chip: its text, and its statements if names and their order did not matter."""
    parts = deep_imports.rtl()
    keys: dict[str, str] = {}
    for kind, selector in SELECTORS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "chip.yaml"
            path.write_text(CHIP.replace("{SELECTOR}", selector))
            shape = parts.core_shape(load_machine(path), parts.Limits())
        text = _stripped(parts.to_verilog(parts.Chip(shape), "chip"))
        keys[f"{kind}/text"] = sha256(text)
        keys[f"{kind}/statements"] = sha256(sorted(IDENTIFIER.sub("_", line) for line in text.splitlines()))
    return keys


def _stripped(verilog: str) -> str:
    """Return Verilog without comments, attributes, and names that hold a place in Yosys's source."""
    text = re.sub(r"/\*.*?\*/|\(\*.*?\*\)|//[^\n]*", "", verilog, flags=re.DOTALL)
    text = re.sub(r"\\\$auto\$\S+", "auto", text)
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())


def _integers(values: Any) -> list[Any]:
    return values.detach().round().int().tolist()


def _rounded(values: Any) -> Any:
    """Return numbers rounded to 4 digits; adding 0.0 makes -0.0 the same as 0.0."""
    if isinstance(values, float):
        return round(values, 4) + 0.0
    return [_rounded(each) for each in (values.detach().tolist() if hasattr(values, "detach") else values)]
