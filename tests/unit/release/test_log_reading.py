"""A log is read from a folder or a web address, and nothing in it is believed before it fits its signed root."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.checks import accepts
from tests.logs import Tiles, checkpoint_of, entry, leaves, signing_key, write_log

from byleave.errors import (
    ByleaveError,
    FormatError,
    InputError,
    NotFoundError,
    UnavailableError,
    VerificationError,
)
from byleave.log import Checkpoint, Policy, TileAt
from byleave.release.log_reading import audit, audited_entries, check_growth, open_place, read_checkpoint

KEY = signing_key()
TRUSTED = Policy.of_keys([KEY.verifier])
SIZE = 600
"""Two full bundles and a part of one; a second level of tiles."""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("log")
    write_log(folder, [entry(number) for number in range(SIZE)], KEY)
    return folder


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address(log: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(log))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def test_a_whole_log_is_read_from_a_folder_and_from_the_web(log: Path, address: str) -> None:
    for source in (str(log), address):
        with open_place(source) as place:
            checkpoint = read_checkpoint(place, TRUSTED).checkpoint
            assert checkpoint == checkpoint_of(SIZE)
            assert list(audited_entries(place, checkpoint)) == [entry(number) for number in range(SIZE)]


@settings(max_examples=20)
@given(st.integers(0, SIZE))
def test_every_smaller_log_is_seen_to_be_kept(log: Path, size: int) -> None:
    with open_place(str(log)) as place:
        assert accepts(check_growth, place, checkpoint_of(size), checkpoint_of(SIZE))


def test_a_smaller_log_with_another_past_and_a_larger_one_are_not_kept(log: Path) -> None:
    other = Checkpoint(KEY.verifier.name, 300, checkpoint_of(299).root)
    with open_place(str(log)) as place:
        for old in (other, checkpoint_of(SIZE + 1), checkpoint_of(300, origin="other.example")):
            with pytest.raises(VerificationError):
                check_growth(place, old, checkpoint_of(SIZE))


def test_partial_files_that_gave_way_to_full_ones_do_not_matter(tmp_path: Path) -> None:
    write_log(tmp_path, [entry(number) for number in range(256)], KEY)
    tree = Tiles(leaves(256))
    assert (tmp_path / "tile/0/000").read_bytes() == tree.files[TileAt(0, 0).path]
    with open_place(str(tmp_path)) as place:
        assert accepts(check_growth, place, checkpoint_of(7), checkpoint_of(200))


def test_a_checkpoint_of_a_key_that_is_not_trusted_is_refused(log: Path) -> None:
    with open_place(str(log)) as place, pytest.raises(VerificationError):
        read_checkpoint(place, Policy.of_keys([signing_key(seed="another").verifier]))


def test_what_is_missing_unreachable_or_too_long_is_told(log: Path, address: str, tmp_path: Path) -> None:
    with open_place(str(tmp_path)) as place, pytest.raises(NotFoundError, match="checkpoint does not exist"):
        place.read("checkpoint")
    with open_place(str(log)) as place, pytest.raises(InputError, match="is a folder"):
        place.read("tile")
    with open_place(address) as place, pytest.raises(UnavailableError, match="404"):
        place.read("tile/0/999")
    (tmp_path / "checkpoint").write_bytes(b"x" * 1_000_001)
    with open_place(str(tmp_path)) as place, pytest.raises(FormatError):
        read_checkpoint(place, TRUSTED)


@pytest.mark.parametrize("name", ["tile/entries/000", "tile/entries/002.p/88"])
@pytest.mark.parametrize("damage", ["flipped", "short", "gone"])
def test_a_log_with_any_entry_touched_does_not_pass(tmp_path: Path, name: str, damage: str) -> None:
    write_log(tmp_path, [entry(number) for number in range(SIZE)], KEY)
    path = tmp_path / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content if damage == "flipped" else content[:-1])
    with open_place(str(tmp_path)) as place, pytest.raises(ByleaveError):
        audit(place, checkpoint_of(SIZE))
