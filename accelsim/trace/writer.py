"""`TraceWriter`: masks in, image by image, one trace file out, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from accelsim.checked_values import layer_name, shown, whole
from accelsim.errors import AccelsimError
from accelsim.files import put_in_place, regular_target, temporary_beside
from accelsim.schemes import BASELINE, Scheme, find_scheme
from accelsim.trace import container
from accelsim.trace.header import (
    MAX_HEADER_BYTES,
    BlockTable,
    Header,
    SchemeEntry,
    check_accuracy,
    check_image_bytes,
    check_image_ids,
    check_label,
    check_weights_sha256,
    images_per_block,
)
from accelsim.trace.layer_shape import MAX_SEED, Approximation, LayerInfo, LayerShape
from accelsim.trace.packed_masks import (
    PackedMasks,
    as_bool_masks,
    as_bool_spikes,
    check_form,
    check_spike_form,
    check_structure,
    pack,
)
from accelsim.version import __version__


class TraceWriter:
    """Write a trace file. Use it in a `with` statement:

        with TraceWriter("t.h5", network="resnet18", dataset="cifar10-test", image_ids=[0, 1]) as w:
            w.add_layer("conv1", shape, Approximation(k=16, nnz=48, seed=1))
            w.add_scheme(Scheme.nm(keep=1, of=8))
            w.write("nm-1of8", "conv1", masks)

    path: the file to make; refused if it exists, unless `overwrite`, and if it is a device or FIFO. A link stays: the file
        that it names is made.
    network, dataset: names. image_ids: the images, as the data set numbers them, in the order written.
    weights_sha256: of the network's weights (64 hex digits), or None for masks that no weights made.
    seeds: every seed that a random draw came from. tools: name to version; accelsim's is added.
    notes: free text, such as how the network was trained.

    The file appears under its name only when the `with` block ends well and every layer has every image;
    before that it is a temporary file in the same folder, removed when anything raises. Memory: one block
    (about 256 KiB, or one image) per (scheme, layer) that is part-way through its images.
    Every method raises AccelsimError for bad input and leaves the file as it was before the call.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        network: str,
        dataset: str,
        image_ids: Sequence[int],
        weights_sha256: str | None = None,
        seeds: Mapping[str, int] | None = None,
        tools: Mapping[str, str] | None = None,
        notes: str = "",
        overwrite: bool = False,
    ) -> None:
        self.path = Path(path)
        self._overwrite = overwrite
        self._file: h5py.File | None = None
        self._target = self._temporary = self.path
        self._layers: dict[str, LayerInfo] = {}
        self._schemes: dict[str, SchemeEntry] = {}
        self._streams: dict[tuple[str, str], _Stream] = {}
        self._spikes: dict[str, _Stream] = {}
        with self._naming_file():
            self._network = check_label("network", network)
            self._dataset = check_label("dataset", dataset)
            self._image_ids = check_image_ids(image_ids)
            self._weights_sha256 = check_weights_sha256(weights_sha256)
            self._seeds = {
                check_label("seeds: key", key): whole(f"seeds: {key}", value, 0, MAX_SEED)
                for key, value in (seeds or {}).items()
            }
            self._tools = {
                check_label("tools: key", key): check_label(f"tools: {key}", value)
                for key, value in ({"accelsim": __version__} | dict(tools or {})).items()
            }
            if not isinstance(notes, str):
                raise AccelsimError(f"notes is {shown(notes)}; allowed: text")
            self._notes = notes

    def __enter__(self) -> Self:
        self._target = regular_target(self.path)
        self._refuse_existing()
        if not self._target.parent.is_dir():
            raise AccelsimError(f"{self.path}: no such folder: {self._target.parent}")
        self._temporary = temporary_beside(self.path, self._target)
        with container.one_line(f"{self.path}: cannot write"):
            self._file = container.create(self._temporary)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            # After a good finish there is nothing left to discard.
            self._discard()

    def add_layer(self, name: str, shape: LayerShape, approximation: Approximation | None = None) -> None:
        """Append a layer, in execution order. approximation None: the layer is dense in every scheme."""
        with self._naming_file():
            name = layer_name("layer name", name)
            if name in self._layers:
                raise AccelsimError(f"layer {name} is there already")
            if not isinstance(shape, LayerShape):
                raise AccelsimError(f"layer {name}: shape is {shown(shape)}; allowed: a LayerShape")
            if approximation is not None:
                if not isinstance(approximation, Approximation):
                    raise AccelsimError(
                        f"layer {name}: approximation is {shown(approximation)}; "
                        "allowed: an Approximation or None"
                    )
                approximation.check_fits(shape)
            layer = LayerInfo(name, len(self._layers), shape, approximation)
            check_image_bytes([*self._layers.values(), layer])
            self._layers[name] = layer

    def add_scheme(
        self, scheme: Scheme, accuracy: float | None = None, accuracy_images: int | None = None
    ) -> None:
        """Add a scheme, with the accuracy (0..1) measured under it on so many images, if it was."""
        with self._naming_file():
            if not isinstance(scheme, Scheme):
                raise AccelsimError(f"scheme is {shown(scheme)}; allowed: a Scheme")
            if find_scheme(scheme.name) != scheme:
                raise AccelsimError(
                    f"scheme {scheme.name}: no registered family has this id, so no reader would know it; "
                    "register its family (accelsim.schemes.register, or an entry point)"
                )
            if scheme.name in self._schemes:
                raise AccelsimError(f"scheme {scheme.name} is there already")
            self._schemes[scheme.name] = SchemeEntry(scheme, check_accuracy(accuracy, accuracy_images))

    def write(self, scheme: Scheme | str, layer: str, masks: NDArray[Any]) -> None:
        """Append the masks of the next images of a layer under a scheme.

        masks: bool, or uint8 of 0 and 1, (images, positions, n); positions row-major (h_out, w_out);
            True = essential. Any number of images at a time.
        """
        if self._file is None:
            raise AccelsimError(f"{self.path}: not open; write inside the 'with' statement")
        with self._naming_file():
            stream = self._stream(scheme.name if isinstance(scheme, Scheme) else scheme, layer)
            where = f"scheme {stream.scheme.name}, layer {layer}"
            # The values are looked at a block at a time, so that a large batch costs no large copies.
            check_form(masks, stream.layer.shape, where)
            step = stream.images_per_block
            for start in range(0, len(masks), step):
                part = as_bool_masks(masks[start : start + step], stream.layer.shape, where)
                check_structure(part, stream.layer.shape, stream.scheme, where, stream.images + start)
            stream.check_room(len(masks), where)
        with container.one_line(f"{self.path}: cannot write"):
            for start in range(0, len(masks), step):
                part = as_bool_masks(masks[start : start + step], stream.layer.shape, where)
                stream.append(self._file, pack(part))

    def write_spikes(self, layer: str, spikes: NDArray[Any]) -> None:
        """Append the input spikes of the next images of a layer of kind "spiking".

        spikes: bool, or uint8 of 0 and 1, (images, steps, d); True = a spike. Any number of images at a time.
        """
        if self._file is None:
            raise AccelsimError(f"{self.path}: not open; write inside the 'with' statement")
        with self._naming_file():
            info = self._layers.get(layer)
            if info is None:
                raise AccelsimError(f"layer {shown(layer)} is unknown; add_layer it")
            where = f"spikes, layer {layer}"
            check_spike_form(spikes, info.shape, where)
            if layer not in self._spikes:
                name, image_bytes = (
                    container.spikes_path(layer),
                    info.shape.positions * info.shape.spike_bytes,
                )
                self._spikes[layer] = _Stream(name, info, BASELINE, image_bytes, len(self._image_ids))
            stream = self._spikes[layer]
            step = stream.images_per_block
            for start in range(0, len(spikes), step):
                as_bool_spikes(spikes[start : start + step], info.shape, where)
            stream.check_room(len(spikes), where)
        with container.one_line(f"{self.path}: cannot write"):
            for start in range(0, len(spikes), step):
                part = as_bool_spikes(spikes[start : start + step], info.shape, where)
                stream.append(self._file, pack(part))

    def _stream(self, scheme: str, layer: str) -> _Stream:
        entry, info = self._schemes.get(scheme), self._layers.get(layer)
        if entry is None:
            raise AccelsimError(
                f"scheme {shown(scheme)} is unknown; add_scheme it; "
                f"known: {', '.join(self._schemes) or 'none'}"
            )
        if info is None:
            raise AccelsimError(f"layer {shown(layer)} is unknown; add_layer it")
        if not info.has_masks(entry.scheme):
            what = "dense" if info.is_dense(entry.scheme) else "all noise"
            raise AccelsimError(f"scheme {scheme}, layer {layer}: is {what} and has no masks")
        key = (scheme, layer)
        if key not in self._streams:
            name, image_bytes = container.masks_path(*key), info.shape.positions * info.shape.mask_bytes
            self._streams[key] = _Stream(name, info, entry.scheme, image_bytes, len(self._image_ids))
        return self._streams[key]

    def _finish(self) -> None:
        file = self._file
        if file is None:
            raise AccelsimError(f"{self.path}: not open")
        document = self._complete_header().to_bytes()
        if len(document) > MAX_HEADER_BYTES:
            raise AccelsimError(
                f"{self.path}: a header of {len(document):,} bytes; write fewer images to a file"
            )
        with container.one_line(f"{self.path}: cannot write"):
            container.write_header(file, document)
            file.close()
            with self._temporary.open("rb") as written:
                os.fsync(written.fileno())
        self._refuse_existing()
        with container.one_line(f"{self.path}: cannot write"):
            put_in_place(self._temporary, self._target)

    def _complete_header(self) -> Header:
        with self._naming_file():
            if not self._layers:
                raise AccelsimError("no layers; add_layer at least one")
            if not self._schemes:
                raise AccelsimError("no schemes; add_scheme at least one")
            blocks: dict[tuple[str, str], BlockTable] = {}
            for entry in self._schemes.values():
                for info in self._layers.values():
                    if not info.has_masks(entry.scheme):
                        continue
                    stream = self._streams.get((entry.scheme.name, info.name))
                    where = f"scheme {entry.scheme.name}, layer {info.name}: masks"
                    blocks[entry.scheme.name, info.name] = self._complete_table(stream, where)
            spikes = {
                info.name: self._complete_table(self._spikes.get(info.name), f"layer {info.name}: spikes")
                for info in self._layers.values()
                if info.shape.has_spikes
            }
        return Header(
            network=self._network,
            dataset=self._dataset,
            image_ids=self._image_ids,
            weights_sha256=self._weights_sha256,
            seeds=self._seeds,
            tools=self._tools,
            notes=self._notes,
            layers=tuple(self._layers.values()),
            schemes=tuple(self._schemes.values()),
            blocks=blocks,
            spikes=spikes,
        )

    def _complete_table(self, stream: _Stream | None, where: str) -> BlockTable:
        images = 0 if stream is None else stream.images
        if stream is None or images != len(self._image_ids):
            raise AccelsimError(f"{where} of {images} images; the file needs all {len(self._image_ids)}")
        return stream.table()

    def _discard(self) -> None:
        if self._file is not None:
            # The reason for discarding is what gets reported, not what closing a broken file says.
            with contextlib.suppress(Exception):
                self._file.close()
            self._file = None
            self._temporary.unlink(missing_ok=True)

    def _refuse_existing(self) -> None:
        if self.path.exists() and not self._overwrite:
            raise AccelsimError(f"{self.path}: exists already; pass overwrite=True to replace it")

    @contextlib.contextmanager
    def _naming_file(self) -> Iterator[None]:
        try:
            yield
        except AccelsimError as error:
            raise AccelsimError(f"{self.path}: {error}") from error


