"""Whoever syncs or mirrors may be killed at any moment: what is left is the old state or the new, never half of one."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.release.killing import Victims, victims
from tests.unit.release.making import KEY, standing_of
from tests.unit.release.test_deltas import files_of, many

from byleave.release import open_latest, open_release, open_synced, sync
from byleave.release.deltas import DELTAS, open_delta
from byleave.release.mirror import mirror
from byleave.release.standing import STANDING, open_standing

TRUSTED = [KEY.verifier]
OLD, NEW = 2, 4
KILLS = 20


@pytest.fixture(scope="module")
def killers() -> Iterator[Victims]:
    with victims() as started:
        yield started


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Give a source that goes on from its old state to its new one."""
    old, new = tmp_path / "old", tmp_path / "new"
    for release in many(new, NEW):
        standing_of(release)
        if release.number == OLD:
            shutil.copytree(new, old, ignore=shutil.ignore_patterns("[34]", "*-[34]"))
    (old / "latest.json").write_text(f'{{"number": {OLD}}}')
    (old / "index.json").write_text('{"deltas": [[1, 2]], "releases": [1, 2]}')
    return new


def moments(killers: Victims, what: str, source: Path, begun: Path, spare: Path) -> Iterator[float]:
    """Yield moments between the start of a run and a little after its end, as long as one takes now."""
    shutil.copytree(begun, spare)
    seconds = killers.run(what, source, spare, KEY.verifier)
    assert seconds is not None
    chance = random.Random(seconds)
    for part in range(KILLS):
        yield seconds * 1.1 * (part + chance.random()) / KILLS


def served(folder: Path) -> dict[str, bytes]:
    """Return what a file server would hand out of a mirror."""
    hidden = ("/.", "/mirror.json")
    return {
        name: content
        for name, content in files_of(folder).items()
        if not any(one in f"/{name}" for one in hidden)
    }


def check_mirror(folder: Path) -> int:
    """Open everything that a visitor of the mirror can come to see; return the number of the newest list."""
    for path in folder.iterdir():
        if path.name.isdecimal():
            release = open_release(path, TRUSTED)
            if (folder / STANDING / path.name).exists():
                open_standing(folder, release, TRUSTED)
    for path in (folder / DELTAS).glob("[0-9]*-*"):
        open_delta(path, TRUSTED)
    return open_latest(folder, TRUSTED).number


def test_a_mirror_killed_at_any_moment_shows_the_old_state_or_the_new(
    tmp_path: Path, source: Path, killers: Victims
) -> None:
    begun = tmp_path / "begun"
    mirror(str(tmp_path / "old"), begun, keys=TRUSTED)
    unfinished = 0
    for number, after in enumerate(moments(killers, "mirror", source, begun, tmp_path / "spare")):
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(begun, copy)
        unfinished += killers.run("mirror", source, copy, KEY.verifier, kill_after=after) is None
        assert check_mirror(copy) in {OLD, NEW}
        killers.run("mirror", source, copy, KEY.verifier)
        assert served(copy) == served(source)
    assert unfinished, "not one child was killed at work"


@pytest.mark.parametrize("deltas", [True, False])
def test_a_sync_killed_at_any_moment_holds_the_old_list_or_the_new(
    tmp_path: Path, source: Path, killers: Victims, *, deltas: bool
) -> None:
    if not deltas:
        shutil.rmtree(source / DELTAS)
    begun = tmp_path / "begun"
    sync(str(tmp_path / "old"), begun, keys=TRUSTED)
    unfinished = 0
    for number, after in enumerate(moments(killers, "sync", source, begun, tmp_path / "spare")):
        held = tmp_path / f"held-{number}"
        shutil.copytree(begun, held)
        unfinished += killers.run("sync", source, held, KEY.verifier, kill_after=after) is None
        release = open_synced(held)
        assert release.number in {OLD, NEW}
        open_standing(held / "releases", release, TRUSTED)
        killers.run("sync", source, held, KEY.verifier)
        assert open_synced(held).number == NEW
        assert {path.name for path in (held / "releases").iterdir()} == {str(OLD), str(NEW), STANDING}
    assert unfinished, "not one child was killed at work"


def test_a_first_sync_killed_at_any_moment_holds_nothing_or_the_list(
    tmp_path: Path, source: Path, killers: Victims
) -> None:
    begun = tmp_path / "begun"
    begun.mkdir()
    for number, after in enumerate(moments(killers, "sync", source, begun, tmp_path / "spare")):
        held = tmp_path / f"held-{number}"
        killers.run("sync", source, held, KEY.verifier, kill_after=after)
        if (held / "current.json").exists():
            assert open_synced(held).number == NEW
        killers.run("sync", source, held, KEY.verifier)
        assert open_synced(held).number == NEW
