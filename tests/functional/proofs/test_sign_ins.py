"""Showing a profile by signing in on its platform, against real sign-in servers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import sqlalchemy as sa
from tests.functional.proofs.people import NOW, Person, person
from tests.platform_servers import OldServer, SecondServer, stand_up_first, stand_up_second
from tests.strangers import Strangers

from byleave.consent import ClaimState, Evidence
from byleave.errors import ByleaveError, ConflictError, InputError, NotFoundError, UnavailableError
from byleave.registry.checking import Checks
from byleave.registry.checking.sign_ins import ClientKey, begin_sign_in, client_keys, finish_sign_in
from byleave.registry.database import Database
from byleave.registry.proofs import Proof, ProofState
from byleave.registry.proving import end_proof
from byleave.registry.scopes import Method
from byleave.registry.targets import prefix_target

pytestmark = pytest.mark.functional

CALLBACK = "https://byleave.example/proofs/signed-in"
DEVIANTART = ("www.deviantart.com/oauth2/token", "www.deviantart.com/api/v1/oauth2/user/whoami")
FLICKR = (
    "www.flickr.com/services/oauth/request_token",
    "www.flickr.com/services/oauth/access_token",
    "api.flickr.com/services/rest/",
)
JANE = {"userid": "0A-1", "username": "Jane"}


@pytest.fixture
def ann(database: Database, checks: Checks) -> Person:
    return person(database, checks)


def begins(who: Person, platform: str, after: timedelta = timedelta()) -> str:
    return begin_sign_in(
        who.database,
        who.checks.platforms,
        platform,
        CALLBACK,
        who=who.who,
        account=who.account,
        at=NOW + after,
    )


def comes_back(who: Person, address: str, after: timedelta = timedelta(), **other: str) -> Proof:
    assert address.startswith(CALLBACK)
    returned = dict(parse_qsl(urlsplit(address).query)) | other
    return finish_sign_in(
        who.database,
        who.checks.platforms,
        returned,
        CALLBACK,
        who=who.who,
        account=who.account,
        at=NOW + after,
    )


def signs_in(who: Person, server: SecondServer | OldServer, platform: str, user: Any) -> Proof:
    return comes_back(who, server.authorize(begins(who, platform), user))


@pytest.mark.parametrize(
    ("platform", "token", "whoami", "user", "place", "subject"),
    [
        ("deviantart", *DEVIANTART, JANE, "deviantart.com/Jane/", "deviantart:0A-1"),
        (
            "github",
            "github.com/login/oauth/access_token",
            "api.github.com/user",
            {"id": 7, "login": "jane"},
            "github.com/jane/",
            "github:7",
        ),
        (
            "tumblr",
            "api.tumblr.com/v2/oauth2/token",
            "api.tumblr.com/v2/user/info",
            {
                "response": {
                    "user": {"blogs": [{"name": "b"}, {"name": "jane", "uuid": "t:1", "primary": True}]}
                }
            },
            "jane.tumblr.com/",
            "tumblr:t:1",
        ),
    ],
)
def test_a_sign_in_shows_the_path_of_that_user(
    world: Strangers, ann: Person, platform: str, token: str, whoami: str, user: Any, place: str, subject: str
) -> None:
    server = stand_up_second(world, token, whoami)
    proof = signs_in(ann, server, platform, user)
    assert (proof.state, proof.method, proof.place.value) == (ProofState.GOOD, Method.OAUTH, place)
    assert (proof.subject, proof.evidence) == (subject, Evidence.E1)


def test_flickr_signs_every_request(world: Strangers, ann: Person) -> None:
    server = stand_up_first(world, *FLICKR)
    user = {"user": {"nsid": "12345@N00", "url": "https://www.flickr.com/photos/jane/"}, "stat": "ok"}
    proof = signs_in(ann, server, "flickr", user)
    assert (proof.place.value, proof.subject) == ("flickr.com/photos/jane/", "flickr:12345@N00")
    assert server.temporary == {}


def test_no_key_to_the_platform_is_kept(world: Strangers, ann: Person) -> None:
    server = stand_up_second(world, *DEVIANTART)
    signs_in(ann, server, "deviantart", JANE)
    with ann.database.transaction() as session:
        rows = session.execute(
            sa.text("SELECT json_agg(proofs)::text || (SELECT count(*) FROM oauth_states)::text FROM proofs")
        ).scalar_one()
    assert rows.endswith("]0")
    assert not [token for token in server.tokens if token in rows]


def test_a_state_is_good_once_for_ten_minutes_and_for_whoever_began(
    world: Strangers, ann: Person, database: Database, checks: Checks
) -> None:
    server = stand_up_second(world, *DEVIANTART)
    bob = person(database, checks, "bob@example.com")
    address = server.authorize(begins(ann, "deviantart"), JANE)
    with pytest.raises(InputError, match="not finished"):
        comes_back(bob, address)
    assert comes_back(ann, address).state is ProofState.GOOD
    for back in (address, CALLBACK, f"{CALLBACK}?error=access_denied&state=x"):
        with pytest.raises(InputError, match="not finished"):
            comes_back(ann, back)
    late = server.authorize(begins(ann, "deviantart"), JANE)
    with pytest.raises(InputError, match="too old"):
        comes_back(ann, late, timedelta(minutes=10))


def test_a_code_of_another_sign_in_is_refused_by_the_platform(world: Strangers, ann: Person) -> None:
    server = stand_up_second(world, *DEVIANTART)
    mine = server.authorize(begins(ann, "deviantart"), JANE)
    stolen = dict(
        parse_qsl(
            urlsplit(server.authorize(begins(ann, "deviantart"), {"userid": "9", "username": "m"})).query
        )
    )
    with pytest.raises(UnavailableError, match="does not say who you are"):
        comes_back(ann, mine, code=stolen["code"])


@pytest.mark.parametrize(
    "said", [{}, {"userid": "1"}, {"userid": "1", "username": "../x"}, {"userid": True, "username": "a"}, []]
)
def test_a_platform_that_does_not_say_who_shows_nothing(world: Strangers, ann: Person, said: Any) -> None:
    server = stand_up_second(world, *DEVIANTART)
    back = server.authorize(begins(ann, "deviantart"), said or "nobody")
    with pytest.raises(ByleaveError):
        comes_back(ann, back)


def test_a_name_that_was_given_to_somebody_else_is_not_taken_over(
    world: Strangers, ann: Person, database: Database, checks: Checks
) -> None:
    server = stand_up_second(world, *DEVIANTART)
    first = signs_in(ann, server, "deviantart", JANE)
    with pytest.raises(ConflictError, match="another account of the platform"):
        signs_in(ann, server, "deviantart", JANE | {"userid": "0B-2"})
    bob = person(database, checks, "bob@example.com")
    his = comes_back(
        bob,
        server.authorize(begins(bob, "deviantart", timedelta(hours=1)), JANE | {"userid": "0B-2"}),
        timedelta(hours=1),
    )
    assert his.state is ProofState.GOOD
    from byleave.registry.rechecking import recheck_in_turn

    recheck_in_turn(database, checks, NOW + timedelta(hours=1))
    with database.transaction() as session:
        state = session.execute(
            sa.text("SELECT state FROM proofs WHERE id = :id"), {"id": first.id}
        ).scalar_one()
        assert state == ProofState.STALE
        end_proof(session, first.id, who=ann.who, at=NOW)


def test_signing_in_and_writing_the_profile_together_control_the_page(world: Strangers, ann: Person) -> None:
    claim = ann.files(prefix_target("deviantart.com/jane"))
    signs_in(ann, stand_up_second(world, *DEVIANTART), "deviantart", JANE)
    assert (ann.claim(claim).state, ann.claim(claim).evidence) == (ClaimState.FILED, Evidence.E1)
    profile = ann.begins(Method.PROFILE, "deviantart.com/jane")
    world.put("deviantart.com/jane", f'<meta name="description" content="{ann.token(profile)}">')
    ann.checks_now(profile)
    assert (ann.claim(claim).state, ann.claim(claim).evidence) == (ClaimState.EFFECTIVE, Evidence.E2)


def test_only_platforms_that_gave_a_key_are_offered() -> None:
    keys = client_keys(["github=a:b:c"])
    assert keys == {"github": ClientKey("a", "b:c")}
    for wrong in ("github=secret", "secret", "myspace=a:secret", "github=:secret"):
        with pytest.raises(InputError) as refused:
            client_keys([wrong])
        assert "secret" not in str(refused.value)


def test_a_platform_without_a_key_is_not_asked(ann: Person) -> None:
    with pytest.raises(NotFoundError):
        begins(ann, "myspace")
