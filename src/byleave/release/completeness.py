"""Replay the public log and compare: which claims must be in release N, and whether they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from byleave.release.patching import read_rows
from byleave.release.reading import Release

LISTS = frozenset({"register", "release"})
"""Operations after which a claim belongs into the list. One that is held from the start has a ``hold`` right behind its ``register``."""

TAKES_OUT = frozenset({"withdraw", "hold", "expire", "erase", "reject"})
"""Operations after which it does not. Any other leaves it where it is: a claim that is held and answered anew is held still."""


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
        How many may be missing: one for each row that was taken out of the release later. Nothing else is excused.
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
    for batch in read_rows(release, ["claim"]):
        listed.update(batch["claim"].unique().to_pylist())
    return Completeness(
        live=len(live),
        missing=tuple(sorted(live - listed)),
        unexpected=tuple(sorted(listed - live)),
        excused=release.redacted,
    )
