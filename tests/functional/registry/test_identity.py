"""Who somebody is, by session, membership, delegation and key: asked of the database anew each time, so that an end is an end."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.errors import ConflictError, InputError, RefusedError
from byleave.registry.account_tables import Membership
from byleave.registry.accounts import account_of, reviewers, set_reviewer
from byleave.registry.database import Database
from byleave.registry.delegations import end_delegation, let_act
from byleave.registry.identity import accounts_to_act_for, who_of_person, who_of_token
from byleave.registry.organisations import (
    MOST_ORGANISATIONS,
    add_member,
    create_organisation,
    leave_organisation,
    memberships_of,
    remove_member,
)
from byleave.registry.permissions import OPERATOR, VISITOR, Act, MemberRole, Who, may
from byleave.registry.sign_in import act_for, signed_in, start_session
from byleave.registry.tokens import (
    Scope,
    Token,
    TokenRefusedError,
    create_token,
    revoke_token,
    token_of,
    tokens,
)

pytestmark = pytest.mark.functional
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cast:
    """An agency with an admin, a filer and a viewer; an artist who lets it act for her; a stranger."""

    agency: uuid.UUID
    admin: uuid.UUID
    filer: uuid.UUID
    viewer: uuid.UUID
    artist: uuid.UUID
    stranger: uuid.UUID


@pytest.fixture
def cast(database: Database) -> Cast:
    with database.transaction() as session:
        ids = {
            name: account_of(session, f"{name}@example.org", NOON)
            for name in ("admin", "filer", "viewer", "artist", "stranger")
        }
        agency = create_organisation(session, "Agency", who=who_of_person(session, ids["admin"]), at=NOON).id
        add_member(session, agency, ids["filer"], MemberRole.FILER, NOON)
        add_member(session, agency, ids["viewer"], MemberRole.VIEWER, NOON)
        let_act(session, agency, who=who_of_person(session, ids["artist"]), at=NOON)
    return Cast(agency=agency, **ids)


def who(database: Database, person: uuid.UUID) -> Who:
    with database.transaction() as session:
        return who_of_person(session, person)


def test_members_may_file_for_the_agency_and_its_artist_and_nobody_else_may(
    database: Database, cast: Cast
) -> None:
    for person, files in (
        (cast.admin, True),
        (cast.filer, True),
        (cast.viewer, False),
        (cast.artist, False),
        (cast.stranger, False),
    ):
        found = who(database, person)
        assert may(found, Act.FILE_CLAIM, account=cast.agency) is files
        assert may(found, Act.FILE_CLAIM, account=cast.artist) is (files or person == cast.artist)
        for account in {cast.stranger, cast.filer, cast.admin} - {person}:
            assert not any(may(found, act, account=account) for act in Act if not may(VISITOR, act))


def test_what_ends_ends_at_once(database: Database, cast: Cast) -> None:
    with database.transaction() as session:
        end_delegation(session, cast.agency, who=who_of_person(session, cast.artist), at=NOON)
        assert not may(who_of_person(session, cast.filer), Act.SEE_CLAIM, account=cast.artist)
        let_act(session, cast.agency, who=who_of_person(session, cast.artist), at=NOON)
        let_act(session, cast.agency, who=who_of_person(session, cast.artist), at=NOON)
        assert may(who_of_person(session, cast.filer), Act.FILE_CLAIM, account=cast.artist)
        remove_member(session, cast.agency, cast.filer, who=who_of_person(session, cast.admin), at=NOON)
        assert who_of_person(session, cast.filer).acts_for == {}
        assert [one.name for one in accounts_to_act_for(session, cast.admin)] == [
            "Agency",
            f"Artist {str(cast.artist)[:8]}",
        ]


def test_a_session_acts_for_those_who_let_it_and_is_left_in_place_when_they_end_it(
    database: Database, cast: Cast
) -> None:
    with database.transaction() as session:
        cookie = start_session(session, cast.filer, NOON)
        session.flush()
        before = signed_in(session, cookie, at=NOON)
        act_for(session, cookie, cast.artist, at=NOON)
        during = signed_in(session, cookie, at=NOON)
        with pytest.raises(RefusedError):
            act_for(session, cookie, cast.stranger, at=NOON)
        with pytest.raises(RefusedError):
            act_for(session, "no such cookie", cast.agency, at=NOON)
        end_delegation(session, cast.agency, who=who_of_person(session, cast.artist), at=NOON)
        after = signed_in(session, cookie, at=NOON)
        act_for(session, cookie, None, at=NOON)
        back = signed_in(session, cookie, at=NOON)
    assert before is not None
    assert during is not None
    assert after is not None
    assert back is not None
    assert (before.is_herself, during.account, during.person) == (True, cast.artist, cast.filer)
    assert during.form_token != before.form_token
    assert (after.account, after.acts_for) == (cast.artist, None)
    assert not may(after.who, Act.FILE_CLAIM, account=after.account)
    assert back.is_herself


def key_of(
    session: Session, scope: Scope, account: uuid.UUID, by: uuid.UUID, name: str = "key"
) -> tuple[str, Token]:
    made = create_token(session, name, scope=scope, account=account, who=who_of_person(session, by), at=NOON)
    return made.key, made.token


def test_a_key_of_an_agency_acts_for_it_and_its_artists_within_its_scope(
    database: Database, cast: Cast
) -> None:
    with database.transaction() as session:
        key, token = key_of(session, Scope.FILE, cast.agency, cast.admin)
        program = who_of_token(session, token)
        assert token_of(session, key, Scope.FILE, at=NOON).account == cast.agency
        for other in set(Scope) - {Scope.FILE}:
            with pytest.raises(TokenRefusedError):
                token_of(session, key, other, at=NOON)
        for account in (cast.agency, cast.artist):
            assert may(program, Act.FILE_CLAIM, account=account)
            assert not may(program, Act.ERASE_CLAIM, account=account)
            assert not may(program, Act.MANAGE_TOKENS, account=account)
        assert not may(program, Act.FILE_CLAIM, account=cast.admin)
        end_delegation(session, cast.agency, who=who_of_person(session, cast.artist), at=NOON)
        assert not may(who_of_token(session, token), Act.SEE_CLAIM, account=cast.artist)
        _, report = key_of(session, Scope.REPORT, cast.agency, cast.admin, "report")
        assert may(who_of_token(session, report), Act.REPORT, account=cast.agency)
        assert not may(who_of_token(session, report), Act.SEE_CLAIM, account=cast.agency)


def test_a_persons_key_acts_for_her_alone(database: Database, cast: Cast) -> None:
    with database.transaction() as session:
        _, token = key_of(session, Scope.FILE, cast.admin, cast.admin)
        program = who_of_token(session, token)
    assert may(program, Act.FILE_CLAIM, account=cast.admin)
    assert not may(program, Act.FILE_CLAIM, account=cast.agency)
    assert not may(program, Act.FILE_CLAIM, account=cast.artist)


def test_keys_are_made_seen_and_revoked_by_whom_they_belong_to(database: Database, cast: Cast) -> None:
    with database.transaction() as session:
        key, _ = key_of(session, Scope.READ, cast.agency, cast.admin)
        for other in (cast.filer, cast.viewer, cast.artist, cast.stranger):
            found = who_of_person(session, other)
            with pytest.raises(RefusedError):
                create_token(session, "mine", scope=Scope.READ, account=cast.agency, who=found, at=NOON)
            with pytest.raises(RefusedError):
                tokens(session, who=found, account=cast.agency)
            with pytest.raises(RefusedError):
                revoke_token(session, "key", who=found, account=cast.agency, at=NOON)
            with pytest.raises(RefusedError):
                tokens(session, who=found)
        admin = who_of_person(session, cast.admin)
        assert [one.name for one in tokens(session, who=admin, account=cast.agency)] == ["key"]
        assert tokens(session, who=OPERATOR) == ()
        revoke_token(session, "key", who=admin, account=cast.agency, at=NOON)
        with pytest.raises(TokenRefusedError):
            token_of(session, key, Scope.READ, at=NOON + timedelta(seconds=1))


@pytest.mark.parametrize("scope", [Scope.LOOKUP, Scope.REPORT])
def test_a_person_has_no_keys_for_what_organisations_and_the_operator_do(
    database: Database, cast: Cast, scope: Scope
) -> None:
    with database.transaction() as session, pytest.raises(InputError):
        key_of(session, scope, cast.artist, cast.artist)


def test_one_admin_stays_even_when_both_leave_at_once(database: Database, cast: Cast) -> None:
    with database.transaction() as session:
        add_member(session, cast.agency, cast.stranger, MemberRole.ADMIN, NOON)
    start, refused = Barrier(2), []

    def leave(person: uuid.UUID) -> None:
        start.wait()
        try:
            with database.transaction() as session:
                leave_organisation(session, cast.agency, who=who_of_person(session, person), at=NOON)
        except ConflictError:
            refused.append(person)

    threads = [Thread(target=leave, args=[person]) for person in (cast.admin, cast.stranger)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.transaction() as session:
        admins = sa.select(Membership.person_id).where(Membership.role == "admin")
        assert session.execute(admins).scalars().all() == refused


def test_nobody_is_in_too_many_organisations(database: Database, cast: Cast) -> None:
    with database.transaction() as session:
        stranger = who_of_person(session, cast.stranger)
        for number in range(MOST_ORGANISATIONS):
            create_organisation(session, f"No. {number}", who=stranger, at=NOON)
        with pytest.raises(ConflictError):
            create_organisation(session, "One more", who=stranger, at=NOON)
        assert len(memberships_of(session, who=stranger)) == MOST_ORGANISATIONS


def test_a_reviewer_is_named_by_the_operator_and_by_nobody_else(database: Database, cast: Cast) -> None:
    with database.transaction() as session:
        with pytest.raises(RefusedError):
            set_reviewer(
                session, "admin@example.org", reviews=True, who=who_of_person(session, cast.admin), at=NOON
            )
        set_reviewer(session, "Stranger@example.org", reviews=True, who=OPERATOR, at=NOON)
        assert reviewers(session, who=OPERATOR) == ("stranger@example.org",)
        assert may(who_of_person(session, cast.stranger), Act.REVIEW_CLAIM, account=cast.artist)
        assert not may(who_of_person(session, cast.stranger), Act.REVIEW_CLAIM, account=cast.stranger)
        assert not may(who_of_person(session, cast.admin), Act.REVIEW_CLAIM, account=cast.artist)
        set_reviewer(session, "stranger@example.org", reviews=False, who=OPERATOR, at=NOON)
        assert not may(who_of_person(session, cast.stranger), Act.REVIEW_CLAIM, account=cast.artist)
