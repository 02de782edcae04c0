"""Every route names its act, and every change checks its form: the table of routes is walked, so none can be forgotten."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from byleave.registry.permissions import Act
from byleave.web.app import ROUTERS
from byleave.web.forms import checked_form, checked_header
from byleave.web.keys import KeyFor
from byleave.web.rules import OpenToAll, SignedInFor
from byleave.web.security import KEYED_PATHS
from byleave.web.visitors import visitor_of

ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
FOR_PERSONS = {Act.FILE_CLAIM, Act.SEE_CLAIM, Act.WITHDRAW_CLAIM}


def dependencies(dependant: Dependant) -> Iterator[object]:
    for one in dependant.dependencies:
        yield one.call
        yield from dependencies(one)


def rules(route: APIRoute) -> list[OpenToAll | SignedInFor | KeyFor]:
    return [
        call for call in dependencies(route.dependant) if isinstance(call, OpenToAll | SignedInFor | KeyFor)
    ]


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
def test_what_belongs_to_a_person_is_for_persons(route: APIRoute) -> None:
    (rule,) = rules(route)
    assert isinstance(rule, SignedInFor) is (rule.act in FOR_PERSONS)


@pytest.mark.parametrize("route", [r for r in ROUTES if set(r.methods or ()) - {"GET", "HEAD"}], ids=name)
def test_every_change_checks_its_form_or_a_key(route: APIRoute) -> None:
    assert {checked_form, checked_header} & set(dependencies(route.dependant)) or is_keyed(route)


def test_only_routes_that_ask_for_a_key_may_be_asked_from_no_page() -> None:
    """And none of them looks at a cookie: what a browser sends by itself opens nothing there."""
    assert {route.path for route in ROUTES if is_keyed(route)} == KEYED_PATHS
    for route in ROUTES:
        if is_keyed(route):
            assert visitor_of not in set(dependencies(route.dependant))


def test_a_rule_lets_nobody_do_what_the_registry_refuses() -> None:
    from byleave.errors import RefusedError

    with pytest.raises(RefusedError):
        OpenToAll(Act.PUBLISH)()
