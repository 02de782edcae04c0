"""A stranger's picture is read in a process of its own; what happens to that process does not happen to us."""

from __future__ import annotations

import resource
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.unit.media.pictures import encoded, photo

from byleave.media import Picture, Unusable, UnusableKind, claimed_picture, describe, isolated
from byleave.media.framing import PICTURES_PER_CHILD
from byleave.media.isolated import Child
from byleave.settings import Limits

pytestmark = pytest.mark.functional

LIMITS = Limits()
DATA = encoded(photo(5, (640, 480)))


@pytest.fixture(autouse=True, scope="module")
def no_child_outlives_the_tests() -> Iterator[None]:
    yield
    isolated.stop()


@pytest.fixture
def child() -> Iterator[Child]:
    child = Child(LIMITS)
    child.wait_until_ready()
    yield child
    child.end()


def limit_of(child: Child, name: str) -> int:
    line = next(
        line
        for line in Path(f"/proc/{child.process.pid}/limits").read_text().splitlines()
        if line.startswith(name)
    )
    hard = line[len(name) :].split()[1]
    return resource.RLIM_INFINITY if hard == "unlimited" else int(hard)


def test_it_gives_what_reading_in_this_process_gives() -> None:
    ours, theirs = describe(DATA, limits=LIMITS), isolated.describe(DATA, limits=LIMITS)
    assert isinstance(ours, Picture)
    assert isinstance(theirs, Picture)
    np.testing.assert_array_equal(ours.rgb, theirs.rgb)
    for name in ("width", "height", "format", "digest", "fingerprint", "thumbnail", "creator", "rights"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert isolated.claimed_picture(DATA, limits=LIMITS) == claimed_picture(DATA, limits=LIMITS)


def test_files_that_are_no_pictures_get_the_same_reasons() -> None:
    for data in (b"", b"text", DATA[:500], b"<svg/>"):
        assert isolated.describe(data, limits=LIMITS) == describe(data, limits=LIMITS)
        assert isolated.claimed_picture(data, limits=LIMITS) == claimed_picture(data, limits=LIMITS)


def test_a_started_child_answers_within_a_second() -> None:
    isolated.start(LIMITS)
    started = time.monotonic()
    assert isinstance(isolated.describe(DATA, limits=LIMITS), Picture)
    assert time.monotonic() - started < 1


def test_a_picture_that_takes_too_long_is_given_up_and_the_next_one_is_read() -> None:
    hurried = replace(LIMITS, picture_seconds=0.001)
    answer = isolated.describe(encoded(Image.effect_noise((2000, 2000), 90), "PNG"), limits=hurried)
    assert isinstance(answer, Unusable)
    assert answer.kind is UnusableKind.TOO_SLOW
    assert isinstance(isolated.describe(DATA, limits=LIMITS), Picture)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to its address space")
def test_a_picture_that_takes_too_much_memory_is_given_up() -> None:
    narrow = replace(LIMITS, picture_memory_bytes=8 << 20)
    answer = isolated.describe(encoded(Image.effect_noise((3000, 3000), 90), "PNG"), limits=narrow)
    assert isinstance(answer, Unusable)
    assert answer.kind in {UnusableKind.OUT_OF_MEMORY, UnusableKind.CRASHED}


def test_a_crash_of_the_decoder_is_an_answer(child: Child) -> None:
    child.process.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(child.ask, {"do": "describe", "thumbnail_px": None}, DATA)
        child.process.send_signal(signal.SIGSEGV)
        child.process.send_signal(signal.SIGCONT)
        outcome = answer.result(30)
    assert isinstance(outcome, Unusable)
    assert outcome.kind is UnusableKind.CRASHED
    assert not child.is_usable


def test_a_message_that_makes_no_sense_ends_the_child_and_not_us(child: Child) -> None:
    outcome = child.ask({"no": "sense"}, DATA)
    assert isinstance(outcome, Unusable)
    assert outcome.kind is UnusableKind.CRASHED


@pytest.mark.skipif(sys.platform != "linux", reason="reads the limits of a process from /proc")
def test_a_child_cannot_write_files_dump_core_or_grow(child: Child) -> None:
    assert limit_of(child, "Max file size") == 0
    assert limit_of(child, "Max core file size") == 0
    assert limit_of(child, "Max open files") == 64
    assert (
        LIMITS.picture_memory_bytes < limit_of(child, "Max address space") < 2 * LIMITS.picture_memory_bytes
    )
    assert limit_of(child, "Max cpu time") < 2 * PICTURES_PER_CHILD * LIMITS.picture_seconds


@pytest.mark.skipif(sys.platform != "linux", reason="reads the environment of a process from /proc")
def test_a_child_inherits_none_of_our_environment_or_files(child: Child, tmp_path: Path) -> None:
    names = {
        entry.partition(b"=")[0]
        for entry in Path(f"/proc/{child.process.pid}/environ").read_bytes().split(b"\0")
    }
    assert names <= {b"PYTHONPATH", b"HOME", b"MALLOC_MMAP_THRESHOLD_", b"MALLOC_TRIM_THRESHOLD_", b""}
    with (tmp_path / "secret").open("wb"):
        fresh = Child(LIMITS)
        fresh.wait_until_ready()
        opened = [str(link.readlink()) for link in Path(f"/proc/{fresh.process.pid}/fd").iterdir()]
        fresh.end()
    assert not [path for path in opened if "secret" in path]


def test_many_threads_share_a_few_children() -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: isolated.describe(DATA, limits=LIMITS), range(24)))
    assert all(isinstance(answer, Picture) for answer in answers)
    assert len(isolated._children._idle) <= isolated._children.most
