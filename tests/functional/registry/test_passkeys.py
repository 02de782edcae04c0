"""Passkeys with a device made of software: each challenge once, for minutes, here, by the key that was kept."""

from __future__ import annotations

import copy
import random
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from tests.functional.registry.software_key import SoftwareKey

from byleave.errors import ConflictError, InputError, NotFoundError
from byleave.registry.account_tables import Passkey, PasskeyChallenge
from byleave.registry.accounts import account_of
from byleave.registry.database import Database
from byleave.registry.passkeys import (
    MOST_PASSKEYS,
    PasskeyRefusedError,
    Place,
    add_passkey,
    begin_passkey,
    begin_sign_in,
    passkeys_of,
    remove_passkey,
    rename_passkey,
    sign_in_with_passkey,
)
from byleave.registry.permissions import Role, Who
from byleave.registry.sign_in import signed_in

pytestmark = pytest.mark.functional
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HERE = Place("registry.example", "https://registry.example")


def person(database: Database, email: str = "ada@example.org") -> Who:
    with database.transaction() as session:
        return Who(Role.CLAIMANT, account_of(session, email, NOON))


def asked(database: Database, who: Who, at: datetime = NOON) -> dict[str, Any]:
    with database.transaction() as session:
        return begin_passkey(session, HERE, who=who, at=at)


def asked_to_sign_in(database: Database, at: datetime = NOON) -> dict[str, Any]:
    with database.transaction() as session:
        return begin_sign_in(session, HERE, at=at)


def kept(database: Database, who: Who) -> SoftwareKey:
    key = SoftwareKey(HERE.origin)
    add_passkey(database, key.make(asked(database, who)), "My key", HERE, who=who, at=NOON)
    return key


def sign_in(database: Database, answer: dict[str, Any], at: datetime = NOON, place: Place = HERE) -> str:
    return sign_in_with_passkey(database, answer, place, at=at)


def test_a_passkey_signs_in_whom_it_belongs_to(database: Database) -> None:
    ada, bo = person(database), person(database, "bo@example.org")
    kept(database, bo)
    key = kept(database, ada)
    options = asked_to_sign_in(database)
    assert "allowCredentials" not in options or options["allowCredentials"] == [], "it names nobody"
    cookie = sign_in(database, key.sign(options))
    with database.transaction() as session:
        found = signed_in(session, cookie, at=NOON)
        (known,) = passkeys_of(session, who=ada)
    assert found is not None
    assert found.person == ada.account
    assert (known.name, known.last_used_at) == ("My key", NOON)


def test_an_answer_is_good_once(database: Database) -> None:
    ada = person(database)
    key = kept(database, ada)
    answer = key.sign(asked_to_sign_in(database))
    sign_in(database, answer)
    with pytest.raises(PasskeyRefusedError):
        sign_in(database, answer)
    options = asked(database, ada)
    add_passkey(database, SoftwareKey(HERE.origin).make(options), "Second", HERE, who=ada, at=NOON)
    with pytest.raises(PasskeyRefusedError):
        add_passkey(database, SoftwareKey(HERE.origin).make(options), "Third", HERE, who=ada, at=NOON)


def test_a_challenge_that_was_answered_wrongly_is_used_up(database: Database) -> None:
    key = kept(database, person(database))
    options = asked_to_sign_in(database)
    wrong = key.sign(options)
    wrong["response"]["signature"] = key.sign(asked_to_sign_in(database))["response"]["signature"]
    with pytest.raises(PasskeyRefusedError):
        sign_in(database, wrong)
    with pytest.raises(PasskeyRefusedError):
        sign_in(database, key.sign(options))


def test_a_challenge_ends_after_five_minutes(database: Database) -> None:
    key = kept(database, person(database))
    answer = key.sign(asked_to_sign_in(database))
    with pytest.raises(PasskeyRefusedError):
        sign_in(database, answer, NOON + timedelta(minutes=5))
    asked_to_sign_in(database, NOON + timedelta(minutes=6))
    with database.transaction() as session:
        assert session.execute(sa.select(sa.func.count()).select_from(PasskeyChallenge)).scalar_one() == 1


def test_a_challenge_of_one_person_adds_no_passkey_to_another(database: Database) -> None:
    ada, mallory = person(database), person(database, "mallory@example.org")
    options = asked(database, ada)
    with pytest.raises(PasskeyRefusedError):
        add_passkey(database, SoftwareKey(HERE.origin).make(options), "x", HERE, who=mallory, at=NOON)
    with pytest.raises(PasskeyRefusedError):
        sign_in(
            database, SoftwareKey(HERE.origin).sign({"rpId": HERE.host, "challenge": options["challenge"]})
        )


