"""Notifications of a run, for ``accelsim.timeline``. Without an observer a machine runs the same."""

from __future__ import annotations

from typing import Protocol

from accelsim.components.component import Job

__all__ = ["Job", "Observer"]


class Observer(Protocol):
    """Receives what has happened, in any order. Cycles and tiles are counted from the start of the image."""

    def tile_ended(self, tile: int, start: int, end: int) -> None:
        """Note that all cores worked on the tile in the cycles start .. end - 1."""

    def codes_made(self, tile: int, start: int, end: int) -> None:
        """Note that all cores made the code map for a layer, whose first tile it is, in the cycles start .. end - 1."""

    def tile_loaded(self, tile: int, start: int, end: int) -> None:
        """Note that the DRAM channel loaded the tile in the cycles start .. end - 1."""

    def job_ended(self, tile: int, core: int, job: Job, block: int, end: int) -> None:
        """Note that a unit ended its service of a block. The core's blocks are numbered from 0."""
