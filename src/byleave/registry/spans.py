"""Which published lists carry a claim, told by its events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

_TAKES_OUT: Final = frozenset({"withdraw", "hold", "expire", "erase", "reject"})
_PUTS_IN: Final = frozenset({"register", "release"})
_NO_END: Final = 2**62


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers of lists that carry a claim: from the event that put it in to before the one that took it out."""

    first: int
    end: int

    def holds(self, number: Any) -> sa.ColumnElement[bool]:
        """Say in SQL that the list of a number carries the claim."""
        return sa.and_(number >= self.first, number < self.end)


def spans_of(events: Iterable[Any]) -> list[Span]:
    """Return the spans of a claim, from its events in their order."""
    spans: list[Span] = []
    first: int | None = None
    for event in events:
        if event.operation in _PUTS_IN and first is None:
            first = event.number
        elif event.operation in _TAKES_OUT and first is not None:
            spans.append(Span(first, event.number))
            first = None
    return spans if first is None else [*spans, Span(first, _NO_END)]
