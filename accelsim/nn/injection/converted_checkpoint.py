"""Converted networks on disk: float16 weights, INT4 codes, scales and the seeds of P in one file.

Tensors: every tensor of the undefended network under its own name (parameters of two axes and more
as float16, the rest as it is), and for each converted layer L
    L.w_codes  uint8, W~ in row-major order, two INT4 codes a byte, even index in the low nibble
    L.b_codes  uint8, b~ likewise
    L.w_scale (n,), L.b_scale (), L.y_scale (), L.quantiles (1001,)  float32
    L.quantiles_signed, L.quantiles_norm, L.quantiles_normsigned     likewise, where they were calibrated
and for each layer L, converted or not, whose operands of 8 and 4 bits were calibrated
    L.x_scales (2,), L.w_scales (2, n)  float32
The header holds JSON under the key `accelsim`: network, how it was made, and k, seed and nnz(P) of each
layer, with the form and density where they are not the paper's (patch, 1/3) and the batch norm that follows (null: none).
P itself is drawn again from its seed
and checked against nnz.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.nn.base.tensor_files import load_network_weights, load_tensors, save_tensors
from accelsim.nn.injection.conversion import (
    non_essential_layers,
    replace_layer,
    set_scheme,
    wrapped_layers,
)
from accelsim.nn.injection.following_norms import name_of_norm
from accelsim.nn.injection.precision_calibration import wrap_precise_layers
from accelsim.nn.layers.non_essential import NonEssentialLayer
from accelsim.nn.layers.precise_layer import WrappedLayer
from accelsim.nn.layers.projection import Projection
from accelsim.nn.layers.projection_forms import DEFAULT_DENSITY
from accelsim.nn.layers.quantize import pack_int4, unpack_int4
from accelsim.nn.layers.select import TABLES
from accelsim.nn.networks import make_network
from accelsim.schemes import Scheme
from accelsim.trace.container import one_line

_SCALES = ("w_scale", "b_scale", "y_scale")
_PRECISION = ("x_scales", "w_scales")
_MORE_TABLES = tuple(table for criterion, table in TABLES.items() if criterion != "magnitude")
"""Threshold tables that files from before there were other criteria than magnitude do not hold."""


@dataclass(frozen=True)
class Converted:
    """A converted network as loaded: the model (eval mode), its name, its record, its weights' hash."""

    model: nn.Module
    network: str
    record: dict[str, Any]
    weights_sha256: str


@torch.no_grad()
def round_weights(model: nn.Module) -> nn.Module:
    """Round weights of two axes and more to float16 in place (kept as float32), as a saved file holds them.

    To be done before distilling: what is distilled, evaluated and exported is then what the file holds.
    """
    for parameter in model.parameters():
        if parameter.ndim >= 2:
            parameter.copy_(parameter.half().float())
    return model


def save_converted(path: Path | str, model: nn.Module, network: str, record: dict[str, Any]) -> str:
    """Save a converted and distilled model; returns the hash of what was saved (`weights_sha256`).

    network: a name that accelsim.nn.networks.make_network knows, or `module:factory`.
    record: anything JSON can hold on how it was made (training, accuracy, seeds); kept in the header.
    Raises AccelsimError when a layer is not distilled, or a weight is not a float16 value
    (`round_weights` comes first).
    """
    layers = dict(non_essential_layers(model))
    tensors: dict[str, Tensor] = {}
    for name, layer in layers.items():
        if not layer.is_quantized:
            raise AccelsimError(f"{path}: layer {name} is not distilled; run distill before saving")
        tensors[f"{name}.w_codes"] = pack_int4(layer.w_codes().detach())
        tensors[f"{name}.b_codes"] = pack_int4(layer.b_codes().detach())
        tensors |= {f"{name}.{scale}": getattr(layer, scale) for scale in _SCALES}
        for table in TABLES.values():
            if len(values := layer.selector.get_buffer(table)):
                tensors[f"{name}.{table}"] = values
    for name, wrapped in wrapped_layers(model):
        if wrapped.precision.is_calibrated:
            tensors |= {f"{name}.{scales}": wrapped.precision.get_buffer(scales) for scales in _PRECISION}
    for name, tensor in _original_state(model).items():
        tensors[name] = tensor
        if isinstance(tensor, nn.Parameter) and tensor.ndim >= 2:
            tensors[name] = tensor.half()
            if not torch.equal(tensors[name].to(tensor.dtype), tensor):
                raise AccelsimError(f"{path}: {name} is not rounded to float16; run round_weights first")
    tensors = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    metadata = {
        "network": network,
        "record": record,
        "layers": {name: _layer_document(model, layer) for name, layer in layers.items()},
    }
    save_tensors(Path(path), tensors, metadata)
    return tensors_sha256(tensors)