def test_an_answer_from_elsewhere_is_refused(database: Database) -> None:
    key = kept(database, person(database))
    key.origin = "https://registry.example.evil"
    with pytest.raises(PasskeyRefusedError):
        sign_in(database, key.sign(asked_to_sign_in(database)))
    key.origin = HERE.origin
    with pytest.raises(PasskeyRefusedError):
        sign_in(database, key.sign(asked_to_sign_in(database), rp_id="evil.example"))


def test_an_unknown_key_and_one_under_another_name_are_refused(database: Database) -> None:
    key = kept(database, person(database))
    with pytest.raises(PasskeyRefusedError):
        sign_in(database, SoftwareKey(HERE.origin).sign(asked_to_sign_in(database)))
    with pytest.raises(PasskeyRefusedError):
        sign_in(database, SoftwareKey(HERE.origin, id=key.id).sign(asked_to_sign_in(database)))
    bo = person(database, "bo@example.org")
    assert bo.account is not None
    key.holder = kept(database, bo).holder
    with pytest.raises(PasskeyRefusedError):
        sign_in(database, key.sign(asked_to_sign_in(database)))


def test_a_copied_passkey_shows_in_its_count(database: Database) -> None:
    key = kept(database, person(database))
    sign_in(database, key.sign(asked_to_sign_in(database)))
    key.uses = 0
    with pytest.raises(PasskeyRefusedError):
        sign_in(database, key.sign(asked_to_sign_in(database)))


def test_a_passkey_is_renamed_and_removed_by_whom_it_belongs_to_alone(database: Database) -> None:
    ada, mallory = person(database), person(database, "mallory@example.org")
    key = kept(database, ada)
    with database.transaction() as session:
        rename_passkey(session, key.id, "  Telephone ", who=ada, at=NOON)
        assert passkeys_of(session, who=ada)[0].name == "Telephone"
        with pytest.raises(NotFoundError):
            rename_passkey(session, key.id, "Mine", who=mallory, at=NOON)
        with pytest.raises(NotFoundError):
            remove_passkey(session, key.id, who=mallory, at=NOON)
        with pytest.raises(NotFoundError):
            remove_passkey(session, b"none", who=ada, at=NOON)
        for name in ("", "  ", "x" * 61, "a\nb"):
            with pytest.raises(InputError):
                rename_passkey(session, key.id, name, who=ada, at=NOON)
        remove_passkey(session, key.id, who=ada, at=NOON)
    with pytest.raises(PasskeyRefusedError):
        sign_in(database, key.sign(asked_to_sign_in(database)))


def test_there_are_not_too_many_passkeys_and_none_twice(database: Database) -> None:
    ada = person(database)
    key = kept(database, ada)
    assert [one["id"] for one in asked(database, ada)["excludeCredentials"]]
    with pytest.raises(ConflictError):
        add_passkey(database, key.make(asked(database, ada)), "again", HERE, who=ada, at=NOON)
    with database.transaction() as session:
        for _ in range(MOST_PASSKEYS - 1):
            session.add(
                Passkey(
                    credential_id=uuid.uuid4().bytes,
                    account_id=ada.account,
                    public_key=b"",
                    sign_count=0,
                    name="x",
                    created_at=NOON,
                )
            )
    with pytest.raises(ConflictError):
        asked(database, ada)


@pytest.mark.parametrize("seed", range(20))
def test_a_broken_answer_is_refused_and_breaks_nothing(database: Database, seed: int) -> None:
    ada = person(database)
    key = kept(database, ada)
    chance = random.Random(seed)
    made = broken(SoftwareKey(HERE.origin).make(asked(database, ada)), chance)
    with suppress(PasskeyRefusedError):  # nobody signed it, so not all of it can be held against anything
        add_passkey(database, made, "broken", HERE, who=ada, at=NOON)
    with pytest.raises(PasskeyRefusedError):
        sign_in(database, broken(key.sign(asked_to_sign_in(database)), chance))


def broken(answer: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Take something away from an answer, put something else in its place, or turn a few letters."""
    found = copy.deepcopy(answer)
    response = found["response"]
    fields = [(found, "response"), (found, "rawId"), *((response, name) for name in response)]
    holder, name = chance.choice([one for one in fields if one[1] != "userHandle"])
    match chance.randrange(4):
        case 0:
            del holder[name]
        case 1:
            holder[name] = chance.choice([None, 7, [], {}, "", "%%%", "AAAA", "\ud800"])
        case 2 if isinstance(holder[name], str):
            text = holder[name]
            holder[name] = text[: chance.randrange(len(text) - 3)]
        case _ if isinstance(holder[name], str):
            text = list(holder[name])
            # Not the last letters: base64url leaves bits of those unused.
            for place in chance.sample(range(len(text) - 3), 3):
                text[place] = "A" if text[place] != "A" else "B"
            holder[name] = "".join(text)
        case _:
            holder[name] = None
    return found
