"""Who waits for machine code is told so, and whether that comes again; who has it already is told nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from byleave.cli.compiling import KEPT, NOT_KEPT

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
