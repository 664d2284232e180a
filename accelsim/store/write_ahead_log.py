"""Damage in a write-ahead log that SQLite itself takes for the torn end of the last transaction, and drops in silence.

SQLite reads a log up to the first frame whose checksum is wrong, since that is how a log ends after a crash. If frames
after that one belong to a transaction that was committed, the frame was damaged later, and rows are lost.
https://sqlite.org/fileformat2.html#the_write_ahead_log and https://sqlite.org/walformat.html describe both formats.
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint32]

_HEADER_BYTES, _FRAME_BYTES = 32, 24
_MAGIC = 0x377F0682
"""First word of a log; its last bit says that checksums are of big-endian words."""
_VERSION = 3007000
_INDEX_BYTES, _INDEX_VERSION = 48, 3007000
"""Bytes of one of the two equal headers of the index (the -shm file), in the byte order of the computer."""
_WORD = 0xFFFFFFFF

_LOOKS, _WAIT_SECONDS = 5, 0.01
"""How often to look at a log that looks damaged, since another process may be writing to it, and how long between."""


@dataclass(frozen=True)
class _Flaw:
    """The first frame that cannot be read: where it is, and whether that must be damage, or may be a torn end."""

    byte: int
    content: bytes
    is_damage: bool


def damaged_byte(database: Path) -> int | None:
    """Return where a database's log is damaged so that committed rows cannot be read; None if it is not.

    The last transaction of a log that was begun anew over an older one cannot be told from a torn one, unless the index
    (the -shm file) is still there. Call it before SQLite opens the database, which makes the index anew.

    Raises:
        OSError: If a file cannot be read.
    """
    log, earlier = database.with_name(f"{database.name}-wal"), None
    for look in range(_LOOKS):
        # The index first: a writer enters frames there after it has written them. Not without need, since closing the
        # file ends this process's locks on it.
        index = _Index.read(database.with_name(f"{database.name}-shm")) if look else None
        flaw = _first_flaw(log.read_bytes() if log.exists() else b"", index)
        if flaw is None:
            return None
        if flaw == earlier:
            return flaw.byte if flaw.is_damage else None
        earlier = flaw if look else None
        time.sleep(_WAIT_SECONDS)
    return None


@dataclass(frozen=True)
class _Index:
    """What the index says of the log: its salts, and how many frames were committed."""

    salts: bytes
    frames: int

    @classmethod
    def read(cls, path: Path) -> _Index | None:
        """Return None if there is no index, or it is being changed."""
        if not path.exists():
            return None
        with path.open("rb") as file:
            first, second = file.read(_INDEX_BYTES), file.read(_INDEX_BYTES)
        if len(second) < _INDEX_BYTES or first != second or first[12] != 1:
            return None
        version, frames = struct.unpack_from("=I", first)[0], struct.unpack_from("=I", first, 16)[0]
        return cls(first[32:40], frames) if version == _INDEX_VERSION else None


def _first_flaw(raw: bytes, index: _Index | None) -> _Flaw | None:
    if len(raw) < _HEADER_BYTES:
        return None
    header = raw[:_HEADER_BYTES]
    magic, version, page = struct.unpack_from(">3I", header)
    stored = struct.unpack_from(">2I", header, 24)
    order = ">u4" if magic & 1 else "<u4"
    sound = magic & ~1 == _MAGIC and version == _VERSION and 512 <= page <= 65536 and page & (page - 1) == 0
    if not sound or _header_checksum(header, order) != stored:
        # A log gets its header before any frame.
        return _Flaw(0, header, is_damage=len(raw) > _HEADER_BYTES + _FRAME_BYTES)
    size = _FRAME_BYTES + page
    count = (len(raw) - _HEADER_BYTES) // size
    frames = np.frombuffer(raw, np.uint8, count * size, _HEADER_BYTES).reshape(count, size)
    return _flaw_of_frames(raw, frames, order, stored, index)


def _flaw_of_frames(
    raw: bytes, frames: npt.NDArray[np.uint8], order: str, seed: tuple[int, int], index: _Index | None
) -> _Flaw | None:
    salts, (count, size) = raw[16:24], frames.shape
    matrix, sums = _sums(_checked_words(frames, order))
    heads = frames[:, :_FRAME_BYTES]
    stored = [(int(a), int(b)) for a, b in np.ascontiguousarray(heads[:, 16:24]).view(">u4")]
    commits = np.ascontiguousarray(heads[:, 4:8]).view(">u4")[:, 0] != 0
    current = [heads[at, 8:16].tobytes() == salts for at in range(count)]

    follows = seed
    for first in range(count):
        follows = _advanced(follows, matrix, sums[first])
        if follows != stored[first] or not current[first]:
            break
    else:
        return None

    # Frames after the flaw are genuine if they continue what the frame before them says, or what it holds.
    genuine = follows == stored[first]
    lost = genuine and bool(commits[first])
    for at in range(first + 1, count):
        if not current[at]:
            break
        candidates = [_advanced(start, matrix, sums[at]) for start in (stored[at - 1], follows)]
        follows = candidates[1]
        lost = lost or (stored[at] in candidates and bool(commits[at]))
    recorded = index is not None and index.salts == salts and index.frames > first
    # A process that is killed leaves half a frame at the end of a log, never a whole one with wrong content.
    whole_at_end = current[first] and bool(commits[first]) and first == count - 1
    start = _HEADER_BYTES + first * size
    return _Flaw(start, raw[start : start + size], is_damage=lost or recorded or whole_at_end)


def _checked_words(frames: npt.NDArray[np.uint8], order: str) -> Words:
    """Return the words of each frame that its checksum covers: the head's first two, and the page."""
    covered = np.concatenate([frames[:, :8], frames[:, _FRAME_BYTES:]], axis=1)
    return np.ascontiguousarray(covered).view(order).astype(np.uint32)


@lru_cache(maxsize=4)
def _weights(words: int) -> tuple[list[list[int]], Words]:
    """Return what a checksum over so many words is: its start times a matrix, and its words times weights, mod 2^32.

    Every two words x, y turn the sums (a, b) into a' = a + x + b and b' = b + y + a'.
    """
    power, weights = [[1, 0], [0, 1]], np.empty((words, 2), np.uint32)
    for pair in reversed(range(words // 2)):
        (a, b), (c, d) = power
        weights[2 * pair] = (a + b) & _WORD, (c + d) & _WORD
        weights[2 * pair + 1] = b, d
        power = [[(a + b) & _WORD, (a + 2 * b) & _WORD], [(c + d) & _WORD, (c + 2 * d) & _WORD]]
    return power, weights


def _sums(words: Words) -> tuple[list[list[int]], Words]:
    """Return the matrix of `_weights`, and what the words of each row add."""
    matrix, weights = _weights(words.shape[1])
    return matrix, words.astype(np.uint32) @ weights


def _advanced(start: tuple[int, int], matrix: list[list[int]], added: Words) -> tuple[int, int]:
    """Return the checksum after a row that adds ``added``, if it was ``start`` before."""
    (a, b), (c, d) = matrix
    x, y = start
    return (a * x + b * y + int(added[0])) & _WORD, (c * x + d * y + int(added[1])) & _WORD


def _header_checksum(header: bytes, order: str) -> tuple[int, int]:
    matrix, sums = _sums(np.frombuffer(header[:24], order).reshape(1, -1))
    return _advanced((0, 0), matrix, sums[0])
