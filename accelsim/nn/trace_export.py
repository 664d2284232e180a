"""From a converted network to a trace file: forward hooks collect the essential masks of real images."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.nn.base.inference import inference
from accelsim.nn.clean_accuracy import accuracy
from accelsim.nn.data.cifar import ImageSet, load_cifar10, to_float
from accelsim.nn.injection.conversion import non_essential_layers, set_scheme, wrapped_layers
from accelsim.nn.injection.converted_checkpoint import load_converted
from accelsim.nn.layers.geometry import layer_shape
from accelsim.nn.layers.non_essential import NonEssentialLayer
from accelsim.nn.layers.precise_layer import WrappedLayer
from accelsim.trace import Approximation, LayerShape, Scheme, TraceWriter


def export_trace(
    model: nn.Module,
    images: Tensor,
    image_ids: Sequence[int],
    path: Path | str,
    schemes: Sequence[Scheme],
    *,
    network: str,
    dataset: str,
    weights_sha256: str | None = None,
    seeds: Mapping[str, int] | None = None,
    notes: str = "",
    accuracies: Mapping[str, tuple[float, int]] | None = None,
    overwrite: bool = False,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Write the masks of `images` under every scheme to a trace file.

    model: converted and distilled; any architecture. Converted layers get masks; every other Conv2d and
        Linear is listed as an always-dense layer. Layers are listed in execution order.
    images: float (count, channels, h, w) as the model takes them; image_ids: their numbers in `dataset`.
        Each image runs alone, so its masks do not depend on its neighbours and memory stays bounded.
    accuracies: scheme name to (accuracy, images tested), for the schemes that were measured.
    progress: called with the scheme's name after every image of every scheme that has masks.

    The scheme in force is the same afterwards. Raises AccelsimError when a layer runs more than once in a
    forward pass (a trace lists each layer once), or is not what a trace can hold.
    """
    layers = layers_in_order(model, images[:1])
    measured = accuracies or {}
    before = {name: layer.selector.scheme for name, layer in non_essential_layers(model)}
    writer = TraceWriter(
        path,
        network=network,
        dataset=dataset,
        image_ids=list(image_ids),
        weights_sha256=weights_sha256,
        seeds=seeds,
        tools={"torch": torch.__version__, "python": platform.python_version()},
        notes=notes,
        overwrite=overwrite,
    )
    try:
        with writer as trace:
            for name, (shape, approximation) in layers.items():
                trace.add_layer(name, shape, approximation)
            for scheme in schemes:
                trace.add_scheme(scheme, *measured.get(scheme.name, ()))
                if scheme.has_masks:
                    _write_masks(trace, set_scheme(model, scheme), images, scheme, progress)
    finally:
        for name, layer in non_essential_layers(model):
            layer.selector.scheme = before[name]


def _write_masks(
    trace: TraceWriter,
    model: nn.Module,
    images: Tensor,
    scheme: Scheme,
    progress: Callable[[str], None] | None,
) -> None:
    """Run every image under the scheme in force and append each layer's masks."""

    def collect(layer_name: str) -> Any:
        def hook(module: nn.Module, args: Any, mask: Tensor) -> None:
            trace.write(scheme, layer_name, mask.cpu().numpy())

        return hook

    with inference(model), ExitStack() as hooks:
        for name, layer in non_essential_layers(model):
            hooks.enter_context(layer.selector.register_forward_hook(collect(name)))
        for image in torch.split(images, 1):
            model(image)
            if progress is not None:
                progress(scheme.name)


def layers_in_order(model: nn.Module, image: Tensor) -> dict[str, tuple[LayerShape, Approximation | None]]:
    """Name to (shape, approximation) of every Conv2d and Linear, as one forward pass meets them."""
    found: dict[str, tuple[LayerShape, Approximation | None]] = {}

    def note(name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if name in found:
                raise AccelsimError(f"export: layer {name} runs twice a pass; a trace lists a layer once")
            approximation = None
            if isinstance(module, NonEssentialLayer):
                approximation = module.approximation
            if isinstance(module, WrappedLayer):
                module = module.inner
            try:
                found[name] = (layer_shape(module, args[0]), approximation)
            except AccelsimError as error:
                raise AccelsimError(f"export: layer {name}: {error}") from error

        return hook

    wrapped = {layer.inner for _, layer in wrapped_layers(model)}
    with inference(model), ExitStack() as hooks:
        for name, module in model.named_modules():
            if isinstance(module, WrappedLayer | nn.Conv2d | nn.Linear) and module not in wrapped:
                hooks.enter_context(module.register_forward_hook(note(name)))
        model(image)
    return found


def evaluate_schemes(
    model: nn.Module, data: ImageSet, schemes: Sequence[Scheme], images: int
) -> dict[str, tuple[float, int]]:
    """Clean accuracy of a converted model under each scheme, on the first `images` images."""
    result = {}
    for scheme in schemes:
        right, tested = accuracy(set_scheme(model, scheme), data, images, batch=50)
        result[scheme.name] = (right / tested, tested)
    return result


def export_from_checkpoint(
    checkpoint: Path | str,
    data: Path | str | None,
    path: Path | str,
    schemes: Sequence[Scheme],
    images: Sequence[int],
    *,
    network: str | None = None,
    accuracy_images: int = 0,
    overwrite: bool = False,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Export a trace of CIFAR-10 test images from a converted checkpoint.

    checkpoint: written by `accelsim prepare` (or save_converted). data: CIFAR-10's folder, None for
        $ACCELSIM_DATA. images: ids (0 to 9,999) of the test images.
    network: overrides the checkpoint's network, as `module:factory`.
    accuracy_images: measure each scheme's accuracy on that many test images first; 0 takes what the
        checkpoint has recorded, if anything.
    Raises AccelsimError for a bad checkpoint, data folder, image id, or an existing path (unless overwrite).
    """
    converted = load_converted(checkpoint, network)
    test = load_cifar10(data, train=False)
    for image in images:
        if not 0 <= image < len(test):
            raise AccelsimError(f"export: image {image}, must be 0 to {len(test) - 1}")
    record = converted.record
    if accuracy_images:
        accuracies = evaluate_schemes(converted.model, test, schemes, accuracy_images)
    else:
        accuracies = {name: (float(a), int(n)) for name, (a, n) in record.get("accuracies", {}).items()}
    export_trace(
        converted.model,
        to_float(test.images[list(images)]),
        images,
        path,
        schemes,
        network=converted.network,
        dataset="cifar10-test",
        weights_sha256=converted.weights_sha256,
        seeds=record.get("seeds"),
        notes=record.get("notes", ""),
        accuracies=accuracies,
        overwrite=overwrite,
        progress=progress,
    )
