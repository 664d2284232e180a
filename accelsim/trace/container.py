"""The HDF5 side of a trace file: the only code that calls h5py, with every failure made one line.

libhdf5 reports damage as OSError, KeyError, RuntimeError, ValueError and others, so all of them are caught
here, around the h5py calls only. New files use the object formats of HDF5 1.10, in which every piece of
HDF5's own metadata carries a checksum; the formats before that do not.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from accelsim.errors import AccelsimError
from accelsim.files import readable_file
from accelsim.trace.header import MAX_HEADER_BYTES, BlockTable, header_sha256
from accelsim.trace.packed_masks import PackedMasks
from accelsim.trace.stored_chunks import read_chunk

SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEADER, HEADER_SHA256 = "header", "header_sha256"
GZIP_LEVEL = 4
GZIP_PAYS_BELOW = 0.9


def masks_path(scheme: str, layer: str) -> str:
    """The dataset that holds the masks of a layer under a scheme."""
    return f"/masks/{scheme}/{layer}"


def spikes_path(layer: str) -> str:
    """The dataset that holds the input spikes of a spiking layer."""
    return f"/spikes/{layer}"


@contextmanager
def one_line(where: str) -> Iterator[None]:
    """Turn whatever libhdf5 raises into an AccelsimError that begins with `where`."""
    try:
        yield
    except AccelsimError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise AccelsimError(f"{where}: {reason}") from error


def create(path: Path) -> h5py.File:
    """A new file at `path`, which must not exist. No chunk cache: blocks are written whole. Raises what h5py raises."""
    return h5py.File(path, "x", libver=("v110", "v110"), rdcc_nbytes=0)


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """`path`, opened for reading. A finished trace never changes, so it is not locked."""
    _check_is_hdf5(path)
    with one_line(f"{path}: damaged or truncated"):
        try:
            file = h5py.File(path, "r", locking=False, rdcc_nbytes=0)
        except OSError as error:
            # What libhdf5 says where another process has the file open, and where this one has.
            if "open for write" in str(error) or "locking flag values" in str(error):
                raise AccelsimError(
                    f"{path}: is open for writing elsewhere, or its writer was killed; close it there, or mark it as "
                    "closed (h5clear -s)"
                ) from None
            raise
    try:
        yield file
    finally:
        with one_line(f"{path}: damaged"):
            file.close()


def write_header(file: h5py.File, document: bytes) -> None:
    """Store the header document and its SHA-256 as two fixed-length ASCII strings."""
    for name, text in ((HEADER, document), (HEADER_SHA256, header_sha256(document).encode("ascii"))):
        file.create_dataset(name, data=np.bytes_(text), track_times=False)


def read_header(file: h5py.File, path: Path) -> tuple[bytes, str]:
    """The header document and its SHA-256, which was compared."""
    document = _read_text(file, path, HEADER)
    stored = _read_text(file, path, HEADER_SHA256)
    actual = header_sha256(document)
    if stored != actual.encode("ascii"):
        raise AccelsimError(f"{path}: /{HEADER} is damaged: its SHA-256 does not match /{HEADER_SHA256}")
    return document, actual


def create_bits(file: h5py.File, name: str, images: int, block: PackedMasks) -> None:
    """Make a dataset of packed bits for so many images; `block`, its first, decides whether gzip pays."""
    sample = block.tobytes()
    pays = len(zlib.compress(sample, GZIP_LEVEL)) < GZIP_PAYS_BELOW * len(sample)
    file.create_dataset(
        name,
        shape=(images, *block.shape[1:]),
        dtype=np.uint8,
        chunks=block.shape,
        compression="gzip" if pays else None,
        compression_opts=GZIP_LEVEL if pays else None,
        fletcher32=True,
        track_times=False,
    )


def write_block(file: h5py.File, name: str, first_image: int, block: PackedMasks) -> None:
    """Write a whole block at its place in the dataset that `create_bits` made."""
    file[name][first_image : first_image + len(block)] = block


def read_block(
    file: h5py.File, name: str, where: str, shape: tuple[int, int, int], table: BlockTable, block: int
) -> PackedMasks:
    """Block number `block` of dataset `name`, checked against the header's shape and CRC-32.

    where: begins every message, such as FILE: scheme S, layer L. shape: (images, positions, bytes of a position).
    """
    images = shape[0]
    first = block * table.images_per_block
    last = min(first + table.images_per_block, images) - 1
    where = f"{where}, images {first}..{last}"
    with one_line(f"{where}: damaged"):
        dataset = _dataset(file, name)
        chunks = (table.images_per_block, *shape[1:])
        # Compared before reading, so that memory is taken for what the header was found to allow.
        if dataset.shape != shape or dataset.chunks != chunks or dataset.dtype != np.uint8:
            raise AccelsimError(
                f"{where}: dataset is {dataset.dtype} {dataset.shape} in chunks {dataset.chunks}; "
                f"the header says uint8 {shape} in chunks {chunks}"
            )
        content = read_chunk(dataset, (first, 0, 0), math.prod(chunks))
    rows: PackedMasks = content.reshape(chunks)[: last + 1 - first]
    if zlib.crc32(rows.data) != table.crc32[block]:
        raise AccelsimError(f"{where}: damaged: block CRC-32 does not match the header")
    return rows


def _dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """Return a dataset whose data lie in this file: HDF5 can refer to others, such as a FIFO, and would open them."""
    node = file
    for part in name.strip("/").split("/"):
        if not isinstance(node, h5py.Group):
            raise ValueError(f"{name} is not a dataset")
        link = node.get(part, getlink=True)
        if link is not None and not isinstance(link, h5py.HardLink):
            raise ValueError(f"{name} is a link; allowed: a dataset of this file")
        node = node[part]
    if not isinstance(node, h5py.Dataset):
        raise ValueError(f"{name} is not a dataset")
    if node.external or node.is_virtual:
        raise ValueError(f"{name} has its data in another file; allowed: a dataset of this file")
    return node


def _read_text(file: h5py.File, path: Path, name: str) -> bytes:
    with one_line(f"{path}: not an accelsim trace, or damaged: /{name}"):
        dataset = _dataset(file, name)
        if dataset.shape != () or dataset.dtype.kind != "S":
            raise ValueError("is not one fixed-length string")
        limit = min(path.stat().st_size, MAX_HEADER_BYTES)
        if dataset.dtype.itemsize > limit:
            raise ValueError(f"has {dataset.dtype.itemsize} bytes; allowed: at most {limit}")
        return bytes(dataset[()])


def _check_is_hdf5(path: Path) -> None:
    readable_file(path, "trace", hint="; accelsim export makes a trace")
    try:
        with path.open("rb") as file:
            start = file.read(len(SIGNATURE))
    except OSError as error:
        raise AccelsimError(f"{path}: cannot read the trace: {error.strerror or error}") from None
    if not start:
        raise AccelsimError(f"{path}: empty file; a trace is an HDF5 file")
    if start != SIGNATURE:
        raise AccelsimError(f"{path}: not an HDF5 file; a trace begins with the HDF5 signature")
