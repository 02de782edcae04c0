"""Look-ups say what the rules of consent say, for one thing or thousands, whatever covers it."""

from __future__ import annotations

import hashlib
import itertools
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from byleave import urls
from byleave.consent import (
    Evidence,
    Preference,
    Preferences,
    Standing,
    TargetKind,
    Use,
    acting,
    combine,
)
from byleave.registry.accounts import account_of
from byleave.registry.changing import withdraw_claim
from byleave.registry.claims import Claim, all_claims
from byleave.registry.database import Database
from byleave.registry.filing import NewClaim, file_claim
from byleave.registry.lookups import REFUSED_UNREAD, SILENCE, look_up_digests, look_up_items, look_up_urls
from byleave.registry.permissions import OPERATOR
from byleave.registry.targets import Target, digest_target, domain_target, prefix_target, url_target

pytestmark = pytest.mark.functional
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)

LINK = "https://www.Art.example/ann/Harbour.jpg?size=2"
DENY = Preferences.same(Preference.DENY, [Use.TRAIN_GEN])
ALLOW = Preferences.same(Preference.ALLOW, [Use.TRAIN_GEN])
IF = Preferences.same(Preference.CONDITIONAL, [Use.TRAIN_GEN])


def say(
    session: Session,
    preferences: Preferences,
    *targets: Target,
    by: str = "ann",
    evidence: Evidence = Evidence.E0,
    at: datetime = NOON,
    expires_at: datetime | None = None,
) -> Claim:
    account = account_of(session, f"{by}@example.org", at)
    new = NewClaim(preferences, targets, terms="ask", contact="ann@example.org", expires_at=expires_at)
    return file_claim(session, new, who=OPERATOR, account=account, at=at, evidence=evidence)


def train(session: Session, *links: str, at: datetime = LATER) -> list[str]:
    return [answer.preferences.train_gen.word for answer in look_up_urls(session, links, at=at)]


@pytest.mark.parametrize(
    ("target", "evidence"),
    [
        (url_target("http://art.example/ann/Harbour.jpg?size=2"), Evidence.E0),
        (prefix_target("art.example/ann"), Evidence.E2),
        (domain_target("art.example"), Evidence.E3),
    ],
    ids=["link", "path", "domain"],
)
def test_a_link_is_found_by_whatever_covers_it(
    database: Database, target: Target, evidence: Evidence
) -> None:
    with database.transaction() as session:
        claim = say(session, DENY, target, evidence=evidence)
        (answer,) = look_up_urls(session, [LINK], at=LATER)
        assert train(session, "https://art.example.org/ann/Harbour.jpg?size=2") == ["unknown"]
    assert answer.preferences == DENY
    assert [(said.statement.claim, said.standing, said.terms) for said in answer.said] == [
        (claim.id, Standing.ACTS, "ask")
    ]


def test_a_path_covers_what_is_below_it_on_its_host_only(database: Database) -> None:
    with database.transaction() as session:
        say(session, DENY, prefix_target("art.example/ann"), evidence=Evidence.E2)
        below = ["https://art.example/ann/", "https://art.example/ann/a/b.jpg", "https://art.example/ann"]
        beside = ["https://art.example/anna/a.jpg", "https://art.example/", "https://x.art.example/ann/a.jpg"]
        assert train(session, *below) == ["deny"] * 3
        assert train(session, *beside) == ["unknown"] * 3


def test_a_path_is_found_though_its_host_was_not_noted(database: Database) -> None:
    with database.transaction() as session:
        say(session, DENY, prefix_target("art.example/ann"), evidence=Evidence.E2)
        session.execute(sa.text("UPDATE targets SET scope_host_digest = NULL"))
        links = ["https://art.example/ann/a.jpg", "https://other.example/ann/a.jpg"]
        assert train(session, *links) == ["deny", "unknown"]


