"""Locks of processes: shared or alone, and never left behind by a killed holder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from byleave.errors import ConflictError
from byleave.registry.locks import FileLock, alone

HOLD = """
import sys
from pathlib import Path
from byleave.registry.locks import FileLock
lock = FileLock(Path(sys.argv[1]))
lock.claim(1)
print("held", flush=True)
sys.stdin.read()
"""


def test_many_share_and_none_is_alone_beside_them(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    first.share(1)
    second.share(1)
    assert not first.try_claim()
    first.share(1)
    second.close()
    assert first.try_claim()
    first.close()


def test_waiting_for_a_holder_ends_with_a_remedy(tmp_path: Path) -> None:
    with (
        alone(tmp_path / "lock", 1),
        pytest.raises(ConflictError, match="another process"),
        alone(tmp_path / "lock", 0.05),
    ):
        pass


def test_a_killed_holder_leaves_nothing_behind(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(Path(__file__).parents[3] / "src")},
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    lock = FileLock(tmp_path / "lock")
    assert not lock.try_claim()
    holder.kill()
    holder.communicate()
    assert lock.try_claim()
    lock.close()


def test_closing_twice_is_harmless_and_the_file_is_ours_alone(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    lock.close()
    lock.close()
    assert lock.closed
    assert (tmp_path / "lock").stat().st_mode & 0o077 == 0
