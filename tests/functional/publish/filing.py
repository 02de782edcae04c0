"""What the tests of the log share: claims that are filed with receipts, in a registry whose files stand in a folder of the test."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from byleave.consent import Preference, Preferences, Use
from byleave.log import Policy
from byleave.publish.keys import known_keys
from byleave.publish.receipts import Acknowledged, file_all_with_receipts
from byleave.registry.accounts import account_of
from byleave.registry.database import Database
from byleave.registry.filing import Filing, NewClaim
from byleave.registry.permissions import OPERATOR
from byleave.registry.targets import Target, url_target
from byleave.settings import Settings

NOW = datetime(2026, 11, 22, 12, 0, 0, 999_999, tzinfo=UTC)
NO = Preferences.same(Preference.DENY, [Use.TRAIN_GEN])


def link(number: int) -> Target:
    return url_target(f"https://example.com/{number}.jpg")


def acknowledged(
    database: Database, settings: Settings, *targets: Target, count: int = 1, at: datetime = NOW
) -> tuple[Acknowledged, ...]:
    """File ``count`` claims over the same targets in one batch."""
    with database.transaction() as session:
        account = account_of(session, "ann@example.com", at)
    filings = [Filing(NewClaim(NO, targets or (link(number),)), account) for number in range(count)]
    return file_all_with_receipts(database, settings, filings, who=OPERATOR, at=at)


def trusted(settings: Settings) -> Policy:
    return Policy.of_keys(known_keys(settings))


def files_below(folder: Path) -> dict[str, bytes]:
    """Return every file of a log by its relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
