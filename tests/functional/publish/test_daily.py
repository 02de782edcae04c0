"""What people said is in a list within a day, and where it is not, it shows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.functional.publish.test_publishing import NOW, account, filed

from byleave.publish import doctor as publication_doctor
from byleave.publish import health, publish
from byleave.publish.daily import DAILY, EVERY, keep_daily, publish_daily
from byleave.registry.database import Database
from byleave.registry.jobs import run_pending
from byleave.registry.permissions import OPERATOR
from byleave.registry.targets import url_target
from byleave.settings import Settings

PAST = NOW - timedelta(days=300)
"""Long before any clock that runs this: the queue goes by the clock of the database."""

pytestmark = pytest.mark.functional


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def waiting_jobs(database: Database) -> list[tuple[str, object]]:
    with database.transaction() as session:
        chosen = sa.text("SELECT task_name, scheduled_at FROM procrastinate_jobs WHERE status = 'todo'")
        return [(row[0], row[1]) for row in session.execute(chosen)]


def test_a_registry_in_which_nothing_happened_is_never_late(database: Database) -> None:
    with database.transaction() as session:
        found = health(session, NOW)
    assert (found.number, found.waiting, found.waiting_since, found.late) == (None, 0, None, False)


def test_an_event_that_waits_longer_than_a_day_is_late_until_it_is_published(
    database: Database, settings: Settings
) -> None:
    filed(database, account(database, "ann"), url_target("https://example.com/a.jpg"))
    with database.transaction() as session:
        assert not health(session, NOW + timedelta(hours=24)).late
        late = health(session, NOW + timedelta(hours=24, seconds=1))
    assert (late.late, late.waiting, late.waiting_since) == (True, 1, NOW)
    publish(database, settings, who=OPERATOR, at=NOW + timedelta(hours=25))
    with database.transaction() as session:
        found = health(session, NOW + timedelta(days=30))
    assert (found.late, found.waiting, found.number) == (False, 0, 2)


def test_the_job_publishes_what_waits_and_asks_for_its_next_run(
    database: Database, settings: Settings
) -> None:
    filed(database, account(database, "ann"), url_target("https://example.com/a.jpg"))
    with database.transaction() as session:
        keep_daily(session, PAST)
        keep_daily(session, NOW)
    assert waiting_jobs(database) == [(DAILY, PAST)]

    def task(database: Database) -> None:
        publish_daily(database, settings, NOW + timedelta(days=3650))

    assert run_pending(database, {DAILY: task}) == 1
    assert (settings.home / "releases" / "2").is_dir()
    assert waiting_jobs(database) == [(DAILY, NOW + timedelta(days=3650) + EVERY)]


def test_the_job_makes_no_list_where_nothing_happened(database: Database, settings: Settings) -> None:
    publish_daily(database, settings, NOW)
    assert not (settings.home / "releases").exists()
    assert len(waiting_jobs(database)) == 1


def test_the_doctor_names_a_missed_run(database: Database, registry_settings: Settings) -> None:
    filed(database, account(database, "ann"), url_target("https://example.com/a.jpg"))
    found = {f.name: f for f in publication_doctor.check(registry_settings, NOW + timedelta(hours=1))}
    assert found["publishing"].state == "ok"
    found = {f.name: f for f in publication_doctor.check(registry_settings, NOW + timedelta(days=2))}
    assert found["publishing"].state == "broken"
    assert "publish" in found["publishing"].remedy
