"""What is evaluated: a checkpoint as loaded, the BitOPs of its variants, the images that redrawn projections learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from accelsim.bitops.accounting import BitOps, layer_bitops
from accelsim.nn.base.tensor_files import load_tensors
from accelsim.nn.clean_accuracy import load_trained
from accelsim.nn.data.cifar import ImageSet, to_float
from accelsim.nn.injection.conversion import non_essential_layers
from accelsim.nn.injection.converted_checkpoint import load_converted, tensors_sha256
from accelsim.nn.trace_export import layers_in_order
from accelsim.trace import LayerInfo
from models.study.variants import Variant

CALIBRATION_BATCH = 100


@dataclass(frozen=True)
class Subject:
    """A checkpoint as loaded: converted, or trained without conversion (a baseline, or the undefended network)."""

    model: nn.Module
    network: str
    sha256: str

    @property
    def is_converted(self) -> bool:
        """Whether any layer is approximated."""
        return any(True for _ in non_essential_layers(self.model))


def load_subject(path: Path | str) -> Subject:
    """Return a converted checkpoint or a training checkpoint, in eval mode.

    Raises:
        AccelsimError: The file is neither.
    """
    tensors, metadata = load_tensors(path)
    if "layers" in metadata:
        converted = load_converted(path)
        return Subject(converted.model, converted.network, converted.weights_sha256)
    model, network = load_trained(path)
    return Subject(model, network, tensors_sha256(tensors))


def network_layers(subject: Subject, image: Tensor) -> list[LayerInfo]:
    """Return the layers of one image (1, channels, h, w), as a trace would list them."""
    found = layers_in_order(subject.model, image)
    return [LayerInfo(name, index, *what) for index, (name, what) in enumerate(found.items())]


def variant_bitops(layers: Sequence[LayerInfo], variant: Variant) -> int | None:
    """Return the BitOPs of one image, by the accounting of accelsim.bitops.

    None where the accounting has no word for it: nothing is saved, or only masks tell the share. Random layers of
    baselines are not counted (accelsim.bitops.paper_comparison has what the paper adds for them).
    """
    shapes, scheme = [layer.shape for layer in layers], variant.scheme
    counts = [scheme.essential_count(shape.positions, shape.n, shape.groups) for shape in shapes]
    if variant.control == "gaussian" or None in counts:
        return None
    return sum((layer_bitops(layer, variant.scheme) for layer in layers), BitOps()).total


def calibration_batches(data: ImageSet, count: int, seed: int, device: torch.device) -> list[Tensor]:
    """Return the first `count` of a seeded permutation of training images, as float batches (images, 3, h, w)."""
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))[:count]
    return [
        to_float(data.images[part].to(device)).contiguous(memory_format=torch.channels_last)
        for part in torch.split(order, CALIBRATION_BATCH)
    ]
