"""The part of ``report.html`` that says by what entries were checked, and why others could not be."""

from __future__ import annotations

from collections.abc import Mapping

from byleave.apply.charts import table
from byleave.apply.checks import (
    CHECKED_BY,
    NO_DIGEST,
    NO_FINGERPRINT,
    NOT_COMPARED,
    OTHER_WORKS,
    VALUES_WITHHELD,
)
from byleave.apply.report import Report
from byleave.apply.shard import Unchecked
from byleave.apply.tally import most_first

WAY_WORDS: Mapping[str, str] = {
    "link": "by their link",
    "digest": "by the digest of their file",
    "fingerprint": "by a fingerprint of their picture",
    "coverage": "by the coverage",
}
REASON_WORDS: Mapping[str, str] = {
    NOT_COMPARED: "Nothing says what picture stands behind the link",
    VALUES_WITHHELD: "Some claimed pictures are not published, so that no fingerprint can be compared with them",
    NO_DIGEST: "The entry does not say what its file is",
    OTHER_WORKS: "Claims name texts or sounds, which cannot be compared yet",
}
PICTURE_WORDS: Mapping[str, str] = {
    "no_picture": "the entry has none",
    "truncated": "the file ends before its picture does",
    "empty": "the file is empty",
    "too_large": "the file is too large",
    "too_many_pixels": "it has too many pixels",
    "too_slow": "it took too long to decode",
    "crashed": "the decoder crashed on it",
    "out_of_memory": "it needs too much memory",
    "svg": "it is a drawing, not pixels",
    "not_a_picture": "the file is no picture",
}
DONE: Mapping[Unchecked | None, str] = {
    Unchecked.KEEP: "They were treated as if nobody had claimed them (<code>--unchecked keep</code>).",
    Unchecked.DROP: "They were removed (<code>--unchecked drop</code>).",
    None: "",
}


def checks_section(report: Report) -> str:
    """Return both tables with what stands before them."""
    totals, run = report.tally.totals, report.run
    reasons: list[list[str | int]] = [
        [_reason_words(reason), count] for reason, count in most_first(report.tally.reasons)
    ]
    left = f"<p>{len(report.left_out):,} files of the input are of no form that is known; nothing was applied to them.</p>"
    ways: list[list[str | int]] = [[WAY_WORDS[way], totals[f"by_{way}"]] for way in CHECKED_BY]
    return (
        "<h2>What was checked, and what could not be</h2>"
        + table("Entries compared with the claims", ["How", "Entries"], ways)
        + f"<p class='note'>{_asks(report)} {_compared(report)} "
        f"<strong>{totals['unchecked']:,}</strong> entries could not be checked against all claims. {DONE[run.unchecked]} "
        f"{totals['unreadable']:,} entries have no link that can be read, and {totals['bad_digest']:,} a file digest that cannot "
        f"be read: each counts as a no.</p>"
        + (table("Why entries could not be checked", ["Reason", "Entries"], reasons) if reasons else "")
        + (left if report.left_out else "")
    )


def _asks(report: Report) -> str:
    needed = report.run.needs.names()
    return (
        f"This release holds claims on {' and '.join(needed)}."
        if needed
        else "No claim asks for a comparison."
    )


def _compared(report: Report) -> str:
    said = []
    if any(registry.coverage for registry in report.registries):
        said.append("A coverage file says which pictures were compared.")
    if report.fingerprints:
        said.append("Fingerprints stood beside the input.")
    if report.run.needs.withheld:
        said.append(
            f"Claims on pictures that do not publish what they name, and act through a coverage alone: {report.run.needs.withheld:,}."
        )
    return " ".join(said) or "No coverage file and no fingerprints were given, so no picture was compared."


def _reason_words(reason: str) -> str:
    kind, _, detail = reason.partition(":")
    if kind == NO_FINGERPRINT:
        return f"There is no fingerprint of the picture: {PICTURE_WORDS.get(detail, detail)}"
    return REASON_WORDS.get(reason, reason)
