"""Who waits for machine code is told so, once; who has it already is told nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from byleave.cli.compiling import WORDS

PROGRAM = """
from byleave.cli.compiling import tell_of_compiling
from byleave.compiled import compiled

@compiled
def add(left, right):
    return left + right

tell_of_compiling(print)
print(add(1, 2), add(1.0, 2.0))
"""


def test_words_come_once_and_only_where_something_is_compiled(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    def run() -> list[str]:
        command = [sys.executable, str(program)]
        done = subprocess.run(
            command, env={"HOME": str(tmp_path)}, capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()

    assert run() == [WORDS, "3 3.0"]
    assert run() == ["3 3.0"]
