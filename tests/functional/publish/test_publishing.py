"""What the registry holds is what it publishes: streamed from a real database, in order, with names that differ from list to list."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.functional.cli.commands import byleave

from byleave.consent import Evidence, Preference, Preferences
from byleave.errors import RefusedError, VerificationError
from byleave.log import VerifierKey
from byleave.publish import publish
from byleave.publish.redacting import redact_release
from byleave.registry.accounts import account_of
from byleave.registry.changing import withdraw_claim
from byleave.registry.claims import Claim
from byleave.registry.database import Database
from byleave.registry.filing import NewClaim, file_claim
from byleave.registry.permissions import OPERATOR, VISITOR
from byleave.registry.targets import Target, digest_target, domain_target, prefix_target, url_target
from byleave.release import sync
from byleave.release.rows import statement
from byleave.settings import Settings

pytestmark = pytest.mark.functional

NOW = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)
DENY = Preferences(train_gen=Preference.DENY, tdm=Preference.CONDITIONAL)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def account(database: Database, name: str) -> uuid.UUID:
    with database.transaction() as session:
        return account_of(session, f"{name}@example.com", NOW)


def filed(
    database: Database,
    who: uuid.UUID,
    *targets: Target,
    shown: bool = False,
    words: str | None = None,
    expires_at: datetime | None = None,
) -> Claim:
    with database.transaction() as session:
        new = NewClaim(DENY, targets, terms=words, contact=words, publish_values=shown, expires_at=expires_at)
        return file_claim(session, new, who=OPERATOR, account=who, at=NOW, evidence=Evidence.E3)


def test_every_claim_in_force_is_there_as_it_was_filed(database: Database, settings: Settings) -> None:
    ann, bob = account(database, "ann"), account(database, "bob")
    claims = [
        filed(
            database,
            ann,
            url_target("https://example.com/a.jpg"),
            prefix_target("https://example.com/mine/"),
            domain_target("example.org"),
            shown=True,
            words="ask me first",
            expires_at=NOW + timedelta(days=9),
        ),
        filed(database, ann, digest_target(bytes(32)), url_target("https://example.com/b.jpg")),
        filed(database, bob, url_target("https://example.com/a.jpg")),
    ]
    release = publish(database, settings, who=OPERATOR, at=NOW).release
    rows = release.claims().to_pylist()
    assert [(r["kind"], r["digest"], r["claim"]) for r in rows] == sorted(
        (t.kind.value, t.digest, c.id) for c in claims for t in c.targets
    )
    by_claim = {claim.id: claim for claim in claims}
    for row in rows:
        claim = by_claim[row["claim"]]
        said = {(s.kind, s.digest): s for s in claim.statements(row["claimant"])}
        one = statement(row)
        assert one == said[one.kind, one.digest]
        target = next(t for t in claim.targets if (t.kind, t.digest) == (one.kind, one.digest))
        assert row["value"] == (target.value if claim.publish_values else None)
        assert (row["scope_host"], row["terms"], row["contact"]) == (
            target.scope_host,
            claim.terms,
            claim.contact,
        )
        assert row["filed_at"] == NOW
    names = {who: {r["claimant"] for r in rows if by_claim[r["claim"]].account == who} for who in (ann, bob)}
    assert all(len(one) == 1 for one in names.values())
    assert names[ann] != names[bob]
    assert len({row["salt"] for row in rows}) == len(rows)


def test_a_row_that_stays_keeps_salt_and_name_and_gives_the_name_to_what_its_party_files_later(
    database: Database, settings: Settings
) -> None:
    ann = account(database, "ann")
    filed(database, ann, url_target("https://example.com/a.jpg"))
    first = publish(database, settings, who=OPERATOR, at=NOW).release
    filed(database, ann, url_target("https://example.com/b.jpg"))
    second = publish(database, settings, who=OPERATOR, at=NOW + timedelta(days=1)).release
    (before,) = first.claims().to_pylist()
    after = second.claims().to_pylist()
    assert second.previous == first.name
    assert first.previous is None
    assert {row["claimant"] for row in after} == {before["claimant"]}
    assert before["salt"] in {row["salt"] for row in after}


def test_the_list_counts_what_it_does_not_hold(database: Database, settings: Settings) -> None:
    ann = account(database, "ann")
    gone = filed(database, ann, url_target("https://example.com/a.jpg"))
    filed(database, ann, url_target("https://example.com/b.jpg"), expires_at=NOW + timedelta(days=1))
    filed(database, ann, url_target("https://example.com/c.jpg"))
    with database.transaction() as session:
        withdraw_claim(session, gone.id, who=OPERATOR, at=NOW)
    release = publish(database, settings, who=OPERATOR, at=NOW + timedelta(days=2)).release
    policy = json.loads((release.folder / "policy.json").read_bytes())
    assert policy["outcomes"] == {"erased": 0, "expired": 1, "held": 0, "rejected": 0, "withdrawn": 1}
    assert release.claims().num_rows == 1
    assert policy["limits"]["picture_bytes"] == settings.limits.picture_bytes


def test_the_operator_s_own_terms_of_use_are_the_ones_that_are_signed(
    database: Database, settings: Settings
) -> None:
    (settings.home / "terms.txt").write_text("Be kind.\n")
    release = publish(database, settings, who=OPERATOR, at=NOW).release
    assert (release.folder / str(release.signed.members["terms"])).read_text() == "Be kind.\n"


def test_deltas_lead_from_the_lists_before_to_the_new_one(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    ann = account(database, "ann")
    gone = filed(database, ann, url_target("https://example.com/0.jpg"))
    releases = []
    for day in range(4):
        filed(database, ann, url_target(f"https://example.com/{day + 1}.jpg"))
        if day == 2:
            with database.transaction() as session:
                withdraw_claim(session, gone.id, who=OPERATOR, at=NOW)
        published = publish(database, settings, who=OPERATOR, at=NOW + timedelta(days=day))
        releases.append(published.release)
        key = VerifierKey.parse(published.verifier_key)
        if day == 0:
            sync(str(settings.home / "releases"), tmp_path / "synced", keys=[key])
    told: list[str] = []
    held = sync(
        str(settings.home / "releases"),
        tmp_path / "synced",
        progress=lambda name, done, total: told.append(name),
    )
    assert held.manifest_digest == releases[-1].manifest_digest
    numbers = [release.number for release in releases]
    steps = (
        {(numbers[0], numbers[2]), (numbers[2], numbers[3])},
        {(numbers[0], numbers[1]), (numbers[1], numbers[3])},
    )
    assert {name.split("/")[1] for name in told if name.startswith("deltas/")} in [
        {f"{start}-{end}" for start, end in way} for way in steps
    ]
    assert not any(name.endswith("/claims.parquet") for name in told)


def test_the_command_verifies_a_delta_and_refuses_one_that_was_touched(
    database: Database, settings: Settings
) -> None:
    ann = account(database, "ann")
    filed(database, ann, url_target("https://example.com/1.jpg"))
    publish(database, settings, who=OPERATOR, at=NOW)
    filed(database, ann, url_target("https://example.com/2.jpg"))
    published = publish(database, settings, who=OPERATOR, at=NOW + timedelta(days=1))
    (delta,) = (settings.home / "releases" / "deltas").glob("*-*")
    asked = ("verify", delta, "--key", published.verifier_key)
    held = byleave(*asked, "--json", home=settings.home)
    assert held.returncode == 0, held.stderr
    assert json.loads(held.stdout)["kind"] == "delta"
    additions = delta / "additions.parquet"
    additions.write_bytes(additions.read_bytes() + b"x")
    assert byleave(*asked, home=settings.home).returncode == VerificationError.exit_code


def test_the_operator_takes_a_claim_out_of_a_list_that_stands(database: Database, settings: Settings) -> None:
    ann = account(database, "ann")
    gone = filed(
        database, ann, url_target("https://example.com/a.jpg"), url_target("https://example.com/b.jpg")
    )
    filed(database, ann, url_target("https://example.com/c.jpg"))
    release = publish(database, settings, who=OPERATOR, at=NOW).release
    redacted = redact_release(settings, release.number, [gone.id], who=OPERATOR, at=NOW)
    assert (redacted.redacted, redacted.claims().num_rows) == (2, 1)
    assert publish(database, settings, who=OPERATOR, at=NOW).release.redacted == 2
    with pytest.raises(RefusedError):
        redact_release(settings, release.number, [gone.id], who=VISITOR, at=NOW)
