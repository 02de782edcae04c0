"""The one sequencer: claim events that are committed become tiles, a signed checkpoint in the registry, and public files.

Postgres is the truth. The tiles are functions of the committed events, so writing them again writes the same bytes; what must never
happen twice is a signature for one size, and the checkpoint's row stands before the checkpoint's file for that reason. A sequencer that
is killed anywhere leaves a state from which the next one goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from byleave.errors import ConflictError, VerificationError
from byleave.log import Checkpoint, open_checkpoint, sign_checkpoint
from byleave.publish.folders import log_folder
from byleave.publish.growth import Growth
from byleave.publish.keys import known_keys, signing_key
from byleave.publish.log_files import LogFiles
from byleave.registry.database import Database
from byleave.registry.events import last_number
from byleave.registry.tables import CheckpointRow
from byleave.release.keys import verify_ed25519
from byleave.settings import Settings

SEQUENCER_LOCK = 0x62796C65_6C6F6731
WAIT_S = 60
_AHEAD = (
    "restore a backup that is at least as new; without one, keep the published log as it is and begin a new one: "
    "a new BYLEAVE_ORIGIN, with the folders log and keys moved away"
)
_DAMAGED = "restore the registry from a backup; do not publish from this one"


@dataclass(frozen=True, slots=True)
class Sequenced:
    """The log as it stands: its newest checkpoint and the signed note that says so, cosignatures included."""

    checkpoint: Checkpoint
    note: str


def integrate(database: Database, settings: Settings, *, at: datetime) -> Sequenced | None:
    """Bring every committed claim event into the public log and return its checkpoint; ``None`` while there is no event.

    When this returns, checkpoint and tiles are on the disk: whoever filed may be answered.

    Raises
    ------
    ConflictError
        If the published log is ahead of this registry or not its own, as after restoring a backup that is too old.
    VerificationError
        If the events do not lead to the checkpoints that were signed for them.
    """
    with sequencing(database) as session:
        return sequence(session, settings, at=at)


def refuse_other_past(session: Session, settings: Settings) -> None:
    """Refuse to go on where the published log was made by a registry that knew more than this one. Cheap: for before filing."""
    _published(session, settings, LogFiles(log_folder(settings)))


@contextmanager
def sequencing(database: Database) -> Iterator[Session]:
    """Be the only sequencer of this registry, on every machine, while the block runs; a killed one frees its place.

    Raises
    ------
    ConflictError
        If another one has been at work for a minute.
    """
    with database.engine.connect() as connection:
        try:
            with connection.begin():
                connection.execute(sa.text(f"SET LOCAL lock_timeout = '{WAIT_S}s'"))
                connection.execute(sa.select(sa.func.pg_advisory_lock(SEQUENCER_LOCK)))
        except OperationalError as error:
            raise ConflictError(
                f"another process has been writing the log for {WAIT_S} s",
                remedy="wait for it, or end it, and try again: what was filed is kept",
            ) from error
        try:
            with Session(connection) as session:
                yield session
        except BaseException:
            connection.invalidate()  # closing the connection gives up the lock, whatever state it is in
            raise
        with connection.begin():
            connection.execute(sa.select(sa.func.pg_advisory_unlock(SEQUENCER_LOCK)))


def sequence(session: Session, settings: Settings, *, at: datetime) -> Sequenced | None:
    """Do the work of :func:`integrate` inside :func:`sequencing`."""
    files = LogFiles(log_folder(settings))
    published = _published(session, settings, files)
    newest = newest_checkpoint(session)
    count = last_number(session)
    if newest is not None and newest.size > count:
        raise VerificationError(
            f"the registry has {count} events, but a checkpoint of {newest.size} was signed", remedy=_DAMAGED
        )
    if count == 0:
        return None
    if newest is not None and published is not None and newest.size == published.size == count:
        return _sequenced(newest)
    growth = Growth(session, files, published)
    if newest is not None and growth.to(newest.size) != newest.root:
        raise VerificationError(
            f"the events do not lead to the checkpoint that was signed for {newest.size} of them",
            remedy=_DAMAGED,
        )
    if newest is None or newest.size < count:
        newest = _sign(session, settings, Checkpoint(settings.origin, count, growth.to(count)), at)
    files.flush()
    session.commit()
    files.publish(newest.note)
    return _sequenced(newest)


def newest_checkpoint(session: Session) -> CheckpointRow | None:
    """Return the checkpoint of the largest size that was signed, or ``None`` before the first."""
    chosen = sa.select(CheckpointRow).order_by(CheckpointRow.size.desc()).limit(1)
    return session.execute(chosen).scalar_one_or_none()


def _published(session: Session, settings: Settings, files: LogFiles) -> Checkpoint | None:
    """Return the published checkpoint, which must be one that this registry signed and remembers."""
    note = files.checkpoint()
    if note is None:
        return None
    # After the file: a sequencer that publishes in between has stored its checkpoint before.
    newest = newest_checkpoint(session)
    published, _ = open_checkpoint(note, known_keys(settings), verify_ed25519)
    if newest is None or published.size > newest.size:
        known = newest.size if newest else 0
        raise ConflictError(
            f"the published log has {published.size} entries and this registry has signed for {known}: it is an older copy",
            remedy=_AHEAD,
        )
    kept = session.get(CheckpointRow, published.size)
    if kept is None or kept.root != published.root:
        raise ConflictError(
            f"the published log of {published.size} entries is not the one that this registry signed",
            remedy=_AHEAD,
        )
    return published


def _sign(session: Session, settings: Settings, checkpoint: Checkpoint, at: datetime) -> CheckpointRow:
    key = signing_key(settings)
    note = sign_checkpoint(checkpoint, key.verifier, key.private.sign)
    row = CheckpointRow(size=checkpoint.size, root=checkpoint.root, note=note, signed_at=at)
    session.add(row)
    session.flush()
    return row


def _sequenced(row: CheckpointRow) -> Sequenced:
    return Sequenced(Checkpoint(row.note.partition("\n")[0], row.size, row.root), row.note)
