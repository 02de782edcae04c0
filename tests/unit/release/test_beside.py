"""What stands beside the lists travels with them: where every claim stands, and how keys changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.release.making import KEY, NOW, OTHER, released, standing_of

from byleave.errors import FormatError, NotFoundError, VerificationError
from byleave.log import root_of
from byleave.release import Release, open_synced, sync
from byleave.release.beside import bring_standing, read_history
from byleave.release.fetching import silent
from byleave.release.key_history import HISTORY, KeyHistory
from byleave.release.mirror import mirror
from byleave.release.sources import Source, open_source
from byleave.release.standing import INDEX, STANDING, open_standing

TRUSTED = [KEY.verifier]
NAME = f"{STANDING}/7"


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return standing_of(released(tmp_path / "source"))


@pytest.fixture
def place(tmp_path: Path, release: Release) -> Iterator[Source]:
    with closing(open_source(str(tmp_path / "source"))) as place:
        yield place


def touch(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_where_claims_stand_is_fetched_once(tmp_path: Path, place: Source, release: Release) -> None:
    told: list[str] = []

    def progress(name: str, done: int, total: int) -> None:
        told.append(name)

    assert bring_standing(place, tmp_path / "held", release, TRUSTED, progress) is True
    assert told == [f"{NAME}/{INDEX}"]
    assert open_standing(tmp_path / "held", release, TRUSTED).count == 3
    assert bring_standing(place, tmp_path / "held", release, TRUSTED, silent) is False


def test_what_is_damaged_here_is_fetched_again(tmp_path: Path, place: Source, release: Release) -> None:
    bring_standing(place, tmp_path / "held", release, TRUSTED, silent)
    touch(tmp_path / "held" / NAME / INDEX)
    assert bring_standing(place, tmp_path / "held", release, TRUSTED, silent) is True
    assert open_standing(tmp_path / "held", release, TRUSTED).count == 3


@pytest.mark.parametrize("name", [INDEX, "manifest.json", "manifest.note"])
def test_what_is_damaged_at_the_source_never_appears(
    tmp_path: Path, place: Source, release: Release, name: str
) -> None:
    touch(tmp_path / "source" / NAME / name)
    with pytest.raises((FormatError, VerificationError)):
        bring_standing(place, tmp_path / "held", release, TRUSTED, silent)
    assert not (tmp_path / "held" / NAME).exists()


def test_the_index_of_another_list_or_of_somebody_else_is_refused(tmp_path: Path, release: Release) -> None:
    standing_of(released(tmp_path / "other", count=2))
    standing_of(released(tmp_path / "foreign", key=OTHER), key=OTHER)
    for name in ("other", "foreign"):
        with closing(open_source(str(tmp_path / name))) as place, pytest.raises(VerificationError):
            bring_standing(place, tmp_path / "held", release, TRUSTED, silent)


def test_a_source_without_it_is_no_fault(tmp_path: Path, place: Source, release: Release) -> None:
    shutil.rmtree(tmp_path / "source" / STANDING)
    assert bring_standing(place, tmp_path / "held", release, TRUSTED, silent) is False
    with pytest.raises(NotFoundError) as absent:
        open_standing(tmp_path / "held", release, TRUSTED)
    assert "sync or mirror again" in absent.value.remedy


def test_a_synced_folder_can_answer_receipts(tmp_path: Path, release: Release) -> None:
    source, held = tmp_path / "source", tmp_path / "held"
    sync(str(source), held, keys=TRUSTED)
    assert open_standing(held / "releases", open_synced(held), TRUSTED).count == 3
    standing_of(released(source, 9, count=5))
    sync(str(source), held)
    assert open_standing(held / "releases", open_synced(held), TRUSTED).count == 5


def test_a_synced_folder_without_it_gets_it_with_the_next_sync(tmp_path: Path, release: Release) -> None:
    source, held = tmp_path / "source", tmp_path / "held"
    sync(str(source), held, keys=TRUSTED, with_standing=False)
    assert not (held / "releases" / STANDING).exists()
    sync(str(source), held)
    assert open_standing(held / "releases", open_synced(held), TRUSTED).count == 3


def test_a_sync_from_a_source_that_lies_about_it_leaves_the_folder_as_it_was(
    tmp_path: Path, release: Release
) -> None:
    source, held = tmp_path / "source", tmp_path / "held"
    sync(str(source), held, keys=TRUSTED)
    standing_of(released(source, 9, count=5))
    touch(source / STANDING / "9" / INDEX)
    with pytest.raises(VerificationError):
        sync(str(source), held)
    assert open_synced(held).number == 7


def test_a_mirror_mends_it_and_removes_it_with_its_list(tmp_path: Path, release: Release) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    standing_of(released(source, 9, count=5))
    (source / "index.json").write_text('{"deltas": [], "releases": [7, 9]}')
    mirror(str(source), copy, keys=TRUSTED)
    touch(copy / NAME / INDEX)
    mirror(str(source), copy)
    assert open_standing(copy, release, TRUSTED).count == 3
    (source / "index.json").write_text('{"deltas": [], "releases": [9]}')
    assert mirror(str(source), copy, prune=True).removed == ("7",)
    assert [path.name for path in (copy / STANDING).iterdir()] == ["9"]


def test_the_key_history_is_read_where_there_is_one_and_checked(tmp_path: Path, place: Source) -> None:
    assert read_history(place).trusted(TRUSTED) == tuple(TRUSTED)
    history = KeyHistory().announce(KEY, OTHER, size=7, at=NOW + timedelta(days=1))
    (tmp_path / "source" / HISTORY).write_bytes(history.to_bytes())
    assert set(read_history(place).trusted(TRUSTED)) == {KEY.verifier, OTHER.verifier}
    (tmp_path / "source" / HISTORY).write_bytes(history.to_bytes().replace(b"\n7\n", b"\n8\n"))
    with pytest.raises(VerificationError):
        read_history(place)


def test_an_empty_index_is_an_index(tmp_path: Path) -> None:
    release = standing_of(released(tmp_path / "empty", count=0))
    assert release.rows_root == root_of([])
    assert open_standing(tmp_path / "empty", release, TRUSTED).find(bytes(16)) is None
