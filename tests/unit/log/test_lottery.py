"""The lottery: everybody draws the same leaves, nobody could choose them, and every leaf is as likely as any other."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.logs import NOW, checkpoint_of, cosigned, signed, witness_key

from byleave.errors import InputError, VerificationError
from byleave.log import open_cosignatures
from byleave.log.lottery import MOST_DRAWN, drawn, lottery_seed
from byleave.release.keys import verify_ed25519

ONE, TWO = witness_key("one.example/witness"), witness_key("two.example/witness")
NOTE = signed(checkpoint_of(7))
SIGNED = bytes(32)
SEEDS = st.binary(min_size=32, max_size=32)


def seed_of(note: str, signed_bytes: bytes = SIGNED) -> bytes:
    return lottery_seed(signed_bytes, note, open_cosignatures(note, [ONE, TWO], verify_ed25519))


def test_without_a_witness_nothing_is_drawn() -> None:
    with pytest.raises(VerificationError, match="no witness"):
        seed_of(NOTE)


def test_statement_checkpoint_and_moment_of_the_witness_all_change_the_draw() -> None:
    plain = cosigned(NOTE, ONE.name)
    seeds = {
        seed_of(plain),
        seed_of(plain, hashlib.sha256(b"another").digest()),
        seed_of(cosigned(signed(checkpoint_of(8)), ONE.name)),
        seed_of(cosigned(NOTE, ONE.name, now=NOW + timedelta(seconds=1))),
        seed_of(cosigned(NOTE, ONE.name, TWO.name)),
    }
    assert len(seeds) == 5
    assert seed_of(plain) == seed_of(plain)


def test_the_order_of_the_cosignatures_does_not_count() -> None:
    assert seed_of(cosigned(NOTE, ONE.name, TWO.name)) == seed_of(cosigned(NOTE, TWO.name, ONE.name))


@given(SEEDS, st.integers(0, 10**12), st.integers(1, 50))
def test_a_draw_is_as_many_different_places_as_asked_for(seed: bytes, size: int, count: int) -> None:
    found = drawn(seed, size, count)
    assert len(set(found)) == len(found) == min(size, count)
    assert list(found) == sorted(found)
    assert all(0 <= place < size for place in found)
    assert found == drawn(seed, size, count)


def test_every_place_is_about_as_likely() -> None:
    counted = Counter(place for n in range(4000) for place in drawn(n.to_bytes(32), 10, 3))
    assert sorted(counted) == list(range(10))
    assert max(counted.values()) < 1.15 * min(counted.values())


@pytest.mark.parametrize("count", [0, -1, MOST_DRAWN + 1])
def test_a_senseless_number_is_refused(count: int) -> None:
    with pytest.raises(InputError, match="cannot draw"):
        drawn(bytes(32), 10, count)
