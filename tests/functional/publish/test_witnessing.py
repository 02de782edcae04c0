"""Two registries witness each other over real HTTP: what one has cosigned, the other can no longer take back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.functional.publish.filing import NOW, acknowledged, files_below
from tests.postgres import open_folder

from byleave.errors import ConflictError, UnavailableError, VerificationError
from byleave.log import Policy, VerifierKey
from byleave.publish.folders import log_folder
from byleave.publish.keys import show_keys
from byleave.publish.receipts import receipt_of
from byleave.publish.witnesses import ask_witness
from byleave.registry.database import Database
from byleave.registry.permissions import OPERATOR
from byleave.registry.tables import CheckpointRow
from byleave.release.receipts import Receipt
from byleave.release.witnessing import cosigning, witness_folder, witness_key
from byleave.settings import Settings

pytestmark = pytest.mark.functional

RUN = "from byleave.cli.main import run; run()"


@pytest.fixture
def settings(registry_settings: Settings, tmp_path: Path) -> Settings:
    return replace(registry_settings, home=tmp_path / "home", origin="one.example/registry")


@pytest.fixture
def other_home() -> Iterator[Path]:
    """Give the home of a second registry, with a database server of its own."""
    with open_folder() as home:
        yield home


@contextmanager
def serving(home: Path, origin: str, *logs: VerifierKey) -> Iterator[str]:
    """Run `byleave witness serve` for a home; give its address."""
    named = [part for log in logs for part in ("--log", str(log))]
    server = subprocess.Popen(
        [sys.executable, "-c", RUN, "witness", "serve", "--port", "0", *named],
        env={"BYLEAVE_HOME": str(home), "BYLEAVE_ORIGIN": origin, "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    try:
        yield server.stdout.readline().split()[-1]
    finally:
        server.kill()
        server.communicate()


def test_two_registries_witness_each_other(database: Database, settings: Settings, other_home: Path) -> None:
    other = Settings(home=other_home, origin="two.example/registry")
    (filed,) = acknowledged(database, settings)
    with Database.open(other) as other_database:
        acknowledged(other_database, other, count=3)
        keys = {one.home: show_keys(one).signing for one in (settings, other)}
        for asking, asked, asking_database in (
            (settings, other, database),
            (other, settings, other_database),
        ):
            witness = cosigning(witness_key(asked))
            with serving(asked.home, asked.origin, keys[asking.home]) as url:
                for count in (1, 300):
                    log, seen = ask_witness(asking_database, asking, url, witness, at=NOW)
                    assert seen.key == witness
                    assert (log_folder(asking) / "checkpoint").read_text() == log.note
                    acknowledged(asking_database, asking, count=count)
                ask_witness(asking_database, asking, url, witness, at=NOW)
    upgraded = Receipt.parse(receipt_of(database, settings, filed.claim.id, who=OPERATOR, at=NOW).encode())
    rules = f"log {keys[settings.home]}\nwitness w {cosigning(witness_key(other))}\nquorum w\n"
    policy = Policy.parse(rules.encode())
    assert len(upgraded.verify(policy).cosignatures) == 1
    with pytest.raises(VerificationError, match="have not cosigned"):
        filed.receipt.verify(policy)


def test_a_witness_refuses_a_second_past_and_keeps_both(
    database: Database, settings: Settings, other_home: Path
) -> None:
    acknowledged(database, settings, count=2)
    other = Settings(home=other_home, origin="two.example/registry")
    witness = cosigning(witness_key(other))
    with serving(other.home, other.origin, show_keys(settings).signing) as url:
        ask_witness(database, settings, url, witness, at=NOW)
        before = files_below(witness_folder(other))
        with database.transaction() as session:  # forget everything, as somebody would who wants another past
            session.execute(sa.text("ALTER TABLE claim_events DISABLE TRIGGER ALL"))
            session.execute(sa.text("TRUNCATE claims, claim_events, checkpoints CASCADE"))
            session.execute(sa.text("ALTER TABLE claim_events ENABLE TRIGGER ALL"))
            session.execute(sa.text("UPDATE event_counter SET last = 0"))
        (log_folder(settings) / "checkpoint").unlink()
        acknowledged(database, settings, count=2)
        with pytest.raises(VerificationError, match="holds another past of this log, of 2 entries"):
            ask_witness(database, settings, url, witness, at=NOW)
        acknowledged(database, settings)
        with pytest.raises(UnavailableError, match="422"):
            ask_witness(database, settings, url, witness, at=NOW)
    kept = files_below(witness_folder(other))
    assert before.items() <= kept.items()
    assert any(".fork-" in name for name in kept)
    with database.transaction() as session:
        assert not any(
            "two.example" in note for note in session.execute(sa.select(CheckpointRow.note)).scalars()
        )


def test_a_log_that_was_not_named_is_not_witnessed(
    database: Database, settings: Settings, other_home: Path
) -> None:
    other = Settings(home=other_home, origin="two.example/registry")
    witness = cosigning(witness_key(other))
    with serving(other.home, other.origin, witness_key(other).verifier) as url:
        with pytest.raises(ConflictError, match="empty"):
            ask_witness(database, settings, url, witness, at=NOW)
        acknowledged(database, settings)
        with pytest.raises(UnavailableError, match="404"):
            ask_witness(database, settings, url, witness, at=NOW)
