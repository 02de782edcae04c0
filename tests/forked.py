"""Runs `byleave` as a copy of a process that has loaded other people's packages already: loading them is half of a short command's time.

Nothing of ours is loaded beforehand, and a command ends as every process does.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from threading import Lock

START = "from tests.forked import serve; serve()"
RUN = "from byleave.cli.main import run; run()"
PACKAGES = (
    "alembic", "cryptography.hazmat.primitives.asymmetric.ed25519", "httpx", "numba", "procrastinate", "psycopg",
    "pyarrow.dataset", "pyarrow.parquet", "pydantic", "rich", "sqlalchemy.dialects.postgresql", "sqlalchemy.orm", "typer",
)  # fmt: skip


def run_command(
    words: Sequence[str], environment: Mapping[str, str], folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `byleave` with these words, with nothing to read from, and return what it printed and how it left."""
    place = str(folder or Path.cwd())
    if sys.platform != "linux" or not _one_at_a_time.acquire(blocking=False):
        command = [sys.executable, "-c", RUN, *words]
        return subprocess.run(
            command, env=dict(environment), cwd=place, capture_output=True, text=True, check=False
        )
    try:
        return _forked(list(words), dict(environment), place)
    finally:
        _one_at_a_time.release()


_one_at_a_time = Lock()


def _forked(words: list[str], environment: dict[str, str], place: str) -> subprocess.CompletedProcess[str]:
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        printed, told = Path(folder) / "out", Path(folder) / "err"
        asked = [words, environment, place, str(printed), str(told)]
        try:
            server.stdin.write(json.dumps(asked) + "\n")
            server.stdin.flush()
            code = int(server.stdout.readline())
        except BaseException:  # a test that ran out of time must not leave its answer to the next one
            _stop()
            raise
        return subprocess.CompletedProcess(words, code, printed.read_text(), told.read_text())


@cache
def _server() -> subprocess.Popen[str]:
    atexit.register(_stop)
    return subprocess.Popen(
        [sys.executable, "-c", START],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _stop() -> None:
    if _server.cache_info().currsize:
        with _server() as server:
            server.kill()
        _server.cache_clear()
        atexit.unregister(_stop)


def serve() -> None:
    """Start a copy for each line read, and say how it left."""
    for package in PACKAGES:
        importlib.import_module(package)
    for line in sys.stdin:
        words, environment, place, printed, told = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(words, environment, place, printed, told)
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(words: list[str], environment: dict[str, str], place: str, printed: str, told: str) -> None:
    for number, path, how in ((0, os.devnull, os.O_RDONLY), (1, printed, None), (2, told, None)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT if how is None else how, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(place)
    sys.argv = ["byleave", *words]
    from byleave.cli.main import run

    run()
