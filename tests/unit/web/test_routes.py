"""Every route names its act, and every change checks its form: the table of routes is walked, so none can be forgotten."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from byleave.errors import RefusedError
from byleave.registry.identity import SCOPE_ACTS
from byleave.registry.permissions import MEMBER_ACTS, VISITOR, Act, MemberRole, Role, Who, may
from byleave.registry.sign_in import SignedIn
from byleave.web.app import ROUTERS
from byleave.web.forms import checked_form, checked_header
from byleave.web.keys import KeyFor
from byleave.web.rules import ABOUT_ALL, ABOUT_HERSELF, MemberFor, OpenToAll, SignedInFor, SignInNeededError
from byleave.web.security import KEYED_FOLDER, KEYED_PATHS, UNSUBSCRIBE_PATH
from byleave.web.unsubscribe_routes import coded_account
from byleave.web.uploads import checked_upload
from byleave.web.visitors import Visitor, visitor_of

ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
FOR_ANYBODY = {Act.SEARCH, Act.LOOK_UP, Act.READ_RECORD, Act.SIGN_IN}
Rule = OpenToAll | SignedInFor | MemberFor | KeyFor


def dependencies(dependant: Dependant) -> Iterator[object]:
    for one in dependant.dependencies:
        yield one.call
        yield from dependencies(one)


def rules(route: APIRoute) -> list[Rule]:
    return [call for call in dependencies(route.dependant) if isinstance(call, Rule)]


def is_keyed(route: APIRoute) -> bool:
    return any(isinstance(rule, KeyFor) for rule in rules(route))


def name(route: APIRoute) -> str:
    return f"{'/'.join(sorted(route.methods or ()))} {route.path}"


def test_there_are_routes_to_walk() -> None:
    assert len(ROUTES) > 20
    assert all(
        len(router.routes) == len([r for r in router.routes if isinstance(r, APIRoute)]) for router in ROUTERS
    )


@pytest.mark.parametrize("route", ROUTES, ids=name)
def test_every_route_has_one_rule(route: APIRoute) -> None:
    assert len(rules(route)) == 1


@pytest.mark.parametrize("route", ROUTES, ids=name)
def test_what_belongs_to_somebody_is_for_people_and_programs_that_say_who_they_are(route: APIRoute) -> None:
    (rule,) = rules(route)
    if rule.act not in FOR_ANYBODY:
        assert not isinstance(rule, OpenToAll)
    if isinstance(rule, OpenToAll):
        assert may(VISITOR, rule.act)


@pytest.mark.parametrize("route", ROUTES, ids=name)
def test_a_key_opens_nothing_beyond_its_scope(route: APIRoute) -> None:
    (rule,) = rules(route)
    if isinstance(rule, KeyFor):
        assert rule.act in SCOPE_ACTS[rule.scope]


@pytest.mark.parametrize("route", ROUTES, ids=name)
def test_a_route_about_one_organisation_asks_who_is_in_it(route: APIRoute) -> None:
    """Only its public page, letting it act, leaving it and looking for it are for whoever signed in."""
    (rule,) = rules(route)
    if isinstance(rule, MemberFor):
        assert "{organisation}" in route.path
        assert rule.act not in ABOUT_HERSELF | ABOUT_ALL
    elif route.path.startswith("/organisations/{organisation}"):
        assert name(route) in {
            "GET /organisations/{organisation}",
            "POST /organisations/{organisation}/leave",
        }


class _Person:
    """A person who acts for an organisation as one of its viewers."""

    own, organisation = uuid.UUID(int=1), uuid.UUID(int=2)

    @classmethod
    def visitor(cls, account: uuid.UUID) -> Visitor:
        who = Who(Role.CLAIMANT, cls.own, {cls.organisation: MEMBER_ACTS[MemberRole.VIEWER]})
        return Visitor("v", False, "t", SignedIn(cls.own, account, "a@example.org", "t", who))


@pytest.mark.parametrize(
    "act", sorted({r.act for o in ROUTES for r in rules(o) if isinstance(r, SignedInFor)})
)
def test_whom_she_acts_for_decides_what_she_may_do_but_about_herself(act: Act) -> None:
    rule = SignedInFor(act)
    for_herself, for_others, for_strangers = (
        _Person.visitor(account) for account in (_Person.own, _Person.organisation, uuid.UUID(int=3))
    )
    outcomes = [allowed(rule, visitor) for visitor in (for_herself, for_others, for_strangers)]
    if rule.act in ABOUT_ALL:
        assert outcomes == [False, False, False]
    elif rule.act in ABOUT_HERSELF:
        assert outcomes == [True, True, True]
    else:
        assert outcomes == [True, rule.act in MEMBER_ACTS[MemberRole.VIEWER], False]
    with pytest.raises(SignInNeededError):
        rule(Visitor("v", False, "t"))


def allowed(rule: SignedInFor, visitor: Visitor) -> bool:
    try:
        rule(visitor)
    except RefusedError:
        return False
    return True


@pytest.mark.parametrize("route", [r for r in ROUTES if set(r.methods or ()) - {"GET", "HEAD"}], ids=name)
def test_every_change_checks_its_form_or_a_key(route: APIRoute) -> None:
    checks = {checked_form, checked_header, checked_upload} & set(dependencies(route.dependant))
    assert checks or is_keyed(route) or route.path == UNSUBSCRIBE_PATH


def test_the_one_press_of_a_mail_program_asks_for_its_code_and_looks_at_no_cookie() -> None:
    (pressed,) = (one for one in ROUTES if name(one) == f"POST {UNSUBSCRIBE_PATH}")
    asked = set(dependencies(pressed.dependant))
    assert coded_account in asked
    assert visitor_of not in asked


def test_only_routes_that_ask_for_a_key_may_be_asked_from_no_page() -> None:
    """And none of them looks at a cookie: what a browser sends by itself opens nothing there."""
    keyed = {route.path for route in ROUTES if is_keyed(route)}
    assert {path for path in keyed if not path.startswith(KEYED_FOLDER)} == KEYED_PATHS
    assert {route.path for route in ROUTES if route.path.startswith(KEYED_FOLDER)} <= keyed
    for route in ROUTES:
        if is_keyed(route):
            assert visitor_of not in set(dependencies(route.dependant))


def test_a_rule_lets_nobody_do_what_the_registry_refuses() -> None:
    with pytest.raises(RefusedError):
        OpenToAll(Act.PUBLISH)()
