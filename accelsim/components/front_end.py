"""The front end: brings the patches of a block, window by window, and lets the projection unit see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.components.code_sram import code_fetch
from accelsim.components.component import Action, Component
from accelsim.components.input_sram import window_words
from accelsim.components.projection_unit import project
from accelsim.lengths import ceil_div

if TYPE_CHECKING:
    from accelsim.config import Machine
    from accelsim.mapping import Tile


def fetch_patches(tile: Tile, positions: int, machine: Machine) -> tuple[int, dict[str, int]]:
    """Return the service cycles of a block's fetch, projection included, and its counts."""
    reads = ceil_div(tile.input_bits * tile.d, machine.input_sram.width_bits)
    windows = ceil_div(reads, machine.input_sram.banks)
    lines = ceil_div(tile.input_bits * tile.d, machine.patch_buffer.width_bits)
    counts: dict[str, int] = {}
    fetches, rounding, code_windows = 1, 0, 0
    if not tile.is_precise:  # words pass the projection unit, if there is one, but are not kept
        lines, fetches = 0, 0
    if tile.projects:
        windows = ceil_div(tile.d, window_words(machine))  # lanes add words of any length at the same pace
        fetches, rounding, code_lines, counts = project(tile, positions, windows, machine)
        lines += code_lines
    if tile.fetches_codes:
        code_reads, code_windows, code_lines = code_fetch(tile, machine)
        lines += code_lines
        counts = {"code_sram_reads": positions * code_reads}
    fetched = windows * fetches + code_windows
    cycles = fetched + rounding
    return positions * cycles, counts | {
        "fetch_cycles": positions * fetched,
        "front_busy_cycles": positions * cycles,
        "input_sram_reads": positions * reads * fetches,
        "patch_buffer_writes": positions * lines,
    }


class FrontEnd(Component):
    """One of the four servers of the schedule: fetches the patches of a block (section 4, "Front end").

    Timing: a window per cycle, so F cycles for a position, or as long as its projection takes. Windows of overlapping
    patches are fetched again, and padding is fetched like data. Its control is in no area (docs/energy.md, "Not modelled");
    the energy of a fetch is that of the memories.
    """

    name = "front_end"
    services = (("fetch", fetch_patches),)
    rtl = ("core.front_control.FrontControl", "core.window_fetch.WindowFetch")
    actions = (
        Action("positions", 1, "positions", "q, in the first tile of the first sub-layer only", job="fetch"),
        Action("blocks", 2, "blocks", "1 (every tile counts its own)", job="fetch"),
        Action(
            "fetch_cycles",
            17,
            "cycles",
            "windows fetched: q * Fl * ceil(k / lanes) where it projects, else q * F, and q * Fy of codes",
            job="fetch",
        ),
        Action(
            "front_busy_cycles",
            19,
            "cycles",
            "q * project if it projects, else q * F, and q * Fy of codes",
            job="fetch",
        ),
        Action("front_idle_slot_cycles", 20, "cycles", "the front end's idle cycles before a fetch"),
        Action(
            "front_idle_done_cycles",
            21,
            "cycles",
            "from the end of the core's last fetch of the tile to the core's end",
        ),
    )
