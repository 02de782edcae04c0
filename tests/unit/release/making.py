"""A small registry's list, for the tests of this room."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from byleave import urls
from byleave.consent import ClaimState, Evidence, Preference, Preferences, Statement, TargetKind
from byleave.log import JSON, ClaimEvent, commitment
from byleave.release import Release, SigningKey
from byleave.release.policy import OPERATION, Logged, policy_record, rules_digest
from byleave.release.rows import Row
from byleave.release.standing import Entry, Standing, write_standing
from byleave.release.writing import write_release

NOW = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
KEY = SigningKey.from_seed("registry.example/test", bytes(range(32)))
OTHER = SigningKey.from_seed("registry.example/test", bytes(32))
POLICY = {"allow_from_evidence": 2}


def rows(count: int = 3) -> list[Row]:
    return [
        Row(
            Statement(
                claim=bytes([n]) * 16,
                claimant=bytes([200 + n % 50]) * 16,
                kind=TargetKind.URL,
                digest=urls.url_digest(f"example.com/{n}.jpg"),
                preferences=Preferences(train_gen=Preference.DENY, tdm=Preference.CONDITIONAL),
                evidence=Evidence.E0,
                state=ClaimState.EFFECTIVE,
                number=n + 1,
                effective_at=NOW,
                expires_at=NOW + timedelta(days=n) if n else None,
                disputed=bool(n % 2),
            ),
            filed_at=NOW,
            scope_host=None,
            value=f"example.com/{n}.jpg" if n else None,
            terms="ask me" if n else None,
        )
        for n in range(count)
    ]


def released(
    folder: Path,
    number: int = 7,
    *,
    count: int = 3,
    key: SigningKey = KEY,
    policy: Mapping[str, JSON] = POLICY,
) -> Release:
    return write_release(folder, rows(count), number=number, published_at=NOW, policy=policy, key=key)


RULES = Logged(1, bytes([9]) * 16, bytes(32))
"""Where a log that begins with :func:`rules_entry` names the rules."""

LOGGED_POLICY: Mapping[str, JSON] = {**POLICY, "logged": RULES.members()}


def rules_entry() -> bytes:
    committed = commitment(RULES.salt, policy_record(rules_digest(POLICY)))
    return ClaimEvent(RULES.number, RULES.id, OPERATION, committed, NOW).entry()


def standing_of(release: Release, *, key: SigningKey = KEY) -> Release:
    """Write beside a release where its claims stand: each in force, at its own row."""
    rows = release.claims().select(["claim", "number"]).to_pylist()
    first = {row["claim"]: (row["number"], at) for at, row in reversed(list(enumerate(rows)))}
    entries = [
        Entry(claim, number, at, NOW, Standing.EFFECTIVE) for claim, (number, at) in sorted(first.items())
    ]
    write_standing(release.folder.parent, release, [one.to_bytes() for one in entries], key=key)
    return release
