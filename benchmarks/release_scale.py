"""What publishing, following and compiling a large list costs, beside a plain Parquet write of the same rows in the same run.

A real embedded database is filled with made-up claims, published, changed and published again. Times are wall-clock seconds, and in brackets
processor seconds of this process; memory is the peak of this process alone, as it stood after each step. PostgreSQL's own are in neither.

    python benchmarks/release_scale.py [--claims 100000] [--changes 10000] [--large]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import sqlalchemy as sa

from byleave.apply.compiling import compile_ruleset
from byleave.publish import publish
from byleave.publish.keys import signing_key
from byleave.publish.sequencer import integrate
from byleave.registry.database import Database
from byleave.registry.permissions import OPERATOR
from byleave.release import Release, open_synced, sync
from byleave.release.delta_writing import write_delta
from byleave.release.patching import patch, read_rows
from byleave.release.rows import SCHEMA
from byleave.settings import Settings

LARGE = 10_000_000
CLAIMS_OF_A_PARTY = 10
NOW = datetime(2026, 1, 2, tzinfo=UTC)

FILL = (
    """INSERT INTO accounts (id, email, created_at)
       SELECT md5('party' || n)::uuid, convert_to('p' || n, 'UTF8'), :at FROM generate_series(0, :parties) n""",
    """INSERT INTO claims (id, account_id, actor, state, disputed, stale, train_gen, train_other, tdm, ai_input, ai_index,
         search, publish_values, filed_at, effective_at, answered_event, last_event)
       SELECT substr(sha256(int8send(n)), 1, 16), md5('party' || n / :each)::uuid, 'claimant', 'effective', false, false, 3, 3, 0, 0,
         0, 0, false, :at, :at, n, n FROM generate_series(1, :claims) n ORDER BY 1""",
    """INSERT INTO targets (claim_id, kind, digest)
       SELECT substr(sha256(int8send(n)), 1, 16), CASE WHEN n % 20 = 0 THEN 'domain' ELSE 'url' END, sha256('t' || int8send(n))
       FROM generate_series(1, :claims) n""",
    """INSERT INTO claim_events (number, claim_id, operation, actor, salt, commitment, record, recorded_at)
       SELECT n, substr(sha256(int8send(n)), 1, 16), 'register', 'claimant', NULL, sha256('c' || int8send(n)), NULL, :at
       FROM generate_series(1, :claims) n""",
    "UPDATE event_counter SET last = :claims",
)
TABLES = "ARRAY['claims', 'targets', 'claim_events']::regclass[]"
INDEXES = f"""SELECT 'DROP INDEX ' || indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid = ANY({TABLES}) AND NOT indisunique"""
REFERENCES = f"""SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
    format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
    WHERE conrelid = ANY({TABLES}) AND contype = 'f'"""
CHANGE = (
    "UPDATE claims SET state = 'withdrawn', last_event = last_event + :claims WHERE last_event <= :changes AND last_event % 2 = 0",
    "UPDATE claims SET tdm = 3, answered_event = last_event + :claims, last_event = last_event + :claims WHERE last_event <= :changes AND last_event % 2 = 1",
    """INSERT INTO claim_events (number, claim_id, operation, actor, salt, commitment, record, recorded_at)
       SELECT :claims + n, substr(sha256(int8send(n)), 1, 16), CASE WHEN n % 2 = 0 THEN 'withdraw' ELSE 'update' END, 'claimant', NULL,
         sha256('u' || int8send(n)), NULL, :at FROM generate_series(1, :changes) n""",
    "UPDATE event_counter SET last = last + :changes",
)


def execute(database: Database, statements: tuple[str, ...], **values: object) -> None:
    for statement in statements:
        with database.transaction() as session:
            names = {name: value for name, value in values.items() if f":{name}" in statement}
            session.execute(sa.text(statement), names)


def fill(database: Database, **values: object) -> None:
    """Fill the tables without what every single row costs: indexes and references come when all rows are there."""
    with database.transaction() as session:
        for setting in ("work_mem", "maintenance_work_mem"):
            session.execute(sa.text(f"SET LOCAL {setting} = '512MB'"))
        around = [*session.execute(sa.text(REFERENCES)), *session.execute(sa.text(INDEXES))]
        driver = session.connection().exec_driver_sql
        for drop, _ in around:
            driver(drop)
        for statement in FILL:
            names = {name: value for name, value in values.items() if f":{name}" in statement}
            session.execute(sa.text(statement), names)
        for _, make in reversed(around):
            driver(make)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE claims, targets, claim_events"))


class Taken(NamedTuple):
    wall: float
    processor: float


def seconds(work: Callable[[], object]) -> Taken:
    begun, used = time.perf_counter(), time.process_time()
    work()
    return Taken(time.perf_counter() - begun, time.process_time() - used)


def report(name: str, taken: Taken, plain: float) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{name:<34} {taken.wall:8.2f} s ({taken.processor:7.2f} s)   {taken.wall / plain:6.2f} x a plain write   peak {peak:,} MiB",
        flush=True,
    )


def plain_write(release: Release, path: Path) -> float:
    """Write the rows of a release as Parquet and nothing else; reading them is not counted."""
    taken = 0.0
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for batch in read_rows(release):
            taken += seconds(partial(writer.write_batch, batch)).wall
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--claims", type=int, default=100_000)
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--large", action="store_true", help=f"{LARGE:,} claims")
    given = parser.parse_args()
    claims = LARGE if given.large else given.claims
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        home.chmod(0o755)
        settings = Settings(home=home)
        with Database.open(settings) as database:
            values = {
                "claims": claims,
                "parties": claims // CLAIMS_OF_A_PARTY,
                "each": CLAIMS_OF_A_PARTY,
                "at": NOW,
            }
            fill(database, **values)
            measure(database, settings, home, claims, min(given.changes, claims))


def measure(database: Database, settings: Settings, home: Path, claims: int, changes: int) -> None:
    releases: list[Release] = []

    def release(day: int) -> None:
        releases.append(publish(database, settings, who=OPERATOR, at=NOW + timedelta(days=day)).release)

    integrate(database, settings, at=NOW)  # the log has its own benchmark
    whole = seconds(lambda: release(1))
    plain = plain_write(releases[0], home / "plain.parquet")
    print(f"{claims:,} claims, {changes:,} changes; a plain Parquet write of the rows takes {plain:.2f} s")
    report("full release from the database", whole, plain)
    held = sync(str(home / "releases"), home / "synced", keys=[signing_key(settings).verifier])
    before = releases[0].number  # one more than there are claims: the rules have an entry as well
    execute(database, CHANGE, claims=before, changes=changes, at=NOW)
    integrate(database, settings, at=NOW)
    report("next release with its delta", seconds(lambda: release(2)), plain)
    first, second = releases
    key = signing_key(settings)
    report("delta: make", seconds(lambda: write_delta(home / "releases", first, second, key=key)), plain)
    delta = write_delta(home / "releases", first, second, key=key)
    (home / "patched").mkdir()
    report("delta: apply", seconds(lambda: patch(held.folder, delta, home / "patched")), plain)
    report(
        "sync by the delta, verified", seconds(lambda: sync(str(home / "releases"), home / "synced")), plain
    )
    followed = open_synced(home / "synced")
    assert followed.patched is not None
    size = sum(path.stat().st_size for path in delta.folder.iterdir())
    full = sum(path.stat().st_size for path in second.folder.rglob("*") if path.is_file())
    print(f"the delta has {size:,} bytes, the whole list {full:,}")
    (home / "compiled").mkdir()
    report("compile the ruleset", seconds(lambda: compile_ruleset(second, home / "compiled")), plain)
    compiled = partial(compile_ruleset, followed, home / "compiled")
    report("compile what was synced", seconds(compiled), plain)


if __name__ == "__main__":
    main()
