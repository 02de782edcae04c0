"""Replay the public log and compare: which claims must be in release N, and whether they are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from byleave.errors import FormatError
from byleave.release.claims_file import read_batches
from byleave.release.reading import CLAIMS, Release, read_limited

LISTS = frozenset({"register", "update", "release"})
"""Operations after which a claim belongs into the list."""

TAKES_OUT = frozenset({"withdraw", "hold", "erase", "reject"})
"""Operations after which it does not. Any other leaves it where it is."""

EXCUSES = ("held", "expired")
"""Counts in ``policy.json`` of claims that the log alone shows as live: held when they were filed, or run out by their own date."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """What a replay found.

    live
        How many claims are live by the log.
    missing
        Live claims of which the release has no row, sorted ids of 16 bytes.
    unexpected
        Claims with rows that are not live by the log.
    excused
        How many may be missing: those the release counts as held or run out, and one for each redacted row.
    """

    live: int
    missing: tuple[bytes, ...]
    unexpected: tuple[bytes, ...]
    excused: int

    @property
    def holds(self) -> bool:
        """Whether nothing is in the release that should not be, and no more is missing than it accounts for."""
        return not self.unexpected and len(self.missing) <= self.excused


def live_claims(events: Iterable[tuple[bytes, str]]) -> set[bytes]:
    """Return the claims that are live after these events, each a claim's 16-byte id and an operation, in the order of the log.

    Holds about 100 bytes a live claim.
    """
    live: set[bytes] = set()
    for claim, operation in events:
        if operation in LISTS:
            live.add(claim)
        elif operation in TAKES_OUT:
            live.discard(claim)
    return live


def check_completeness(release: Release, events: Iterable[tuple[bytes, str]]) -> Completeness:
    """Compare a release with the first N events of the log, N being its number; the caller gives no more and no fewer."""
    live = live_claims(events)
    listed: set[bytes] = set()
    for batch in read_batches(release.folder / CLAIMS, ["claim"]):
        listed.update(batch["claim"].unique().to_pylist())
    return Completeness(
        live=len(live),
        missing=tuple(sorted(live - listed)),
        unexpected=tuple(sorted(listed - live)),
        excused=_excused(release) + release.redacted,
    )


def _excused(release: Release) -> int:
    try:
        outcomes = json.loads(read_limited(release.folder / "policy.json")).get("outcomes", {})
        return sum(int(outcomes.get(name, 0)) for name in EXCUSES)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError("the policy of the release cannot be read", remedy="sync again") from error
