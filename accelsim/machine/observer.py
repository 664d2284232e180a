"""What an onlooker is told of a run (``accelsim.timeline``); a machine without one runs as ever."""

from __future__ import annotations

from typing import Protocol

from accelsim.components.component import Job

__all__ = ["Job", "Observer"]


class Observer(Protocol):
    """Is told what has happened, in whatever order. Cycles count from the start of the image, tiles through it."""

    def tile_ended(self, tile: int, start: int, end: int) -> None:
        """All cores worked on the tile in the cycles start .. end - 1."""

    def tile_loaded(self, tile: int, start: int, end: int) -> None:
        """The DRAM channel loaded the tile in the cycles start .. end - 1."""

    def job_ended(self, tile: int, core: int, job: Job, block: int, end: int) -> None:
        """A unit ended its service of a block (of the core's own, numbered from 0)."""
