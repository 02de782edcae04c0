"""Who waits for machine code is told so, and whether that comes again; who has it already is told nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numba
import pytest

from byleave.apply.engine import Rows
from byleave.cli.compiling import KEPT, NOT_KEPT
from byleave.cli.engines import engine_of

PROGRAM = """
import sys
from byleave.cli.compiling import tell_of_compiling
from byleave.compiled import compiled

@compiled
def add(left, right):
    return left + right

tell_of_compiling(print)
print(*(add(value, value) for value in map(eval, sys.argv[1:])))
"""


def run(home: Path, *values: str) -> list[str]:
    program = home / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, str(program), *values]
    done = subprocess.run(command, env={"HOME": str(home)}, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_words_come_where_something_is_compiled_that_was_not_before(tmp_path: Path) -> None:
    assert run(tmp_path, "1", "1.5") == [KEPT, "2 3.0"]
    assert run(tmp_path, "1", "1.5") == ["2 3.0"]
    assert run(tmp_path, "1", "2j") == [KEPT, "2 4j"]


def test_where_nothing_can_be_kept_they_say_so(tmp_path: Path) -> None:
    (tmp_path / ".cache" / "byleave").mkdir(parents=True)
    (tmp_path / ".cache" / "byleave").chmod(0o777)
    assert run(tmp_path, "1") == [NOT_KEPT, "2"]
    assert not list((tmp_path / ".cache" / "byleave").iterdir())


COMMAND = """
import sys
import numba
from byleave.cli.main import run
try:
    run()
except SystemExit:
    numba.njit(lambda left, right: left + right)(1, 2)
"""
"""A loop that is compiled behind a command stands for those within it, which were all compiled on a machine that ran the tests before."""


@pytest.mark.parametrize(
    "words",
    [
        "sync nowhere --to list",
        "apply --ruleset nowhere --input nothing --output out --regime opt_out --use train_gen",
        "attest bind nothing --ruleset nowhere --to bound",
        "audit-attestation nothing openings --receipt receipt --policy policy --key key --ruleset nowhere",
    ],
)
def test_commands_that_run_loops_tell_whoever_waits_for_them(tmp_path: Path, words: str) -> None:
    home = {"BYLEAVE_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}
    command = [sys.executable, "-c", COMMAND, *words.split()]
    done = subprocess.run(command, env=home, cwd=tmp_path, capture_output=True, text=True, check=True)
    error, _, after = done.stderr.partition("hint: ")
    assert error.startswith("error: ")
    assert after.splitlines()[1:] == [KEPT]


@dataclass(frozen=True)
class Compiling:
    """Work whose every task compiles a loop anew."""

    def begin(self) -> Callable[[int, Rows], int]:
        return compile_and_add


def compile_and_add(task: int, progress: Rows) -> int:
    sums: Callable[[int, int], int] = numba.njit(lambda left, right: left + right)
    return sums(task, 1)


def test_two_processes_that_compile_are_told_of_once_in_the_process_that_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[3])  # from where workers load this file
    heard: list[str] = []
    with engine_of("local", 2, None, heard.append) as engine:
        done = list(engine.run(Compiling(), [1, 2, 3, 4], lambda _: None))
    assert done == [(0, 2), (1, 3), (2, 4), (3, 5)]
    assert heard in ([KEPT], [NOT_KEPT])
