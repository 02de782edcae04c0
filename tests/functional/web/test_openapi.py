"""Whatever the API's own document allows, and what it does not, is answered without a fault: with a key, signed in, and as nobody."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from tests.website import Website

from byleave.registry.account_tables import Account
from byleave.registry.permissions import OPERATOR
from byleave.registry.tokens import Scope, create_token
from byleave.web.security import is_keyed

if TYPE_CHECKING:
    import schemathesis

pytestmark = pytest.mark.functional

EXAMPLES = 3
"""Of each operation, as each caller."""

OURS = {500}
"""What no request may cause. 503 says that something else cannot be reached now."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: headers and cookies of every request."""

    headers: Mapping[str, str]
    cookies: Mapping[str, str]


def nobody(_: Website) -> Caller:
    return Caller({}, {})


def program(website: Website, scope: Scope) -> Caller:
    """Return a program with a key, the operator's for look-ups and an organisation's for anything else."""
    now = website.clock()
    with website.database.transaction() as session:
        account = None
        if scope is not Scope.LOOKUP:
            lab = Account(id=uuid.uuid4(), kind="organisation", email=None, name="Lab", created_at=now)
            session.add(lab)
            session.flush()
            account = lab.id
        made = create_token(session, f"k-{scope.value}", who=OPERATOR, at=now, scope=scope, account=account)
    return Caller({"authorization": f"API {made.key}"}, {})


def person(website: Website) -> Caller:
    browser = website.browser()
    browser.sign_in("mara@example.org")
    token = browser.get("/api/v1/session").json()["form_token"]
    return Caller({"origin": website.address, "x-byleave-token": token}, dict(browser.http.cookies))


CALLERS: Mapping[str, Callable[[Website], Caller]] = {
    "nobody": nobody,
    "person": person,
    "looks up": partial(program, scope=Scope.LOOKUP),
    "files": partial(program, scope=Scope.FILE),
    "reports": partial(program, scope=Scope.REPORT),
}


def probe(website: Website, caller: Caller, operation: Any, *, rightly: bool) -> None:
    """Ask for one operation in many ways, the same ones in every run, as its description says or otherwise."""
    from schemathesis.generation import GenerationMode

    mode = GenerationMode.POSITIVE if rightly else GenerationMode.NEGATIVE

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case[Any]) -> None:
        check(
            case.call(base_url=website.address, headers=dict(caller.headers), cookies=dict(caller.cookies)),
            case,
        )

    with suppress(Unsatisfiable):  # some operations cannot be asked wrongly
        ask()


def check(answer: schemathesis.Response, case: schemathesis.Case[Any]) -> None:
    assert answer.status_code not in OURS, f"{case.as_curl_command()}\n{answer.text[:500]}"
    if answer.status_code >= 400:
        assert answer.json()["remedy"], "a fault says what to do"


@pytest.mark.parametrize("name", CALLERS)
def test_no_request_finds_a_server_error(website: Website, name: str) -> None:
    import schemathesis  # two seconds, in every worker that collects this file
    from schemathesis.core.result import Ok

    document = httpx.get(f"{website.address}/api/v1/openapi.json", timeout=60).json()
    schema = schemathesis.openapi.from_dict(document)
    caller = CALLERS[name](website)
    operations: list[Any] = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) > 10
    for operation in operations:
        if "authorization" in caller.headers and not is_keyed(operation.path):
            continue  # answered as to nobody
        for rightly in (True, False) if caller.headers else (True,):
            probe(website, caller, operation, rightly=rightly)
