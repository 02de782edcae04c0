"""Small files that somebody names: read whole, or refused with what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from byleave.errors import ByleaveError, FormatError, InputError, NotFoundError
from byleave.storage import read_at_most


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "note"
    path.write_bytes(b"12345")
    assert read_at_most(path, 5, remedy="") == b"12345"
    with pytest.raises(FormatError, match="has more than 4 bytes"):
        read_at_most(path, 4, remedy="")


@pytest.mark.parametrize(
    ("name", "error", "said"), [("none", NotFoundError, "does not exist"), ("", InputError, "is a folder")]
)
def test_what_is_no_file_is_named_with_what_to_do(
    tmp_path: Path, name: str, error: type[ByleaveError], said: str
) -> None:
    with pytest.raises(error, match=said) as told:
        read_at_most(tmp_path / name, 5, remedy="name the note")
    assert str(tmp_path) in told.value.problem
    assert told.value.remedy == "name the note"


def test_a_pipe_in_the_place_of_a_file_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link", "/dev/zero", "/dev/null"):
        with pytest.raises(InputError, match="is no plain file") as told:
            read_at_most(tmp_path / name, 5, remedy="name the note")
        assert told.value.remedy == "name the note"


@pytest.mark.parametrize("within", ["/dev/fd", "/proc/self/fd"])
def test_a_pipe_that_a_shell_hands_over_is_read(within: str) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"12345")
    os.close(writing)
    try:
        assert read_at_most(Path(within) / str(reading), 5, remedy="") == b"12345"
    finally:
        os.close(reading)
