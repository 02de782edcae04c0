"""Tests of what processes of ours do with memory."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

ASKING_AGAIN_AND_AGAIN = """
import resource
from byleave.processes import keep_freed_memory
{first}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
bytearray(64 * 2**20)
before = faults()
for _ in range(10):
    bytearray(64 * 2**20)
print(faults() - before)
"""


def faults(first: str) -> int:
    """Return how many pages of fresh memory a process touches that asks for the same amount ten times."""
    asked = [sys.executable, "-c", ASKING_AGAIN_AND_AGAIN.format(first=first)]
    return int(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU C library is told to")
def test_memory_that_was_freed_is_used_again() -> None:
    assert faults("keep_freed_memory()") * 20 < faults("")
