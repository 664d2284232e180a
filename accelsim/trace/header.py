"""The header of a trace file: all its facts but the masks, as one canonical JSON document.

docs/trace-format.md lists every field. The SHA-256 of these bytes is the identity of a trace: they hold a
CRC-32 of every block of masks, so they stand for the masks too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from accelsim.checked_values import fraction, layer_name, shown, whole
from accelsim.errors import AccelsimError
from accelsim.schemes import Scheme, parse_scheme
from accelsim.schemes.scheme import NOT_IN_HEADER
from accelsim.trace.header_document import HeaderModel, LayerModel, MasksModel, SchemeModel, SpikesModel
from accelsim.trace.layer_shape import (
    MAX_IMAGE_MASK_BYTES,
    SPIKING_KINDS,
    Approximation,
    LayerInfo,
    LayerShape,
)

FORMAT = "accelsim-trace"
MAJOR, MINOR = 3, 0
WITH_SPIKES = (2, 0)
"""Version of a file with layers of spiking neurons, whose approximations and schemes are as the paper has them."""
WITHOUT_SPIKES = (1, 0)
"""Version of such a file without layers of spiking neurons: any reader there ever was reads it."""

BLOCK_BYTES = 256 * 1024
"""Unpacked bytes that a block aims at; a block always holds at least one whole image."""

MAX_IMAGE_ID = (1 << 63) - 1
MAX_HEADER_BYTES = 16 << 20
"""Largest header document. It may hold a million checksums of blocks, of 256 KiB of masks each."""
MAX_HEADER_OBJECTS = 500_000
"""Most objects, lists and texts in a header: few bytes of a document, many of memory."""


@dataclass(frozen=True)
class SchemeEntry:
    """A scheme of the file and the accuracy measured under it: (accuracy, images) or None."""

    scheme: Scheme
    accuracy: tuple[float, int] | None


@dataclass(frozen=True)
class BlockTable:
    """How the masks of one (scheme, layer), or the spikes of a layer, are cut into blocks of images; their CRC-32s."""

    images_per_block: int
    crc32: tuple[int, ...]


@dataclass(frozen=True)
class Header:
    """What the header document says, checked.

    `blocks`, of masks, is keyed by (scheme name, layer name); `spikes`, of input spikes, by layer name.
    """

    network: str
    dataset: str
    image_ids: tuple[int, ...]
    weights_sha256: str | None
    seeds: Mapping[str, int]
    tools: Mapping[str, str]
    notes: str
    layers: tuple[LayerInfo, ...]
    schemes: tuple[SchemeEntry, ...]
    blocks: Mapping[tuple[str, str], BlockTable]
    spikes: Mapping[str, BlockTable] = field(default_factory=dict)
    stated_version: tuple[int, int] | None = None
    """What a file said; None for a new one."""

    @property
    def version(self) -> tuple[int, int]:
        """(major, minor) of the format."""
        if self.stated_version is not None:
            return self.stated_version
        approximations = (layer.approximation for layer in self.layers)
        papers = all(each is None or each.is_papers for each in approximations)
        if not papers or any(_needs_format_3(entry.scheme) for entry in self.schemes):
            return MAJOR, MINOR
        spiking = any(layer.shape.kind in SPIKING_KINDS for layer in self.layers)
        return WITH_SPIKES if spiking else WITHOUT_SPIKES

    def to_bytes(self) -> bytes:
        """The canonical document: ASCII JSON, sorted keys, no spaces."""
        document = {
            "format": FORMAT,
            "version": list(self.version),
            "bit_order": "little",
            "position_order": "row-major (h_out, w_out)",
            "network": self.network,
            "dataset": self.dataset,
            "image_ids": list(self.image_ids),
            "weights_sha256": self.weights_sha256,
            "seeds": dict(self.seeds),
            "tools": dict(self.tools),
            "notes": self.notes,
            "layers": [_layer_document(layer) for layer in self.layers],
            "schemes": [_scheme_document(entry) for entry in self.schemes],
            "masks": [
                {"scheme": scheme, "layer": layer, **_table_document(table)}
                for (scheme, layer), table in self.blocks.items()
            ],
        }
        if self.version[0] >= 2:
            document["spikes"] = [
                {"layer": layer, **_table_document(table)} for layer, table in self.spikes.items()
            ]
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return text.encode("ascii")


def header_sha256(document: bytes) -> str:
    """SHA-256 of a header document, hex."""
    return hashlib.sha256(document).hexdigest()


def images_per_block(image_bytes: int, images: int) -> int:
    """Images of one block, each of so many bytes: as many as fit BLOCK_BYTES, at least 1, at most all."""
    return max(1, min(images, BLOCK_BYTES // image_bytes))


def check_image_bytes(layers: Iterable[LayerInfo]) -> None:
    """Raise AccelsimError if the packed masks and spikes of one image, of all layers, are more than is read."""
    total = sum(layer.shape.image_bytes for layer in layers)
    if total > MAX_IMAGE_MASK_BYTES:
        raise AccelsimError(
            f"layers: the masks and spikes of one image have {total:,} bytes; "
            f"allowed: at most {MAX_IMAGE_MASK_BYTES:,}"
        )


def parse_header(document: bytes, where: str) -> Header:
    """Read and check a header document. `where` (the file) begins every AccelsimError."""
    if sum(document.count(mark) for mark in (b"{", b"[", b'"')) > MAX_HEADER_OBJECTS:
        raise AccelsimError(
            f"{where}: /header has more than {MAX_HEADER_OBJECTS:,} objects, lists and quotes"
        )
    try:
        raw = json.loads(document, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise AccelsimError(f"{where}: /header is not JSON: {shown(error)}") from error
    _check_version(raw, where)
    try:
        model = HeaderModel.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise AccelsimError(f"{where}: /header: {place}: {first['msg']}") from error
    try:
        return _header(model, (raw["version"][0], raw["version"][1]))
    except AccelsimError as error:
        raise AccelsimError(f"{where}: /header: {error}") from error


def check_label(where: str, value: object) -> str:
    """A network's or data set's name: 1 to 200 printable characters."""
    if isinstance(value, str) and 1 <= len(value) <= 200 and value.isprintable():
        return value
    raise AccelsimError(f"{where} is {shown(value)}; allowed: 1 to 200 printable characters")


def check_image_ids(ids: object) -> tuple[int, ...]:
    """At least one image id, none twice, each a non-negative 63-bit integer."""
    try:
        listed = list(ids)  # type: ignore[call-overload]
    except TypeError:
        raise AccelsimError(f"image_ids is {shown(ids)}; allowed: a sequence of whole numbers") from None
    checked = tuple(whole(f"image_ids[{i}]", value, 0, MAX_IMAGE_ID) for i, value in enumerate(listed))
    if not checked:
        raise AccelsimError("image_ids is empty; a trace has at least one image")
    if (twice := _repeated(checked)) is not None:
        raise AccelsimError(f"image_ids holds {checked[twice]} twice")
    return checked


def check_weights_sha256(value: object) -> str | None:
    """64 lowercase hex digits, or None for masks that no weights made."""
    if value is None:
        return None
    if isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"):
        return value
    raise AccelsimError(f"weights_sha256 is {shown(value)}; allowed: 64 lowercase hex digits, or None")


def check_accuracy(accuracy: object, images: object) -> tuple[float, int] | None:
    """(accuracy 0..1, images it was measured on), or None if both are None."""
    if accuracy is None and images is None:
        return None
    if accuracy is None or images is None:
        raise AccelsimError("accuracy and accuracy_images come together, or neither")
    return fraction("accuracy", accuracy), whole("accuracy_images", images, 1, MAX_IMAGE_ID)


_SHAPE_FIELDS = ("kind", "c_in", "c_out", "kernel", "stride", "padding", "dilation", "groups", "h_in", "w_in")
_NEURON_FIELDS = ("steps", "noise")
_DERIVED_FIELDS = ("h_out", "w_out", "n", "d", "macs")
_SCHEME_FIELDS = ("name", "kind", "noise", "scope", "keep", "of")
_LATER_SCHEME_FIELDS = ("criterion", "precise_bits")
"""Written only where they are not what a family without them has, so that older readers read such files."""


def _layer_document(layer: LayerInfo) -> dict[str, Any]:
    shape, approximation = layer.shape, layer.approximation
    document = {name: getattr(shape, name) for name in _SHAPE_FIELDS + _DERIVED_FIELDS}
    if shape.kind in SPIKING_KINDS:
        document |= {name: getattr(shape, name) for name in _NEURON_FIELDS}
    document["name"] = layer.name
    document["approximation"] = approximation and approximation.document()
    return document


def _table_document(table: BlockTable) -> dict[str, Any]:
    return {"images_per_block": table.images_per_block, "crc32": list(table.crc32)}


def _scheme_document(entry: SchemeEntry) -> dict[str, Any]:
    scheme = entry.scheme
    document: dict[str, Any] = {key: getattr(scheme, key) for key in _SCHEME_FIELDS}
    document["noise"] = float(scheme.noise)
    for key in _LATER_SCHEME_FIELDS:
        if (value := getattr(scheme, key)) != NOT_IN_HEADER[key]:
            document[key] = value
    document["accuracy"], document["accuracy_images"] = entry.accuracy or (None, None)
    return document


def _needs_format_3(scheme: Scheme) -> bool:
    """Return whether an older reader would take the scheme for another, or not know it."""
    return not (scheme.has_masks or scheme.is_dense) or any(
        getattr(scheme, key) != NOT_IN_HEADER[key] for key in _LATER_SCHEME_FIELDS
    )


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not a JSON number")


def _check_version(raw: object, where: str) -> None:
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise AccelsimError(f"{where}: not an accelsim trace (/header has no format '{FORMAT}')")
    version = raw.get("version")
    if (
        not isinstance(version, list)
        or len(version) != 2
        or any(type(v) is not int or v < 0 for v in version)
    ):
        raise AccelsimError(f"{where}: /header: version is {shown(version)}; allowed: [major, minor]")
    major, minor = version
    if major > MAJOR:
        raise AccelsimError(
            f"{where}: trace format {major}.{minor} is newer than this accelsim reads (1.x to {MAJOR}.x); "
            "upgrade accelsim"
        )
    if major < WITHOUT_SPIKES[0]:
        raise AccelsimError(f"{where}: trace format {major}.{minor} is older than this accelsim reads")


def _header(model: HeaderModel, version: tuple[int, int]) -> Header:
    layers = tuple(_layer(i, layer) for i, layer in enumerate(model.layers))
    schemes = tuple(_scheme(i, scheme) for i, scheme in enumerate(model.schemes))
    _check_unique("layers", [layer.name for layer in layers])
    _check_unique("schemes", [entry.scheme.name for entry in schemes])
    image_ids = check_image_ids(model.image_ids)
    check_image_bytes(layers)
    for layer in layers:
        if version[0] < 2 and layer.shape.kind in SPIKING_KINDS:
            raise AccelsimError(f"layers[{layer.index}]: kind {layer.shape.kind} needs format 2.0")
    return Header(
        network=check_label("network", model.network),
        dataset=check_label("dataset", model.dataset),
        image_ids=image_ids,
        weights_sha256=check_weights_sha256(model.weights_sha256),
        seeds=model.seeds,
        tools=model.tools,
        notes=model.notes,
        layers=layers,
        schemes=schemes,
        blocks=_blocks(model.masks, layers, schemes, len(image_ids)),
        spikes=_spikes(model.spikes, layers, len(image_ids)),
        stated_version=version,
    )


def _layer(index: int, model: LayerModel) -> LayerInfo:
    where = f"layers[{index}]"
    try:
        name = layer_name("name", model.name)
        shape = LayerShape(**{key: getattr(model, key) for key in _SHAPE_FIELDS + _NEURON_FIELDS})
        approximation = None
        if model.approximation is not None:
            approximation = Approximation(**model.approximation.model_dump())
            approximation.check_fits(shape)
    except AccelsimError as error:
        raise AccelsimError(f"{where}: {error}") from error
    for key in _DERIVED_FIELDS:
        if getattr(model, key) != getattr(shape, key):
            raise AccelsimError(
                f"{where}: {key} is {getattr(model, key)}, but the geometry gives {getattr(shape, key)}"
            )
    return LayerInfo(name, index, shape, approximation)


def _scheme(index: int, model: SchemeModel) -> SchemeEntry:
    where = f"schemes[{index}]"
    try:
        # The id says all that there is to say; the other fields are for readers that do not know the family.
        scheme = parse_scheme(model.name)
        accuracy = check_accuracy(model.accuracy, model.accuracy_images)
    except AccelsimError as error:
        raise AccelsimError(f"{where}: {error}") from error
    for key in _SCHEME_FIELDS + _LATER_SCHEME_FIELDS:
        if getattr(model, key) != getattr(scheme, key):
            raise AccelsimError(
                f"{where}: {key} is {shown(getattr(model, key))}, but by its name "
                f"'{scheme.name}' it is {shown(getattr(scheme, key))}"
            )
    return SchemeEntry(scheme, accuracy)


def _check_unique(where: str, names: list[str]) -> None:
    if (i := _repeated(names)) is not None:
        raise AccelsimError(f"{where}[{i}]: name {shown(names[i])} is there twice")


def _repeated(values: Sequence[Hashable]) -> int | None:
    """Return the index of the first value that is there before; None if all differ."""
    seen: set[Hashable] = set()
    for i, value in enumerate(values):
        if value in seen:
            return i
        seen.add(value)
    return None


def _blocks(
    tables: list[MasksModel], layers: tuple[LayerInfo, ...], schemes: tuple[SchemeEntry, ...], images: int
) -> dict[tuple[str, str], BlockTable]:
    wanted = {
        (entry.scheme.name, layer.name)
        for entry in schemes
        for layer in layers
        if layer.has_masks(entry.scheme)
    }
    shapes = {layer.name: layer.shape for layer in layers}
    blocks: dict[tuple[str, str], BlockTable] = {}
    for i, table in enumerate(tables):
        key = (table.scheme, table.layer)
        where = f"masks[{i}] (scheme {shown(table.scheme)}, layer {shown(table.layer)})"
        if key not in wanted or key in blocks:
            raise AccelsimError(f"{where} belongs to no layer with masks, or is there twice")
        shape = shapes[table.layer]
        blocks[key] = _block_table(table, where, shape.positions * shape.mask_bytes, images)
    for scheme, name in sorted(wanted - blocks.keys()):
        raise AccelsimError(f"masks: scheme {shown(scheme)}, layer {shown(name)} is missing")
    return blocks


def _spikes(tables: list[SpikesModel], layers: tuple[LayerInfo, ...], images: int) -> dict[str, BlockTable]:
    wanted = {layer.name: layer.shape for layer in layers if layer.shape.has_spikes}
    spikes: dict[str, BlockTable] = {}
    for i, table in enumerate(tables):
        where = f"spikes[{i}] (layer {shown(table.layer)})"
        if table.layer not in wanted or table.layer in spikes:
            raise AccelsimError(f"{where} belongs to no layer with input spikes, or is there twice")
        shape = wanted[table.layer]
        spikes[table.layer] = _block_table(table, where, shape.positions * shape.spike_bytes, images)
    for name in wanted:
        if name not in spikes:
            raise AccelsimError(f"spikes: layer {shown(name)} is missing")
    return spikes


def _block_table(table: MasksModel | SpikesModel, where: str, image_bytes: int, images: int) -> BlockTable:
    # Bounded as writers bound it: a reader has one block in memory, whatever the file says.
    most = images_per_block(image_bytes, images)
    size = whole(f"{where}: images_per_block", table.images_per_block, 1, most)
    count = -(-images // size)
    if len(table.crc32) != count:
        raise AccelsimError(f"{where}: {len(table.crc32)} block checksums; {images} images need {count}")
    crcs = tuple(whole(f"{where}: crc32[{j}]", crc, 0, 0xFFFFFFFF) for j, crc in enumerate(table.crc32))
    return BlockTable(size, crcs)
