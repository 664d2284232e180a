"""From a spiking network, or an ANN of its size, to a trace: the spikes that its layers receive for real images."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from accelsim.errors import AccelsimError
from accelsim.files import readable_file
from accelsim.nn.base.tensor_files import load_network_weights, load_tensors
from accelsim.nn.data.idx import PARTS, DigitSet, load_digits
from accelsim.nn.injection.converted_checkpoint import tensors_sha256
from accelsim.nn.spiking.run_settings import Settings
from accelsim.nn.spiking.spiking_networks import NoisyNetwork, SpikingNetwork
from accelsim.trace import LayerShape, Scheme, TraceWriter
from accelsim.trace.container import one_line

BATCH = 500


def layer_shapes(network: NoisyNetwork, *, noisy: bool) -> list[tuple[str, LayerShape]]:
    """Name and shape of each layer as a trace lists them, first to last.

    The first layer of a spiking network receives the image, the same in all steps, the others spikes.
    noisy: whether its neurons add noise. An ANN's noise is not modelled: its layers are linear.
    Raises AccelsimError for a spiking network that gets its image as random spikes.
    """
    if isinstance(network, SpikingNetwork) and network.encoding != "current":
        raise AccelsimError(
            f"export: encoding {network.encoding}, must be current: a trace's first layer gets the image"
        )
    shapes: list[tuple[str, LayerShape]] = []
    for number, (inputs, outputs) in enumerate(pairwise(network.sizes), start=1):
        if not isinstance(network, SpikingNetwork):
            shape = LayerShape.linear(inputs, outputs)
        elif number == 1:
            shape = LayerShape.current(inputs, outputs, network.steps, noise=noisy)
        else:
            shape = LayerShape.spiking(inputs, outputs, network.steps, noise=noisy)
        shapes.append((f"fc{number}", shape))
    return shapes


@torch.no_grad()
def received_spikes(
    network: SpikingNetwork, x: Tensor, generator: torch.Generator, *, noisy: bool
) -> list[NDArray[np.bool_]]:
    """Spikes that each layer but the first receives in one pass of x (images, inputs): bool (images, steps, d)."""
    fired = network.run(x, 1, generator, record=True, noisy=noisy).signals
    return [spikes[:, :, 0].transpose(0, 1).bool().numpy() for spikes in fired[:-1]]


@torch.no_grad()
def accuracy(
    network: NoisyNetwork, data: DigitSet, index: Tensor, generator: torch.Generator, *, noisy: bool
) -> float:
    """Share of images, of one pass each, whose largest output is that of their label."""
    right = 0
    for batch in torch.split(index, BATCH):
        images, labels = data.take(batch)
        outputs = network.run(images, 1, generator, noisy=noisy).outputs[:, 0]
        right += int((outputs.argmax(dim=1) == labels).sum())
    return right / len(index)


def export_network(
    network: NoisyNetwork,
    data: DigitSet,
    images: Sequence[int],
    path: Path | str,
    *,
    name: str,
    dataset: str,
    noisy: bool,
    seed: int = 0,
    tested: Tensor | None = None,
    notes: str = "",
    seeds: Mapping[str, int] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a trace of the network for some images, under the one scheme that it has: dense.

    images: places in `data`; they are the trace's image ids. noisy: whether the neurons add noise, which is then drawn
        from `seed`. tested: places of the images that the accuracy is measured on; None: it is not.
    Raises AccelsimError for an image that is not there, or a path that exists (unless overwrite).
    """
    for image in images:
        if not 0 <= image < len(data):
            raise AccelsimError(f"export: image {image}, must be 0 to {len(data) - 1}")
    generator = torch.Generator().manual_seed(seed)
    measured: tuple[float, int] | tuple[()] = ()
    if tested is not None:
        measured = (accuracy(network, data, tested, generator, noisy=noisy), len(tested))
    x, _ = data.take(torch.tensor(list(images)))
    shapes = layer_shapes(network, noisy=noisy)
    with TraceWriter(
        path,
        network=name,
        dataset=dataset,
        image_ids=list(images),
        weights_sha256=tensors_sha256(dict(network.state_dict())),
        seeds={**(seeds or {}), "noise": seed} if noisy else seeds,
        tools={"torch": torch.__version__, "python": platform.python_version()},
        notes=notes,
        overwrite=overwrite,
    ) as trace:
        for layer, shape in shapes:
            trace.add_layer(layer, shape)
        trace.add_scheme(Scheme.dense(), *measured)
        if isinstance(network, SpikingNetwork):
            spikes = received_spikes(network, x, generator, noisy=noisy)
            for (layer, _), each in zip(shapes[1:], spikes, strict=True):
                trace.write_spikes(layer, each)


def trained_network(folder: Path | str) -> tuple[SpikingNetwork, Settings]:
    """The network of a finished run of models.nit.training, and its settings.

    Raises AccelsimError when `folder` holds no such run, or one that was stopped before its last epoch.
    """
    path = Path(folder) / "weights.safetensors"
    readable_file(path, "checkpoint", hint="; python -m models.nit.reproduce makes such runs")
    tensors, metadata = load_tensors(path)
    if "settings" not in metadata:
        raise AccelsimError(f"{path}: holds no settings of a spiking network")
    with one_line(f"{path}: settings"):
        settings = Settings.model_validate(metadata["settings"])
    if metadata.get("epoch") != settings.epochs:
        raise AccelsimError(
            f"{path}: a run at epoch {metadata.get('epoch')} of {settings.epochs}; run it to its end first"
        )
    network = settings.network()
    load_network_weights(network, tensors, path)
    return network, settings


def export_run(
    run: Path | str, data: Path | str, path: Path | str, images: Sequence[int], *, overwrite: bool = False
) -> None:
    """Export the network of a finished run, with its accuracy on the official test images, one pass each.

    run: its folder. data: the folder of its images' idx files, whose name is the data set's.
    Raises AccelsimError for a bad run, data folder or image, or a path that exists (unless overwrite).
    """
    network, settings = trained_network(run)
    digits = load_digits(data)
    export_network(
        network,
        digits,
        images,
        path,
        name=f"snn-{settings.method}",
        dataset=Path(data).resolve().name,
        noisy=settings.noisy,
        seed=settings.seed,
        tested=torch.arange(PARTS[0][1], len(digits)),
        notes=f"{settings.method}, {settings.epochs} epochs, {settings.steps} time steps, seed {settings.seed}",
        seeds={"training": settings.seed},
        overwrite=overwrite,
    )
