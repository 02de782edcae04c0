"""Old lists go, what links them stays, and whoever syncs or mirrors goes on as before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from byleave.consent import PRESETS
from byleave.publish.folders import releases_folder
from byleave.publish.keys import known_keys
from byleave.publish.releases import publish
from byleave.publish.retiring import LIST_LIFE, RETIRED, is_retired, retire_old
from byleave.registry.accounts import account_of
from byleave.registry.database import Database
from byleave.registry.filing import NewClaim, file_claim
from byleave.registry.permissions import OPERATOR
from byleave.registry.targets import url_target
from byleave.release.deltas import Index
from byleave.release.mirror import mirror
from byleave.release.sync import sync
from byleave.settings import Settings

pytestmark = pytest.mark.functional
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def publish_one_more(database: Database, settings: Settings, at: datetime) -> int:
    with database.transaction() as session:
        account = account_of(session, "mara@example.org", at)
        new = NewClaim(PRESETS["no_ai"], (url_target(f"https://a.example/{at:%j}.jpg"),))
        file_claim(session, new, who=OPERATOR, account=account, at=at)
    return publish(database, settings, who=OPERATOR, at=at).release.number


def retire(database: Database, settings: Settings, at: datetime) -> tuple[int, ...]:
    with database.transaction() as session:
        return retire_old(session, settings, who=OPERATOR, at=at)


def test_a_list_goes_when_a_newer_one_has_stood_long_enough(database: Database, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    keys = known_keys(settings)
    first, second, third = (publish_one_more(database, settings, NOON + days * DAY) for days in (0, 50, 60))
    source = releases_folder(settings)
    reader, copy = tmp_path / "list", tmp_path / "mirror"
    mirror(str(source), copy, keys=keys)
    assert sync(str(source), reader, keys=keys).number == third

    assert retire(database, settings, NOON + 50 * DAY + LIST_LIFE) == ()
    assert retire(database, settings, NOON + 51 * DAY + LIST_LIFE) == (first,)
    assert retire(database, settings, NOON + 51 * DAY + LIST_LIFE) == ()
    assert is_retired(source, first)
    assert sorted(path.name for path in (source / RETIRED / str(first)).iterdir()) == [
        "manifest.json",
        "manifest.note",
    ]
    assert not (source / "standing" / str(first)).exists()
    index = Index.of_folder(source)
    assert set(index.releases) == {second, third}
    assert all(first not in step for step in index.deltas)
    assert Index.parse((source / "index.json").read_bytes()) == index

    fourth = publish_one_more(database, settings, NOON + 200 * DAY)
    assert sync(str(source), reader).number == fourth
    mirror(str(source), copy, prune=True)
    assert not (copy / str(first)).exists()
    assert (copy / str(fourth)).is_dir()


def test_the_newest_list_stays_however_old(database: Database, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    only = publish_one_more(database, settings, NOON)
    assert retire(database, settings, NOON + 3000 * DAY) == ()
    assert (releases_folder(settings) / str(only)).is_dir()
