"""The chip under Verilator as a `TileRunner`: layers of real size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from accelsim.counts import Counts
from accelsim.errors import AccelsimError
from accelsim.rtl.core.core_shape import CoreShape
from accelsim.rtl.core.rtl_chip import Chip
from accelsim.rtl.layer_program import TileProgram
from accelsim.rtl.rtl_simulation import TileResult
from accelsim.rtl.verilator.model import VerilatedModel


class VerilatorRunner:
    """Compiles the chip of a machine (once: the model is kept, see `build_library`), then runs programs on it.

    ``building`` is called if it must be compiled, ``progress`` now and then with a tile's cycles so far. Use as a
    context manager, or call ``close``. Raises AccelsimError if a tool is missing or fails.
    """

    def __init__(
        self,
        shape: CoreShape,
        folder: Path | None = None,
        building: Callable[[], None] = lambda: None,
        progress: Callable[[int], None] = lambda cycles: None,
        cycle_limit: int = 100_000_000,
    ) -> None:
        self._shape, self._limit, self._progress = shape, cycle_limit, progress
        self._model = VerilatedModel(Chip(shape), "chip", folder, building)

    def __enter__(self) -> VerilatorRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self._model.close()

    def run(self, program: TileProgram) -> TileResult:
        """Load, start, wait, read. Raises AccelsimError if the tile does not end within the cycle limit."""
        model = self._model
        values = np.array(list(program.registers.values()), dtype=np.int64) & 0xFFFFFFFF
        registers = values.astype("<u4").view(np.uint8).reshape(-1, 4)
        model.load("config_write", "config_address", "config_data", registers)
        for name, image in program.images.items():
            model.load(f"load_{name}", "load_address", f"load_{name}_data", image)
        model.set("start", 1)
        model.run(1)
        model.set("start", 0)
        model.settle()
        if not model.get("done") and model.run(self._limit, "done", self._progress) == self._limit:
            raise AccelsimError(f"the RTL did not end a tile within {self._limit} cycles")
        model.run(2)  # the last write, and the counters of the cycle that has ended
        counts = Counts(**{name: model.get(f"count_{name}") for name in self._shape.counters})
        words = np.zeros((len(program.positions), program.rows), np.int16)
        per_line = self._shape.output_line_words
        for i, line in enumerate(program.lines):
            for first in range(0, program.rows, per_line):
                model.set("output_number", line + first // per_line)
                model.run(1)
                some = np.frombuffer(model.get("output_line").to_bytes(2 * per_line, "little"), "<i2")
                words[i, first : first + per_line] = some[: program.rows - first]
        return TileResult(counts, words)
