"""What a run binds while it decides is what anybody would bind who reads its output afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.unit.apply.datasets_in_forms import FORMS, REFUSED, Form
from tests.unit.apply.worlds import NOW, links_file, request, row, synced

from byleave.apply.binding import KEPT, REMOVED, VALUES
from byleave.apply.modes import Mode
from byleave.apply.opening import Bound, bind_items
from byleave.apply.report import Report
from byleave.apply.run import apply_ruleset, open_ruleset
from byleave.apply.shard import Unchecked
from byleave.consent import Regime, TargetKind
from byleave.errors import ConflictError, FormatError, InputError

LINKS = [f"https://{'ab'[n % 3 > 0]}.example/{n}" for n in range(900)]


def applied(folder: Path, **asked: Any) -> Report:
    words = {"bind": folder / "bound", "unchecked": Unchecked.KEEP} | asked
    return apply_ruleset(request(folder, folder / "data", **words), NOW)


def trees(folder: Path) -> tuple[bytes, bytes, bytes | None]:
    Bound.open(folder)
    return (folder / KEPT).read_bytes(), (folder / REMOVED).read_bytes(), values(folder)


def values(folder: Path) -> bytes | None:
    return (folder / VALUES).read_bytes() if (folder / VALUES).exists() else None


def afterwards(folder: Path) -> tuple[bytes, bytes, bytes | None]:
    bind_items(folder / "out", open_ruleset(folder / "synced")[1], folder / "afterwards")
    return trees(folder / "afterwards")


@pytest.fixture
def world(tmp_path: Path) -> Path:
    synced(tmp_path, [row(1, TargetKind.HOST, REFUSED)])
    for place in range(3):
        links_file(tmp_path / "data" / f"{place}.parquet", [*LINKS[place::3], "not a link"])
    return tmp_path


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_in_every_form_both_ways_bind_the_same_rows(form: Form, tmp_path: Path) -> None:
    synced(tmp_path, [row(1, TargetKind.HOST, REFUSED)])
    form.make(tmp_path / "data")
    report = applied(tmp_path)
    bound = Bound.open(tmp_path / "bound")
    assert (len(bound.kept), bound.commitments.removed.size) == (report.kept, report.removed)
    assert trees(tmp_path / "bound") == afterwards(tmp_path)


WITH_FILES = {"img2dataset", "tar"}
"""Forms that hold the pictures themselves, which are hashed where the list names exact files."""


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_files_that_are_hashed_for_the_list_are_bound_with_their_rows(form: Form, tmp_path: Path) -> None:
    synced(tmp_path, [row(1, TargetKind.HOST, REFUSED), row(2, TargetKind.DIGEST, bytes(32))], 2)
    form.make(tmp_path / "data")
    applied(tmp_path)
    bound = trees(tmp_path / "bound")
    assert bound == afterwards(tmp_path)
    assert (bound[2] is not None) == (form.name in WITH_FILES)


@pytest.mark.parametrize("workers", [1, 2])
def test_digests_that_some_rows_of_some_parts_state_are_bound(tmp_path: Path, workers: int) -> None:
    synced(tmp_path, [row(1, TargetKind.HOST, REFUSED)])
    for place in range(3):
        stated = [None, "no digest", bytes([place]).hex() * 32] * 8 if place != 1 else [None] * 24
        links_file(tmp_path / "data" / f"{place}.parquet", LINKS[:24], sha256=pa.array(stated, pa.string()))
    links_file(tmp_path / "data" / "3.parquet", LINKS[:24])
    applied(tmp_path, workers=workers)
    assert trees(tmp_path / "bound") == afterwards(tmp_path)
    bound = Bound.open(tmp_path / "bound")
    assert [part.root is not None for part in bound.parts] == [True, False, True, False]
    assert sum(part.rows for part in bound.parts) == len(bound.kept)


@pytest.mark.parametrize("workers", [1, 2])
def test_however_many_work_on_it(world: Path, workers: int) -> None:
    applied(world, workers=workers)
    assert trees(world / "bound") == afterwards(world)
    assert values(world / "bound") is None, "rows that have links alone cost nothing more"


def test_a_run_that_copies_what_loses_nothing_binds_it_too(world: Path) -> None:
    applied(world, bind=None)
    synced(world, [row(1, TargetKind.HOST, REFUSED), row(2, TargetKind.URL, LINKS[1])], 2)
    (world / "out").rename(world / "data2")
    asked = request(world, world / "data2", since=1, bind=world / "bound", unchecked=Unchecked.KEEP)
    apply_ruleset(asked, NOW)
    assert trees(world / "bound") == afterwards(world)


def test_a_killed_run_goes_on_and_binds_all_of_it(world: Path) -> None:
    class Killed(BaseException):
        pass

    def at_the_second(step: str, done: int, total: int) -> None:
        if step == "apply" and done > 400:
            raise Killed

    for place in range(3):
        digests = [bytes([place]).hex() * 32] * 300
        links_file(world / "data" / f"{place}.parquet", LINKS[place::3], sha256=digests)
    asked = request(world, world / "data", bind=world / "bound", unchecked=Unchecked.KEEP)
    with pytest.raises(Killed):
        apply_ruleset(asked, NOW, at_the_second)
    assert not (world / "bound").exists()
    apply_ruleset(asked, NOW)
    assert trees(world / "bound") == afterwards(world)
    parts = Bound.open(world / "bound").parts
    assert [part.root is not None for part in parts] == [False, True, True], "nothing of the first stays"
    assert sorted(path.name for path in world.iterdir() if path.name.startswith(".")) == []


def test_a_folder_that_is_there_is_refused_before_the_work(world: Path) -> None:
    (world / "bound").mkdir()
    with pytest.raises(ConflictError, match="is there already"):
        applied(world)
    assert not (world / "out").exists()


@pytest.mark.parametrize("place", ["out", "out/bound", "data/bound", "synced/bound", "new"])
def test_a_folder_within_what_is_written_or_read_is_refused_before_the_work(world: Path, place: str) -> None:
    with pytest.raises(ConflictError, match="one in the other"):
        applied(world, bind=world / place, output=world / ("new/out" if place == "new" else "out"))
    assert not (world / "out").exists()
    assert not (world / "new").exists()
    assert not (world / "data" / "bound").exists()


def test_an_output_is_not_bound_within_itself(world: Path) -> None:
    applied(world, bind=None)
    with pytest.raises(ConflictError, match="one in the other"):
        bind_items(world / "out", open_ruleset(world / "synced")[1], world / "out" / "bound")


def test_what_is_bound_is_for_its_owner_alone(world: Path) -> None:
    applied(world)
    for path in (world / "bound", *(world / "bound").iterdir()):
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("asked", [{"mode": Mode.MASK}, {"regime": Regime.RESEARCH}])
def test_what_cannot_be_bound_is_refused(world: Path, asked: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="bound"):
        applied(world, **asked)


def test_a_list_of_which_nothing_stays_is_told(tmp_path: Path) -> None:
    synced(tmp_path, [row(1, TargetKind.HOST, REFUSED)])
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text(f"http://{REFUSED}/1\nhttp://{REFUSED}/2\n")
    (tmp_path / "data" / "b.txt").write_text("http://b.example/1\n")
    with pytest.raises(ConflictError, match=r"nothing of a\.txt stays"):
        applied(tmp_path)
    assert not (tmp_path / "out").exists()


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_nothing_is_left_where_somebody_else_takes_the_place(world: Path) -> None:
    def take(step: str, done: int, total: int) -> None:
        if step == "apply" and done == total:
            (world / "out").mkdir()
            (world / "out" / "mine").touch()

    asked = request(world, world / "data", bind=world / "bound", unchecked=Unchecked.KEEP)
    with pytest.raises(ConflictError, match="is there already"):
        apply_ruleset(asked, NOW, take)
    assert hidden(world) == []


def test_nothing_is_left_where_an_output_cannot_be_read(world: Path) -> None:
    applied(world, bind=None)
    (world / "out" / "1.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(FormatError, match=r"1\.parquet"):
        afterwards(world)
    assert hidden(world) == []
