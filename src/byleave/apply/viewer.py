"""The block that the dataset viewer of the Hugging Face hub shows of links whose owners said yes or no, made from a run of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from byleave.apply.forms.units import LINK
from byleave.apply.inputs import columns_of, open_parquet
from byleave.apply.sources import Input
from byleave.consent import Preference, Use
from byleave.log import JSON

if TYPE_CHECKING:
    from byleave.apply.report import Report

MOST_SCHEMAS: Final = 16
"""Files that are opened to learn what their columns of links are called; parts of one dataset name them alike."""


def link_columns(source: Input) -> tuple[str, ...]:
    """Return what the columns of links are called, sorted; of other forms than Parquet they are called ``url``.

    Files that are read by workers alone, as objects are, are not opened for it.
    """
    found = {LINK} if source.units else set()
    for file in (one for one in source.files[:MOST_SCHEMAS] if one.path.is_file()):
        with open_parquet(file.path) as opened:
            link = columns_of(opened.schema_arrow, file.name, required=False).link
        found |= {link} if link else set()
    return tuple(sorted(found))


def viewer_block(report: Report) -> dict[str, JSON]:
    """Return the block under the names that the viewer gives its members.

    Both counts are for one use: for training generative models where that was asked for, else for the first that was. *Ask me first*
    counts as no: whoever scans has no such licence.
    """
    uses = report.run.uses
    use = Use.TRAIN_GEN if Use.TRAIN_GEN in uses else uses[0]
    answers = dict(report.answers())[use]
    return {
        "full_scan": True,
        "has_urls_columns": bool(report.link_columns),
        "num_opt_in_urls": answers[Preference.ALLOW],
        "num_opt_out_urls": answers[Preference.DENY] + answers[Preference.CONDITIONAL],
        "num_scanned_rows": report.rows,
        "num_urls": report.rows - report.tally.totals["unreadable"],
        "urls_columns": list(report.link_columns),
        "use": use.value,
    }
