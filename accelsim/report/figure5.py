"""Figure 5 of the paper from our own runs: time, energy, EDP, where the energy goes, how full the MVU is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.compare import FIRST_THRESHOLD, compare
from accelsim.energy import area
from accelsim.energy.spread import DEFAULT_SPREAD, Spread
from accelsim.engine import ENGINES
from accelsim.errors import AccelsimError
from accelsim.files import replaced
from accelsim.inputs import (
    BUNDLED_TRACES,
    DEFAULT_TECHNOLOGY,
    MachineLike,
    TechnologyLike,
    TraceLike,
    as_machine,
    as_technology,
    as_trace,
)
from accelsim.json_text import json_text
from accelsim.pictures import save_picture
from accelsim.report.chart import ChartTables
from accelsim.report.chart_picture import picture_of
from accelsim.report.charts import charts
from accelsim.report.claims import Claim, evaluate_claims
from accelsim.report.error_bars import Uncertainty, uncertainty
from accelsim.report.figure5_markdown import claims_markdown, figure5_markdown
from accelsim.report.tornado import sensitivity
from accelsim.results.folder_checksums import write_checksums
from accelsim.results.normalize import normalized
from accelsim.results.run_results import Results
from accelsim.schemes import BASELINE
from accelsim.simulate import Progress
from accelsim.tables import write_csv

if TYPE_CHECKING:
    import pandas as pd

    from accelsim.config import Machine
    from accelsim.trace import TraceFile


@dataclass(frozen=True)
class Figure5:
    """``table``: one row per (network, scheme), relative to dense; ``areas_mm2``: of each machine as run.

    ``uncertainty``: the table with other energy constants; None if it was not asked for.
    """

    table: pd.DataFrame
    claims: list[Claim]
    areas_mm2: dict[str, float]
    results: Results
    uncertainty: Uncertainty | None = None

    @property
    def markdown(self) -> str:
        """The tables and verdicts as Markdown."""
        return figure5_markdown(
            self.table, self.claims, self.results.machines, self.areas_mm2, self.uncertainty
        )

    @property
    def claims_markdown(self) -> str:
        """The verdicts alone."""
        return claims_markdown(self.claims)


def figure5(
    traces: Sequence[TraceLike] = BUNDLED_TRACES,
    machines: Sequence[MachineLike] | None = None,
    *,
    technology: TechnologyLike = DEFAULT_TECHNOLOGY,
    schemes: Sequence[str] | None = None,
    images: slice | None = None,
    iso_area_with: str | None = FIRST_THRESHOLD,
    engine: str = ENGINES[0],
    spread: Spread | None = DEFAULT_SPREAD,
    progress: Progress | None = None,
) -> Figure5:
    """Simulate every scheme of the traces and normalize by dense. Nothing in it is stored from elsewhere.

    ``machines``: by default, for each trace, the bundled ones that make its form of projection.
    ``spread``: how far each energy constant may be off, and how often to draw them anew; None for no error bars.
    Raises AccelsimError as ``compare`` does.
    """
    technology = as_technology(technology)
    opened = [as_trace(trace) for trace in traces]
    loaded = None if machines is None else [as_machine(machine) for machine in machines]
    _check_unique(opened, loaded or [])
    results = Results(technology=technology)
    for trace in opened:
        part = compare(
            trace,
            loaded,
            technology=technology,
            schemes=schemes,
            images=images,
            iso_area_with=iso_area_with,
            engine=engine,
            progress=progress,
        )
        results.extend(part)
        for key in ("given_vpus", "left_out"):
            results.provenance[key] = part.provenance[key]
    table = normalized(results.summary)
    if set(table["kind"]) == {BASELINE.kind}:
        raise AccelsimError("figure 5: nothing to show: no scheme with noise was run")
    areas = {name: area(machine, technology).total_mm2 for name, machine in results.machines.items()}
    if spread is None:
        return Figure5(table, evaluate_claims(table), areas, results)
    found = uncertainty(results, table, spread)
    results.provenance["uncertainty"] = found.as_dict()
    return Figure5(found.with_bars(table), evaluate_claims(table, found.draws), areas, results, found)


def _check_unique(traces: Sequence[TraceFile], machines: Sequence[Machine]) -> None:
    """Raise AccelsimError unless there is one trace per network and one machine per kind of selector."""
    networks = [trace.network for trace in traces]
    for trace in traces:
        if networks.count(trace.network) > 1:
            raise AccelsimError(f"{trace.path}: a trace of network {trace.network} was given already")
    selectors = [(each.name, each.selector.kind) for each in machines if each.selector is not None]
    for kind in dict.fromkeys(kind for _, kind in selectors):
        names = [name for name, its_kind in selectors if its_kind == kind]
        if len(names) > 1:
            raise AccelsimError(
                f"figure 5: {' and '.join(names)} are both of kind {kind}; give one of each kind"
            )


def write_figure5(figure: Figure5, out: str | Path) -> list[Path]:
    """Write ``figure5`` as CSV, Markdown and ``claims.json``, all charts as PNG and SVG, and all results into a folder.

    With an uncertainty, ``sensitivity.csv`` too: every ratio with each constant at the ends of its range.

    Returns:
        The paths of the files.

    Raises:
        AccelsimError: The folder cannot be made or written, or a chart of an installed package fails.
    """
    tables = ChartTables(figure.results.summary, figure.results.layers, figure.table)
    folder = Path(out)
    paths = figure.results.write(folder)
    paths.append(write_csv(figure.table, folder / "figure5.csv"))
    if figure.uncertainty is not None:
        paths.append(write_csv(sensitivity(figure.table, figure.uncertainty), folder / "sensitivity.csv"))
    with replaced(folder / "claims.json", paths) as temporary:
        claims = [claim.as_dict() for claim in figure.claims]
        temporary.write_text(json_text(claims, indent=1) + "\n", encoding="utf-8")
    with replaced(folder / "figure5.md", paths) as temporary:
        temporary.write_text(figure.markdown, encoding="utf-8")
    for chart in charts():
        for suffix in (".png", ".svg"):
            # A figure that was saved once has its layout changed, so each file gets one of its own.
            if (picture := picture_of(chart, tables)) is None:
                break
            with replaced(folder / f"{chart.name}{suffix}", paths) as temporary:
                save_picture(picture, temporary)
    write_checksums(folder, paths)
    return paths
