"""An ingest killed anywhere and started again ends with the same table as one that was left alone."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.functional.catalog.ingest_child import LONGEST_S, ingesting
from tests.sources import links, sample_members, write_links, write_tar

from byleave.catalog import Catalog, DatasetInfo

KILLS = 25
State = tuple[str, DatasetInfo]

pytestmark = [pytest.mark.functional, pytest.mark.timeout(600)]


def run(home: Path, source: Path) -> float:
    """Ingest without a disturbance; return the seconds from the first shard on."""
    with ingesting(home, source) as child:
        begun = time.monotonic()
        child.join(LONGEST_S)
    assert child.exitcode == 0
    return time.monotonic() - begun


def kill_after(home: Path, source: Path, delay_s: float) -> bool:
    """Kill an ingest some time after its first shard began; return whether it was still running."""
    with ingesting(home, source) as child:
        time.sleep(delay_s)
        child.kill()
    assert child.exitcode in {0, -signal.SIGKILL}
    return child.exitcode != 0


def state(home: Path) -> State:
    catalog = Catalog(home)
    return catalog.table_digest("d"), catalog.dataset("d")


def link_source(folder: Path) -> Path:
    numbers = [n % 60 for n in range(160)]
    return write_links(folder / "links.parquet", links(numbers), group_rows=10)


def tar_source(folder: Path) -> Path:
    for shard in range(8):
        members = [
            member for number in range(3) for member in sample_members(shard * 2 + number, shard=shard)
        ]
        write_tar(folder / "tars" / f"{shard:05d}.tar", members)
    return folder / "tars"


@dataclass(frozen=True, slots=True)
class Ends:
    """The state that an ingest left alone comes to, and those that killed and resumed ones came to."""

    undisturbed: State
    resumed: list[State]


def torture(tmp_path: Path, make_source: Callable[[Path], Path], seed: int) -> Ends:
    """Kill and resume until :data:`KILLS` kills have hit; whenever a run gets through, note its state and begin anew."""
    source, rng = make_source(tmp_path), random.Random(seed)
    expected_home, home = tmp_path / "expected", tmp_path / "home"
    duration_s = run(expected_home, source)
    ends = Ends(state(expected_home), [])
    kills = 0
    while kills < KILLS:
        if kill_after(home, source, rng.uniform(0, duration_s / 2)):
            kills += 1
            continue
        ends.resumed.append(state(home))
        shutil.rmtree(home)
    run(home, source)
    ends.resumed.append(state(home))
    return ends


def test_killed_at_fifty_random_points_the_table_is_the_same(tmp_path: Path) -> None:
    cases = [(tmp_path / "links", link_source, 1), (tmp_path / "tars", tar_source, 2)]
    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(torture, *case) for case in cases]:
            ends = done.result()
            assert ends.undisturbed[1].samples > 0
            assert ends.resumed == [ends.undisturbed] * len(ends.resumed)
