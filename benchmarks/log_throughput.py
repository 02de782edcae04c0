"""How fast claims are filed in batches, receipts in hand and checkpoint published, beside a plain INSERT of the same rows.

Each turn files a batch (claim, target, event; one transaction), brings it into the public log (tiles, signed checkpoint, files flushed
to the disk) and makes a receipt for every claim; then the same rows go into tables of the same shape with plain multi-row INSERTs. The
median of the turns counts. Then the log grows: events are made inside the database, and the sequencer streams them into tiles; its rate
and the peak memory of this process must not depend on the size.

    python benchmarks/log_throughput.py [--large]
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from byleave.consent import Preference, Preferences, Use
from byleave.publish.receipts import acknowledge
from byleave.publish.sequencer import integrate
from byleave.registry.accounts import account_of
from byleave.registry.claims import Claim
from byleave.registry.database import Database
from byleave.registry.filing import Filing, NewClaim, file_claims
from byleave.registry.permissions import OPERATOR
from byleave.registry.tables import ClaimEventRow, ClaimRow, EventCounter, TargetRow
from byleave.registry.targets import url_target
from byleave.settings import Settings

BATCH = 2_000
TURNS = 7
SIZES = (30_000, 100_000, 300_000)
LARGE = (1_000_000, 10_000_000)
WANTED_PER_S = 2_000
T = TypeVar("T")
NO = Preferences.same(Preference.DENY, [Use.TRAIN_GEN])
COPIED = (ClaimRow, TargetRow, ClaimEventRow)
MANY_EVENTS = """
INSERT INTO claim_events (number, claim_id, operation, actor, salt, commitment, record, recorded_at)
SELECT n, substring(sha256(int8send(n)) FOR 16), 'register', 'operator', NULL, sha256(int8send(-n)), NULL, now()
FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) n
"""


def now() -> datetime:
    return datetime.now(UTC)


def timed(act: Callable[[], T]) -> tuple[float, T]:
    begun = time.perf_counter()
    found = act()
    return time.perf_counter() - begun, found


def file_batch(database: Database, filings: list[Filing]) -> tuple[Claim, ...]:
    with database.transaction() as session:
        return file_claims(session, filings, who=OPERATOR, at=now())


def insert_again(database: Database, claims: tuple[Claim, ...]) -> float:
    """Insert the rows that a batch made into tables of the same shape; return seconds."""
    ids = [claim.id for claim in claims]
    owners = (ClaimRow.id, TargetRow.claim_id, ClaimEventRow.claim_id)
    with database.transaction() as session:
        rows = [
            session.execute(sa.select(table.__table__).where(owner.in_(ids))).mappings().all()
            for table, owner in zip(COPIED, owners, strict=True)
        ]
    copies = [
        sa.table(
            f"plain_{table.__tablename__}", *(sa.column(c.name, c.type) for c in table.__table__.columns)
        )
        for table in COPIED
    ]

    def act() -> None:
        with database.transaction() as session:
            for copy, found in zip(copies, rows, strict=True):
                session.execute(sa.insert(copy), [dict(row) for row in found])

    return timed(act)[0]


def batches(database: Database, settings: Settings) -> None:
    with database.transaction() as session:
        account = account_of(session, "bench@example.com", now())
        for table in COPIED:
            name = table.__tablename__
            session.execute(sa.text(f"CREATE TABLE plain_{name} (LIKE {name} INCLUDING ALL)"))
    filed_s, whole_s, log_s, plain_s, busy_s = [], [], [], [], []
    for turn in range(TURNS):
        filings = [
            Filing(NewClaim(NO, (url_target(f"https://example.com/{turn}/{number}.jpg"),)), account)
            for number in range(BATCH)
        ]
        busy = time.process_time()
        filing, claims = timed(partial(file_batch, database, filings))
        sequencing, _ = timed(lambda: integrate(database, settings, at=now()))
        receipts, _ = timed(partial(acknowledge, database, settings, claims, at=now()))
        busy_s.append(time.process_time() - busy)
        filed_s.append(filing)
        log_s.append(sequencing)
        whole_s.append(filing + sequencing + receipts)
        plain_s.append(insert_again(database, claims))
    whole, plain, log = map(statistics.median, (whole_s, plain_s, log_s))
    print(
        f"a batch of {BATCH} claims with receipts: {whole:.2f} s = {BATCH / whole:,.0f} events/s (wanted {WANTED_PER_S:,})"
    )
    print(
        f"  of it filing {statistics.median(filed_s):.2f} s, checkpoint {log:.2f} s (limit 1 s), receipts the rest"
    )
    print(f"  processor time of this process: {BATCH / statistics.median(busy_s):,.0f} events/s")
    print(f"a plain INSERT of the same rows: {plain:.2f} s; ratio {whole / plain:.2f}")


def growth(database: Database, settings: Settings, sizes: tuple[int, ...]) -> None:
    print(f"{'size':>10} {'events/s':>10} {'one more':>10} {'peak MiB':>9}")
    for size in sizes:
        with database.transaction() as session:
            last = session.execute(sa.select(EventCounter.last)).scalar_one()
            session.execute(sa.text(MANY_EVENTS), {"first": last + 1, "last": size})
            session.execute(sa.update(EventCounter).values(last=size))
        took, _ = timed(lambda: integrate(database, settings, at=now()))
        with database.transaction() as session:
            session.execute(sa.text(MANY_EVENTS), {"first": size + 1, "last": size + 1})
            session.execute(sa.update(EventCounter).values(last=size + 1))
        one, _ = timed(lambda: integrate(database, settings, at=now()))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{size:>10,} {(size - last) / took:>10,.0f} {one * 1000:>7.0f} ms {peak:>9}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true", help="grow the log to ten million events")
    sizes = SIZES + LARGE if parser.parse_args().large else SIZES
    with tempfile.TemporaryDirectory(prefix="byleave-log-") as folder:
        Path(folder).chmod(0o755)
        settings = Settings(home=Path(folder) / "home")
        with Database.open(settings) as database:
            batches(database, settings)
            growth(database, settings, sizes)


if __name__ == "__main__":
    main()
