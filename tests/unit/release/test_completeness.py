"""Replaying the log says exactly which claims a list must hold; only rows that were taken out, as signed, are excused."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.release.making import KEY, NOW, released, rows

from byleave.log import JSON
from byleave.release.completeness import check_completeness, live_claims
from byleave.release.redaction import redact
from byleave.release.writing import write_release


def claim(number: int) -> bytes:
    return bytes([number]) * 16


def events(*said: tuple[int, str]) -> list[tuple[bytes, str]]:
    return [(claim(number), operation) for number, operation in said]


REGISTERED = [(number, "register") for number in range(3)]


def test_a_replay_of_the_log_says_which_claims_a_list_must_hold() -> None:
    said = [*REGISTERED, (0, "withdraw"), (1, "dispute"), (2, "hold")]
    assert live_claims(events(*said)) == {claim(1)}
    assert live_claims(events(*said, (2, "release"), (1, "erase"))) == {claim(2)}


@pytest.mark.parametrize("operation", ["withdraw", "hold", "expire", "erase", "reject"])
def test_what_ends_or_holds_a_claim_takes_it_out(operation: str) -> None:
    assert live_claims(events((1, "register"), (1, operation))) == set()


@pytest.mark.parametrize("operation", ["update", "confirm", "dispute", "resolve", "of a later version"])
def test_what_only_changes_a_claim_leaves_it_where_it_is(operation: str) -> None:
    assert live_claims(events((1, "register"), (1, operation))) == {claim(1)}
    assert live_claims(events((1, "register"), (1, "hold"), (1, operation))) == set()


def test_a_list_that_dropped_a_claim_in_silence_is_found_out(tmp_path: Path) -> None:
    release = released(tmp_path, count=3)
    assert check_completeness(release, events(*REGISTERED)).holds
    found = check_completeness(release, events(*REGISTERED, (3, "register")))
    assert (found.missing, found.excused, found.holds) == ((claim(3),), 0, False)


def test_what_a_list_counts_as_held_or_run_out_excuses_nothing(tmp_path: Path) -> None:
    policy: dict[str, JSON] = {"outcomes": {"held": 1, "expired": 1}}
    release = write_release(tmp_path, rows(3), number=7, published_at=NOW, policy=policy, key=KEY)
    assert not check_completeness(release, events(*REGISTERED, (3, "register"))).holds
    assert check_completeness(release, events(*REGISTERED, (3, "register"), (3, "hold"))).holds


def test_a_list_that_holds_a_claim_that_ended_is_found_out(tmp_path: Path) -> None:
    found = check_completeness(released(tmp_path, count=3), events(*REGISTERED, (1, "expire")))
    assert (found.unexpected, found.holds) == ((claim(1),), False)


def test_as_many_claims_may_be_missing_as_rows_were_taken_out(tmp_path: Path) -> None:
    release = redact(released(tmp_path, count=3), [claim(2)], at=NOW, key=KEY)
    found = check_completeness(release, events(*REGISTERED))
    assert (found.missing, found.excused, found.holds) == ((claim(2),), 1, True)
    assert not check_completeness(release, events(*REGISTERED, (9, "register"))).holds
