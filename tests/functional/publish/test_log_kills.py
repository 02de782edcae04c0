"""Kill whoever files, anywhere between filing and answer, again and again: what was acknowledged stays, in one past."""

from __future__ import annotations

import base64
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session
from tests.functional.publish.filing import NOW, acknowledged, trusted
from tests.postgres import open_folder

from byleave.log import Checkpoint, open_checkpoint
from byleave.publish.folders import log_folder
from byleave.publish.keys import known_keys
from byleave.publish.sequencer import integrate
from byleave.registry.changing import withdraw_claim
from byleave.registry.database import Database
from byleave.registry.permissions import OPERATOR
from byleave.registry.sealing import KEY_FILE, Seal
from byleave.registry.tables import CheckpointRow, ClaimEventRow
from byleave.release.keys import verify_ed25519
from byleave.release.log_reading import audit, check_growth, open_place, read_checkpoint
from byleave.release.receipts import Receipt
from byleave.settings import Settings

pytestmark = pytest.mark.functional

ROOT = Path(__file__).parents[3]
KILLS = 200 if os.environ.get("CI") else 40
PROCESSES = 8
SHORT = 100
"""Characters that lines other than receipts stay below."""


@pytest.fixture
def settings(registry_settings: Settings) -> Iterator[Settings]:
    """Give a home with a log of its own, and the key to the addresses in the tests' database."""
    Seal.of(registry_settings).close("nothing", "makes the key where there is none")
    with open_folder() as folder:
        keys = folder / "home" / "keys"
        keys.mkdir(parents=True, mode=0o700)
        shutil.copy(registry_settings.home / "keys" / KEY_FILE, keys)
        yield Settings(home=folder / "home")


@pytest.fixture
def url(database: Database) -> str:
    """Give the address of the tests' server, for processes that do not start one."""
    named = {key: value for key, value in database.parameters.items() if key != "dbname"}
    return f"postgresql:///{database.parameters['dbname']}?{urlencode(named)}"


@pytest.fixture
def filer() -> Iterator[subprocess.Popen[str]]:
    """Give a process that forks filers."""
    filer = subprocess.Popen(
        [sys.executable, "-m", "tests.functional.publish.filing_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        cwd=ROOT,
    )
    assert filer.stdout is not None
    assert filer.stdout.readline() == "ready\n"
    yield filer
    filer.kill()
    filer.communicate()


def answers(filer: subprocess.Popen[str]) -> list[Receipt]:
    """Return the receipts that were given until all children are gone."""
    assert filer.stdout is not None
    lines = list(iter(filer.stdout.readline, "ended\n"))
    return [Receipt.parse(base64.b64decode(line)) for line in lines if len(line) > SHORT]


def filed_until_killed(filer: subprocess.Popen[str], home: Path, url: str, after_s: float) -> list[Receipt]:
    """Have a child file and kill it some time after it began; return the receipts that it gave."""
    assert filer.stdin is not None
    assert filer.stdout is not None
    filer.stdin.write(f"{home} 1 1000 {url}\n")
    child = int(filer.stdout.readline())
    assert filer.stdout.readline() == "begin\n"
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    return answers(filer)


def audited(settings: Settings) -> Checkpoint | None:
    """Check the published files as a stranger would: every one whole, all of them the one that was signed."""
    if not (log_folder(settings) / "checkpoint").exists():
        return None
    with open_place(str(log_folder(settings))) as place:
        checkpoint = read_checkpoint(place, trusted(settings)).checkpoint
        audit(place, checkpoint)
    return checkpoint


def one_past(database: Database, settings: Settings) -> Checkpoint:
    """Check that every checkpoint that was ever signed is a beginning of the published log."""
    now = audited(settings)
    assert now is not None
    with database.transaction() as session:
        notes = session.execute(sa.select(CheckpointRow.note)).scalars().all()
        numbers = session.execute(sa.select(ClaimEventRow.number).order_by(ClaimEventRow.number)).scalars()
        assert list(numbers) == list(range(1, now.size + 1))
    with open_place(str(log_folder(settings))) as place:
        for note in notes:
            check_growth(place, open_checkpoint(note, known_keys(settings), verify_ed25519)[0], now)
    return now


def test_kills_between_filing_and_answer_lose_nothing_and_fork_nothing(
    database: Database, settings: Settings, url: str, filer: subprocess.Popen[str]
) -> None:
    acknowledged(database, settings)  # makes the key, so that every later child begins alike
    begun = time.monotonic()
    acknowledged(database, settings)
    usual_s = time.monotonic() - begun
    seen = audited(settings)
    assert seen is not None
    receipts: list[Receipt] = []
    for _ in range(KILLS):
        receipts += filed_until_killed(filer, settings.home, url, random.uniform(0, 3 * usual_s))
        published = audited(settings)
        assert published is not None
        assert published.size >= seen.size, "the published log never goes back"
        assert all(receipt.event.number <= published.size for receipt in receipts)
        seen = published
    acknowledged(database, settings)
    now = one_past(database, settings)
    assert now.size >= len(receipts) + 3
    with open_place(str(log_folder(settings))) as place:
        for receipt in receipts:
            check_growth(place, receipt.verify(trusted(settings)).checkpoint, now)
    assert len({receipt.event.number for receipt in receipts}) == len(receipts)


def test_eight_processes_file_into_one_log_without_gaps(
    database: Database, settings: Settings, url: str, filer: subprocess.Popen[str]
) -> None:
    acknowledged(database, settings)
    assert filer.stdin is not None
    filer.stdin.write(f"{settings.home} {PROCESSES} 12 {url}\n")
    receipts = answers(filer)
    assert sorted(receipt.event.number for receipt in receipts) == list(range(2, 2 + 12 * PROCESSES))
    now = one_past(database, settings)
    assert now.size == 1 + 12 * PROCESSES
    for receipt in receipts:
        receipt.verify(trusted(settings))


STEPS = st.lists(
    st.sampled_from(["file one", "file many", "withdraw unlogged", "roll back", "integrate"]),
    max_size=12,
)


@hypothesis_settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_is_done_in_whatever_order_gives_one_gapless_log(
    database: Database, settings: Settings, steps: list[str]
) -> None:
    live: list[bytes] = []
    for step in steps:
        match step:
            case "file one" | "file many":
                done = acknowledged(database, settings, count=1 if step == "file one" else 130)
                live += [one.claim.id for one in done]
            case "withdraw unlogged" if live:
                with database.transaction() as session:
                    withdraw_claim(session, live.pop(), who=OPERATOR, at=NOW)
            case "roll back" if live:
                with Session(database.engine) as session:
                    withdraw_claim(session, live[-1], who=OPERATOR, at=NOW)
                    session.rollback()
            case _:
                integrate(database, settings, at=NOW)
    acknowledged(database, settings)
    one_past(database, settings)
