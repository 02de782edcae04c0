"""Files and folders appear at once or not at all, also when the writer is killed."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from byleave.errors import ConflictError, InputError
from byleave.storage import name_again, publish_folder, remove_leftovers, staged_folder, write_atomically

FILE_WRITER = """
import sys
from pathlib import Path
from byleave.storage import write_atomically
print("begun", flush=True)
number = 0
while True:
    number += 1
    write_atomically(Path(sys.argv[1]), b"%08d" % number * 40_000)
"""

FOLDER_WRITER = """
import sys
from pathlib import Path
from byleave.storage import staged_folder
print("begun", flush=True)
number = 0
while True:
    number += 1
    with staged_folder(Path(sys.argv[1]), replace=True) as staging:
        for name in "abc":
            (staging / name).write_bytes(b"%08d" % number * 1_000)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def killed_in_the_middle(program: str, target: Path, *, after: float) -> None:
    child = subprocess.Popen([sys.executable, "-c", program, str(target)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"begun\n"
    time.sleep(after)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()


def test_a_file_is_written_with_its_content_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_atomically(path, b"secret", mode=0o600)
    assert path.read_bytes() == b"secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(tmp_path) == ["key"]


def test_a_file_that_cannot_be_put_in_place_leaves_nothing_aside(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_atomically(tmp_path / "folder", b"content")
    assert names(tmp_path) == ["folder"]


@pytest.mark.parametrize("after", [0.0, 0.01, 0.03])
def test_a_writer_killed_in_the_middle_leaves_a_whole_file_or_none(tmp_path: Path, after: float) -> None:
    path = tmp_path / "file"
    killed_in_the_middle(FILE_WRITER, path, after=after)
    if path.exists():
        content = path.read_bytes()
        assert content == content[:8] * 40_000


@pytest.mark.parametrize("after", [0.0, 0.01, 0.02, 0.04, 0.07])
def test_a_writer_killed_in_the_middle_leaves_a_whole_folder_once_leftovers_are_removed(
    tmp_path: Path, after: float
) -> None:
    final = tmp_path / "7"
    with staged_folder(final) as staging:
        for name in "abc":
            (staging / name).write_bytes(b"00000000" * 1_000)
    killed_in_the_middle(FOLDER_WRITER, final, after=after)
    remove_leftovers(tmp_path, "7")
    assert names(tmp_path) == ["7"]
    contents = {(final / name).read_bytes() for name in "abc"}
    assert len(contents) == 1
    assert names(final) == ["a", "b", "c"]


def test_a_folder_appears_when_its_block_ends_well(tmp_path: Path) -> None:
    final = tmp_path / "deep" / "7"
    with staged_folder(final) as staging:
        (staging / "inner").mkdir()
        (staging / "inner" / "file").write_bytes(b"content")
        assert not final.exists()
    assert (final / "inner" / "file").read_bytes() == b"content"
    assert names(final.parent) == ["7"]


def test_a_folder_vanishes_when_its_block_fails(tmp_path: Path) -> None:
    def fail() -> None:
        with staged_folder(tmp_path / "7") as staging:
            (staging / "file").write_bytes(b"content")
            raise InputError("no", remedy="another")

    with pytest.raises(InputError):
        fail()
    assert names(tmp_path) == []


def test_a_folder_that_is_there_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "file").touch()
    with pytest.raises(ConflictError), staged_folder(tmp_path / "7"):
        pytest.fail("the block must not run")
    assert (tmp_path / "7" / "file").exists()


def test_a_folder_that_came_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    def be_late() -> None:
        with staged_folder(tmp_path / "7"):
            (tmp_path / "7").mkdir()
            (tmp_path / "7" / "theirs").touch()

    with pytest.raises(ConflictError):
        be_late()
    assert names(tmp_path) == ["7"]
    assert names(tmp_path / "7") == ["theirs"]


def test_an_empty_folder_may_be_taken(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    with staged_folder(tmp_path / "7") as staging:
        (staging / "file").touch()
    assert names(tmp_path / "7") == ["file"]


def test_replacing_swaps_all_of_it(tmp_path: Path) -> None:
    for content in (b"old", b"new"):
        with staged_folder(tmp_path / "7", replace=True) as staging:
            (staging / content.decode()).write_bytes(content)
    assert names(tmp_path / "7") == ["new"]
    assert names(tmp_path) == ["7"]


def test_a_folder_filled_elsewhere_is_published(tmp_path: Path) -> None:
    filled = tmp_path / "filled"
    filled.mkdir()
    (filled / "file").touch()
    publish_folder(filled, tmp_path / "7")
    assert names(tmp_path) == ["7"]


def test_leftovers_of_other_names_are_left_alone(tmp_path: Path) -> None:
    for name in (".7.staging-a", ".7.staging-b", ".77.staging-a", ".8.staging-a"):
        (tmp_path / name).mkdir()
    assert remove_leftovers(tmp_path, "7") == 2
    assert names(tmp_path) == [".77.staging-a", ".8.staging-a"]


def test_an_old_folder_set_aside_by_a_killed_replacement_is_put_back(tmp_path: Path) -> None:
    aside = tmp_path / ".7.staging-a" / "old"
    aside.mkdir(parents=True)
    (aside / "file").touch()
    (tmp_path / ".7.staging-b").mkdir()
    assert remove_leftovers(tmp_path, "7") == 2
    assert names(tmp_path / "7") == ["file"]


def test_a_second_name_is_one_of_the_same_file_where_the_disk_knows_such(tmp_path: Path) -> None:
    (tmp_path / "first").write_bytes(b"same")
    name_again(tmp_path / "first", tmp_path / "second")
    assert (tmp_path / "second").stat().st_ino == (tmp_path / "first").stat().st_ino


@pytest.mark.skipif(
    not Path("/proc/self/cmdline").exists(), reason="another disk that is always there is Linux's"
)
def test_a_second_name_on_another_disk_is_one_of_a_copy(tmp_path: Path) -> None:
    elsewhere = Path("/proc/self/cmdline")
    name_again(elsewhere, tmp_path / "second")
    assert (tmp_path / "second").read_bytes() == elsewhere.read_bytes() != b""


def test_a_second_name_takes_none_from_another_file(tmp_path: Path) -> None:
    (tmp_path / "first").write_bytes(b"one")
    (tmp_path / "second").write_bytes(b"other")
    with pytest.raises(FileExistsError):
        name_again(tmp_path / "first", tmp_path / "second")
    assert (tmp_path / "second").read_bytes() == b"other"
