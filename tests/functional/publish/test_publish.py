"""The registry becomes a signed list: whole, once, and showing no more than was ticked."""

from __future__ import annotations

import json
import random
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from byleave.consent import Evidence, Preference, Preferences, Use
from byleave.errors import FormatError, RefusedError
from byleave.fingerprints import ClaimedPicture
from byleave.publish import Published, publish
from byleave.publish.folders import keys_folder, releases_folder
from byleave.publish.releases import last_published
from byleave.registry.accounts import account_of
from byleave.registry.changing import withdraw_claim
from byleave.registry.claims import Claim
from byleave.registry.database import Database
from byleave.registry.filing import NewClaim, file_claim
from byleave.registry.permissions import OPERATOR, VISITOR
from byleave.registry.tables import ReleaseRow
from byleave.registry.targets import Target, domain_target, picture_target, url_target
from byleave.release import load_key, open_latest, open_release
from byleave.settings import Settings

pytestmark = pytest.mark.functional

NOW = datetime(2026, 11, 22, tzinfo=UTC)
NO = Preferences.same(Preference.DENY, [Use.TRAIN_GEN])
PICTURE = picture_target(ClaimedPicture((bytes(range(32)),), 90))
LINK = url_target("https://example.com/secret-place.jpg")


@pytest.fixture
def settings(registry_settings: Settings, tmp_path: Path) -> Settings:
    """Keep the releases and keys of every test in a folder of its own."""
    return replace(registry_settings, home=tmp_path / "home")


def filed(database: Database, *targets: Target, email: str = "ann@example.com", **more: object) -> Claim:
    with database.transaction() as session:
        new = replace(NewClaim(NO, targets or (LINK,)), **more)  # type: ignore[arg-type]  # members by name
        return file_claim(session, new, who=OPERATOR, account=account_of(session, email, NOW), at=NOW)


def published(database: Database, settings: Settings) -> Published:
    return publish(database, settings, who=OPERATOR, at=NOW)


def test_everything_in_force_and_waiting_is_in_the_list_and_nothing_else(
    database: Database, settings: Settings
) -> None:
    link = filed(database)
    waiting = filed(database, domain_target("example.com"))
    filed(database, picture_target(ClaimedPicture((bytes(32),), 10)))  # held
    gone = filed(database, PICTURE)
    with database.transaction() as session:
        withdraw_claim(session, gone.id, who=OPERATOR, at=NOW)
    release = published(database, settings).release
    assert release.number == 7, "the claim that is held has two events, and the rules have one"
    states = {row["claim"]: row["state"] for row in release.claims().to_pylist()}
    assert states == {link.id: "effective", waiting.id: "filed"}


def test_publishing_again_without_news_finds_the_same_list(database: Database, settings: Settings) -> None:
    filed(database)
    first, again = published(database, settings), published(database, settings)
    assert (first.is_new, again.is_new) == (True, False)
    assert again.release.manifest_digest == first.release.manifest_digest
    with database.transaction() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(ReleaseRow)) == 1
        assert last_published(session) == (2, NOW)


def test_a_withdrawn_claim_is_gone_from_the_next_list_and_stays_in_the_one_before(
    database: Database, settings: Settings
) -> None:
    claim = filed(database)
    first = published(database, settings).release
    with database.transaction() as session:
        withdraw_claim(session, claim.id, who=OPERATOR, at=NOW)
    second = published(database, settings).release
    assert (first.number, second.number) == (2, 3)
    assert (first.claims().num_rows, second.claims().num_rows) == (1, 0)
    assert (
        open_latest(
            releases_folder(settings), [load_key(keys_folder(settings), settings.origin).verifier]
        ).number
        == 3
    )


def test_the_list_of_an_empty_registry_has_the_number_of_its_rules(
    database: Database, settings: Settings
) -> None:
    assert published(database, settings).release.number == 1, "that of its rules"


def test_a_claim_that_has_run_out_is_not_in_the_list(database: Database, settings: Settings) -> None:
    filed(database, expires_at=NOW + timedelta(days=1))
    release = publish(database, settings, who=OPERATOR, at=NOW + timedelta(days=1)).release
    assert release.claims().num_rows == 0


def test_plain_values_are_shown_only_where_they_were_ticked(database: Database, settings: Settings) -> None:
    filed(database, LINK, PICTURE)
    filed(database, url_target("https://example.org/shown.jpg"), publish_values=True, email="bob@example.com")
    release = published(database, settings).release
    assert {row["value"] for row in release.claims().to_pylist()} == {None, "example.org/shown.jpg"}
    everything = b"".join(path.read_bytes() for path in release.folder.rglob("*") if path.is_file())
    plain = json.dumps(release.claims().to_pylist(), default=repr).encode()
    for secret in (b"secret-place", PICTURE.value or "", b"ann@example.com", b"bob@example.com"):
        needle = secret.encode() if isinstance(secret, str) else secret
        assert needle not in everything
        assert needle not in plain


