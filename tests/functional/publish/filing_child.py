"""A process that files claims with receipts until it is killed, and forks others that do: importing takes longer than filing.

Reads lines ``<folder> <processes> <claims> <database URL>`` from standard input. For each it forks so many children, which file so many
claims each, one after the other, and writes ``ended`` when all are gone. A child writes its process id, a line ``begin`` before each claim
and the receipt, as one line of base64, after it; lines are short enough to arrive whole.
"""

from __future__ import annotations

import base64
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.functional.publish.filing import acknowledged

from byleave.registry.database import Database
from byleave.settings import Settings


def say(words: str) -> None:
    os.write(1, f"{words}\n".encode())


def file_until_killed(home: Path, url: str, count: int) -> None:
    settings = Settings(home=home, database_url=url)
    with Database.open(settings) as database:
        say(str(os.getpid()))
        for _ in range(count):
            say("begin")
            (filed,) = acknowledged(database, settings, at=datetime.now(UTC))
            say(base64.b64encode(filed.receipt.to_text().encode()).decode())


if __name__ == "__main__":
    say("ready")
    for line in sys.stdin:
        home, processes, count, url = line.rstrip("\n").split(" ", 3)
        for _ in range(int(processes)):
            if os.fork() == 0:
                file_until_killed(Path(home), url, int(count))
                os._exit(0)
        for _ in range(int(processes)):
            os.wait()
        say("ended")
