"""Room on a machine's disk: gone with whoever took it, and one copy of what all share."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from byleave.errors import UnavailableError
from byleave.storage.scratch import UNUSED_FOR, scratch_folder, shared_file

KILLED = "import os\nfrom byleave.storage.scratch import scratch_folder\nwith scratch_folder() as f:\n (f / 'big').touch()\n os._exit(9)"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"byleave-{os.geteuid()}"


def test_a_scratch_folder_is_ours_alone_and_vanishes_with_the_block(temporary: Path) -> None:
    with scratch_folder() as folder:
        (folder / "file").touch()
        assert temporary.stat().st_mode & 0o077 == 0
    assert not folder.exists()


def test_what_a_killed_process_left_is_removed_by_the_next_and_what_is_in_use_is_not(temporary: Path) -> None:
    with scratch_folder() as mine:
        assert subprocess.run([sys.executable, "-c", KILLED], check=False).returncode == 9
        assert len(list(temporary.rglob("big"))) == 1
        with scratch_folder():
            assert list(temporary.rglob("big")) == []
            assert mine.is_dir()


def test_a_shared_file_is_made_once(temporary: Path) -> None:
    made: list[Path] = []

    def make(path: Path) -> None:
        made.append(path)
        path.write_text("whole")

    assert [shared_file("name", make).read_text() for _ in range(3)] == ["whole"] * 3
    assert len(made) == 1


def test_a_shared_file_that_cannot_be_made_is_not_there(temporary: Path) -> None:
    def fail(path: Path) -> None:
        path.write_text("half")
        raise InterruptedError

    with pytest.raises(InterruptedError):
        shared_file("name", fail)
    assert [path for path in (temporary / "shared").iterdir() if not path.name.endswith(".lock")] == []


def test_shared_files_nobody_opens_are_removed(temporary: Path) -> None:
    old = shared_file("old", Path.touch)
    past = time.time() - UNUSED_FOR - 60
    os.utime(old, (past, past))
    shared_file("new", Path.touch)
    assert not old.exists()


def test_a_folder_that_others_can_open_is_refused(temporary: Path) -> None:
    temporary.mkdir(mode=0o755)
    temporary.chmod(0o755)
    with pytest.raises(UnavailableError, match="is not a folder of this user alone"), scratch_folder():
        pass
