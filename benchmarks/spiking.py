"""What skipping silent chunks brings on the bundled spiking networks, beside an ANN of the same size (docs/spiking.md).

    python benchmarks/spiking.py

prints the table of docs/spiking.md: means over the images of the traces, every network on the machines that fit it.
"""

from __future__ import annotations

from accelsim import load_machine, simulate
from accelsim.config import load_technology
from accelsim.energy import area
from accelsim.inputs import DEFAULT_TECHNOLOGY, as_trace
from accelsim.tables import Format, frame_of, markdown_table

RUNS = (
    ("ann-mnist", "spiking-dense", "ANN (ReLU), 16-bit words"),
    ("snn-stbp-mnist", "spiking-dense", "SNN (STBP), dense"),
    ("snn-stbp-mnist", "spiking", "SNN (STBP), event driven"),
    ("snn-nit-mnist", "spiking-noise", "SNN (NIT), event driven, learned noise"),
)
"""(Trace, machine, what it is called)."""

FORMATS: dict[str, Format] = {
    "mm2": ".2f",
    "accuracy": lambda share: f"{100 * share:.1f} %",
    "spikes an image": ",.0f",
    "latency, us": ".2f",
    "energy, nJ": ".0f",
    "EDP, pJ s": ".2f",
    "EDP, ANN = 1": ".2f",
}


def table() -> str:
    """The table as Markdown."""
    cells, reference = [], 0.0
    technology = load_technology(DEFAULT_TECHNOLOGY)
    for name, machine, label in RUNS:
        trace = as_trace(name)
        rows = simulate(trace, machine).rows
        images = len(trace.image_ids)
        per_image: dict[int, list[float]] = {}
        for row in rows:
            sums = per_image.setdefault(row["image_id"], [0.0, 0.0])
            sums[0] += row["latency_us"]
            sums[1] += row["energy_pj"]
        latency_us = sum(latency for latency, _ in per_image.values()) / images
        energy_nj = sum(energy for _, energy in per_image.values()) / images / 1000
        # pJ x us = 1e-6 pJ s.
        edp_pj_s = sum(latency * energy for latency, energy in per_image.values()) / images * 1e-6
        reference = reference or edp_pj_s
        spikes = sum(row["spike_additions"] / row["n"] for row in rows) / images
        mm2 = area(load_machine(machine), technology).total_mm2
        accuracy = trace.accuracy("dense")
        share = accuracy[0] if accuracy else None
        cells.append(
            [label, f"`{machine}`", mm2, share, spikes, latency_us, energy_nj, edp_pj_s, edp_pj_s / reference]
        )
    return markdown_table(frame_of(cells, ["network", "machine", *FORMATS]), formats=FORMATS)


if __name__ == "__main__":
    print(table(), end="")
