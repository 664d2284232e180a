"""Trace files as a foreign or hostile writer could make them: all checksums right, whatever they say."""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from accelsim.trace import Approximation, LayerInfo, LayerShape, Scheme
from accelsim.trace.container import masks_path
from accelsim.trace.header import BlockTable, Header, SchemeEntry


def conv(side: int, n: int) -> LayerShape:
    return LayerShape(kind="conv", c_in=1, c_out=n, kernel=(1, 1), h_in=side, w_in=side)


def crc_of_zeros(count: int) -> int:
    crc, piece = 0, bytes(min(count, 1 << 20))
    for start in range(0, count, len(piece)):
        crc = zlib.crc32(piece[: count - start], crc)
    return crc


def document(
    shape: LayerShape, scheme: Scheme, images: int, table: BlockTable, layers: int = 1
) -> dict[str, Any]:
    """A header of equal layers, without asking whether a reader would take it."""
    infos = tuple(LayerInfo(f"l{i}", i, shape, Approximation(1, 1, 0)) for i in range(layers))
    header = Header(
        network="n",
        dataset="d",
        image_ids=tuple(range(images)),
        weights_sha256=None,
        seeds={},
        tools={},
        notes="",
        layers=infos,
        schemes=(SchemeEntry(scheme, None),),
        blocks={(scheme.name, info.name): table for info in infos},
    )
    made: dict[str, Any] = json.loads(header.to_bytes())
    return made


def put_header(file: h5py.File, text: bytes) -> None:
    file["header"] = np.bytes_(text)
    file["header_sha256"] = np.bytes_(hashlib.sha256(text).hexdigest().encode())


def lying_trace(
    path: Path,
    shape: LayerShape,
    scheme: Scheme,
    *,
    images: int = 1,
    per_block: int = 1,
    layers: int = 1,
    stored: bytes | None = None,
    crc: int | None = None,
) -> Path:
    """Write a trace whose blocks are all zero, and were never written or, with `stored`, are these gzip bytes."""
    block_bytes = per_block * shape.positions * shape.mask_bytes
    table = BlockTable(
        per_block, ((crc_of_zeros(block_bytes) if crc is None else crc),) * -(-images // per_block)
    )
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        put_header(file, json.dumps(document(shape, scheme, images, table, layers)).encode())
        for layer in range(layers):
            dataset = file.create_dataset(
                masks_path(scheme.name, f"l{layer}"),
                shape=(images, shape.positions, shape.mask_bytes),
                chunks=(per_block, shape.positions, shape.mask_bytes),
                dtype=np.uint8,
                compression="gzip" if stored is not None else None,
                fletcher32=stored is None,
            )
            if stored is not None:
                for first in range(0, images, per_block):
                    dataset.id.write_direct_chunk((first, 0, 0), stored)
    return path


def zeros_as_gzip(count: int) -> bytes:
    """Return a gzip stream of `count` zero bytes: about a 1,000th of them."""
    squeeze = zlib.compressobj(9)
    piece = bytes(1 << 20)
    parts = [squeeze.compress(piece[: min(len(piece), count - at)]) for at in range(0, count, len(piece))]
    return b"".join([*parts, squeeze.flush()])
