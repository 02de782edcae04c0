"""Machine code is kept only where nobody else can have written it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from byleave.compiled import cache_folder


def test_the_folder_is_made_for_us_alone(tmp_path: Path) -> None:
    folder = cache_folder(tmp_path / "cache")
    assert folder == tmp_path / "cache" / "byleave" / "numba"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    assert cache_folder(tmp_path / "cache") == folder


@pytest.mark.parametrize("name", ["byleave", "byleave/numba"])
@pytest.mark.parametrize("mode", [0o755, 0o770, 0o707])
def test_a_folder_that_others_can_enter_is_not_used(tmp_path: Path, name: str, mode: int) -> None:
    cache_folder(tmp_path)
    (tmp_path / name).chmod(mode)
    assert cache_folder(tmp_path) is None
    assert (tmp_path / name).stat().st_mode & 0o777 == mode, "a mode somebody chose is not changed"


@pytest.mark.parametrize("name", ["byleave", "byleave/numba"])
def test_a_symbolic_link_is_not_followed(tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    link = tmp_path / "cache" / name
    link.parent.mkdir(mode=0o700, parents=True)
    link.symlink_to(elsewhere, target_is_directory=True)
    assert cache_folder(tmp_path / "cache") is None


def test_without_a_place_nothing_is_cached(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert cache_folder(tmp_path / "file") is None


USE = """
from byleave.compiled import CACHE_FOLDER, compiled

@compiled
def add(left, right):
    return left + right

print(add(1, 2), CACHE_FOLDER)
"""


def test_the_cache_is_used_and_without_it_the_loops_still_run(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(USE)

    def run() -> str:
        command = [sys.executable, str(program)]
        done = subprocess.run(
            command, env={"HOME": str(tmp_path)}, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    folder = tmp_path / ".cache" / "byleave" / "numba"
    assert run() == f"3 {folder}"
    kept = [path.suffix for path in folder.rglob("*") if path.is_file()]
    assert {".nbi", ".nbc"} <= set(kept)
    (tmp_path / ".cache" / "byleave").chmod(0o755)
    assert run() == "3 None"
