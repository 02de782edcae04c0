"""Hold a release against a receipt: what became of the claim, or that the operator broke the promise to list it. Light."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from byleave.errors import FormatError
from byleave.release.reading import REDACTED, REDACTED_BYTES, Release
from byleave.release.receipts import Receipt
from byleave.release.standing import LISTED, Entry, Standing, Standings, in_sorted_file

PLACE_BYTES = 8
LISTED_WITHIN = timedelta(hours=24)
"""How soon after an event a list must contain what it did."""


class Outcome(StrEnum):
    """What a list says to a receipt."""

    IN_LIST = "in list"
    NOT_CONFIRMED = "not confirmed yet"
    HELD = "held"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"
    ERASED = "erased"
    EXPIRED = "expired"
    REDACTED = "redacted"
    NOT_DUE = "not due yet"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Answer:
    """An outcome in list ``number``.

    row
        First row of the claim in the list, where it is in it.
    at
        Since when it stands so; for :attr:`Outcome.NOT_DUE`, until when it must be listed.
    why
        Why it is held, or which promise was broken.
    """

    outcome: Outcome
    number: int
    at: datetime
    row: int | None = None
    why: str = ""

    @property
    def sentence(self) -> str:
        """Say it to a person."""
        day = f"{self.at:%Y-%m-%d}"
        match self.outcome:
            case Outcome.IN_LIST:
                return f"in list {self.number} at row {self.row}"
            case Outcome.NOT_CONFIRMED:
                return f"not confirmed yet: in list {self.number} at row {self.row}, and acts only where a trainer asks for it"
            case Outcome.HELD:
                return f"held since {day} for {_REASON_WORDS.get(self.why, 'review')}"
            case Outcome.REDACTED:
                return f"redacted: its rows were taken out of list {self.number} on {day}, as the registry signed; its other lists stand"
            case Outcome.NOT_DUE:
                return f"not in list {self.number} yet: due by {self.at:%Y-%m-%d %H:%M} UTC; sync again then"
            case Outcome.MISSING:
                return f"missing: the operator broke its promise ({self.why})"
            case _:
                return f"{self.outcome} since {day}"


_REASON_WORDS = {
    "flat": "a picture too flat to be told from others",
    "crowded": "meeting too many different works",
    "common": "a picture that many use",
    "disputed": "a dispute",
    "hosts": "naming too many hosts",
    "burst": "coming with too many others at once",
    "comparing": "a comparison that is not done yet",
}
"""Behind *held for*, by the reasons of :data:`byleave.release.standing.REASONS`; the others are for a person to look at."""

_GONE = {
    Standing.WITHDRAWN: Outcome.WITHDRAWN,
    Standing.REJECTED: Outcome.REJECTED,
    Standing.ERASED: Outcome.ERASED,
    Standing.EXPIRED: Outcome.EXPIRED,
}
_AFTER = {
    "withdraw": Standing.WITHDRAWN,
    "erase": Standing.ERASED,
    "reject": Standing.REJECTED,
    "hold": Standing.HELD,
    "expire": Standing.EXPIRED,
}


def answer(receipt: Receipt, release: Release, standings: Standings) -> Answer:
    """Say what a checked release makes of a checked receipt."""
    event = receipt.event
    if event.number > release.number:
        due = event.recorded_at + LISTED_WITHIN
        if release.published_at > due:
            return _broken(
                release, due, f"list {release.number} is from {release.published_at:%Y-%m-%d %H:%M} UTC"
            )
        return Answer(Outcome.NOT_DUE, release.number, due)
    entry = standings.find(event.claim)
    if entry is None:
        return _broken(release, event.recorded_at, "the list does not know the claim")
    if entry.number < event.number:
        return _broken(release, event.recorded_at, "the list passes over what the receipt shows")
    expected = _expected(receipt, release)
    if entry.number == event.number and entry.standing not in expected:
        said = " or ".join(one.name.lower() for one in sorted(expected))
        return _broken(
            release, entry.since, f"the list says {entry.standing.name.lower()} where it should say {said}"
        )
    return _standing(receipt, release, entry)


def _standing(receipt: Receipt, release: Release, entry: Entry) -> Answer:
    if entry.standing is Standing.HELD:
        return Answer(Outcome.HELD, release.number, entry.since, why=entry.reason or "review")
    if entry.standing not in LISTED:
        return Answer(_GONE[entry.standing], release.number, entry.since)
    if (taken_out := _taken_out(release, entry)) is not None:
        return Answer(Outcome.REDACTED, release.number, taken_out)
    absent = sum(
        not in_sorted_file(release.folder / "digests" / f"{target.kind.value}.sha256", target.digest)
        for target in receipt.targets
    )
    if absent or entry.row is None:
        return _broken(
            release, entry.since, f"{absent} of its {len(receipt.targets)} targets are not in the list"
        )
    listed = entry.standing is Standing.EFFECTIVE
    return Answer(
        Outcome.IN_LIST if listed else Outcome.NOT_CONFIRMED, release.number, entry.since, row=entry.row
    )


def _taken_out(release: Release, entry: Entry) -> datetime | None:
    """Return when the registry took the claim's rows out of a list that stands, or ``None`` where it did not."""
    if release.redacted_at is None or entry.row is None:
        return None
    place = entry.row.to_bytes(PLACE_BYTES)
    return release.redacted_at if in_sorted_file(release.folder / REDACTED, place, REDACTED_BYTES) else None


def _expected(receipt: Receipt, release: Release) -> frozenset[Standing]:
    """Return what a list may say of a claim to which nothing happened after the receipt."""
    if receipt.event.operation in _AFTER:
        return frozenset({_AFTER[receipt.event.operation]})
    until = receipt.record.get("expires_at")
    try:
        ended = until is not None and datetime.fromisoformat(str(until)) <= release.published_at
        state = receipt.record.get("state")
        stated = frozenset({Standing[state.upper()]}) if isinstance(state, str) else frozenset(Standing)
    except (ValueError, TypeError, KeyError) as error:
        raise FormatError("the receipt's record cannot be read", remedy="ask for it again") from error
    return frozenset({Standing.EXPIRED}) if ended else stated


def _broken(release: Release, at: datetime, why: str) -> Answer:
    return Answer(Outcome.MISSING, release.number, at, why=why)
