"""A picture of power over time and of the energy spent so far, from the same jobs as the timeline."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from accelsim.arrays import Ints
from accelsim.energy.energy_terms import GROUPS
from accelsim.pictures import GROUP_COLOURS, group_title, picture_style, save_picture
from accelsim.timeline.timeline_view import View

MAX_STRETCHES = 1500
"""Steps drawn at most; more are averaged over stretches of equal length, which keeps the energy."""


def plot_power(view: View, path: Path) -> None:
    """Draw the power of the whole machine over the view's window, by energy group, and the sum of its energy since then.

    The file's format goes by its suffix: .png, .svg or .pdf.
    """
    from matplotlib.figure import Figure

    schedule, clock = view.schedule, view.schedule.machine.clock_mhz
    low, high = view.window
    edges = stretches(view.power.cycles, low, high)
    mw = view.power.mean_mw(edges)
    times_us = edges / clock
    with picture_style():
        figure = Figure(figsize=(9, 5.4), layout="constrained")
        power, energy = figure.subplots(2, 1, sharex=True)
        below = np.zeros(len(edges) - 1)
        spent_below = np.zeros(len(edges))
        for group in GROUPS:
            if not mw[group].any():
                continue
            colour, name = GROUP_COLOURS[group], group_title(group)
            above = below + mw[group]
            power.stairs(above, times_us, baseline=below, fill=True, color=colour, label=name)
            # 1 mW for 1 us is 1 nJ.
            spent_nj = np.concatenate([[0.0], np.cumsum(mw[group] * np.diff(times_us))])
            energy.fill_between(
                times_us, spent_below, spent_below + spent_nj, color=colour, linewidth=0, label=name
            )
            below, spent_below = above, spent_below + spent_nj
        shown = f"layer {schedule.layer} on {schedule.machine.name}"
        if (low, high) != (0, schedule.cycles):
            shown += f", blocks {view.blocks.start} to {view.blocks.stop - 1}"
        power.set_title(shown, loc="left", fontweight="bold")
        power.set_ylabel("power, mW")
        energy.set_ylabel("energy so far, nJ")
        energy.set_xlabel(f"time, µs ({clock} cycles each)")
        power.set_ylim(bottom=0)
        energy.set_ylim(bottom=0)
        energy.set_xlim(times_us[0], times_us[-1])
        power.legend(frameon=False, fontsize=7, ncols=len(GROUPS), loc="upper right")
        save_picture(figure, path)


def stretches(cycles: Ints, low: int, high: int) -> Ints:
    """Edges of what is drawn between two cycles: all changes, or, of too many, stretches of (almost) equal length."""
    inside = cycles[(cycles > low) & (cycles < high)]
    if len(inside) < MAX_STRETCHES:
        return np.concatenate([[low], inside, [high]])
    return np.unique(np.linspace(low, high, MAX_STRETCHES + 1).astype(np.int64))
