"""One chunk of an HDF5 dataset, unpacked here and not by libhdf5, so that its size is known before memory is taken.

libhdf5 lets a compressed chunk grow to whatever it unpacks to, and hands out fill values for a chunk that was never
written. Both make a small file ask for much memory.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
GZIP, FLETCHER32 = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32
CHECKSUM_BYTES = 4
STORED_OVERHEAD_BYTES = 1024
"""What compression and checksum may add to a chunk that does not shrink, beside a 1,000th of it."""


def read_chunk(dataset: h5py.Dataset, chunk_start: tuple[int, ...], chunk_bytes: int) -> Bytes:
    """Return the unpacked bytes of a chunk of a uint8 dataset.

    Args:
        dataset: A chunked dataset, its filters gzip, fletcher32, both in this order, or none.
        chunk_start: Index of the chunk's first element.
        chunk_bytes: Its unpacked size, which the caller has found to be acceptable.

    Returns:
        Read-only uint8, (chunk_bytes,).

    Raises:
        ValueError: If the chunk was never written, is damaged, has other filters, or does not unpack to `chunk_bytes`.
    """
    stored_bytes = _stored_bytes(dataset, chunk_start, chunk_bytes)
    left_out, stored = dataset.id.read_direct_chunk(chunk_start)
    if len(stored) != stored_bytes:
        raise ValueError("a chunk is cut short")
    # libhdf5 may leave a filter out for a chunk, such as compression that did not pay.
    applied = [each for place, each in enumerate(_filters(dataset)) if not left_out & 1 << place]
    content = np.frombuffer(stored, np.uint8)
    if FLETCHER32 in applied:
        content = _without_checksum(content)
    if GZIP in applied:
        content = _unpacked(content, chunk_bytes)
    if len(content) != chunk_bytes:
        raise ValueError(f"a chunk holds {len(content)} bytes; allowed: {chunk_bytes}")
    return content


def _stored_bytes(dataset: h5py.Dataset, chunk_start: tuple[int, ...], chunk_bytes: int) -> int:
    """Return the size of a chunk in the file, which was found to be acceptable."""
    info = dataset.id.get_chunk_info_by_coord(chunk_start)
    if info.byte_offset is None:
        raise ValueError("a chunk was never written")
    limit = chunk_bytes + chunk_bytes // 1000 + STORED_OVERHEAD_BYTES
    in_file = Path(dataset.file.filename).stat().st_size - info.byte_offset
    if not 0 < info.size <= min(limit, in_file):
        raise ValueError(f"a chunk takes {info.size} bytes of the file; allowed: 1 to {min(limit, in_file)}")
    return int(info.size)


def _filters(dataset: h5py.Dataset) -> list[int]:
    """Return the filters in the order in which the writer applied them."""
    made = dataset.id.get_create_plist()
    filters = [made.get_filter(place)[0] for place in range(made.get_nfilters())]
    if filters not in ([], [GZIP], [FLETCHER32], [GZIP, FLETCHER32]):
        raise ValueError(f"has the HDF5 filters {filters}; allowed: gzip, then fletcher32")
    return filters


def _unpacked(stored: Bytes, chunk_bytes: int) -> Bytes:
    """Return the content of a gzip stream, if it is `chunk_bytes` long."""
    stream = zlib.decompressobj()
    content, filled = np.empty(chunk_bytes, np.uint8), 0
    # In pieces, since zlib joins what it unpacks at once, which takes the memory twice.
    for start in range(0, len(stored), _PIECE_BYTES):
        try:
            piece = stream.decompress(stored[start : start + _PIECE_BYTES].data, chunk_bytes - filled + 1)
        except zlib.error as error:
            raise ValueError(f"a chunk cannot be unpacked: {error}") from None
        if len(piece) > chunk_bytes - filled:
            raise ValueError(f"a chunk unpacks to more than {chunk_bytes} bytes")
        content[filled : filled + len(piece)] = np.frombuffer(piece, np.uint8)
        filled += len(piece)
    if not stream.eof:
        raise ValueError("a chunk's compressed data end too soon")
    return content[:filled]


def _without_checksum(stored: Bytes) -> Bytes:
    """Return what is before the fletcher32 checksum, which was compared."""
    content, checksum = stored[:-CHECKSUM_BYTES], stored[-CHECKSUM_BYTES:]
    if int.from_bytes(checksum.tobytes(), "little") != fletcher32(content):
        raise ValueError("a chunk's fletcher32 checksum does not match")
    return content


def fletcher32(content: Bytes) -> int:
    """Return the checksum of libhdf5's filter: of 16-bit words, the first byte high; an odd last byte is a high one."""
    even = len(content) // 2 * 2
    words = content[:even].view("<u2")
    low = high = 0
    # In pieces, so that neither the copies nor the weighted sums grow large.
    for start in range(0, len(words), _PIECE_WORDS):
        piece = words[start : start + _PIECE_WORDS].astype(np.float64)
        high += low * len(piece) + int(piece @ _WEIGHTS[-len(piece) :])
        low += int(piece.sum())
    if even < len(content):
        low += int(content[-1])
        high += low
    # Swapping the bytes of all words multiplies their sums by 256 modulo 65,535, as 256 * 256 is 1 there.
    return _folded(high * 256) << 16 | _folded(low * 256)


_PIECE_BYTES = 1 << 14
_PIECE_WORDS = 1 << 15
"""Few enough that all sums stay below 2**53, where floats are exact; their products are the fast ones."""
_WEIGHTS = np.arange(_PIECE_WORDS, 0, -1, dtype=np.float64)


def _folded(value: int) -> int:
    """Return `value` modulo 65,535 as ones' complement addition leaves it: 65,535 for its multiples but 0."""
    return (value - 1) % 0xFFFF + 1 if value else 0
