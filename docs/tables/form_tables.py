"""The table of docs/reproduction.md on ResNet-18 without a projection: accuracy beside time, energy and EDP."""

from __future__ import annotations

from accelsim import Results
from accelsim.results.normalize import normalized
from accelsim.schemes import parse_scheme
from accelsim.tables import Format, frame_of, markdown_table
from accelsim.trace import TraceFile


def form_markdown(results: Results, trace: TraceFile) -> str:
    """Return the costs of every scheme and machine relative to dense, with the accuracy that the trace states.

    Args:
        results: A comparison of the trace's schemes (`accelsim.compare`).
        trace: The trace.
    """
    rows = []
    for row in normalized(results.summary).itertuples():
        accuracy = trace.accuracy(row.scheme)
        rows.append(
            [
                parse_scheme(row.scheme).label,
                row.machine,
                "unknown" if accuracy is None else f"{100 * accuracy[0]:.1f} %",
                row.time_rel,
                row.energy_rel,
                row.edp_rel,
            ]
        )
    formats: dict[str, Format] = {"time": ".3f", "energy": ".3f", "EDP": ".4f"}
    return markdown_table(frame_of(rows, ["scheme", "machine", "accuracy", *formats]), formats=formats)
