"""A list is held against the log that it was made from."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.logs import claim_entries, write_log
from tests.unit.release.making import KEY, released

from byleave.errors import FormatError, VerificationError
from byleave.release.auditing import audit
from byleave.release.completeness import Completeness
from byleave.release.keys import SigningKey
from byleave.release.log_reading import open_place

REGISTERED = [(number, "register") for number in range(3)]


def audited(tmp_path: Path, *said: tuple[int, str], number: int = 3, key: SigningKey = KEY) -> Completeness:
    release = released(tmp_path / "releases", number)
    checkpoint = write_log(tmp_path / "log", claim_entries(*said), key)
    with open_place(str(tmp_path / "log")) as place:
        return audit(release, place, checkpoint).completeness


def test_a_list_with_every_claim_of_the_log_is_complete(tmp_path: Path) -> None:
    found = audited(tmp_path, *REGISTERED)
    assert (found.live, found.missing, found.unexpected, found.holds) == (3, (), (), True)


def test_what_happened_after_the_list_does_not_count(tmp_path: Path) -> None:
    assert audited(tmp_path, *REGISTERED, (2, "withdraw"), (9, "register")).holds


def test_a_claim_that_the_list_dropped_is_named(tmp_path: Path) -> None:
    found = audited(tmp_path, *REGISTERED, (9, "register"), number=4)
    assert (found.missing, found.holds) == ((bytes([9]) * 16,), False)


def test_a_log_that_is_shorter_than_the_list_or_of_another_registry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="more claim events than the 3"):
        audited(tmp_path / "short", *REGISTERED, number=4)
    with pytest.raises(VerificationError, match=r"the log of other\.example"):
        audited(tmp_path / "other", *REGISTERED, key=SigningKey.from_seed("other.example", bytes(32)))


@pytest.mark.parametrize("at", [0, 5])
def test_a_log_whose_entries_do_not_give_its_root_is_refused_wherever_it_was_touched(
    tmp_path: Path, at: int
) -> None:
    said = [*REGISTERED, (3, "register"), (3, "withdraw"), (4, "register")]
    release = released(tmp_path / "releases", 3)
    checkpoint = write_log(tmp_path / "log", claim_entries(*said), KEY)
    said[at] = (said[at][0], "erase")
    write_log(tmp_path / "log", claim_entries(*said), KEY)
    with (
        open_place(str(tmp_path / "log")) as place,
        pytest.raises(VerificationError, match="do not give the root"),
    ):
        audit(release, place, checkpoint)


def test_a_log_of_something_else_is_refused(tmp_path: Path) -> None:
    release = released(tmp_path / "releases", 3)
    checkpoint = write_log(tmp_path / "log", [b"hello"] * 3, KEY)
    with open_place(str(tmp_path / "log")) as place, pytest.raises(FormatError, match="entry 0 of the log"):
        audit(release, place, checkpoint)
