"""Real processes that are really killed, many a second: one process loads everything once and forks a child for each victim."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

PROGRAM = """
import os, signal, sys, time, traceback
from pathlib import Path
from byleave.log import VerifierKey
from byleave.release import patching, sync, writing
from byleave.release.mirror import mirror
print("ready", flush=True)
for line in sys.stdin:
    what, source, folder, key, after = line.rstrip("\\n").split("\\t")
    begun = time.perf_counter()
    child = os.fork()
    if not child:
        try:
            {"sync": sync, "mirror": mirror}[what](source, Path(folder), keys=[VerifierKey.parse(key)])
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if after:
        time.sleep(float(after))
        os.kill(child, signal.SIGKILL)  # nobody has waited for it, so the number is still its own
    status = os.waitpid(child, 0)[1]
    print(status, time.perf_counter() - begun, flush=True)
"""


@dataclass(frozen=True, slots=True)
class Victims:
    """Starts children and kills them."""

    words: IO[str]
    answers: IO[str]

    def run(self, *words: object, kill_after: float | None = None) -> float | None:
        """Run one child; return the seconds it took, or ``None`` if it was killed before it was done."""
        after = "" if kill_after is None else kill_after
        self.words.write("\t".join(map(str, [*words, after])) + "\n")
        self.words.flush()
        status, seconds = self.answers.readline().split()
        if os.WIFSIGNALED(int(status)):
            return None
        assert int(status) == 0, "the child failed; its traceback stands above"
        return float(seconds)


@contextmanager
def victims() -> Iterator[Victims]:
    """Give a process that makes victims."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        yield Victims(parent.stdin, parent.stdout)
        parent.stdin.close()
        parent.wait(30)
