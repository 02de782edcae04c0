"""A registry's key is made once, kept to itself, and read back as it was written."""

from __future__ import annotations

import base64
import os
import re
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.errors import FormatError, NotFoundError, VerificationError
from byleave.release import SigningKey, load_key, load_or_make_key
from byleave.release.keys import KEY_FILE, make_key, read_key

ORIGIN = "registry.example/test"
PLUS = b"\xef\xbe" + b"\xfb\xef\xbe" * 10
"""A seed whose base64 is full of plus signs, which also divide the parts of a written key."""

MAKE = """
import sys
from pathlib import Path
from byleave.release import load_or_make_key
sys.stdin.readline()
print(load_or_make_key(Path(sys.argv[1]), "registry.example/test").verifier)
"""


@given(st.binary(min_size=32, max_size=32) | st.just(PLUS))
def test_a_key_is_read_as_it_was_written(seed: bytes) -> None:
    key = SigningKey.from_seed(ORIGIN, seed)
    read = SigningKey.parse(key.to_text())
    assert read.verifier == key.verifier
    assert read.to_text() == key.to_text()


def test_a_seed_with_plus_signs_in_its_base64_is_read() -> None:
    key = SigningKey.from_seed(ORIGIN, PLUS)
    assert base64.b64encode(b"\1" + PLUS).count(b"+") > 5
    assert SigningKey.parse(key.to_text()).verifier == key.verifier


@pytest.mark.parametrize(
    "text", ["", "PRIVATE+KEY+", "PRIVATE+KEY+a+b", "PRIVATE+KEY+a+b+c", "PRIVATE+KEY+a+b+é", "a+b+c+d"]
)
def test_what_is_no_key_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(FormatError, match="signing key"):
        SigningKey.parse(text)


def test_a_key_whose_id_does_not_fit_is_refused() -> None:
    text = SigningKey.from_seed(ORIGIN, PLUS).to_text().replace("test+", "tess+")
    with pytest.raises(FormatError, match="does not fit"):
        SigningKey.parse(text)


def test_the_key_is_made_once_and_only_its_user_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    made = load_or_make_key(folder, ORIGIN)
    assert load_or_make_key(folder, ORIGIN).verifier == load_key(folder, ORIGIN).verifier == made.verifier
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == [KEY_FILE]


def test_a_key_is_never_made_by_asking_for_it(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        load_key(tmp_path, ORIGIN)


def test_a_key_of_another_origin_is_refused(tmp_path: Path) -> None:
    load_or_make_key(tmp_path, ORIGIN)
    with pytest.raises(VerificationError, match="BYLEAVE_ORIGIN"):
        load_or_make_key(tmp_path, "registry.example/another")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"PRIVATE+KEY+"])
def test_a_damaged_key_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / KEY_FILE).write_bytes(content)
    with pytest.raises(FormatError):
        load_or_make_key(tmp_path, ORIGIN)
    assert (tmp_path / KEY_FILE).read_bytes() == content


def test_processes_that_make_the_first_key_at_once_get_the_same_one(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", MAKE, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(os.environ),
        )
        for _ in range(4)
    ]
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.write(b"now\n")
        maker.stdin.flush()
    printed = {maker.communicate()[0] for maker in makers}
    assert [maker.returncode for maker in makers] == [0] * 4
    assert printed == {str(load_key(folder, ORIGIN).verifier).encode() + b"\n"}
    assert [path.name for path in folder.iterdir()] == [KEY_FILE]


@pytest.mark.parametrize("name", ["", "two words", "a+b"])
def test_a_name_that_no_key_can_have_is_told_as_it_was_given(tmp_path: Path, name: str) -> None:
    with pytest.raises(FormatError, match="no key can be called '" + re.escape(name[:80])):
        make_key(tmp_path / "key", name)
    assert not (tmp_path / "key").exists()


def test_half_a_key_does_not_stay_in_the_way(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            make_key(tmp_path / "key", "models.example")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert make_key(tmp_path / "key", "models.example").verifier == read_key(tmp_path / "key").verifier
