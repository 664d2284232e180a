"""Sections that simulate through `accelsim.simulate`, or read what it reads."""

from __future__ import annotations

import tempfile
import zlib
from pathlib import Path
from typing import Any

from accelsim import (
    AccelsimError,
    Approximation,
    LayerShape,
    Machine,
    Results,
    Scheme,
    load_machine,
    load_technology,
    open_trace,
    simulate,
)
from tests.behaviour import deep_imports
from tests.behaviour.fingerprint import sha256, table_keys

ROOT = Path(__file__).resolve().parents[2]
TRACES = sorted((ROOT / "traces").glob("*.h5"))
MACHINES = sorted((ROOT / "hwconfigs").glob("*.yaml"))
TECHNOLOGIES = sorted((ROOT / "hwconfigs" / "technology").glob("*.yaml"))
IMAGES = 2

REFERENCE_RUNS = {
    "dense": ("resnet18-w16-at-cifar10", "dense"),
    "unstructured": ("resnet18-w16-at-cifar10", "unstructured-87.5"),
    "structured": ("resnet18-w16-at-cifar10", "nm-2of8"),
    "unstructured-single": ("resnet18-w16-at-cifar10", "unstructured-50"),
    "structured-single": ("resnet18-w16-at-cifar10", "nm-1of8"),
    "spiking": ("snn-stbp-mnist", "dense"),
    "spiking-noise": ("snn-nit-mnist", "dense"),
}
"""Trace and scheme that the reference engine runs on each kind of machine."""

REFERENCE_LAYERS = 3
"""The last layers of a network: the fewest positions, and the reference engine is slow."""

VARIANTS = {
    "dram": (
        "structured",
        "dram: {bytes_per_cycle: 4, latency_cycles: 90, pj_per_bit: 7.0, source: invented}",
    ),
    "interleaved": ("unstructured", "cores: 3\nsplit: interleaved"),
    "contiguous": ("structured", "cores: 2\nsplit: contiguous"),
    "interleaved-dram": (
        "structured",
        "cores: 2\nsplit: interleaved\ndram: {bytes_per_cycle: 2, latency_cycles: 300, pj_per_bit: 4.5, source: invented}",
    ),
    "structured-held": ("structured", "mvu: {hold_weights: true, spare_vpus: idle}"),
    "structured-not-held": ("structured", "mvu: {hold_weights: false, spare_vpus: share}"),
    "unstructured-held": ("unstructured", "mvu: {hold_weights: true}"),
    "unstructured-not-held": ("unstructured", "mvu: {hold_weights: false, spare_vpus: idle}"),
    "precise-first": ("structured", "sequencer: {lookahead: 0, mvu_order: precise_first}"),
    "small-memory": ("unstructured", "weight_sram: {kib: 16, macro_kib: 1}"),
}
"""Machines that no file ships: what each extends, and what it changes (YAML)."""

SYNTHETIC_SCHEMES = (
    "dense",
    "unstructured-50",
    "unstructured-87.5",
    "unstructured-75-position",
    "nm-4of8",
    "nm-1of8",
    "nm-2of4",
)


def simulations() -> dict[str, str]:
    """Hash every layer of every bundled trace on every bundled machine under every scheme that it can run."""
    keys: dict[str, str] = {}
    refused: list[str] = []
    technology = load_technology("freepdk45-rtl")
    machines = {path.stem: load_machine(path) for path in MACHINES}
    for path in TRACES:
        trace = open_trace(path)
        images = slice(0, min(IMAGES, len(trace.image_ids)))
        for name, machine in machines.items():
            prefix = f"{path.stem}/{name}"
            try:
                results = simulate(trace, machine, technology=technology, images=images)
            except AccelsimError:
                refused.append(prefix)
                continue
            keys |= _result_keys(prefix, results)
    return keys | {"refused": sha256(refused)}


def reference_engine() -> dict[str, str]:
    """Hash a few layers of one image on each kind of machine, by the reference engine."""
    keys: dict[str, str] = {}
    for machine, (trace, scheme) in REFERENCE_RUNS.items():
        path = ROOT / "traces" / f"{trace}.h5"
        layers = [layer.name for layer in open_trace(path).layers][-REFERENCE_LAYERS:]
        results = simulate(
            path, machine, schemes=[scheme], images=slice(0, 1), layers=layers, engine="reference"
        )
        keys |= _result_keys(f"{trace}/{machine}", results)
    return keys


def machine_variants() -> dict[str, str]:
    """Hash a synthetic trace (grouped, depthwise, dilated and 1x1 layers) on machines that no file ships."""
    keys: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        trace = _write_synthetic(Path(folder) / "synthetic.h5")
        for name in VARIANTS:
            results = simulate(trace, _variant(Path(folder), name))
            keys |= _result_keys(name, results)
            keys[f"{name}/summary"] = sha256(results.summary.to_dict("records"))
            if name == "interleaved-dram":
                layers = ["depthwise", "fc"]
                results = simulate(
                    trace, _variant(Path(folder), name), layers=layers, images=slice(0, 1), engine="reference"
                )
                keys |= _result_keys(f"{name}-reference", results)
    return keys


