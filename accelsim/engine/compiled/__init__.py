"""The compiled engine: the same machine as the reference engine, as loops over packed masks in machine code."""

from accelsim.engine.compiled import numba_environment  # noqa: F401  # isort: skip  # first: the others import numba
from accelsim.engine.compiled.compiled_engine import count_images, load_or_compile, run_images

__all__ = ["count_images", "load_or_compile", "run_images"]
