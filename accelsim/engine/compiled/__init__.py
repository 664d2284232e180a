"""The compiled engine: the same machine as the reference engine, as loops over packed masks in machine code."""

from accelsim.engine.compiled.run import run_image, run_images

__all__ = ["run_image", "run_images"]
