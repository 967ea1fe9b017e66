"""What came of a run, or of several: tables for the terminal, CSV, LaTeX, and one HTML page."""

from imedbench.evaluate.report.write import (
    Report,
    ReportPaths,
    make_report,
    summary_sheets,
    write_files,
    write_report,
)

__all__ = ["Report", "ReportPaths", "make_report", "summary_sheets", "write_files", "write_report"]
