"""A synced folder moves forward on what verifies, or stays as it was."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.unit.release.making import KEY, OTHER, released

from byleave.errors import (
    ByleaveError,
    ConflictError,
    FormatError,
    InputError,
    NotFoundError,
    VerificationError,
)
from byleave.release import open_synced, sync
from byleave.release.sync import read_current
from byleave.storage import alone_in

TRUSTED = [KEY.verifier]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    released(folder, 7)
    return folder


@pytest.fixture
def held(tmp_path: Path) -> Path:
    return tmp_path / "held"


def seen(folder: Path) -> dict[str, bytes]:
    """Return what a reader of the folder can come to see: everything but staging and the lock."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in paths.items() if "/." not in f"/{name}"}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def address(source: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(source))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_folder_is_remembered_wherever_one_works_next(
    source: Path, held: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source.parent)
    sync(source.name, held, keys=TRUSTED)
    current = read_current(held)
    assert current is not None
    assert current.source == str(source)


def test_a_release_comes_from_a_folder_and_is_remembered(source: Path, held: Path) -> None:
    release = sync(str(source), held, keys=TRUSTED)
    assert release.number == 7
    opened = open_synced(held)
    assert opened.manifest_digest == release.manifest_digest
    assert opened.folder == held / "releases" / "7"


def test_a_release_comes_from_a_web_server_byte_for_byte(source: Path, held: Path, address: str) -> None:
    told: list[str] = []
    sync(address, held, keys=TRUSTED, progress=lambda name, done, total: told.append(name))
    assert seen(held / "releases" / "7") == seen(source / "7")
    assert "7/claims.parquet" in told


def test_the_key_is_told_once(source: Path, held: Path, address: str) -> None:
    sync(str(source), held, keys=TRUSTED)
    released(source, 9, count=5)
    assert sync(address, held).number == 9
    assert open_synced(held).number == 9


def test_without_a_key_nothing_is_believed_and_the_remedy_says_how(source: Path, held: Path) -> None:
    with pytest.raises(InputError) as refused:
        sync(str(source), held)
    assert "--key" in refused.value.remedy
    assert seen(held) == {}


def test_another_key_is_refused(source: Path, held: Path) -> None:
    with pytest.raises(VerificationError):
        sync(str(source), held, keys=[OTHER.verifier])
    assert seen(held) == {}


def test_an_older_release_is_refused(source: Path, held: Path) -> None:
    released(source, 9)
    sync(str(source), held, keys=TRUSTED)
    before = seen(held)
    (source / "latest.json").write_text('{"number": 7}')
    with pytest.raises(VerificationError, match="older"):
        sync(str(source), held)
    assert seen(held) == before


def test_two_lists_under_one_number_are_refused(source: Path, held: Path, tmp_path: Path) -> None:
    sync(str(source), held, keys=TRUSTED)
    before = seen(held)
    released(tmp_path / "other", 7, count=4)
    with pytest.raises(VerificationError, match="two lists under one number"):
        sync(str(tmp_path / "other"), held)
    assert seen(held) == before


def test_a_source_that_names_one_number_and_serves_another_is_refused(source: Path, held: Path) -> None:
    (source / "7").replace(source / "9")
    (source / "latest.json").write_text('{"number": 9}')
    with pytest.raises(VerificationError, match="another release than it names"):
        sync(str(source), held, keys=TRUSTED)


@pytest.mark.parametrize("name", ["claims.parquet", "policy.json", "digests/url.sha256"])
@pytest.mark.parametrize("damage", ["flipped", "short", "long", "gone"])
def test_a_damaged_release_is_refused_and_the_folder_stays(
    source: Path, held: Path, address: str, name: str, damage: str
) -> None:
    sync(str(source), held, keys=TRUSTED)
    before = seen(held)
    released(source, 9, count=5)
    path = source / "9" / name
    content = path.read_bytes()
    path.write_bytes(
        {"flipped": bytes([content[0] ^ 1]) + content[1:], "short": content[:-1], "long": content + b"x"}.get(
            damage, b""
        )
    )
    if damage == "gone":
        path.unlink()
    for place in (str(source), address):
        with pytest.raises(ByleaveError):
            sync(place, held)
        assert seen(held) == before
    assert open_synced(held).number == 7


def test_a_release_damaged_here_is_fetched_again(source: Path, held: Path) -> None:
    sync(str(source), held, keys=TRUSTED)
    (held / "releases" / "7" / "claims.parquet").write_bytes(b"")
    with pytest.raises(VerificationError):
        open_synced(held)
    sync(str(source), held)
    assert open_synced(held).number == 7


def test_another_release_left_by_a_killed_sync_gives_way_to_the_one_served(
    source: Path, held: Path, tmp_path: Path
) -> None:
    released(tmp_path / "other", 7, count=4)
    shutil.copytree(tmp_path / "other" / "7", held / "releases" / "7")
    sync(str(source), held, keys=TRUSTED)
    assert open_synced(held).claims().num_rows == 3


def test_a_folder_in_which_a_sync_is_at_work_is_left_to_it(source: Path, held: Path) -> None:
    held.mkdir()
    with alone_in(held), pytest.raises(ConflictError):
        sync(str(source), held, keys=TRUSTED)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"number": 7, "keys": ["x"]}', b"\xff"])
def test_a_folder_that_forgot_what_it_holds_is_refused(source: Path, held: Path, content: bytes) -> None:
    sync(str(source), held, keys=TRUSTED)
    (held / "current.json").write_bytes(content)
    with pytest.raises(FormatError):
        open_synced(held)
    with pytest.raises(FormatError):
        sync(str(source), held, keys=TRUSTED)


def test_a_source_that_is_no_folder_and_a_folder_never_synced_are_not_found(
    tmp_path: Path, held: Path
) -> None:
    with pytest.raises(NotFoundError):
        sync(str(tmp_path / "nowhere"), held, keys=TRUSTED)
    with pytest.raises(NotFoundError):
        open_synced(held)


class TestByNumber:
    """What was done under a list is checked under it, when newer ones are out already."""

    def test_an_earlier_list_is_fetched_into_a_folder_of_its_own(self, source: Path, tmp_path: Path) -> None:
        released(source, 9)
        folder = tmp_path / "seven"
        assert sync(str(source), folder, keys=TRUSTED, number=7).number == 7
        assert sync(str(source), folder, number=7).number == open_synced(folder).number == 7

    def test_a_folder_that_holds_another_list_stays_as_it_was(self, source: Path, held: Path) -> None:
        released(source, 9)
        sync(str(source), held, keys=TRUSTED)
        before = seen(held)
        with pytest.raises(ConflictError, match=r"holds list no\. 9, not no\. 7"):
            sync(str(source), held, number=7)
        assert seen(held) == before

    def test_a_list_that_is_not_out_yet_is_not_found(self, source: Path, held: Path) -> None:
        with pytest.raises(NotFoundError, match=r"the latest is no\. 7"):
            sync(str(source), held, keys=TRUSTED, number=8)
        with pytest.raises(NotFoundError):
            sync(str(source), held, keys=TRUSTED, number=3)
        assert seen(held) == {}