def test_a_claim_on_a_file_says_nothing_about_a_link_with_the_same_digest(database: Database) -> None:
    with database.transaction() as session:
        digest = urls.url_digest("art.example/x")
        say(session, DENY, digest_target(digest))
        assert train(session, "https://art.example/x") == ["unknown"]
        (answer,) = look_up_digests(session, [digest], at=LATER)
        assert answer.preferences == DENY


def test_a_domain_covers_the_hosts_below_it(database: Database) -> None:
    with database.transaction() as session:
        say(session, DENY, domain_target("art.example"), evidence=Evidence.E3)
        assert train(session, "https://cdn.art.example/x.jpg", "https://start.example/x.jpg") == [
            "deny",
            "unknown",
        ]


def test_silence_yes_condition_and_no_are_told_apart(database: Database) -> None:
    with database.transaction() as session:
        say(session, ALLOW, url_target("yes.example/x"), evidence=Evidence.E2)
        say(session, IF, url_target("if.example/x"))
        say(session, DENY, url_target("no.example/x"))
        links = [f"https://{name}.example/x" for name in ("yes", "if", "no", "nothing")]
        assert train(session, *links) == ["allow", "conditional", "deny", "unknown"]


def test_what_is_not_confirmed_waits_and_changes_nothing(database: Database) -> None:
    with database.transaction() as session:
        say(session, ALLOW, url_target("art.example/x"))
        say(session, DENY, domain_target("art.example"), by="bob")
        (answer,) = look_up_urls(session, ["https://art.example/x"], at=LATER)
    assert answer.preferences == Preferences()
    assert [said.standing for said in answer.said] == [Standing.PENDING] * 2


def test_withdrawn_and_expired_claims_say_nothing(database: Database) -> None:
    with database.transaction() as session:
        gone = say(session, DENY, url_target("a.example/x"))
        withdraw_claim(session, gone.id, who=OPERATOR, at=NOON)
        say(session, DENY, url_target("b.example/x"), expires_at=NOON + timedelta(minutes=30))
        links = ["https://a.example/x", "https://b.example/x"]
        assert look_up_urls(session, links, at=LATER) == [SILENCE] * 2
        assert train(session, "https://b.example/x", at=NOON) == ["deny"]


def test_of_one_person_the_later_word_counts_and_between_two_the_no(database: Database) -> None:
    with database.transaction() as session:
        target = url_target("art.example/x")
        say(session, DENY, target)
        later = say(session, ALLOW, target, evidence=Evidence.E2)
        (answer,) = look_up_urls(session, ["https://art.example/x"], at=LATER)
        assert answer.preferences.train_gen is Preference.ALLOW
        assert [said.statement.claim for said in answer.said] == [later.id]
        say(session, DENY, target, by="bob")
        assert train(session, "https://art.example/x") == ["deny"]


@pytest.mark.parametrize(
    "link", ["", " ", "ftp://a.example/x", "a.example/x", "https://", "\ud800", "x" * 9000]
)
def test_a_link_that_cannot_be_read_is_refused(database: Database, link: str) -> None:
    with database.transaction() as session:
        assert look_up_urls(session, [link, "https://a.example/"], at=NOON) == [REFUSED_UNREAD, SILENCE]


def test_order_and_repeats_are_kept(database: Database) -> None:
    with database.transaction() as session:
        say(session, DENY, url_target("no.example/x"))
        links = [
            "https://a.example/",
            "https://no.example/x",
            "",
            "https://a.example/",
            "http://www.no.example/x",
        ]
        assert train(session, *links) == ["unknown", "deny", "deny", "unknown", "deny"]
        assert look_up_urls(session, [], at=NOON) == []


