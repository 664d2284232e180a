"""Trace files with flipped bits, and with headers that lie under the right checksums."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from pathlib import Path
from random import Random

import h5py
import numpy as np

from accelsim.schemes import Scheme
from accelsim.trace import LayerShape, check_trace, open_trace
from tests.fuzz.conftest import Cases
from tests.fuzz.one_line import refusal
from tests.fuzz.yaml_mutations import VALUES
from tests.trace.foreign import lying_trace, put_header

SCHEMES = ("unstructured-50", "unstructured-75-position", "nm-1of8", "nm-3of5", "unstructured-90-calibrated")


def content(path: Path) -> object:
    """Return all that a simulation could see of a trace."""
    trace = open_trace(path)
    masks = [
        trace.layer(layer.name, scheme).essential().tobytes()
        for scheme in trace.schemes
        for layer in trace.layers
    ]
    return trace.sha256, masks


def test_fuzz_flipped_bits(cases: Cases, outcomes: Counter[str], tmp_path: Path, small_trace: Path) -> None:
    """A flipped bit is found by `check`, or nothing that is read differs."""
    sound, expected = small_trace.read_bytes(), content(small_trace)
    path = tmp_path / "t.h5"
    for rng in cases("flips", 60):
        damaged = bytearray(sound)
        for _ in range(rng.choice((1, 1, 1, 2, 20))):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        if rng.random() < 0.1:
            del damaged[rng.randrange(len(damaged)) :]
        path.write_bytes(damaged)
        report = check_trace(path)
        assert all("\n" not in problem for problem in report.problems)
        read: list[object] = []
        said = refusal(lambda read=read: read.append(content(path)))
        assert (said is None) == report.ok, (said, report.problems)
        assert said is not None or read == [expected]
        outcomes["found" if said else "harmless"] += 1


def lied(document: dict[str, object], rng: Random) -> None:
    """Change one value of a header, somewhere."""
    node: object = document
    while True:
        keys = (
            list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
        )
        if not keys:
            return
        key = rng.choice(keys)
        below = node[key]  # type: ignore[index]
        if isinstance(below, dict | list) and below and rng.random() < 0.9:
            node = below
            continue
        if isinstance(below, int) and not isinstance(below, bool) and rng.random() < 0.6:
            value: object = rng.choice((below + 1, below - 1, below * 2, below * 1000, below // 2, -below))
        else:
            value = rng.choice([each for each in VALUES if each == each])
        node[key] = value  # type: ignore[index]
        return


def test_fuzz_lying_headers(cases: Cases, outcomes: Counter[str], tmp_path: Path, small_trace: Path) -> None:
    """A header that says something else, under the right hash, is refused in one line, or can be used as it says."""
    path = tmp_path / "t.h5"
    for rng in cases("lies", 60):
        path.write_bytes(small_trace.read_bytes())
        with h5py.File(path, "r+") as file:
            document = json.loads(file["header"][()])
            for _ in range(rng.choice((1, 1, 2, 4))):
                lied(document, rng)
            del file["header"], file["header_sha256"]
            put_header(file, json.dumps(document).encode())
        report = check_trace(path)
        assert all("\n" not in problem for problem in report.problems)
        said = refusal(lambda: content(path))
        assert (said is None) == report.ok, (said, report.problems)
        outcomes["refused" if said else "used"] += 1


def drawn_shape(rng: Random) -> LayerShape:
    return LayerShape(
        kind="conv",
        c_in=rng.choice((1, 8, 64)),
        c_out=rng.choice((1, 7, 8, 20, 64, 1000, 4096)),
        kernel=(1, 1),
        h_in=rng.choice((1, 3, 32, 200)),
        w_in=rng.choice((1, 4, 33)),
    )


def test_fuzz_lying_blocks(cases: Cases, outcomes: Counter[str], tmp_path: Path) -> None:
    """Blocks of any claimed size that hold zeros, garbage or nothing: refused in one line, or zeros indeed."""
    path = tmp_path / "t.h5"
    for rng in cases("blocks", 60):
        path.unlink(missing_ok=True)
        shape, scheme, images = drawn_shape(rng), Scheme.parse(rng.choice(SCHEMES)), rng.choice((1, 3, 40))
        per_block = rng.randint(1, images)
        real = per_block * shape.image_bytes
        size = rng.choice((real, real, real + 1, real - 1, real * 3, 100))
        stored = rng.choice((None, zlib.compress(bytes(min(size, 1 << 24))), rng.randbytes(200), b""))
        crc = None if rng.random() < 0.8 else rng.getrandbits(32)
        lying_trace(path, shape, scheme, images=images, per_block=per_block, stored=stored or None, crc=crc)
        report = check_trace(path)
        assert all("\n" not in problem for problem in report.problems)
        said = refusal(lambda: content(path))
        assert (said is None) == report.ok, (said, report.problems)
        if said is None:
            (layer,) = open_trace(path).layers
            masks = open_trace(path).layer(layer.name, scheme).masks
            assert masks is not None and not np.any(masks)
        outcomes["refused" if said else "zeros"] += 1