class _Stream:
    """The masks of one (scheme, layer), or the spikes of a layer, on their way into dataset `name`.

    At most one block is in memory. image_bytes: of the packed bits of one image.
    """

    def __init__(self, name: str, layer: LayerInfo, scheme: Scheme, image_bytes: int, images: int) -> None:
        self.name = name
        self.scheme = scheme
        self.layer = layer
        self.images = 0
        self.images_per_block = images_per_block(image_bytes, images)
        self._of = images
        self._crc32: list[int] = []
        self._block: PackedMasks | None = None
        self._filled = 0

    def check_room(self, images: int, where: str) -> None:
        """Raise AccelsimError if so many images more are too many."""
        if self.images + images > self._of:
            raise AccelsimError(f"{where}: {self.images + images} images; the file has {self._of}")

    def append(self, file: h5py.File, packed: PackedMasks) -> None:
        """Take the next images, at most a block of them, and write a block whenever one is full."""
        while len(packed):
            if self._block is None:
                size = min(self.images_per_block, self._of - self.images)
                self._block = np.empty((size, *packed.shape[1:]), np.uint8)
                self._filled = 0
            taken = min(len(packed), len(self._block) - self._filled)
            self._block[self._filled : self._filled + taken] = packed[:taken]
            self._filled += taken
            self.images += taken
            packed = packed[taken:]
            if self._filled == len(self._block):
                self._flush(file, self._block)

    def table(self) -> BlockTable:
        """The checksums of all blocks."""
        return BlockTable(self.images_per_block, tuple(self._crc32))

    def _flush(self, file: h5py.File, block: PackedMasks) -> None:
        if not self._crc32:
            container.create_bits(file, self.name, self._of, block)
        container.write_block(file, self.name, self.images - len(block), block)
        self._crc32.append(zlib.crc32(block.tobytes()))
        self._block = None
