"""Turn the registry as it stands at claim event N into release N."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from byleave.errors import ConflictError, FormatError
from byleave.publish.folders import keys_folder, releases_folder
from byleave.publish.keys import known_keys, signing_key
from byleave.publish.policy import negative_lists, policy, rules
from byleave.publish.policy_log import log_rules
from byleave.publish.sequencer import integrate, refuse_other_past
from byleave.publish.snapshot import Snapshot, snapshot
from byleave.publish.standing import standing_blocks
from byleave.registry.changing import expire_claims
from byleave.registry.database import Database
from byleave.registry.permissions import Act, Who, require
from byleave.registry.tables import ReleaseRow
from byleave.release import Release, open_release
from byleave.release.delta_writing import keep_deltas
from byleave.release.deltas import KEPT
from byleave.release.leaves import RowTree, row_hashes
from byleave.release.manifest import ReleaseName
from byleave.release.standing import write_standing
from byleave.release.writing import TERMS, Heading, write_sorted_release
from byleave.settings import Settings
from byleave.storage import write_atomically

SECRET_FILE = "pseudonym.secret"  # noqa: S105 - a file name
_PUBLISH_LOCK = 0x62796C65_70756231
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Published:
    """A release and whether this call wrote it or found it."""

    release: Release
    is_new: bool
    verifier_key: str


def publish(database: Database, settings: Settings, *, who: Who, at: datetime) -> Published:
    """Publish the registry as release N, N being the number of its last claim event.

    Claims whose end has come run out first, each by an event of its own, and rules that changed are logged. A release never changes: when nothing happened since the
    last one, that one is returned. Deltas from recent ones are made with it.

    Raises
    ------
    ConflictError
        If another list stands under that number already, as after restoring a backup that is too old. Or if rows are taken out of a
        list in the same moment: the release is written, and the next call finishes the work.
    """
    require(who, Act.PUBLISH)
    with database.transaction() as session:
        refuse_other_past(session, settings)
        expire_claims(session, who=who, at=at)
        stated = rules(settings.limits, negative_lists(session))
        logged = log_rules(session, stated, who=who, at=at)
    integrate(database, settings, at=at)  # release N stands beside a checkpoint of N entries or more
    key = signing_key(settings)
    folder = releases_folder(settings)
    with database.transaction() as session:
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(_PUBLISH_LOCK)))
        with snapshot(database, at) as held:
            is_new = not (folder / str(held.number)).exists()
            secret = _secret(keys_folder(settings))
            if not is_new:
                standing = open_release(folder / str(held.number), known_keys(settings))
                _refuse_another(session, standing, held, secret)
            heading = Heading(
                number=held.number,
                published_at=at,
                policy=policy(stated, held.outcomes, logged),
                claims=held.claims,
                previous=_before(session, held.number),
                terms=_terms(settings),
            )
            release = write_sorted_release(
                folder, held.batches(secret), heading, key=key, earlier=known_keys(settings)
            )
            write_standing(folder, release, standing_blocks(held, release), key=key)
        _remember(session, release, claims=heading.claims)
        published = _published_before(session, release.number)
        keep_deltas(folder, release, published, key, known_keys(settings))
    return Published(release, is_new, str(key.verifier))


def last_published(session: Session) -> tuple[int, datetime] | None:
    """Return number and time of the newest release, or ``None`` before the first."""
    chosen = sa.select(ReleaseRow.number, ReleaseRow.published_at).order_by(ReleaseRow.number.desc()).limit(1)
    found = session.execute(chosen).one_or_none()
    return (found.number, found.published_at) if found else None


def _refuse_another(session: Session, standing: Release, held: Snapshot, secret: bytes) -> None:
    """Refuse a list that stands under this number and that this registry did not make.

    The registry remembers the lists it made. One that it does not remember may be its own all the same, where a run was killed before
    it was stored; then the registry gives the very rows of that list.
    """
    kept = session.get(ReleaseRow, standing.number)
    if kept is not None:
        is_ours = kept.manifest_digest == standing.manifest_digest
    else:
        tree = RowTree()
        for batch in held.batches(secret):
            tree.extend(row_hashes(batch))
        is_ours = (tree.count, tree.root()) == (standing.rows, standing.rows_root)
    if not is_ours:
        raise ConflictError(
            f"list no. {standing.number} was published already, and this registry holds something else: it is an older copy",
            remedy="restore a backup that is at least as new; without one, keep the published lists as they are and begin new ones: "
            "a new BYLEAVE_ORIGIN, with the folders releases, log and keys moved away",
        )


def _before(session: Session, number: int) -> ReleaseName | None:
    chosen = (
        sa.select(ReleaseRow.number, ReleaseRow.manifest_digest)
        .where(ReleaseRow.number < number)
        .order_by(ReleaseRow.number.desc())
        .limit(1)
    )
    found = session.execute(chosen).one_or_none()
    return ReleaseName(found.number, found.manifest_digest) if found else None


def _published_before(session: Session, number: int) -> list[int]:
    chosen = (
        sa.select(ReleaseRow.number)
        .where(ReleaseRow.number < number)
        .order_by(ReleaseRow.number.desc())
        .limit(KEPT)
    )
    return sorted(session.execute(chosen).scalars())


def _terms(settings: Settings) -> bytes | None:
    path = settings.home / TERMS
    return path.read_bytes() if path.is_file() else None


def _remember(session: Session, release: Release, *, claims: int) -> None:
    session.execute(
        insert(ReleaseRow)
        .values(
            number=release.number,
            published_at=release.published_at,
            manifest_digest=release.manifest_digest,
            claims=claims,
            path=str(release.folder.name),
        )
        .on_conflict_do_nothing(index_elements=["number"])
    )


def _secret(folder: Path) -> bytes:
    path = folder / SECRET_FILE
    if not path.exists():
        write_atomically(path, secrets.token_bytes(_SECRET_BYTES), mode=0o600)
    secret = path.read_bytes()
    if len(secret) != _SECRET_BYTES:
        raise FormatError(
            f"{path} is damaged", remedy="remove it; the next release gets new pseudonyms either way"
        )
    return secret
