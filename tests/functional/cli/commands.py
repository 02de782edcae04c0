"""Run the real command in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.forked import RUN, run_command

SHOW_MODULES = (
    "import atexit, sys; from pathlib import Path; to = Path(sys.argv.pop(1));"
    "atexit.register(lambda: to.write_text('\\n'.join(sys.modules)));"
)


def byleave(
    *words: object, home: Path, settings: Mapping[str, str] | None = None, modules: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``byleave`` with these words in ``home``; with ``modules`` write there which modules it loaded."""
    environment = {**os.environ, "BYLEAVE_HOME": str(home), "COLUMNS": "120", **(settings or {})}
    if modules is None:
        return run_command([str(word) for word in words], environment, home.parent)
    return subprocess.run(
        [sys.executable, "-c", SHOW_MODULES + RUN, str(modules), *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        cwd=home.parent,
        env=environment,
    )
