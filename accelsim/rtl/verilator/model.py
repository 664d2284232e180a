"""A running Verilator model: its ports and its clock, from Python."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import numpy as np
from amaranth.hdl import Shape, Value
from amaranth.lib import wiring
from numpy.typing import NDArray

from accelsim.rtl.emit import to_verilog
from accelsim.rtl.verilator.build import build_library

SLICE_EDGES = 50_000
"""Clock edges between two looks at the keyboard."""


class VerilatedModel:
    """A block compiled by Verilator.

    Ports are those of the component's signature, by name, as Python integers (two's complement if signed; a
    structured port as its bits). The clock is ``clk``; the reset stays 0, registers start at their initial values.
    """

    def __init__(
        self,
        block: wiring.Component,
        name: str,
        folder: Path | None = None,
        building: Callable[[], None] = lambda: None,
    ) -> None:
        """``folder`` keeps the compiled model, ``building`` is called if it must be compiled (minutes for a machine).

        Raises AccelsimError if a tool is missing or fails.
        """
        shapes = {
            "__".join(str(part) for part in path): Shape.cast(Value.cast(value).shape())
            for path, _, value in block.signature.flatten(block)
        }
        library = build_library(to_verilog(block, name), name, list(shapes), folder, building)
        self._library = _functions(library)
        self._model = self._library.model_new()
        self._ports = {
            port: (shape, _bytes(self._library.model_port(self._model, i), _storage_bytes(shape.width)))
            for i, (port, shape) in enumerate(shapes.items())
        }

    def __enter__(self) -> VerilatedModel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the model; its ports are gone."""
        if self._model:
            self._ports.clear()
            self._library.model_delete(self._model)
            self._model = None

    def set(self, port: str, value: int) -> None:
        """Drive an input; takes effect at the next `settle` or `run`."""
        shape, storage = self._ports[port]
        storage[:] = (value & ((1 << shape.width) - 1)).to_bytes(len(storage), "little")

    def get(self, port: str) -> int:
        """An output, as of the last `settle` or `run`."""
        shape, storage = self._ports[port]
        value = int.from_bytes(bytes(storage), "little")
        return value - (1 << shape.width) if shape.signed and value >> (shape.width - 1) else value

    def load(self, enable: str, address: str, data: str, lines: NDArray[np.uint8]) -> None:
        """Write uint8 (lines, bytes of a line, little-endian) to the addresses from 0 through a write port, one an edge."""
        lines = np.ascontiguousarray(lines)
        storage, place = self._ports[data][1], self._ports[address][1]
        if lines.dtype != np.uint8 or lines.ndim != 2 or lines.shape[1] > len(storage):
            raise ValueError(
                f"{data}: lines of {lines.shape[1:]} {lines.dtype}, must be up to {len(storage)} bytes"
            )
        ctypes.memset(storage, 0, len(storage))
        self._library.model_load(
            self._model,
            self._ports[enable][1],
            place,
            len(place),
            storage,
            lines.ctypes.data,
            lines.shape[1],
            len(lines),
        )

    def settle(self) -> None:
        """Bring combinational outputs up to date with the inputs."""
        self._library.model_eval(self._model)

    def run(
        self, edges: int, until: str | None = None, progress: Callable[[int], None] = lambda edges: None
    ) -> int:
        """Up to ``edges`` clock edges, fewer if the one-bit output ``until`` is 1 after one; returns their number.

        Interruptible; ``progress`` is told the edges so far every 50,000.
        """
        stop = ctypes.cast(self._ports[until][1], ctypes.c_void_p) if until else None
        done = 0
        while done < edges:
            slice_edges = min(SLICE_EDGES, edges - done)
            ran = self._library.model_run(self._model, stop, slice_edges)
            done += ran
            if ran < slice_edges or (until and self.get(until)):
                break
            progress(done)
        return done


def _functions(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    pointer = ctypes.c_void_p
    library.model_new.restype = pointer
    for name, result, arguments in (
        ("model_delete", None, [pointer]),
        ("model_eval", None, [pointer]),
        ("model_run", ctypes.c_uint64, [pointer, pointer, ctypes.c_uint64]),
        ("model_port", pointer, [pointer, ctypes.c_int]),
        (
            "model_load",
            None,
            [pointer, pointer, pointer, ctypes.c_uint64, pointer, pointer, ctypes.c_uint64, ctypes.c_uint64],
        ),
    ):
        getattr(library, name).restype = result
        getattr(library, name).argtypes = arguments
    return library


def _storage_bytes(bits: int) -> int:
    """Bytes in which Verilator keeps a value: a C integer up to 64 bits, else 32-bit parts, low first."""
    for size in (1, 2, 4, 8):
        if bits <= 8 * size:
            return size
    return -(-bits // 32) * 4


def _bytes(address: int, size: int) -> ctypes.Array[ctypes.c_ubyte]:
    return (ctypes.c_ubyte * size).from_address(address)
