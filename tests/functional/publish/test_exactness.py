"""What a real registry publishes is exactly what its log asks for; and a registry that was set back publishes nothing twice."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.functional.publish.test_publishing import NOW, account, filed

from byleave.errors import ConflictError
from byleave.fingerprints import ClaimedPicture
from byleave.log import Policy
from byleave.publish import publish
from byleave.publish.daily import publish_daily
from byleave.publish.folders import log_folder, releases_folder
from byleave.publish.keys import known_keys
from byleave.registry.changing import hold_claim, reject_claim, release_claim, withdraw_claim
from byleave.registry.database import Database
from byleave.registry.permissions import OPERATOR
from byleave.registry.targets import picture_target, url_target
from byleave.release import Release, open_latest
from byleave.release.auditing import audit
from byleave.release.completeness import Completeness
from byleave.release.log_reading import open_place, read_checkpoint
from byleave.release.standing import Standing, open_standing
from byleave.settings import Settings

pytestmark = pytest.mark.functional

DAY = timedelta(days=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def audited(settings: Settings, release: Release) -> Completeness:
    with open_place(str(log_folder(settings))) as place:
        checkpoint = read_checkpoint(place, Policy.of_keys(known_keys(settings))).checkpoint
        found = audit(release, place, checkpoint)
        assert found.rules_are_logged
        return found.completeness


def test_held_released_rejected_and_ended_claims_all_follow_from_the_log(
    database: Database, settings: Settings
) -> None:
    ann = account(database, "ann")
    flat = filed(database, ann, picture_target(ClaimedPicture((bytes(32),), 10)))
    links = [filed(database, ann, url_target(f"https://example.com/{n}.jpg")) for n in range(4)]
    ending = filed(database, ann, url_target("https://example.com/short.jpg"), expires_at=NOW + DAY)
    with database.transaction() as session:
        withdraw_claim(session, links[0].id, who=OPERATOR, at=NOW)
        for claim in links[1:3]:
            hold_claim(session, claim.id, "crowded", who=OPERATOR, at=NOW)
        release_claim(session, links[1].id, "looked at", who=OPERATOR, at=NOW)
        reject_claim(session, links[2].id, "not hers", who=OPERATOR, at=NOW)
    first = publish(database, settings, who=OPERATOR, at=NOW).release
    found = audited(settings, first)
    assert (found.live, found.excused, found.holds) == (3, 0, True)
    second = publish(database, settings, who=OPERATOR, at=NOW + 2 * DAY).release
    assert second.number == first.number + 1
    found = audited(settings, second)
    assert (found.live, found.excused, found.holds) == (2, 0, True)
    standings = open_standing(releases_folder(settings), second, known_keys(settings))
    stands = {claim.id: standings.find(claim.id) for claim in (flat, ending)}
    assert [entry.standing for entry in stands.values() if entry] == [Standing.HELD, Standing.EXPIRED]


def test_a_claim_that_ends_is_reason_enough_for_the_next_list(database: Database, settings: Settings) -> None:
    filed(database, account(database, "ann"), url_target("https://example.com/a.jpg"), expires_at=NOW + DAY)
    publish(database, settings, who=OPERATOR, at=NOW)
    publish_daily(database, settings, NOW + DAY - timedelta(seconds=1))
    assert open_latest(releases_folder(settings), known_keys(settings)).number == 2
    publish_daily(database, settings, NOW + DAY)
    release = open_latest(releases_folder(settings), known_keys(settings))
    assert (release.number, release.rows) == (3, 0)


def set_back(database: Database, settings: Settings) -> None:
    """Leave the registry as an old backup would, and the log with it; what was published stays."""
    with database.transaction() as session:
        session.execute(sa.text("ALTER TABLE claim_events DISABLE TRIGGER claim_events_keep_all"))
        session.execute(
            sa.text("TRUNCATE claim_events, claims, targets, releases, checkpoints RESTART IDENTITY CASCADE")
        )
        session.execute(sa.text("ALTER TABLE claim_events ENABLE TRIGGER claim_events_keep_all"))
        session.execute(sa.text("UPDATE event_counter SET last = 0"))
    shutil.rmtree(log_folder(settings))


def test_a_registry_that_was_set_back_does_not_pass_another_list_off_as_its_own(
    database: Database, settings: Settings
) -> None:
    ann = account(database, "ann")
    filed(database, ann, url_target("https://example.com/a.jpg"))
    before = publish(database, settings, who=OPERATOR, at=NOW).release
    set_back(database, settings)
    filed(database, ann, url_target("https://example.com/b.jpg"))
    with pytest.raises(ConflictError, match=r"list no\. 2 was published already") as refused:
        publish(database, settings, who=OPERATOR, at=NOW + DAY)
    assert "restore a backup" in refused.value.remedy
    assert open_latest(releases_folder(settings), known_keys(settings)).name == before.name


def test_another_list_under_a_number_that_the_registry_remembers_is_refused(
    database: Database, settings: Settings
) -> None:
    ann = account(database, "ann")
    filed(database, ann, url_target("https://example.com/a.jpg"))
    publish(database, settings, who=OPERATOR, at=NOW)
    with database.transaction() as session:
        session.execute(sa.text("UPDATE releases SET manifest_digest = sha256('another')"))
    with pytest.raises(ConflictError, match=r"list no\. 2 was published already"):
        publish(database, settings, who=OPERATOR, at=NOW + DAY)


def test_a_list_that_was_written_and_not_yet_remembered_is_found_again(
    database: Database, settings: Settings
) -> None:
    ann = account(database, "ann")
    filed(database, ann, url_target("https://example.com/a.jpg"), expires_at=NOW + 9 * DAY)
    before = publish(database, settings, who=OPERATOR, at=NOW).release
    with database.transaction() as session:
        session.execute(sa.text("DELETE FROM releases"))
    again = publish(database, settings, who=OPERATOR, at=NOW + DAY)
    assert (again.is_new, again.release.name) == (False, before.name)
