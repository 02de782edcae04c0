"""The tour on the real command line and the real database: green when all is right, red when one result is wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from byleave.demo import dataset, openmoji
from byleave.demo.drawings import Collection
from byleave.demo.telling import Check
from byleave.demo.tour import Tour

pytestmark = pytest.mark.functional

SIZE = 34


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run the tour in a home of its own, on a machine whose apt-get fails."""
    folder = tmp_path_factory.mktemp("tour")
    bare = folder / "bin"
    bare.mkdir()
    (bare / "apt-get").write_text('#!/bin/sh\necho "E: no network here" >&2\nexit 100\n')
    (bare / "apt-get").chmod(0o755)
    home = folder / "home"
    environment = os.environ | {"BYLEAVE_HOME": str(home), "PATH": f"{bare}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "byleave.cli.main", "demo", "--tour", "--size", str(SIZE)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500, check=False)
    return done, home / "demo" / "tour"


class TestTheTour:
    """One run on 34 emojis, since the first choice of pictures cannot be had there."""

    def test_it_is_green(self, toured: tuple[subprocess.CompletedProcess[str], Path]) -> None:
        done, _ = toured
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("all ")
        assert "WRONG" not in done.stderr

    def test_it_says_which_pictures_it_shows_instead_and_why(
        self, toured: tuple[subprocess.CompletedProcess[str], Path]
    ) -> None:
        done, _ = toured
        assert "openclipart-svg cannot be had here" in done.stderr
        assert "no network here" in done.stderr
        assert "OpenMoji" in done.stderr

    def test_it_counts_the_cropped_re_posts_and_says_that_they_are_still_in(
        self, toured: tuple[subprocess.CompletedProcess[str], Path]
    ) -> None:
        done, _ = toured
        assert "cropped re-posts are still in the dataset" in done.stderr

    def test_its_files_stand_where_it_says(
        self, toured: tuple[subprocess.CompletedProcess[str], Path]
    ) -> None:
        _, home = toured
        for regime in ("opt_out", "opt_in", "research"):
            assert (home / "results" / regime / "_byleave" / "report.html").stat().st_size > 1_000


@pytest.fixture
def small(tmp_path: Path) -> dataset.DemoDataset:
    drawings = openmoji.collect().drawings[700:820]
    return dataset.write(tmp_path / "dataset", Collection("test", "", drawings, Counter()), size=SIZE)


class Listener:
    """Hears the tour and keeps nothing."""

    def step(self, title: str) -> None: ...

    def say(self, words: str) -> None: ...

    def progress(self, done: int, total: int) -> None: ...

    def check(self, check: Check) -> None: ...


def test_a_strangers_picture_that_is_taken_out_makes_the_tour_red(
    small: dataset.DemoDataset, tmp_path: Path
) -> None:
    reposted = {entry.repost_of for entry in small.entries}
    victim = next(entry for entry in small.originals if entry.url in reposted)
    stranger = next(entry for entry in small.originals if entry.url not in reposted)
    shutil.copyfile(small.picture(victim), small.picture(stranger))
    tour = Tour(tmp_path / "home", small, Listener(), lambda: datetime.now(UTC))
    assert not tour.run()
    wrong = {check.sentence for check in tour.checks if not check.holds}
    assert {"no stranger's picture looks like a claimed one", "no stranger was removed"} <= wrong


def test_a_second_tour_in_the_same_home_is_green_again(small: dataset.DemoDataset, tmp_path: Path) -> None:
    for _ in range(2):
        tour = Tour(tmp_path / "home", small, Listener(), lambda: datetime.now(UTC))
        assert tour.run(), [check.sentence for check in tour.checks if not check.holds]