def test_a_party_has_one_name_within_a_list_and_another_once_no_row_stands_in_both(
    database: Database, settings: Settings
) -> None:
    filed(database)
    filed(database, PICTURE)
    oldest = filed(database, url_target("example.org/b"), email="bob@example.com")
    lists = [names_in(published(database, settings))]
    newer = filed(database, url_target("example.org/c"), email="bob@example.com")
    lists.append(names_in(published(database, settings)))
    withdrawn(database, oldest)
    lists.append(names_in(published(database, settings)))
    withdrawn(database, newer)
    filed(database, url_target("example.org/d"), email="bob@example.com")
    lists.append(names_in(published(database, settings)))
    ann, *bobs = [set(one.values()) & set(lists[0].values()) for one in lists]
    assert [len(set(one.values())) for one in lists] == [2, 2, 2, 2]
    assert [len(names) for names in bobs] == [2, 1, 1]
    assert bobs[1] == bobs[2] == ann - {lists[0][oldest.id]}
    assert lists[2][newer.id] not in lists[3].values()


def names_in(found: Published) -> dict[bytes, bytes]:
    return {row["claim"]: row["claimant"] for row in found.release.claims().to_pylist()}


def withdrawn(database: Database, claim: Claim) -> None:
    with database.transaction() as session:
        withdraw_claim(session, claim.id, who=OPERATOR, at=NOW)


def test_secrets_are_readable_by_their_user_only(database: Database, settings: Settings) -> None:
    published(database, settings)
    for path in keys_folder(settings).iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_damaged_pseudonym_secret_is_refused_rather_than_used(
    database: Database, settings: Settings
) -> None:
    filed(database)
    published(database, settings)
    (keys_folder(settings) / "pseudonym.secret").write_bytes(b"")
    filed(database, PICTURE)
    with pytest.raises(FormatError):
        published(database, settings)


def test_only_the_operator_publishes(database: Database, settings: Settings) -> None:
    with pytest.raises(RefusedError):
        publish(database, settings, who=VISITOR, at=NOW)
    assert not releases_folder(settings).exists()


PUBLISHER = """
import os, signal, sys, time
from datetime import UTC, datetime
from pathlib import Path
from byleave.publish import publish
from byleave.registry.database import Database
from byleave.registry.permissions import OPERATOR
from byleave.settings import Settings
server, home = Settings(home=Path(sys.argv[1])), Settings(home=Path(sys.argv[2]))
for delay in sys.stdin:
    child = os.fork()
    if not child:
        with Database.open(server, migrate=False) as database:
            publish(database, home, who=OPERATOR, at=datetime(2026, 11, 22, tzinfo=UTC))
        os._exit(0)
    time.sleep(float(delay))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print("killed", flush=True)
"""
KILLS = 15


def test_a_publish_killed_anywhere_leaves_whole_lists_and_the_next_one_finishes(
    database: Database, registry_settings: Settings, settings: Settings
) -> None:
    folder, chance = releases_folder(settings), random.Random(11)
    homes = [str(registry_settings.home), str(settings.home)]
    with subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, *homes], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as publisher:
        assert publisher.stdin is not None
        assert publisher.stdout is not None
        for number in range(1, KILLS + 1):
            filed(database, *(url_target(f"example.com/{number}/{n}") for n in range(50)))
            publisher.stdin.write(f"{chance.uniform(0.02, 0.25)}\n")
            publisher.stdin.flush()
            assert publisher.stdout.readline() == "killed\n"
            if (folder / "latest.json").exists():
                key = load_key(keys_folder(settings), settings.origin).verifier
                latest = open_latest(folder, [key])
                assert latest.claims().num_rows == 50 * (latest.number - 1)
        publisher.stdin.close()
    release = published(database, settings).release
    assert (release.number, release.claims().num_rows) == (KILLS + 1, 50 * KILLS)
    key = load_key(keys_folder(settings), settings.origin).verifier
    for path in folder.glob("[0-9]*"):
        assert open_release(path, [key]).claims().num_rows == 50 * (int(path.name) - 1)


def test_evidence_makes_a_domain_act_in_the_list(database: Database, settings: Settings) -> None:
    with database.transaction() as session:
        owner = account_of(session, "ann@example.com", NOW)
        new = NewClaim(NO, (domain_target("example.com"),))
        file_claim(session, new, who=OPERATOR, account=owner, at=NOW, evidence=Evidence.E3)
    assert published(database, settings).release.claims().column("state").to_pylist() == ["effective"]