def test_files_and_items_are_found(database: Database) -> None:
    digest = hashlib.sha256(b"bytes").digest()
    item = urls.item_id_of_url(urls.canonical_url(LINK))
    with database.transaction() as session:
        say(session, DENY, digest_target(digest), url_target(LINK))
        by_digest = look_up_digests(session, [digest, bytes(32), None, digest], at=LATER)
        by_item = look_up_items(session, [item, bytes(16), None, b"\xff" * 16], at=LATER)
    assert [answer.preferences.train_gen.word for answer in by_digest] == ["deny", "unknown", "deny", "deny"]
    assert by_digest[2] is REFUSED_UNREAD
    assert [answer.preferences.train_gen.word for answer in by_item] == ["deny", "unknown", "deny", "unknown"]


def test_ten_thousand_links_take_three_statements(database: Database) -> None:
    links = [f"https://host{number % 700}.example/a/{number}.jpg" for number in range(10_000)]
    with database.transaction() as session:
        say(session, DENY, *[url_target(link) for link in links[::100]])
        say(session, DENY, prefix_target("host7.example/a"), evidence=Evidence.E2)
        statements: list[str] = []
        connection = session.connection()
        sa.event.listen(connection, "before_cursor_execute", lambda *told: statements.append(str(told[2])))
        answers = look_up_urls(session, links, at=LATER)
    assert len(statements) == 3  # links, then hosts with paths, then what is named above links
    refused = {n for n, answer in enumerate(answers) if answer.preferences.train_gen is Preference.DENY}
    assert refused == {n for n in range(10_000) if n % 100 == 0 or n % 700 == 7}


HOSTS = ("a.example", "b.a.example", "c.example")
PATHS = ("", "x/", "x/y/", "x/y/z.jpg", "q.jpg")
PLACES = st.builds(
    lambda kind, host, path: (
        url_target(f"{host}/{path}")
        if kind == "url"
        else prefix_target(f"{host}/{path or 'x'}")
        if kind == "prefix"
        else domain_target(host)
    ),
    st.sampled_from(["url", "prefix", "domain"]),
    st.sampled_from(HOSTS),
    st.sampled_from(PATHS),
)
CLAIMS = st.tuples(
    st.lists(PLACES, min_size=1, max_size=3, unique_by=lambda target: (target.kind, target.digest)),
    st.sampled_from(list(Preference)[1:]),
    st.sampled_from(list(Evidence)),
    st.sampled_from(["ann", "bob", "eve"]),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CLAIMS, max_size=8))
def test_a_bulk_look_up_says_what_the_rules_say_claim_by_claim(
    database: Database, claims: list[tuple[list[Target], Preference, Evidence, str]]
) -> None:
    links = [f"https://{host}/{path}" for host, path in itertools.product(HOSTS, PATHS)]
    with database.engine.connect() as connection, connection.begin() as undone:
        session = Session(connection)
        for targets, preference, evidence, by in claims:
            say(session, Preferences.same(preference, Use), *targets, by=by, evidence=evidence)
        filed = all_claims(session, who=OPERATOR)
        answers = look_up_urls(session, links, at=LATER)
        session.flush()
        undone.rollback()
    for link, answer in zip(links, answers, strict=True):
        covering = [
            said
            for claim in filed
            for said in claim.statements((claim.account or uuid.UUID(int=0)).bytes)
            if covers(said.kind, said.digest, link)
        ]
        for use in Use:
            expected = combine(said.preferences.for_use(use) for said in acting(covering, use, LATER))
            assert answer.preferences.for_use(use) is expected, (link, covering)


def covers(kind: TargetKind, digest: bytes, link: str) -> bool:
    """Say it by trying every place there is."""
    form = urls.canonical_url(link)
    host = urls.host_of(form)
    match kind:
        case TargetKind.URL:
            return digest == urls.url_digest(form)
        case TargetKind.PREFIX:
            return any(
                digest == urls.prefix_digest(f"{one}/{path}")
                for one in HOSTS
                for path in ("x/", "x/y/", "x/y/z.jpg/", "q.jpg/")
                if one == host and f"{form}/".startswith(f"{one}/{path}")
            )
        case _:
            return any(digest == urls.domain_digest(one) and f".{host}".endswith(f".{one}") for one in HOSTS)
