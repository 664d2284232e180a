"""`check_trace`: read all of a trace file and list everything that is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py

from accelsim.errors import AccelsimError
from accelsim.schemes import Scheme
from accelsim.trace import container
from accelsim.trace.layer_shape import LayerInfo
from accelsim.trace.packed_masks import PackedMasks, check_packed, essential_counts, padding_is_zero
from accelsim.trace.reader import TraceFile, open_trace


@dataclass(frozen=True)
class TraceReport:
    """The outcome of `check_trace`.

    problems: one line each, beginning with the path; empty when the file is sound.
    blocks_checked: blocks of masks and spikes that were read, good and bad.
    essential_fraction: per scheme with masks, the share of essential neurons over the approximated layers
        and all images, as far as blocks were readable.
    trace: the opened file, or None if not even its header could be read.
    """

    path: Path
    problems: tuple[str, ...]
    blocks_checked: int
    essential_fraction: Mapping[str, float]
    trace: TraceFile | None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def check_trace(path: str | os.PathLike[str]) -> TraceReport:
    """Read every block of a trace file; never stops at the first problem and never raises for a bad file."""
    place = Path(path)
    try:
        trace = open_trace(place)
    except AccelsimError as error:
        return TraceReport(place, (str(error),), 0, {}, None)
    problems: list[str] = []
    blocks = 0
    fractions: dict[str, float] = {}
    with container.opened(place) as file:
        for scheme in trace.schemes:
            essential = neurons = 0
            for layer in trace.layers:
                if not layer.has_masks(scheme):
                    continue
                for block in range(len(trace.header.blocks[scheme.name, layer.name].crc32)):
                    blocks += 1
                    try:
                        masks = _check_block(file, trace, scheme, layer, block)
                    except AccelsimError as error:
                        problems.append(str(error))
                    else:
                        essential += int(essential_counts(masks).sum())
                        neurons += len(masks) * layer.shape.positions * layer.shape.n
            if neurons:
                fractions[scheme.name] = essential / neurons
        for name, table in trace.header.spikes.items():
            for block in range(len(table.crc32)):
                blocks += 1
                try:
                    _check_spikes(file, trace, trace.layer_info(name), block)
                except AccelsimError as error:
                    problems.append(str(error))
    return TraceReport(place, tuple(problems), blocks, fractions, trace)


def _check_block(
    file: h5py.File, trace: TraceFile, scheme: Scheme, layer: LayerInfo, block: int
) -> PackedMasks:
    """The masks of a sound block; raises AccelsimError otherwise."""
    table = trace.header.blocks[scheme.name, layer.name]
    where = f"{trace.path}: scheme {scheme.name}, layer {layer.name}"
    shape = (len(trace.image_ids), layer.shape.positions, layer.shape.mask_bytes)
    dataset = container.masks_path(scheme.name, layer.name)
    rows = container.read_block(file, dataset, where, shape, table, block)
    check_packed(rows, layer.shape, scheme, where, block * table.images_per_block)
    return rows


def _check_spikes(file: h5py.File, trace: TraceFile, layer: LayerInfo, block: int) -> None:
    """Raises AccelsimError unless the block of input spikes is sound."""
    where = f"{trace.path}: spikes, layer {layer.name}"
    shape = (len(trace.image_ids), layer.shape.positions, layer.shape.spike_bytes)
    table = trace.header.spikes[layer.name]
    rows = container.read_block(file, container.spikes_path(layer.name), where, shape, table, block)
    if not padding_is_zero(rows, layer.shape.d):
        first = block * table.images_per_block
        images = f"images {first}..{first + len(rows) - 1}"
        raise AccelsimError(f"{where}, {images}: a spike bit at or above input {layer.shape.d} is set")
