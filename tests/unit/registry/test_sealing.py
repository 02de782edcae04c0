"""What is sealed opens with its key, for its purpose, unchanged; and a key that counts is never replaced by a new one."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.errors import ConflictError, VerificationError
from byleave.registry.metadata import METADATA
from byleave.registry.sealing import ADDRESS, KEY_BYTES, KEY_FILE, MAIL, NEXT_KEY_FILE, Seal, Sealed


@pytest.fixture(scope="module")
def seal(tmp_path_factory: pytest.TempPathFactory) -> Seal:
    return Seal(tmp_path_factory.mktemp("keys"))


@given(text=st.text())
def test_a_text_opens_as_it_was_and_equal_texts_are_sealed_alike(seal: Seal, text: str) -> None:
    sealed = seal.close(ADDRESS, text)
    assert seal.open(ADDRESS, sealed) == text
    assert seal.close(ADDRESS, text) == sealed
    assert len(sealed) == len(text.encode()) + 16


def test_what_was_sealed_for_one_purpose_or_changed_does_not_open(seal: Seal) -> None:
    sealed = seal.close(ADDRESS, "mara@example.org")
    with pytest.raises(VerificationError):
        seal.open(MAIL, sealed)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(VerificationError):
            seal.open(ADDRESS, bytes(changed))


def test_a_key_is_made_once_and_only_its_user_may_read_it(tmp_path: Path) -> None:
    first, second = Seal(tmp_path / "keys"), Seal(tmp_path / "keys")
    sealed = first.close(ADDRESS, "mara@example.org")
    assert second.open(ADDRESS, sealed) == "mara@example.org"
    key = tmp_path / "keys" / KEY_FILE
    assert (stat.S_IMODE(key.stat().st_mode), len(key.read_bytes())) == (0o600, KEY_BYTES)
    assert [path.name for path in key.parent.iterdir()] == [KEY_FILE]


def test_a_lost_key_is_asked_for_and_not_replaced(tmp_path: Path) -> None:
    sealed = Seal(tmp_path).close(ADDRESS, "mara@example.org")
    (tmp_path / KEY_FILE).rename(tmp_path / "elsewhere")
    with pytest.raises(ConflictError, match="do not open") as refused:
        Seal(tmp_path).check(sealed)
    assert "put back" in refused.value.remedy
    assert not (tmp_path / KEY_FILE).exists()
    (tmp_path / "elsewhere").rename(tmp_path / KEY_FILE)
    Seal(tmp_path).check(sealed)


def test_another_key_or_half_a_key_is_refused(tmp_path: Path) -> None:
    sealed = Seal(tmp_path / "one").close(ADDRESS, "mara@example.org")
    other = Seal(tmp_path / "other")
    other.close(ADDRESS, "noah@example.org")
    other.check(None)
    with pytest.raises(ConflictError, match="do not open"):
        other.check(sealed)
    (tmp_path / "one" / KEY_FILE).write_bytes(b"half")
    with pytest.raises(ConflictError, match="damaged"):
        Seal(tmp_path / "one").check(sealed)


def test_a_renewal_that_fails_leaves_the_old_key_and_one_killed_at_the_end_is_finished_later(
    tmp_path: Path,
) -> None:
    seal = Seal(tmp_path)
    before = seal.close(ADDRESS, "mara@example.org")
    after = b""

    def fail() -> None:
        nonlocal after
        with seal.renewed() as fresh:
            after = fresh.close(ADDRESS, "mara@example.org")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    Seal(tmp_path).check(before)
    assert Seal(tmp_path).open(ADDRESS, before) == "mara@example.org"
    Seal(tmp_path).check(after)
    assert Seal(tmp_path).open(ADDRESS, after) == "mara@example.org", (
        "the database was stored before the key counted"
    )
    assert not (tmp_path / NEXT_KEY_FILE).exists()


def test_every_column_with_an_address_is_sealed() -> None:
    named = {
        f"{table.name}.{column.name}": isinstance(column.type, Sealed)
        for table in METADATA.sorted_tables
        for column in table.columns
        if column.name in {"email", "recipient", "address"}
    }
    assert named == dict.fromkeys(
        ("accounts.email", "invitations.email", "outbox.recipient", "sign_in_links.email"), True
    )
