"""One way to open the registry, whichever server it is on, and errors that say what to do."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from tests.postgres import open_folder

from byleave.errors import InputError, UnavailableError
from byleave.registry import tables
from byleave.registry.backup import backup, restore
from byleave.registry.database import Database
from byleave.registry.embedded import find_server
from byleave.registry.jobs import Worker, defer
from byleave.settings import Settings

pytestmark = pytest.mark.functional


@pytest.fixture
def own_home() -> Iterator[Path]:
    """Give a home of the test's own, whose server may be killed."""
    with open_folder() as folder:
        yield folder / "home"


def by_url(database: Database, home: Path) -> Settings:
    parts = database.parameters
    return Settings(
        home=home,
        database_url=f"postgresql://{parts['user']}:{parts['password']}@/{parts['dbname']}"
        f"?host={quote(parts['host'], safe='')}&port={parts['port']}",
    )


def counter(database: Database) -> int | None:
    with database.transaction() as session:
        return session.scalar(sa.select(tables.EventCounter.last))


def kill_server(home: Path) -> None:
    server = find_server(home)
    assert server is not None
    # A backend outlives its postmaster for some milliseconds and may still answer; what is tested is what comes after.
    listed = Path(f"/proc/{server.pid}/task/{server.pid}/children")
    backends = listed.read_text().split() if listed.exists() else []
    os.kill(server.pid, signal.SIGKILL)
    until = time.monotonic() + 5
    while find_server(home) or any(Path(f"/proc/{backend}").exists() for backend in backends):
        assert time.monotonic() < until, "the server does not go"
        time.sleep(0.005)


def test_a_server_named_by_url_is_used_and_never_stopped(database: Database, tmp_path: Path) -> None:
    settings = by_url(database, tmp_path / "home")
    with Database.open(settings) as named:
        assert not named.embedded
        assert counter(named) == 0
    assert database.embedded
    assert counter(database) == 0
    assert not (tmp_path / "home").exists()


def test_a_backup_and_a_restore_work_by_url(database: Database, tmp_path: Path) -> None:
    settings = by_url(database, tmp_path)
    backup(settings, tmp_path / "saved")
    assert restore(settings, tmp_path / "saved").rows["event_counter"] == 1
    assert counter(database) == 0


def test_a_server_that_does_not_answer_is_said_with_a_remedy_and_no_password(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url="postgresql://mara:hunter2@127.0.0.1:1/registry")
    with pytest.raises(UnavailableError, match="byleave doctor") as refused:
        Database.open(settings)
    assert "hunter2" not in str(refused.value)


def test_a_transaction_that_raises_stores_nothing(database: Database) -> None:
    def count_and_fail() -> None:
        with database.transaction() as session:
            session.execute(sa.update(tables.EventCounter).values(last=7))
            raise InputError("no", remedy="none")

    with pytest.raises(InputError):
        count_and_fail()
    assert counter(database) == 0


def test_values_are_not_in_the_words_of_an_error(database: Database) -> None:
    def store_twice() -> None:
        with database.transaction() as session:
            for _ in range(2):
                session.execute(
                    sa.text("INSERT INTO event_counter (singleton, last) VALUES (true, :last)"),
                    {"last": 4711},
                )

    with pytest.raises(sa.exc.IntegrityError) as refused:
        store_twice()
    assert "parameters hidden" in str(refused.value)
    assert "4711" not in str(refused.value)


def test_several_that_open_a_new_registry_at_once_migrate_it_once(own_home: Path) -> None:
    together = threading.Barrier(4)

    def open_and_count(_: int) -> int | None:
        together.wait()
        with Database.open(Settings(home=own_home)) as database:
            return counter(database)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(open_and_count, range(4))) == [0] * 4
    assert find_server(own_home) is None


def test_a_database_whose_server_was_killed_goes_on(own_home: Path) -> None:
    with Database.open(Settings(home=own_home)) as database:
        assert counter(database) == 0
        kill_server(own_home)
        assert counter(database) == 0
    assert find_server(own_home) is None


def test_a_transaction_cut_off_by_a_kill_is_unavailable(own_home: Path) -> None:
    def lose_it(database: Database) -> None:
        with database.transaction() as session:
            session.execute(sa.update(tables.EventCounter).values(last=7))
            kill_server(own_home)
            time.sleep(0.2)
            session.execute(sa.text("SELECT 1"))

    with Database.open(Settings(home=own_home)) as database:
        with pytest.raises(UnavailableError, match="lost"):
            lose_it(database)
        assert counter(database) == 0


def test_a_server_by_url_that_went_away_is_unavailable(own_home: Path) -> None:
    with Database.open(Settings(home=own_home)) as embedded:
        named = Database.open(by_url(embedded, own_home))
    with named, pytest.raises(UnavailableError, match="byleave doctor"):
        counter(named)


def test_a_worker_goes_on_after_its_server_was_killed(own_home: Path) -> None:
    ran: list[str] = []
    with (
        Database.open(Settings(home=own_home)) as database,
        Worker(database, {"say": lambda _, word: ran.append(word)}),
    ):
        kill_server(own_home)
        with database.transaction() as session:
            defer(session, "say", word="after")
        deadline = time.monotonic() + 30
        while not ran and time.monotonic() < deadline:
            time.sleep(0.02)
    assert ran == ["after"]
