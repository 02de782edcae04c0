"""The unmodified package datadiligence, pointed at us, gets its answers: at once and one after the other."""

from __future__ import annotations

import asyncio
import os
import warnings
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.website import Website

from byleave.consent import PRESETS
from byleave.registry.accounts import account_of
from byleave.registry.filing import NewClaim, file_claim
from byleave.registry.permissions import OPERATOR
from byleave.registry.targets import url_target
from byleave.registry.tokens import create_token

pytestmark = [pytest.mark.conformance, pytest.mark.functional]
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)

REFUSED = "https://studio.example/no.jpg"
FREE = "https://studio.example/nothing-said.jpg"
LINKS = [FREE, REFUSED, FREE, REFUSED, "", FREE]
ALLOWED = [True, False, True, False, False, True]


@pytest.fixture
def spawning(website: Website, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give the package's own rule, with nothing of it changed but where it asks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what the package imports
        datadiligence: Any = pytest.importorskip("datadiligence")
        from datadiligence.rules import SpawningAPI
    with website.database.transaction() as session:
        key = create_token(session, "datadiligence", who=OPERATOR, at=NOON).key
        account = account_of(session, "ann@example.org", NOON)
        new = NewClaim(PRESETS["no_training"], (url_target(REFUSED),))
        file_claim(session, new, who=OPERATOR, account=account, at=NOON)
    monkeypatch.setenv("SPAWNING_OPTS_KEY", key)
    monkeypatch.setattr(SpawningAPI, "SPAWNING_AI_API_URL", website.address + "/api/v2/query/urls/")
    datadiligence.load_defaults()
    return datadiligence


def test_is_allowed_and_filter_allowed(spawning: Any) -> None:
    assert spawning.is_allowed(urls=LINKS) == ALLOWED
    assert spawning.filter_allowed(urls=LINKS) == [FREE] * 3


def test_links_in_many_requests_at_once(spawning: Any) -> None:
    from datadiligence.rules import SpawningAPI

    rule = SpawningAPI(chunk_size=2)
    assert rule.is_ready()
    assert rule.is_allowed(urls=LINKS * 10) == ALLOWED * 10
    assert rule.filter_allowed(urls=LINKS * 10) == [FREE] * 30


def test_the_asynchronous_calls(spawning: Any) -> None:
    from datadiligence.rules import SpawningAPI

    rule = SpawningAPI(chunk_size=4)
    assert asyncio.run(rule.is_allowed_async(urls=LINKS * 5)) == ALLOWED * 5
    assert asyncio.run(rule.filter_allowed_async(urls=LINKS * 5)) == [FREE] * 15


def test_ten_thousand_links_in_one_request(spawning: Any) -> None:
    links = [f"https://host{number % 100}.example/{number}.jpg" for number in range(9_999)] + [REFUSED]
    assert spawning.is_allowed(urls=links) == [True] * 9_999 + [False]


def test_without_a_good_key_nothing_is_allowed(spawning: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from datadiligence.exceptions import SpawningAIAPIError
    from datadiligence.rules import SpawningAPI

    assert os.environ["SPAWNING_OPTS_KEY"]
    monkeypatch.setenv("SPAWNING_OPTS_KEY", "byl_wrong")
    with pytest.raises(SpawningAIAPIError, match="401"):
        SpawningAPI().is_allowed(urls=[FREE])
