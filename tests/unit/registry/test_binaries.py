"""Which PostgreSQL is run, and from where a user without rights can run it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from byleave.errors import UnavailableError
from byleave.registry.binaries import LIBRARIES, WHEEL, Programs, find_programs, reachable_programs


@pytest.fixture
def hidden(tmp_path: Path) -> Programs:
    """Give an installation that only its owner can reach, with private modes throughout."""
    folder = tmp_path / "private" / WHEEL / "pginstall18"
    for name, runs in (
        ("bin/postgres", True),
        ("share/words.txt", False),
        ("include/pg.h", False),
        ("lib/a.a", False),
    ):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
        file.chmod(0o700 if runs else 0o600)
    (tmp_path / "private" / LIBRARIES).mkdir()
    (tmp_path / "private" / LIBRARIES / "libpq.so").write_text("libpq")
    (tmp_path / "private").chmod(0o700)
    return Programs(folder, 18)


def test_the_newest_postgresql_of_the_wheel_is_the_one() -> None:
    newest = find_programs()
    assert newest.major >= 18
    assert Path(newest.program("initdb")).is_file()
    assert find_programs(newest.major) == newest


def test_data_of_a_version_that_is_not_there_is_refused_with_the_remedy() -> None:
    with pytest.raises(UnavailableError, match="byleave backup"):
        find_programs(9)


def test_programs_out_of_reach_are_copied_to_where_everybody_can_run_them(
    hidden: Programs, tmp_path: Path
) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    copied = reachable_programs(hidden, copies)
    assert Path(copied.program("postgres")).read_text() == "bin/postgres"
    modes = {
        path.relative_to(copied.folder): stat.S_IMODE(path.stat().st_mode)
        for path in copied.folder.rglob("*")
    }
    assert modes == {
        Path("bin"): 0o755,
        Path("bin/postgres"): 0o755,
        Path("lib"): 0o755,
        Path("share"): 0o755,
        Path("share/words.txt"): 0o644,
    }
    assert (copied.folder.parent.parent / LIBRARIES / "libpq.so").is_file(), "the programs look for it there"


def test_programs_are_copied_once(hidden: Programs, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    first = reachable_programs(hidden, copies)
    made = Path(first.program("postgres")).stat().st_ino
    assert reachable_programs(hidden, copies) == first
    assert Path(first.program("postgres")).stat().st_ino == made
    assert len(list(copies.iterdir())) == 1