def load_converted(path: Path | str, network: str | None = None, scheme: Scheme | None = None) -> Converted:
    """Load what save_converted wrote, under `scheme` (dense if None).

    network: overrides the name in the file, for a `module:factory` that has moved.
    Raises AccelsimError when the file is no converted checkpoint or does not fit the network.
    """
    tensors, metadata = load_tensors(path)
    if "layers" not in metadata:
        raise AccelsimError(f"{path}: not a converted checkpoint; make one with accelsim prepare")
    digest = tensors_sha256(tensors)
    with one_line(f"{path}: damaged converted checkpoint"):
        name = network or metadata["network"]
        model = make_network(name)
        approximations = {
            layer: {
                key: tensors.pop(f"{layer}.{key}") for key in ("w_codes", "b_codes", "quantiles", *_SCALES)
            }
            for layer in metadata["layers"]
        }
        tables = {key: tensors.pop(key) for key in list(tensors) if key.rpartition(".")[2] in _MORE_TABLES}
        scales = {key: tensors.pop(key) for key in list(tensors) if key.rpartition(".")[2] in _PRECISION}
        load_network_weights(model, tensors, path)
        for layer_name, entry in metadata["layers"].items():
            drawn = Projection(
                entry.get("form", "patch"), entry["k"], entry.get("density", DEFAULT_DENSITY), entry["seed"]
            )
            replace_layer(model, layer_name, drawn, scheme or Scheme.dense())
        for layer_name, layer in non_essential_layers(model):
            stored = approximations[layer_name]
            if layer.nnz != metadata["layers"][layer_name]["nnz"]:
                raise AccelsimError(
                    f"{path}: layer {layer_name}: P of its seed has another nnz than recorded"
                )
            for scale in _SCALES:
                getattr(layer, scale).copy_(stored[scale])
            w = unpack_int4(stored["w_codes"], tuple(layer.w_approx.shape)) * layer.w_scale[:, None]
            b = unpack_int4(stored["b_codes"], tuple(layer.b_approx.shape)) * layer.b_scale
            layer.set_approximation(w, b)
            layer.selector.quantiles = stored["quantiles"]
            for table in _MORE_TABLES:
                if (key := f"{layer_name}.{table}") in tables:
                    setattr(layer.selector, table, tables[key])
            if "batch_norm" in (entry := metadata["layers"][layer_name]):
                norm = entry["batch_norm"]
                layer.followed_by = () if norm is None else (model.get_submodule(norm),)
        wrap_precise_layers(model, {key.rpartition(".")[0] for key in scales})
        for layer_name, wrapped in wrapped_layers(model):
            if (key := f"{layer_name}.{_PRECISION[0]}") in scales:
                for each in _PRECISION:
                    setattr(wrapped.precision, each, scales[f"{layer_name}.{each}"])
        set_scheme(model, scheme or Scheme.dense())
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return Converted(model.eval(), name, metadata["record"], digest)


def undefended(converted: Converted) -> nn.Module:
    """Return the network of a converted checkpoint without its approximation, in eval mode."""
    network = make_network(converted.network)
    network.load_state_dict(_original_state(converted.model))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval()


def _layer_document(model: nn.Module, layer: NonEssentialLayer) -> dict[str, Any]:
    drawn = layer.projection
    document: dict[str, Any] = {"k": drawn.k, "seed": drawn.seed, "nnz": layer.nnz}
    if drawn.form != "patch":
        document["form"] = drawn.form
    if drawn.density != DEFAULT_DENSITY:
        document["density"] = drawn.density
    if layer.followed_by is not None:
        document["batch_norm"] = name_of_norm(model, layer.followed_by)
    return document


def tensors_sha256(tensors: dict[str, Tensor]) -> str:
    """SHA-256 over name, dtype, shape and little-endian bytes of every tensor, in order of name."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _original_state(model: nn.Module) -> dict[str, Tensor]:
    """The undefended network's tensors under their own names, without those of the approximation."""
    modules = model.named_modules(remove_duplicate=False)
    layers = [name for name, module in modules if isinstance(module, WrappedLayer)]
    state: dict[str, Tensor] = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        owner = next((layer for layer in layers if name.startswith(f"{layer}.")), None)
        if owner is None:
            state[name] = tensor
        elif name.startswith(f"{owner}.inner."):
            state[f"{owner}.{name.removeprefix(f'{owner}.inner.')}"] = tensor
    return state
