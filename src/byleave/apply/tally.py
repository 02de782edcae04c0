"""Counts of one run: per shard, kept in the journal, added up for the report."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from byleave.apply.counting import Names
from byleave.apply.seen_claims import SeenClaims
from byleave.consent import CauseKind, Preference, Use

MOST_NAMES = 10_000
"""Hosts and claims kept per tally. Beyond it the rarest are dropped, and ``cut`` counts how often that happened."""

COUNTERS = ("totals", "kept", "answers", "causes", "evidence", "distances", "reasons", "hosts", "claims")


@dataclass(slots=True)
class Tally:
    """Counts of rows.

    totals
        ``rows``, ``unreadable``, ``bad_digest``, ``unchecked``, ``review``, ``cut``, and rows compared: ``by_link``, ``by_digest``,
        ``by_fingerprint``, ``by_coverage``. ``causes_cut``: claims not named as causes beside the strongest.
    kept
        By regime.
    answers
        By ``use|preference``, over all rows.
    causes
        Rows taken out, by ``kind|use|preference|method``. A row with several causes counts under each.
    evidence
        Rows taken out, by the level of the strongest claim among their causes.
    distances
        Rows taken out as copies, by ``method|distance``.
    reasons
        Rows that could not be checked, by reason. A row counts under each of its reasons.
    hosts, claims
        Rows taken out, by host and by claim id (hex); while rows are being counted, most stand in ``seen_hosts`` and ``seen_claims``.
    """

    totals: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    evidence: Counter[str] = field(default_factory=Counter)
    distances: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    hosts: Counter[str] = field(default_factory=Counter)
    claims: Counter[str] = field(default_factory=Counter)
    seen_hosts: Names = field(default_factory=Names, compare=False)
    seen_claims: SeenClaims = field(default_factory=SeenClaims, compare=False)

    def to_json(self) -> dict[str, dict[str, int]]:
        """Return plain objects with sorted keys."""
        return {name: dict(sorted(getattr(self, name).items())) for name in COUNTERS}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` gave."""
        read = cls()
        for name in COUNTERS:
            setattr(read, name, Counter(content[name]))
        return read

    @classmethod
    def total(cls, tallies: Iterable[Tally]) -> Self:
        """Add tallies up."""
        whole = cls()
        for tally in tallies:
            for name in COUNTERS:
                getattr(whole, name).update(getattr(tally, name))
        return whole

    def cut_names(self) -> None:
        """Add up the hosts and claims seen, and drop the rarest beyond :data:`MOST_NAMES`."""
        self.hosts, fewer_hosts = self.seen_hosts.take(self.hosts, MOST_NAMES)
        self.claims, fewer_claims = self.seen_claims.take(self.claims, MOST_NAMES)
        self.totals["cut"] += fewer_hosts + fewer_claims
        for names in (self.hosts, self.claims):
            if len(names) > MOST_NAMES:
                self.totals["cut"] += len(names) - MOST_NAMES
                for name, _ in most_first(names)[MOST_NAMES:]:
                    del names[name]


def cause_key(kind: CauseKind, use: Use | None, preference: Preference, method: str | None) -> str:
    """Return the name under which a cause is counted in ``causes``."""
    return f"{kind.value}|{use.value if use else ''}|{preference.word}|{method or ''}"


def most_first(counts: Mapping[str, int], most: int | None = None) -> list[tuple[str, int]]:
    """Sort by falling count, then by name, so that equal counts stand in one order everywhere; return at most the first ``most``."""
    if most is None:
        return sorted(counts.items(), key=_rank)
    return heapq.nsmallest(most, counts.items(), key=_rank)


def _rank(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]
