"""A claimant's whole way over the command line: file, keep the receipt, hold lists against it, before and after a change of keys."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.forked import RUN, run_command

from byleave.registry.database import Database

pytestmark = pytest.mark.functional

HEAVY = {"pyarrow", "numba", "numpy", "sqlalchemy", "psycopg", "fastapi", "lancedb"}
LIGHT = f"""
import atexit, sys
atexit.register(lambda: sys.stderr.write("loaded " + " ".join(sorted({HEAVY!r} & set(sys.modules)))))
from byleave.cli.main import run
run()
"""


@dataclass(frozen=True, slots=True)
class Command:
    home: Path
    program: str = RUN

    def __call__(self, *words: object, leaves: int = 0) -> str:
        """Run `byleave` and return what it printed; it must leave with ``leaves``."""
        environment = {"BYLEAVE_HOME": str(self.home), "PATH": "/usr/bin:/bin"}
        told = [str(word) for word in words]
        if self.program == RUN:
            done = run_command(told, environment)
        else:
            command = [sys.executable, "-c", self.program, *told]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == leaves, done.stderr
        return done.stdout.strip() if self.program == RUN else done.stderr


@pytest.fixture
def byleave(database: Database, registry_home: Path) -> Command:
    return Command(registry_home)


def test_a_receipt_is_kept_and_held_against_lists(byleave: Command, tmp_path: Path) -> None:
    home = byleave.home
    file = ["claim", "add", "--preference", "deny", "--as", "ann@example.com"]
    mine, waiting, gone, later = (tmp_path / name for name in ("mine", "waiting", "gone", "later"))
    byleave(*file, "--url", "https://a.example/1", "--receipt", mine)
    byleave(*file, "--domain", "example.org", "--receipt", waiting)
    claim = byleave(*file, "--url", "https://a.example/2")
    byleave("claim", "withdraw", claim, "--receipt", gone)
    old_checkpoint = tmp_path / "checkpoint"
    old_checkpoint.write_bytes((home / "log/checkpoint").read_bytes())
    key = byleave("keys", "show")
    assert mine.stat().st_mode & 0o077 == 0, "it holds what was said"

    byleave("publish")
    byleave(*file, "--url", "https://a.example/3", "--receipt", later)
    mirror = tmp_path / "mirror"
    byleave("mirror", home / "releases", mirror, "--key", key)
    light = Command(tmp_path / "nowhere", LIGHT)
    for receipt, leaves, words in (
        (mine, 0, "in list 5 at row"),
        (waiting, 8, "not confirmed yet"),
        (gone, 8, "withdrawn since"),
        (later, 8, "not in list 5 yet: due by"),
    ):
        said = light("verify", receipt, "--key", key, "--release", mirror, leaves=leaves)
        assert words in said
        assert said.endswith("loaded "), "the light core answers alone"
    light("verify", old_checkpoint, "--key", key, "--log", home / "log")
    assert "all 6 entries" in light("verify", home / "log", "--key", key)

    new_key = byleave("keys", "rotate")
    assert byleave("keys", "show") == new_key != key
    byleave(*file, "--url", "https://a.example/4")
    byleave("publish")
    history = home / "log/keys.history"
    light("verify", mine, "--key", new_key, leaves=5)
    light("verify", mine, "--key", new_key, "--history", history, "--log", home / "log")
    assert "in list 7" in light("verify", later, "--key", key, "--release", home / "releases")
    synced = tmp_path / "synced"
    byleave("sync", home / "releases", "--to", synced, "--key", key)
    assert "in list 7" in light("verify", later, "--release", synced), "a synced folder remembers the key"
    byleave("mirror", home / "releases", mirror)
    assert "in list 7" in light("verify", mine, "--key", new_key, "--release", mirror)
    findings = {one["name"]: one["state"] for one in json.loads(byleave("doctor", "--json"))}
    assert (findings["public log"], findings["published list"]) == ("ok", "ok")


def test_an_operator_who_drops_a_claim_is_found_out(
    byleave: Command, database: Database, tmp_path: Path
) -> None:
    file = ["claim", "add", "--preference", "deny", "--as", "ann@example.com"]
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    byleave(*file, "--url", "https://a.example/1", "--receipt", mine)
    with database.transaction() as session:
        session.execute(sa.text("DELETE FROM claims"))
    byleave(*file, "--url", "https://a.example/2", "--receipt", theirs)
    byleave("publish")
    key = byleave("keys", "show")
    light = Command(tmp_path / "nowhere", LIGHT)
    said = light("verify", mine, "--key", key, "--release", byleave.home / "releases", leaves=5)
    assert "missing: the operator broke its promise" in said
    light("verify", theirs, "--key", key, "--release", byleave.home / "releases")


def test_an_erased_claim_leaves_a_receipt_and_a_log_that_verifies(byleave: Command, tmp_path: Path) -> None:
    claim = byleave(
        "claim", "add", "--preference", "deny", "--as", "a@b.example", "--url", "https://a.example/1"
    )
    byleave("claim", "erase", claim, "--receipt", tmp_path / "erased")
    byleave("publish")
    key = byleave("keys", "show")
    light = Command(tmp_path / "nowhere", LIGHT)
    releases = byleave.home / "releases"
    said = light("verify", tmp_path / "erased", "--key", key, "--release", releases, leaves=8)
    assert "erased since" in said
    light("verify", byleave.home / "log", "--key", key)
    assert byleave("claim", "receipt", claim).startswith("c2sp.org/tlog-proof@v1")
