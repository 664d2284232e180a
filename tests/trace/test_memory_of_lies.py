"""A small file that claims much costs little memory: it is refused, or read piece by piece, within 512 MiB."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from accelsim.trace import LayerShape, Scheme
from accelsim.trace.header import BlockTable
from accelsim.trace.stored_chunks import read_chunk
from tests.trace.foreign import conv, document, lying_trace, put_header, zeros_as_gzip

LIMIT_BYTES = 512 << 20
HALF = Scheme.unstructured(0.5)
ANY = Scheme.unstructured(0.5, scope="calibrated")


def limited(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run accelsim with 512 MiB of address space."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))

    return subprocess.run(
        [sys.executable, "-m", "accelsim", *arguments],
        capture_output=True,
        text=True,
        preexec_fn=limit,
        # Threads of BLAS take address space that has nothing to do with the file.
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        timeout=300,
        check=False,
    )


def never_written(path: Path) -> None:
    lying_trace(path, conv(1024, 1024), HALF)


def large_blocks(path: Path) -> None:
    lying_trace(path, conv(32, 1024), HALF, images=400, per_block=400)


def honest_zeros(path: Path) -> None:
    shape = conv(1024, 1024)
    lying_trace(path, shape, ANY, stored=zeros_as_gzip(shape.image_bytes))


def zeros_that_break_nm(path: Path) -> None:
    shape = conv(1024, 1022)
    lying_trace(path, shape, Scheme.nm(1, 3), stored=zeros_as_gzip(shape.image_bytes))


def gzip_that_grows(path: Path) -> None:
    lying_trace(path, conv(64, 512), HALF, stored=zeros_as_gzip(200 << 20))


def stored_that_is_long(path: Path) -> None:
    lying_trace(path, conv(8, 8), HALF, stored=bytes(60 << 20))


def many_layers(path: Path) -> None:
    shape = conv(512, 1024)
    lying_trace(path, shape, ANY, layers=40, stored=zeros_as_gzip(shape.image_bytes))


def header_of_objects(path: Path) -> None:
    made = document(conv(1, 8), HALF, 1, BlockTable(1, (0,)))
    with h5py.File(path, "w") as file:
        put_header(file, json.dumps(made).encode()[:-1] + b',"x":[' + b"{}," * 5_000_000 + b"0]}")


def header_of_numbers(path: Path) -> None:
    made = document(conv(1, 8), HALF, 1, BlockTable(1, (0,)))
    with h5py.File(path, "w") as file:
        put_header(file, json.dumps(made).encode()[:-1] + b',"x":[' + b"300," * 15_000_000 + b"0]}")


def header_of_images(path: Path) -> None:
    made = document(conv(1, 8), HALF, 1, BlockTable(1, (0,)))
    made["image_ids"] = list(range(1_900_000))
    with h5py.File(path, "w") as file:
        put_header(file, json.dumps(made, separators=(",", ":")).encode())


LIES: dict[Callable[[Path], None], str] = {
    never_written: "never written",
    large_blocks: "images_per_block is 400; allowed: a whole number from 1 to 2",
    zeros_that_break_nm: "1:3 needs exactly 1",
    gzip_that_grows: "unpacks to more than",
    stored_that_is_long: "of the file; allowed: 1 to",
    many_layers: "the masks and spikes of one image have",
    header_of_objects: "more than 500,000 objects",
    header_of_numbers: "allowed: at most 16777216",
    header_of_images: "block checksums; 1900000 images need",
}


@pytest.mark.slow
@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
@pytest.mark.parametrize("command", ["check", "bitops", "run", "sweep"])
def test_a_lie_is_refused_in_one_line(tmp_path: Path, lie: Callable[[Path], None], command: str) -> None:
    path = tmp_path / "t.h5"
    lie(path)
    assert path.stat().st_size < 64 << 20
    if command == "run":
        machine = "structured" if lie is zeros_that_break_nm else "unstructured"
        more = ["--machine", machine, "--out", str(tmp_path / "out")]
    elif command == "sweep":
        spec = f"format: accelsim-sweep/1\nname: s\nmachines: [structured, unstructured]\ntraces: [{path}]\n"
        (tmp_path / "s.yaml").write_text(spec)
        more = ["--db", str(tmp_path / "s.db")]
    else:
        more = []
    done = limited(command, str(tmp_path / "s.yaml" if command == "sweep" else path), *more)
    assert done.returncode == (1 if command == "check" else 2), done.stderr
    # With the compiled engine's address space the largest image that is allowed may not fit beside it: told too.
    large = command == "sweep" and lie is zeros_that_break_nm and "Unable to allocate" in done.stderr
    assert (large or LIES[lie] in done.stderr) and len(done.stderr.splitlines()) == 1, done.stderr


def test_the_largest_image_is_checked_piece_by_piece(tmp_path: Path) -> None:
    honest_zeros(tmp_path / "t.h5")
    done = limited("check", str(tmp_path / "t.h5"))
    assert done.returncode == 0, done.stderr


def test_a_chunk_of_any_length_is_read_as_libhdf5_does(tmp_path: Path) -> None:
    """Our own unpacking and fletcher32, against h5py's."""
    draw = np.random.default_rng(5)
    for length in (1, 2, 3, 1000, 1001, 65_535, 131_070, 200_001):
        for data in (
            draw.integers(0, 256, length, np.uint8),
            *(np.full(length, v, np.uint8) for v in (0, 1, 255)),
        ):
            for compression in (None, "gzip"):
                with h5py.File(tmp_path / "a.h5", "w") as file:
                    file.create_dataset(
                        "a", data=data, chunks=(length,), fletcher32=True, compression=compression
                    )
                with h5py.File(tmp_path / "a.h5") as file:
                    assert np.array_equal(read_chunk(file["a"], (0,), length), data)


def test_sizes_of_a_shape() -> None:
    assert conv(3, 9).image_bytes == 9 * 2
    assert LayerShape.spiking(17, 9, 4).image_bytes == 4 * (2 + 3)
