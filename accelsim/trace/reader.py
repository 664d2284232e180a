"""`open_trace`: a trace file read lazily, one layer and image range at a time, every byte checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from accelsim.checked_values import shown
from accelsim.errors import AccelsimError, suggestion
from accelsim.schemes import Scheme, find_scheme
from accelsim.trace import container
from accelsim.trace.header import BlockTable, Header, parse_header
from accelsim.trace.layer_shape import LayerInfo
from accelsim.trace.layer_trace import LayerTrace
from accelsim.trace.packed_masks import PackedMasks, check_packed, padding_is_zero


class TraceFile:
    """A trace file whose header has been read and checked. Made by `open_trace`.

    Holds no open file: each `layer` call opens it, compares the header's SHA-256 with the one seen first
    (a file replaced in between is refused), and closes it. So it can be pickled and shared by processes.
    """

    def __init__(self, path: Path, header: Header, sha256: str) -> None:
        self.path = path
        self.header = header
        self.sha256 = sha256
        """SHA-256 (hex) of the header, which holds a CRC-32 of every block: the identity of the content.
        It does not depend on compression or on the HDF5 library. Against accident, not forgery."""
        self._by_name = {layer.name: layer for layer in header.layers}

    @property
    def network(self) -> str:
        """The network's name."""
        return self.header.network

    @property
    def dataset(self) -> str:
        """The data set's name."""
        return self.header.dataset

    @property
    def image_ids(self) -> tuple[int, ...]:
        """The images, as the data set numbers them, in file order."""
        return self.header.image_ids

    @property
    def weights_sha256(self) -> str | None:
        """Of the network's weights; None if no weights made these masks."""
        return self.header.weights_sha256

    @property
    def seeds(self) -> Mapping[str, int]:
        """Every seed that a random draw came from, by what was drawn."""
        return MappingProxyType(dict(self.header.seeds))

    @property
    def tools(self) -> Mapping[str, str]:
        """Versions of what made the trace, by name."""
        return MappingProxyType(dict(self.header.tools))

    @property
    def notes(self) -> str:
        """Free text, such as how the network was trained."""
        return self.header.notes

    @property
    def format_version(self) -> str:
        """Such as '1.0'."""
        return ".".join(str(part) for part in self.header.version)

    @property
    def layers(self) -> tuple[LayerInfo, ...]:
        """In execution order."""
        return self.header.layers

    @property
    def schemes(self) -> tuple[Scheme, ...]:
        """Those that the file has masks of, in its order."""
        return tuple(entry.scheme for entry in self.header.schemes)

    def accuracy(self, scheme: Scheme | str) -> tuple[float, int] | None:
        """(accuracy 0..1, images it was measured on) under a scheme; None if it was not measured."""
        wanted = self.scheme(scheme)
        return next((e.accuracy for e in self.header.schemes if e.scheme == wanted), None)

    def scheme(self, scheme: Scheme | str) -> Scheme:
        """Return the file's scheme with an id. One that needs no masks, such as `dense` or `noise-100`, every file has.

        Raises AccelsimError, listing those there are, if the file has no masks of that scheme.
        """
        name = scheme.name if isinstance(scheme, Scheme) else scheme
        known = {each.name: each for each in self.schemes}
        if name in known:
            return known[name]
        found = find_scheme(name) if isinstance(name, str) else None
        if found is None or found.has_masks:
            near = suggestion(name, list(known))
            raise AccelsimError(f"{self.path}: has no scheme {shown(name)}; {near}")
        return found

    def layer_info(self, name: str) -> LayerInfo:
        """The layer of that name; AccelsimError if there is none."""
        if name not in self._by_name:
            raise AccelsimError(
                f"{self.path}: has no layer {shown(name)}; {suggestion(name, list(self._by_name))}"
            )
        return self._by_name[name]

    def layer(self, name: str, scheme: Scheme | str, images: slice = slice(None)) -> LayerTrace:
        """A layer's masks under a scheme, and its input spikes, for a range of images (places in the file, not image ids).

        Reads only the blocks that hold these images. Raises AccelsimError for an unknown layer or scheme,
        an image range that is empty or outside the file, and by name for a damaged block or masks that break their scheme.
        """
        info, wanted = self.layer_info(name), self.scheme(scheme)
        first, stop = self._image_range(images)
        masks = spikes = None
        if info.has_masks(wanted):
            where = f"{self.path}: scheme {wanted.name}, layer {name}"
            table = self.header.blocks[wanted.name, name]
            dataset = container.masks_path(wanted.name, name)
            masks = self._bits(dataset, where, info.shape.mask_bytes, info, table, first, stop)
            check_packed(masks, info.shape, wanted, where, first)
        if info.shape.has_spikes:
            where = f"{self.path}: spikes, layer {name}"
            table = self.header.spikes[name]
            dataset = container.spikes_path(name)
            spikes = self._bits(dataset, where, info.shape.spike_bytes, info, table, first, stop)
            if not padding_is_zero(spikes, info.shape.d):
                raise AccelsimError(f"{where}: a spike bit at or above input {info.shape.d} is set")
        ids = self.image_ids[first:stop]
        return LayerTrace(
            name, info.index, info.shape, info.approximation, wanted, ids, masks, spikes, checked=True
        )

    def _bits(
        self,
        dataset: str,
        where: str,
        position_bytes: int,
        info: LayerInfo,
        table: BlockTable,
        first: int,
        stop: int,
    ) -> PackedMasks:
        """The packed bits of images first to stop - 1, (images, positions, position_bytes)."""
        shape = (len(self.image_ids), info.shape.positions, position_bytes)
        size = table.images_per_block
        with container.opened(self.path) as file:
            if container.read_header(file, self.path)[1] != self.sha256:
                raise AccelsimError(f"{self.path}: was replaced by another trace since it was opened")
            if first // size == (stop - 1) // size:
                block = first // size
                rows = container.read_block(file, dataset, where, shape, table, block)
                return rows[first - block * size : stop - block * size]
            try:
                bits = np.empty((stop - first, *shape[1:]), np.uint8)
            except MemoryError:
                gib = (stop - first) * info.shape.positions * position_bytes / 2**30
                raise AccelsimError(f"{where}: no memory for {gib:.1f} GiB; ask for fewer images") from None
            for block in range(first // size, (stop - 1) // size + 1):
                rows = container.read_block(file, dataset, where, shape, table, block)
                low, high = max(first, block * size), min(stop, block * size + len(rows))
                bits[low - first : high - first] = rows[low - block * size : high - block * size]
        return bits

    def __repr__(self) -> str:
        return (
            f"TraceFile({str(self.path)!r}, {self.network} on {self.dataset}, {len(self.image_ids)} images, "
            f"{len(self.layers)} layers, {len(self.schemes)} schemes)"
        )

    def _image_range(self, images: slice) -> tuple[int, int]:
        count = len(self.image_ids)
        bounds = [bound for bound in (images.start, images.stop) if bound is not None]
        # Python would clip silently; fewer images than asked for must not look like the answer.
        if images.step in (None, 1) and all(type(b) is int and -count <= b <= count for b in bounds):
            first, stop, _ = images.indices(count)
            if first < stop:
                return first, stop
        asked = f"{_bound(images.start)}:{_bound(images.stop)}" + (f":{images.step}" if images.step else "")
        raise AccelsimError(f"{self.path}: images {asked} is not a range within 0:{count}")


def open_trace(path: str | os.PathLike[str]) -> TraceFile:
    """Open a trace file: read and check its header, no masks.

    Raises AccelsimError, in one line that begins with the path, if it is not a readable trace: no such
    file, not HDF5, truncated, damaged, or of a newer format.
    """
    place = Path(path)
    with container.opened(place) as file:
        document, sha256 = container.read_header(file, place)
    return TraceFile(place, parse_header(document, str(place)), sha256)


def _bound(value: object) -> str:
    return "" if value is None else shown(value)