def machine_prices() -> dict[str, str]:
    """Hash area, clock limit and energy terms of every bundled machine, and the variants, in every technology."""
    energy = deep_imports.energy()
    keys: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        machines = [(path.stem, load_machine(path)) for path in MACHINES]
        machines += [(name, _variant(Path(folder), name)) for name in VARIANTS]
        for path in TECHNOLOGIES:
            technology = load_technology(path)
            for name, machine in machines:
                prefix = f"{path.stem}/{name}"
                try:
                    breakdown = energy.area(machine, technology)
                    limit = energy.clock_limit(machine, technology)
                    terms = energy.energy_terms(machine, technology)
                except AccelsimError:
                    keys[f"{prefix}/refused"] = sha256(True)
                    continue
                keys[f"{prefix}/area"] = sha256(
                    [
                        (item.name, item.kind, item.mm2, item.leakage_mw, float(item.count))
                        for item in breakdown.items
                    ]
                    + [breakdown.total_mm2]
                )
                keys[f"{prefix}/clock"] = sha256([limit.block, limit.period_ns, limit.max_clock_mhz])
                keys[f"{prefix}/energy"] = sha256(
                    [(term.name, term.group, sorted(term.pj_per_count)) for term in terms]
                )
    return keys


def trace_files() -> dict[str, str]:
    """Hash what `open_trace` tells of every bundled trace, and CRC-32s of the masks and spikes of one image."""
    keys: dict[str, str] = {}
    for path in TRACES:
        trace = open_trace(path)
        keys[f"{path.stem}/layers"] = sha256([_layer(info) for info in trace.layers])
        keys[f"{path.stem}/schemes"] = sha256(
            [
                (each.name, each.kind, each.noise, each.keep, each.of, each.scope, trace.accuracy(each))
                for each in trace.schemes
            ]
        )
        keys[f"{path.stem}/header"] = sha256(
            [
                trace.network,
                trace.dataset,
                trace.image_ids,
                trace.weights_sha256,
                dict(trace.seeds),
                dict(trace.tools),
                trace.notes,
                trace.format_version,
                trace.sha256,
            ]
        )
        for scheme in trace.schemes:
            layers = [trace.layer(info.name, scheme, images=slice(0, 1)) for info in trace.layers]
            keys[f"{path.stem}/masks/{scheme.name}"] = sha256(
                [(layer.name, _crc32(layer.masks), _crc32(layer.spikes)) for layer in layers]
            )
    return keys


def _result_keys(prefix: str, results: Results) -> dict[str, str]:
    """Return keys of the layers of each scheme, and of the sums over layers."""
    layers = results.layers.to_dict("records")
    keys: dict[str, str] = {}
    for scheme in dict.fromkeys(row["scheme"] for row in layers):
        rows = [row for row in layers if row["scheme"] == scheme]
        keys |= table_keys(f"{prefix}/{scheme}", rows, ("counts", "costs", "shares"))
    keys |= table_keys(prefix, layers, ("labels",))
    keys[f"{prefix}/images"] = sha256(results.images.to_dict("records"))
    return keys


def _variant(folder: Path, name: str) -> Machine:
    base, changes = VARIANTS[name]
    path = folder / f"{name}.yaml"
    path.write_text(f"extends: {base}\nname: {name}\n{changes}\n")
    return load_machine(path)


def _write_synthetic(path: Path) -> Path:
    """Write two images of six layers, most of them with groups; 44 channels are no multiple of 8."""

    def conv(c_in: int, c_out: int, side: int, size: int, **more: Any) -> LayerShape:
        return LayerShape(
            kind="conv", c_in=c_in, c_out=c_out, kernel=(size, size), h_in=side, w_in=side, **more
        )

    layers = {
        "stem": (conv(3, 16, 12, 3, padding=(1, 1)), None),
        "plain": (conv(16, 32, 12, 3, padding=(1, 1), stride=(2, 2)), Approximation(k=36, nnz=1728, seed=1)),
        "grouped": (conv(32, 48, 6, 3, padding=(1, 1), groups=4), Approximation(k=18, nnz=432, seed=2)),
        "depthwise": (conv(48, 48, 6, 3, padding=(1, 1), groups=48), Approximation(k=4, nnz=12, seed=3)),
        "dilated": (
            conv(48, 44, 6, 3, padding=(2, 2), dilation=(2, 2)),
            Approximation(k=100, nnz=9000, seed=4),
        ),
        "pointwise": (conv(44, 20, 6, 1), Approximation(k=11, nnz=160, seed=5)),
        "fc": (LayerShape.linear(20, 10), None),
    }
    schemes = [Scheme.parse(name) for name in SYNTHETIC_SCHEMES]
    deep_imports.synthetic().write_synthetic_trace(
        path, schemes, layers, images=2, seed=5, correlation=0.4, network="synthetic"
    )
    return path


def _layer(info: Any) -> dict[str, Any]:
    shape, approximation = info.shape, info.approximation
    names = ("kind", "c_in", "c_out", "kernel", "stride", "padding", "dilation", "groups", "h_in", "w_in")
    derived = ("steps", "noise", "n", "d", "positions", "h_out", "w_out")
    return {name: getattr(shape, name) for name in (*names, *derived)} | {
        "name": info.name,
        "index": info.index,
        "approximation": approximation and [approximation.k, approximation.nnz, approximation.seed],
    }


def _crc32(bits: Any) -> int | None:
    return None if bits is None else zlib.crc32(bits.tobytes())
