"""Results: one tidy row per (machine, scheme, image, layer), with provenance, to CSV, Parquet and JSON."""

from accelsim.results.run_results import Results

__all__ = ["Results"]
