"""Results as one self-contained HTML page: `write_report`. docs/report.md says what is on it."""

from accelsim.report.html.page import write_report

__all__ = ["write_report"]
