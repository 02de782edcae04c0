"""What a claim event shows, and what it hides."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.errors import FormatError
from byleave.log import JSON, ClaimEvent, canonical_json, commitment, leaf_hash, node_hash, targets_root
from byleave.log.events import target_salt

SALT = bytes(range(32))
RECORD: dict[str, JSON] = {"v": 1, "claim": "00" * 16, "op": "withdraw"}


def test_a_commitment_is_the_digest_of_salt_and_canonical_record() -> None:
    written = b'{"claim":"' + b"00" * 16 + b'","op":"withdraw","v":1}'
    assert commitment(SALT, RECORD) == hashlib.sha256(SALT + written).digest()


@given(st.binary(min_size=32, max_size=32).filter(lambda salt: salt != SALT))
def test_another_salt_gives_another_commitment(salt: bytes) -> None:
    assert commitment(salt, RECORD) != commitment(SALT, RECORD)


@pytest.mark.parametrize("salt", [b"", bytes(31), bytes(33)])
def test_a_salt_that_could_be_guessed_is_refused(salt: bytes) -> None:
    with pytest.raises(FormatError):
        commitment(salt, RECORD)
    with pytest.raises(FormatError):
        targets_root(salt, [bytes(32)])


def test_targets_are_salted_leaf_by_leaf_so_one_can_be_shown_alone() -> None:
    digests = [hashlib.sha256(bytes([n])).digest() for n in range(3)]
    leaves = [leaf_hash(target_salt(SALT, n) + digest) for n, digest in enumerate(digests)]
    assert targets_root(SALT, digests) == node_hash(node_hash(leaves[0], leaves[1]), leaves[2])
    assert len({target_salt(SALT, n) for n in range(100)}) == 100


def test_an_event_is_logged_as_six_members_and_nothing_else() -> None:
    at = datetime(2026, 11, 22, 12, tzinfo=UTC)
    event = ClaimEvent(7, bytes(16), "register", bytes(32), at)
    assert event.entry() == (
        b'{"commit":"'
        + b"A" * 43
        + b'","id":"'
        + b"A" * 22
        + b'","op":"register","t":"claim","ts":1795348800,"v":1}'
    )


@given(
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=32, max_size=32),
    st.one_of(st.sampled_from(["register", "erase"]), st.text()),
    st.datetimes(timezones=st.just(UTC)),
)
def test_an_entry_is_canonical_json_of_its_members(
    claim: bytes, committed: bytes, operation: str, at: datetime
) -> None:
    members: dict[str, JSON] = {
        "commit": base64.urlsafe_b64encode(committed).rstrip(b"=").decode(),
        "id": base64.urlsafe_b64encode(claim).rstrip(b"=").decode(),
        "op": operation,
        "t": "claim",
        "ts": int(at.timestamp()),
        "v": 1,
    }
    assert ClaimEvent(1, claim, operation, committed, at).entry() == canonical_json(members)


def test_the_time_of_an_event_does_not_depend_on_its_time_zone() -> None:
    at = datetime(2026, 11, 22, 12, tzinfo=UTC)
    events = [
        ClaimEvent(7, bytes(16), "register", bytes(32), when)
        for when in (at, at.astimezone(timezone(timedelta(hours=5))))
    ]
    assert events[0].entry() == events[1].entry()


@given(
    st.integers(1, 2**40),
    st.binary(min_size=16, max_size=16),
    st.sampled_from(["register", "withdraw", "erase"]),
    st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - a zone is given
)
def test_an_entry_is_read_as_the_event_it_was_made_of(
    number: int, claim: bytes, operation: str, at: datetime
) -> None:
    event = ClaimEvent(number, claim, operation, bytes(32), at.replace(microsecond=0))
    assert ClaimEvent.parse(number, event.entry()) == event


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"t":"claim"', b'"t":"other"'),
        (b'"op":"register"', b'"op":7'),
        (b'"ts":1795348800', b'"ts":1e99'),
        (b'"v":1', b'"v":2'),
        (b'"v":1', b'"v":1,"w":1'),
        (b'"v":1}', b'"v":1} '),
        (b'"id":"A', b'"id":"\xff'),
        (b'{"commit"', b'{"comm"'),
        (b'{"commit"', b'[{"commit"'),
    ],
)
def test_an_entry_written_in_any_other_way_is_refused(old: bytes, new: bytes) -> None:
    at = datetime(2026, 11, 22, 12, tzinfo=UTC)
    entry = ClaimEvent(7, bytes(16), "register", bytes(32), at).entry()
    with pytest.raises(FormatError, match="entry 6 of the log"):
        ClaimEvent.parse(7, entry.replace(old, new))
