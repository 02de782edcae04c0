"""The part of ``report.html`` that shows small copies of what was taken out."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from byleave.apply.page_words import cause_words
from byleave.apply.thumbnails import Thumbnail, Thumbnails

_REASONS_TOLD = 3


def thumbnails_section(shown: Thumbnails | None) -> str:
    """Return the pictures with what they are listed for; nothing where none were asked for."""
    if shown is None:
        return ""
    return (
        "<h2>Some of the pictures</h2>"
        f"<p>{len(shown.shown):,} of the listed entries, from the files of this dataset itself; copies that are least alike come first. "
        "They stand in this page, so whoever gets the page sees them.</p>"
        + (f'<ul class="taken">{"".join(map(_tile, shown.shown))}</ul>' if shown.shown else "")
        + f"<p class='soft'>{_left_out(shown)}</p>"
    )


def _tile(thumbnail: Thumbnail) -> str:
    row = thumbnail.row
    causes = sorted(row.causes, key=lambda cause: (cause["distance"] is None, cause["distance"] or 0))
    words = list(dict.fromkeys(_words(cause) for cause in causes))
    more = f"<br>and {len(words) - _REASONS_TOLD:,} more" if len(words) > _REASONS_TOLD else ""
    said = "<br>".join(escape(word) for word in words[:_REASONS_TOLD]) + more
    place = f"{row.file}, entry {row.row:,}"
    return (
        f'<li><img src="{thumbnail.address}" alt="The picture of {escape(place)}">'
        f"<p>{said}</p><p class='soft'>{escape(place)}</p></li>"
    )


def _words(cause: Mapping[str, object]) -> str:
    distance = cause["distance"]
    return cause_words(cause) + (f", {distance} of 256 bits apart" if distance is not None else "")


def _left_out(shown: Thumbnails) -> str:
    said = ["Only entries that go for claims and nothing else are shown."]
    if shown.withheld:
        said.append(
            f"{shown.withheld:,} that were looked at are not: a claim for which they go does not publish what it names."
        )
    if shown.unreadable:
        said.append(f"Of {shown.unreadable:,} no picture could be read here.")
    return " ".join(said)
