"""Horizontal bars as inline SVG, each with a table of the same numbers, so that nobody depends on the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_LABEL_WIDTH = 300
_BAR_WIDTH = 470
_ROW_HEIGHT = 30
_MOST_LETTERS = 40
_WIDTH = _LABEL_WIDTH + _BAR_WIDTH + 110


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label and its parts, each a length and the name of a colour of the page."""

    label: str
    parts: tuple[tuple[int, str], ...]

    @property
    def total(self) -> int:
        """The length of the whole bar."""
        return sum(length for length, _ in self.parts)


def figure(bars: Sequence[Bar], described: str, legend: Sequence[tuple[str, str]] = ()) -> str:
    """Draw bars; ``described`` tells in one sentence what they show, ``legend`` what each colour is: words and colour."""
    if not bars:
        return ""
    longest = max(bar.total for bar in bars) or 1
    height = _ROW_HEIGHT * len(bars) + 4
    drawn = "".join(_drawn(bar, place, longest) for place, bar in enumerate(bars))
    return (
        f'<figure>{_explained(legend)}<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(described)}">'
        f"{drawn}</svg></figure>"
    )


def table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str | int]]) -> str:
    """Write a table; whole numbers stand to the right, texts are escaped. Where it is too wide for a page, it is scrolled, by keyboard too."""
    numeric = [bool(rows) and isinstance(rows[0][i], int) for i in range(len(heads))]
    head = "".join(
        f'<th scope="col"{_aligned(number)}>{escape(text)}</th>'
        for text, number in zip(heads, numeric, strict=True)
    )
    body = "".join("<tr>" + _cells(row) + "</tr>" for row in rows)
    return (
        f'<div class="scroll" role="group" aria-label="{escape(caption)}" tabindex="0"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _explained(legend: Sequence[tuple[str, str]]) -> str:
    parts = (
        f'<span><i style="background:var(--{colour})"></i>{escape(words)}</span>' for words, colour in legend
    )
    return f"<figcaption>{''.join(parts)}</figcaption>" if legend else ""


def _cells(row: Sequence[str | int]) -> str:
    first, *others = row
    return f'<th scope="row">{_text(first)}</th>' + "".join(
        f"<td{_aligned(isinstance(cell, int))}>{_text(cell)}</td>" for cell in others
    )


def _drawn(bar: Bar, place: int, longest: int) -> str:
    top = _ROW_HEIGHT * place + 4
    at = float(_LABEL_WIDTH)
    rectangles = []
    for length, colour in bar.parts:
        width = _BAR_WIDTH * length / longest
        rectangles.append(
            f'<rect x="{at:.1f}" y="{top}" width="{width:.1f}" height="20" fill="var(--{colour})"/>'
        )
        at += width
    label = bar.label if len(bar.label) <= _MOST_LETTERS else bar.label[: _MOST_LETTERS - 1] + "…"
    return (
        f'<text x="{_LABEL_WIDTH - 10}" y="{top + 15}" text-anchor="end">{escape(label)}</text>'
        + "".join(rectangles)
        + f'<text x="{at + 8:.1f}" y="{top + 15}">{bar.total:,}</text>'
    )


def _text(cell: str | int) -> str:
    return f"{cell:,}" if isinstance(cell, int) else escape(cell)


def _aligned(number: object) -> str:
    return ' class="n"' if number else ""
