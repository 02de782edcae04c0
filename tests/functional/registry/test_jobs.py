"""Jobs asked for in a transaction share its fate, and run as often as they were asked for: once."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from byleave.errors import InputError, UnavailableError
from byleave.registry.database import Database
from byleave.registry.jobs import Worker, defer, run_pending

pytestmark = pytest.mark.functional


class Ran:
    """A task that remembers the words it was called with."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.called = threading.Event()

    def __call__(self, database: Database, *, word: str) -> None:
        self.words.append(word)
        self.called.set()


def waiting(database: Database) -> int:
    with database.transaction() as session:
        return session.scalar(sa.text("SELECT count(*) FROM procrastinate_jobs")) or 0


def test_a_rolled_back_transaction_leaves_no_job(database: Database) -> None:
    def file_and_fail() -> None:
        with database.transaction() as session:
            assert defer(session, "say", word="never") is not None
            raise InputError("a claim that is not one", remedy="file a better one")

    with pytest.raises(InputError):
        file_and_fail()
    ran = Ran()
    assert waiting(database) == 0
    assert run_pending(database, {"say": ran}) == 0
    assert ran.words == []


def test_a_committed_job_runs_exactly_once(database: Database) -> None:
    ran = Ran()
    with database.transaction() as session:
        defer(session, "say", word="once")
        assert run_pending(database, {"say": ran}) == 0, "nobody sees it before the commit"
    assert run_pending(database, {"say": ran}) == 1
    assert run_pending(database, {"say": ran}) == 0
    assert ran.words == ["once"]
    assert waiting(database) == 0


def test_two_jobs_with_one_queueing_lock_are_one_job(database: Database) -> None:
    ran = Ran()
    with database.transaction() as session:
        assert defer(session, "say", queueing_lock="cover", word="first") is not None
        assert defer(session, "say", queueing_lock="cover", word="second") is None
        assert session.scalar(sa.text("SELECT 1")) == 1, "the caller's transaction goes on"
    with database.transaction() as session:
        assert defer(session, "say", queueing_lock="cover", word="third") is None
    assert run_pending(database, {"say": ran}) == 1
    assert ran.words == ["first"]


def test_jobs_with_one_lock_run_in_the_order_they_were_asked_for(database: Database) -> None:
    ran = Ran()
    with database.transaction() as session:
        for word in ("a", "b", "c"):
            defer(session, "say", lock="dataset", word=word)
    run_pending(database, {"say": ran})
    assert ran.words == ["a", "b", "c"]


def test_a_fault_that_passes_is_tried_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("byleave.registry.jobs.PAUSES_S", (0.01, 0.01))
    faults = [UnavailableError("the store is away", remedy="wait")]

    def stumble(_: Database) -> None:
        if faults:
            raise faults.pop()

    with database.transaction() as session:
        defer(session, "stumble")
    assert run_pending(database, {"stumble": stumble}) == 1


def test_a_task_that_fails_is_kept_as_failed_and_stops_no_other(database: Database) -> None:
    def break_down(_: Database) -> None:
        raise InputError("unreadable", remedy="none")

    ran = Ran()
    with database.transaction() as session:
        defer(session, "break_down")
        defer(session, "say", word="after")
    run_pending(database, {"break_down": break_down, "say": ran})
    assert ran.words == ["after"]
    with database.transaction() as session:
        found = session.execute(sa.text("SELECT task_name, status::text FROM procrastinate_jobs")).all()
    assert [tuple(row) for row in found] == [("break_down", "failed")]


def test_a_job_whose_worker_was_killed_runs_again(database: Database) -> None:
    ran = Ran()
    with database.transaction() as session:
        defer(session, "say", word="again")
        session.execute(sa.text("UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL"))
    assert run_pending(database, {"say": ran}) == 1
    assert ran.words == ["again"]


def test_a_worker_beside_the_site_takes_jobs_as_they_come(database: Database) -> None:
    ran = Ran()
    with Worker(database, {"say": ran}):
        with database.transaction() as session:
            defer(session, "say", word="soon")
        assert ran.called.wait(timeout=20)
    assert ran.words == ["soon"]


def test_a_stopped_worker_takes_nothing(database: Database) -> None:
    ran = Ran()
    worker = Worker(database, {"say": ran})
    worker.start()
    worker.stop()
    with database.transaction() as session:
        defer(session, "say", word="late")
    assert not ran.called.wait(timeout=0.3)
    assert waiting(database) == 1
