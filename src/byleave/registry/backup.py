"""The whole registry in one file, and back: rows only, so that restoring runs nothing that stands in the file.

A backup is a ZIP file with one member per table (the text format of PostgreSQL's ``COPY``) and a last member
``manifest.json`` that names the revision of the tables, their columns, and rows, bytes and SHA-256 of each member.
All tables are read in one snapshot. A restore makes the tables of that revision, fills them and then brings them up
to date, in one transaction: at its end everything is there, or nothing has changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

import psycopg
import sqlalchemy as sa
from psycopg import sql

from byleave.errors import ConflictError, FormatError, InputError, NotFoundError, VerificationError
from byleave.registry.database import Database
from byleave.registry.metadata import METADATA
from byleave.registry.schema import HEAD, KNOWN, UPGRADE_LOCK, remove, upgrade
from byleave.registry.sealing import check_seal
from byleave.settings import Settings
from byleave.storage import sync_folder

FORMAT: Final = "byleave/backup/1"
MANIFEST: Final = "manifest.json"
CHUNK_BYTES: Final = 1 << 20
# What the standard library raises on damaged members, unknown compression and encryption.
UNREADABLE: Final = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError)
KEYS_REMARK: Final = "The signing keys, and the key that opens the addresses, are not in this file: keep a copy of the keys folder of BYLEAVE_HOME in another safe place."
# What waits in the queue is kept; what runs is kept as waiting, for its worker will not be there. Of a job that
# runs and one that waits under the same queueing lock, one is enough.
JOBS: Final = "procrastinate_jobs"
JOB_COLUMNS: Final = ("queue_name", "task_name", "priority", "lock", "queueing_lock", "args", "scheduled_at")
WAITING_JOBS: Final = """
SELECT {columns} FROM {table}
WHERE id IN (
    SELECT min(id) FROM {table} WHERE status IN ('todo', 'doing') GROUP BY coalesce(queueing_lock, 'id ' || id)
)
ORDER BY id
"""
ALL_ROWS: Final = "SELECT {columns} FROM {table}"


@dataclass(frozen=True, slots=True)
class TableCopy:
    """One member of a backup: the rows of one table.

    sha256
        Of the member's uncompressed bytes, as 64 hex digits.
    """

    table: str
    columns: tuple[str, ...]
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class BackupResult:
    """What was written or restored, in rows per table, and what the operator still has to look after."""

    file: Path
    revision: str
    rows: dict[str, int]
    remark: str = KEYS_REMARK


def backup(settings: Settings, file: Path, now: datetime | None = None) -> BackupResult:
    """Write the registry to ``file``, mode 0600, which appears when it is complete.

    Raises
    ------
    ConflictError
        If ``file`` exists.
    """
    if file.exists():
        raise ConflictError(f"{file} exists", remedy="choose another name, or delete it first")
    if not file.parent.is_dir():
        raise NotFoundError(f"there is no folder {file.parent}", remedy="make it first")
    with Database.open(settings) as database, database.connect() as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # mode 0600
        aside = Path(name)
        try:
            with os.fdopen(handle, "wb") as target:
                copies = _write(connection, target, now or datetime.now(UTC))
                target.flush()
                os.fsync(target.fileno())
            aside.rename(file)
        finally:
            aside.unlink(missing_ok=True)
        sync_folder(file.parent)
    return BackupResult(file, HEAD, {copy.table: copy.rows for copy in copies})


def restore(settings: Settings, file: Path, *, replace: bool = False) -> BackupResult:
    """Fill the registry from ``file``, after every byte of it was checked.

    Parameters
    ----------
    settings
        Of the registry to fill.
    file
        What :func:`backup` wrote.
    replace
        Whether a registry that holds anything is replaced; otherwise that is refused.

    Raises
    ------
    FormatError
        If it is no backup.
    VerificationError
        If a member is missing, damaged or not what the manifest says.
    ConflictError
        If the registry is not empty, the backup is from a newer Byleave, or its addresses are sealed under another key than that
        of the home.
    """
    with _opened(file) as archive:
        revision, copies = _read_manifest(archive)
        for copy in copies:
            _verify(archive, copy)
        with Database.open(settings) as database, database.engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(UPGRADE_LOCK)))
            if not replace:
                _refuse_unless_empty(connection)
            remove(connection)
            upgrade(connection, revision)
            _fill(connection, archive, copies)
            upgrade(connection, HEAD)
            check_seal(connection)
    return BackupResult(file, revision, {copy.table: copy.rows for copy in copies})


def _write(connection: psycopg.Connection[Any], target: IO[bytes], now: datetime) -> list[TableCopy]:
    copies = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for table in METADATA.sorted_tables:
            columns = tuple(column.name for column in table.columns)
            copies.append(_copy_out(connection, archive, table.name, columns, ALL_ROWS))
        copies.append(_copy_out(connection, archive, JOBS, JOB_COLUMNS, WAITING_JOBS))
        manifest = {
            "format": FORMAT,
            "revision": HEAD,
            "made_at": now.astimezone(UTC).isoformat(timespec="seconds"),
            "tables": [asdict(copy) for copy in copies],
        }
        archive.writestr(MANIFEST, json.dumps(manifest, indent=2))
    return copies


def _copy_out(
    connection: psycopg.Connection[Any],
    archive: zipfile.ZipFile,
    table: str,
    columns: tuple[str, ...],
    query: str,
) -> TableCopy:
    selected = sql.SQL(query).format(columns=_listed(columns), table=sql.Identifier(table))
    digest, size = hashlib.sha256(), 0
    with connection.cursor() as cursor:
        with (
            archive.open(_member(table), "w", force_zip64=True) as member,
            cursor.copy(sql.SQL("COPY ({}) TO STDOUT").format(selected)) as rows,
        ):
            for block in rows:
                member.write(block)
                digest.update(block)
                size += len(block)
        return TableCopy(table, columns, cursor.rowcount, size, digest.hexdigest())


def _fill(connection: sa.Connection, archive: zipfile.ZipFile, copies: list[TableCopy]) -> None:
    driver = connection.connection.cursor()
    for copy in copies:
        if copy.table == "event_counter":
            driver.execute("DELETE FROM event_counter")  # the row that the revision made
        table = sql.Identifier(copy.table)
        into = sql.SQL("COPY {} ({}) FROM STDIN").format(table, _listed(copy.columns))
        with driver.copy(into) as rows:
            for block in _blocks(archive, copy):
                rows.write(block)
        if driver.rowcount != copy.rows:
            raise VerificationError(
                f"{copy.table} has {driver.rowcount} rows where the manifest says {copy.rows}",
                remedy="restore another backup",
            )
    for numbered in METADATA.sorted_tables:
        if numbered.autoincrement_column is not None:
            highest = sql.SQL("SELECT setval(pg_get_serial_sequence({}, 'id'), max(id)) FROM {}")
            driver.execute(highest.format(sql.Literal(numbered.name), sql.Identifier(numbered.name)))


def _refuse_unless_empty(connection: sa.Connection) -> None:
    for table in METADATA.sorted_tables:
        rows = sa.select(sa.literal(1)).select_from(table).limit(1)
        if table.name != "event_counter" and connection.execute(rows).first() is not None:
            raise ConflictError(
                f"this registry is not empty: there are rows in {table.name}",
                remedy="restore into a new BYLEAVE_HOME, or say that it is to be replaced with --replace",
            )


def _opened(file: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except FileNotFoundError as missing:
        raise NotFoundError(
            f"there is no file {file}", remedy="name a file that `byleave backup` wrote"
        ) from missing
    except (zipfile.BadZipFile, OSError) as unreadable:
        raise FormatError(
            f"{file} is no backup, or is cut short", remedy="name a file that `byleave backup` wrote"
        ) from unreadable


def _read_manifest(archive: zipfile.ZipFile) -> tuple[str, list[TableCopy]]:
    try:
        with archive.open(MANIFEST) as member:
            manifest = json.loads(member.read(CHUNK_BYTES))
        if manifest["format"] != FORMAT:
            raise InputError(f"format {manifest['format']!r} is not {FORMAT!r}", remedy="update Byleave")
        revision = str(manifest["revision"])
        copies = [
            TableCopy(
                str(entry["table"]),
                tuple(str(column) for column in entry["columns"]),
                int(entry["rows"]),
                int(entry["bytes"]),
                str(entry["sha256"]),
            )
            for entry in manifest["tables"]
        ]
    except (*UNREADABLE, KeyError, TypeError, ValueError) as unreadable:
        raise FormatError(
            "this file is no backup: its manifest cannot be read",
            remedy="name a file that `byleave backup` wrote",
        ) from unreadable
    if revision not in KNOWN:
        raise ConflictError(
            f"the backup is of revision {revision}, which this version of Byleave does not know",
            remedy="restore it with the version of Byleave that made it, or a later one",
        )
    names = {table.name for table in METADATA.sorted_tables} | {JOBS}
    strange = sorted({copy.table for copy in copies} - names)
    if strange or len(copies) != len({copy.table for copy in copies}):
        raise VerificationError(
            f"the manifest names tables that are not ours: {strange}", remedy="restore another backup"
        )
    return revision, copies


def _verify(archive: zipfile.ZipFile, copy: TableCopy) -> None:
    digest = hashlib.sha256()
    for block in _blocks(archive, copy):
        digest.update(block)
    if digest.hexdigest() != copy.sha256:
        raise _damaged(copy)


def _blocks(archive: zipfile.ZipFile, copy: TableCopy) -> Iterator[bytes]:
    """Yield the bytes of one member, never more than the manifest says."""
    left = copy.bytes
    try:
        with archive.open(_member(copy.table)) as member:
            while block := member.read(CHUNK_BYTES):
                left -= len(block)
                if left < 0:
                    raise _damaged(copy)
                yield block
    except (*UNREADABLE, KeyError) as failure:
        raise _damaged(copy) from failure
    if left:
        raise _damaged(copy)


def _damaged(copy: TableCopy) -> VerificationError:
    return VerificationError(
        f"{_member(copy.table)} in the backup is missing or damaged", remedy="restore another backup"
    )


def _member(table: str) -> str:
    return f"tables/{table}.copy"


def _listed(columns: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
