"""What registries say of a domain is read, and what they say wrongly is no fault of ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.errors import FormatError
from byleave.signals.registrations import Registration, read_registration, read_servers

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(
        ["events", "eventAction", "eventDate", "entities", "roles", "publicIds", "type", "identifier", "services"]
    ) | st.text(), inner),
)  # fmt: skip


def entry(**more: Any) -> bytes:
    return json.dumps({"objectClassName": "domain", "ldhName": "JANE.example", **more}).encode()


def test_the_later_of_two_registrations_and_the_number_of_the_registrar_are_read() -> None:
    events = [
        {"eventAction": "registration", "eventDate": "2015-03-01T10:00:00Z"},
        {"eventAction": "reregistration", "eventDate": "2026-01-02T00:00:00+02:00"},
        {"eventAction": "last changed", "eventDate": "2026-09-09T00:00:00Z"},
    ]
    registrar = {
        "roles": ["registrar"],
        "handle": "x",
        "publicIds": [{"type": "IANA Registrar ID", "identifier": "292"}],
    }
    abuse = {"roles": ["abuse"], "handle": "y"}
    found = read_registration(entry(events=events, entities=[abuse, registrar]), "jane.example")
    assert found == Registration(datetime(2026, 1, 1, 22, tzinfo=UTC), "292")


def test_a_registrar_without_a_number_is_known_by_its_handle() -> None:
    found = read_registration(entry(entities=[{"roles": ["registrar"], "handle": "DE-1"}]), "jane.example")
    assert found == Registration(None, "DE-1")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"<html>", b"[" * 5_000, entry(ldhName="other.example"), b"\xff"]
)
def test_what_is_no_entry_of_the_domain_is_refused(body: bytes) -> None:
    with pytest.raises(FormatError):
        read_registration(body, "jane.example")


def test_only_secure_servers_are_taken_from_the_list() -> None:
    services = [
        [["example", "TEST"], ["http://plain.example/", "https://rdap.example/"]],
        [["org"], ["http://plain.example/"]],
        ["no", 1],
    ]
    found = read_servers(json.dumps({"services": services}).encode())
    assert found == {"example": "https://rdap.example/", "test": "https://rdap.example/"}


@given(JSON)
def test_nothing_that_a_server_sends_raises_but_what_is_announced(value: object) -> None:
    body = json.dumps(value).encode()
    for read in (read_servers, lambda body: read_registration(body, "jane.example")):
        try:
            read(body)
        except FormatError:
            continue


@given(JSON, JSON)
def test_an_entry_with_nonsense_inside_is_read_as_far_as_it_goes(events: object, entities: object) -> None:
    found = read_registration(entry(events=events, entities=entities), "jane.example")
    assert found.registered is None or found.registered.tzinfo is UTC
