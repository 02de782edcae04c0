"""Ctrl-C at a terminal reaches a command and every process that it started: it says one line, and leaves."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.forked import RUN
from tests.sources import write_folder
from tests.unit.apply.worlds import KEY, row, synced

from byleave.consent import TargetKind
from byleave.release.sync import read_current

pytestmark = pytest.mark.functional

SAID = "stopped; what was finished is kept\n"
HEARING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
"""A shell lets what it starts in the background, these tests perhaps, and all that they start, ignore Ctrl-C."""


@contextmanager
def started(*words: object, folder: Path, path: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """Start ``byleave`` with these words at the head of a group of processes, as a shell does; modules in ``path`` come before others."""
    process = subprocess.Popen(
        [sys.executable, "-c", HEARING + RUN, *map(str, words)],
        cwd=folder,
        env={**os.environ, "BYLEAVE_HOME": str(folder / "home")}
        | ({"PYTHONPATH": str(path)} if path else {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def stopped(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Press Ctrl-C, and return the exit code with what was said."""
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=120)[1]
    return process.returncode, said


def test_a_command_that_is_stopped_says_so_and_leaves_with_130(tmp_path: Path) -> None:
    to = tmp_path / "held"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        words = ("sync", f"http://127.0.0.1:{silent.getsockname()[1]}", "--to", to, "--key", KEY.verifier)
        with started(*words, folder=tmp_path) as process, silent.accept()[0]:
            assert stopped(process) == (130, SAID)
    assert read_current(to) is None


def test_a_command_that_is_stopped_before_it_is_loaded_says_so_too(tmp_path: Path) -> None:
    pipe, early = tmp_path / "pipe", tmp_path / "early"
    os.mkfifo(pipe)
    early.mkdir()
    (early / "typer.py").write_text(f"open({str(pipe)!r}).read()")
    with started("doctor", folder=tmp_path, path=early) as process:
        writer = read_by(process, pipe)
        try:
            assert stopped(process) == (130, SAID)
        finally:
            os.close(writer)


def read_by(process: subprocess.Popen[str], pipe: Path) -> int:
    """Wait until the command reads from a pipe, and return our end of it."""
    while process.poll() is None:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads yet
            time.sleep(0.01)
    pytest.fail(f"it ended before it read: {process.communicate()[1]}")


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the workers in /proc")
def test_workers_that_just_start_are_stopped_without_a_word_of_their_own(tmp_path: Path) -> None:
    ruleset = synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
    data = tmp_path / "data"
    data.mkdir()
    for name in ("one", "two"):
        pq.write_table(pa.table({"url": [f"https://a.example/{name}"]}), data / f"{name}.parquet")
    words = ("--ruleset", ruleset, "--input", data, "--output", tmp_path / "out", "--regime", "opt_out")
    with started("apply", *words, "--use", "train_gen", "--workers", 2, folder=tmp_path) as process:
        wait_for_workers(process)
        assert stopped(process) == (130, SAID)
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the workers in /proc")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="on one processor an ingest starts no workers")
def test_workers_that_describe_pictures_are_stopped_without_a_word_of_their_own(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "pictures", range(80))
    with started("ingest", folder, "--dataset", "many", folder=tmp_path) as process:
        wait_for_workers(process, amid="numpy")
        assert stopped(process) == (130, SAID)


def wait_for_workers(process: subprocess.Popen[str], amid: str = "") -> None:
    """Wait until a command has started the first of its workers, and that one has loaded a package."""
    while not any(amid in Path(f"/proc/{worker}/maps").read_text() for worker in workers_of(process.pid)):
        assert process.poll() is None, "it ended before a worker was seen"
        time.sleep(0.002)


def workers_of(process: int) -> list[str]:
    """Return the processes that work for another one."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text("ascii").split()
    return [child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
