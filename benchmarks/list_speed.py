"""How fast a list of links is filed, beside a plain COPY of the same rows into the same table.

The list is read by line, each link brought into its canonical form and named by its digest, all of them stored and committed to by one
Merkle root, one event appended, the log brought up to it. The plain COPY takes the finished rows from memory, with the same indexes.
Printed are lines in a second, the ratio of the two times, and the most memory this process took.

    python benchmarks/list_speed.py [--lines 1000000]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from psycopg import sql

from byleave.consent import Preference, Preferences, Use
from byleave.publish.lists import ListFile, file_handed_list, hand_in
from byleave.registry.accounts import account_of
from byleave.registry.bulk import copy_into
from byleave.registry.database import Database
from byleave.registry.filing import Filing, NewClaim
from byleave.registry.permissions import OPERATOR
from byleave.registry.tables import TargetRow
from byleave.settings import Settings

WANTED_SECONDS = 60.0
COLUMNS = "claim_id, kind, digest, scope_host_digest, evidence, value"
NO = Preferences.same(Preference.DENY, [Use.TRAIN_GEN])


def write_list(path: Path, lines: int) -> None:
    """Write links as a gallery has them: many below few paths, over some hosts."""
    with path.open("w") as file:
        file.write("url\n")
        for number in range(lines):
            host = f"cdn{number % 37}.photos-{number % 1013}.example"
            file.write(f"https://{host}/gallery/{number // 100}/picture-{number:07d}.jpg\n")


def file_list(database: Database, settings: Settings, path: Path) -> float:
    """Hand the list in and return the seconds it took, receipt in hand."""
    now = datetime.now(UTC)
    with database.transaction() as session:
        filing = Filing(NewClaim(NO, ()), account_of(session, "list@example.org", now))
    begun = time.perf_counter()
    file = ListFile.look(path, path.name, settings.limits.csv_bytes)
    handed = hand_in(database, file, filing, who=OPERATOR, at=now)
    file_handed_list(database, settings, handed, path, filing, who=OPERATOR, at=now)
    return time.perf_counter() - begun


def plain_copy(database: Database) -> float:
    """Copy the rows out, empty the table, and return the seconds it takes to copy them in again."""
    connection = database.connect()
    with (
        connection,
        connection.cursor() as cursor,
        cursor.copy(f"COPY (SELECT {COLUMNS} FROM targets ORDER BY id) TO STDOUT (FORMAT BINARY)") as copy,
    ):
        blocks = [bytes(block) for block in copy]
    with database.transaction() as session:
        session.execute(sa.delete(TargetRow))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as plain:
        plain.execute(sa.text("VACUUM FULL targets"))
    begun = time.perf_counter()
    with database.transaction() as session:
        into = sql.SQL(f"COPY targets ({COLUMNS}) FROM STDIN (FORMAT BINARY)")
        copy_into(session, sql.Composed([into]), blocks)
    return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=1_000_000)
    lines = parser.parse_args().lines
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o755)
        write_list(home / "list.csv", lines)
        settings = Settings(home=home / "home")
        with Database.open(settings) as database:
            processor = time.process_time()
            seconds = file_list(database, settings, home / "list.csv")
            processor = time.process_time() - processor
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            plain = plain_copy(database)
    print(f"{lines:,} lines filed in {seconds:.1f} s ({lines / seconds:,.0f} in a second), {memory} MB")
    print(f"processor time of this process {processor:.1f} s")
    print(f"plain COPY of the same rows {plain:.1f} s; ratio {seconds / plain:.2f}")
    print(f"wanted: 1,000,000 lines in less than {WANTED_SECONDS:.0f} s on two cores")


if __name__ == "__main__":
    main()
