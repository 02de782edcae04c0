"""Turn the registry as it stands at claim event N into release N."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from byleave.consent import ALLOW_FROM, DENY_FROM, ClaimState
from byleave.errors import FormatError
from byleave.fingerprints import MINIMUM_QUALITY, PICTURE_VERSION, REVIEW_RADIUS, SAME_WORK_RADIUS
from byleave.log import JSON
from byleave.publish.folders import keys_folder, releases_folder
from byleave.registry.claims import Claim, all_claims
from byleave.registry.database import Database
from byleave.registry.events import last_number
from byleave.registry.permissions import OPERATOR, Act, Who, require
from byleave.registry.tables import ReleaseRow
from byleave.release import Release, load_or_make_key
from byleave.release.rows import Row
from byleave.release.writing import write_release
from byleave.settings import Settings
from byleave.storage import write_atomically

SECRET_FILE = "pseudonym.secret"  # noqa: S105 - a file name
_PUBLISH_LOCK = 0x62796C65_70756231
_PSEUDONYM_BYTES = 16
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Published:
    """A release and whether this call wrote it or found it."""

    release: Release
    is_new: bool
    verifier_key: str


def publish(database: Database, settings: Settings, *, who: Who, at: datetime) -> Published:
    """Publish the registry as release N, N being the number of its last claim event.

    A release never changes: when nothing happened since the last one, that one is returned.
    """
    require(who, Act.PUBLISH)
    key = load_or_make_key(keys_folder(settings), settings.origin)
    folder = releases_folder(settings)
    with database.transaction() as session:
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(_PUBLISH_LOCK)))
        number, rows = _snapshot(database, _secret(keys_folder(settings)), at)
        is_new = not (folder / str(number)).exists()
        release = write_release(folder, rows, number=number, published_at=at, policy=policy(), key=key)
        _remember(session, release, claims=len({row.statement.claim for row in rows}))
    return Published(release, is_new, str(key.verifier))


def last_published(session: Session) -> tuple[int, datetime] | None:
    """Return number and time of the newest release, or ``None`` before the first."""
    chosen = sa.select(ReleaseRow.number, ReleaseRow.published_at).order_by(ReleaseRow.number.desc()).limit(1)
    found = session.execute(chosen).one_or_none()
    return (found.number, found.published_at) if found else None


def policy() -> Mapping[str, JSON]:
    """Return the rules in force, as a release states them."""
    return {
        "allow_from_evidence": int(ALLOW_FROM),
        "deny_from_evidence": {kind.value: int(level) for kind, level in DENY_FROM.items()},
        "picture": {
            "fingerprint_version": PICTURE_VERSION,
            "minimum_quality": MINIMUM_QUALITY,
            "review_radius": REVIEW_RADIUS,
            "same_work_radius": SAME_WORK_RADIUS,
        },
    }


def _snapshot(database: Database, secret: bytes, at: datetime) -> tuple[int, list[Row]]:
    # The number and the claims are read from one snapshot, so that release N holds exactly what the first N events made.
    with (
        database.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection,
        Session(connection) as session,
    ):
        number = last_number(session)
        claims = all_claims(session, who=OPERATOR, states=(ClaimState.FILED, ClaimState.EFFECTIVE))
        return number, [
            row for claim in claims if not _has_run_out(claim, at) for row in _rows(claim, secret, number)
        ]


def _rows(claim: Claim, secret: bytes, number: int) -> Iterator[Row]:
    party = claim.account.bytes if claim.account else claim.id
    pseudonym = hmac.digest(secret, number.to_bytes(8) + party, hashlib.sha256)[:_PSEUDONYM_BYTES]
    shown = claim.publish_values
    for target, statement in zip(claim.targets, claim.statements(pseudonym), strict=True):
        yield Row(
            statement,
            claim.filed_at,
            scope_host=target.scope_host,
            value=target.value if shown else None,
            terms=claim.terms,
            contact=claim.contact,
        )


def _has_run_out(claim: Claim, at: datetime) -> bool:
    return claim.expires_at is not None and claim.expires_at <= at


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
