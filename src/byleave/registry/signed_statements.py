"""Take in what organisations sign: pledges, attestations and feedback. Each leaves an entry in the log, with its digest alone.

Nothing that is taken in changes a claim.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.errors import ConflictError, FormatError, InputError, NotFoundError, VerificationError
from byleave.log import JSON, VerifierKey
from byleave.log.envelopes import Envelope
from byleave.log.events import CLAIM_ID_BYTES
from byleave.registry.account_tables import Account
from byleave.registry.events import append_event
from byleave.registry.following import Application, note_applied
from byleave.registry.permissions import Act, Who, require
from byleave.registry.statement_keys import statement_keys
from byleave.registry.statement_tables import FeedbackRow, StatementRow
from byleave.registry.tables import CheckpointRow, ClaimRow, ReleaseRow
from byleave.release.absences import proofs_address
from byleave.release.attestations import APPLIED, Attestation, open_attestation
from byleave.release.feedback import FEEDBACK, Feedback
from byleave.release.fulfilling import Doing, refuse_broken
from byleave.release.pledges import PLEDGED, Pledge
from byleave.release.statements import Signed, Statement, open_statement

MOST_STATEMENTS: Final = 10_000
MOST_STATEMENT_BYTES: Final = 2 * 1024**3
"""Statements that one organisation may hand in, and room for all of them; one of ten thousand files has about 4 MB."""

MAX_DATASET_CHARS: Final = 120
FAST_CLOCK: Final = timedelta(days=1)
"""How far a statement's own time may lie ahead of ours."""

KINDS: Final[Mapping[str, str]] = {APPLIED: "attest", PLEDGED: "pledge", FEEDBACK: "feedback"}
"""The operation under which the log holds each kind of statement."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A statement that stands in the registry: what names it, its kind, its entry in the log, and whether it was new."""

    sha256: bytes
    kind: str
    event: int
    is_new: bool


def accept_statement(
    session: Session, envelope: Envelope, *, origin: str, who: Who, at: datetime, proofs: str | None = None
) -> Accepted:
    """Take in a signed statement of an organisation; handing it in again changes nothing but where its proofs are.

    Parameters
    ----------
    origin
        The name of this registry and its log.
    proofs
        Address at which the proofs of an attestation are served; left out, what was said before stays.

    Raises
    ------
    InputError
        If nothing can be asked at that address, or the statement is no attestation.
    RefusedError
        If ``who`` may not report for its account.
    ConflictError
        If the account is a person's, has no key for statements, or has handed in too much.
    FormatError, VerificationError
        If the statement cannot be read, no key of the organisation signed it, or it names a list or log that is not ours.
    """
    require(who, Act.REPORT, account=who.account)
    assert who.account is not None  # noqa: S101 - nobody without an account reports
    keys = _good_keys(session, who.account)
    content = envelope.to_bytes()
    opened = open_statement(content, keys)
    kind = _kind_of(opened)
    address = _address(kind, proofs)
    # Two that hand in the same at once wait for each other at the organisation's row.
    session.execute(sa.select(Account.id).where(Account.id == who.account).with_for_update())
    standing = session.get(StatementRow, opened.sha256)
    if standing is not None:
        return _again(standing, who.account, address)
    _check_room(session, who.account)
    facts = _facts(session, kind, opened, origin, who.account)
    _refuse_the_future(facts["made_at"], at)
    event = _log(session, kind, opened, who=who, at=at)
    stored = {"sha256": opened.sha256, "organisation_id": who.account, "envelope": content, "proofs": address}
    session.add(StatementRow(**stored, kind=kind, event=event, at=at, **facts))
    session.flush()
    if kind == "attest":
        said = Application(facts["number"], facts["dataset"], facts["entries"], facts["removed"])
        note_applied(session, said, who=who, at=at, event=event)
    if kind == "feedback":
        _note_feedback(session, opened, who.account, at)
    return Accepted(opened.sha256, kind, event, is_new=True)


def _refuse_the_future(made_at: datetime, at: datetime) -> None:
    if made_at > at + FAST_CLOCK:
        raise VerificationError(
            "the statement was made in the future", remedy="set your clock, and sign anew"
        )


def _kind_of(opened: Signed[Statement]) -> str:
    kind = KINDS.get(opened.said.predicate_type)
    if kind is None:
        raise FormatError(
            "this registry takes attestations, pledges and feedback", remedy="hand in one of those"
        )
    return kind


def statement_by_digest(session: Session, sha256: bytes) -> StatementRow:
    """Return a statement; what was handed in is public.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    row = session.get(StatementRow, sha256)
    if row is None:
        raise NotFoundError(
            "no such statement was handed in here", remedy="give the SHA-256 of its payload, in hex"
        )
    return row


@dataclass(frozen=True, slots=True)
class HandedIn:
    """An attestation as it stands here: whose it is, the entry of the log that holds it, and the address of its proofs, if they are served."""

    organisation: str
    entry: int
    proofs: str | None
    signed: Signed[Attestation]


def attestation_by_digest(session: Session, sha256: bytes) -> HandedIn:
    """Return an attestation that was handed in; raises as :func:`statement_by_digest` and :func:`attestation_of` do."""
    row = statement_by_digest(session, sha256)
    name = session.get_one(Account, row.organisation_id).name
    return HandedIn(name or "An organisation", row.event - 1, row.proofs, attestation_of(session, row))


def attestation_of(session: Session, row: StatementRow) -> Signed[Attestation]:
    """Return what an attestation says, its signature checked again by every key that its organisation ever had.

    Raises
    ------
    NotFoundError
        If the statement is no attestation.
    """
    if row.kind != KINDS[APPLIED]:
        raise NotFoundError(
            "this statement does not say that a list was applied",
            remedy="choose a signed statement from the page of who kept it",
        )
    keys = [one.key for one in statement_keys(session, row.organisation_id)]
    return open_attestation(row.envelope, keys)


def _good_keys(session: Session, account: uuid.UUID) -> tuple[VerifierKey, ...]:
    kind, name = session.execute(sa.select(Account.kind, Account.name).where(Account.id == account)).one()
    if kind != "organisation" or not name:
        raise ConflictError(
            "only an organisation with a name can hand in statements: everybody reads who it was",
            remedy="make an organisation and a key for it",
        )
    keys = tuple(one.key for one in statement_keys(session, account) if one.revoked_at is None)
    if not keys:
        raise ConflictError(
            f"{name} has no key for signed statements here",
            remedy="an admin adds the verifier key on the organisation's page",
        )
    return keys


def _address(kind: str, proofs: str | None) -> str | None:
    if proofs is None:
        return None
    if kind != KINDS[APPLIED]:
        raise InputError("only an attestation has proofs", remedy="leave the address out")
    return proofs_address(proofs)


def _again(standing: StatementRow, account: uuid.UUID, address: str | None) -> Accepted:
    if standing.organisation_id != account:
        raise ConflictError(
            "another organisation handed this statement in", remedy="sign one of your own, by your own key"
        )
    standing.proofs = address or standing.proofs
    return Accepted(standing.sha256, standing.kind, standing.event, is_new=False)


def _check_room(session: Session, account: uuid.UUID) -> None:
    taken = sa.func.coalesce(sa.func.sum(sa.func.octet_length(StatementRow.envelope)), 0)
    chosen = sa.select(sa.func.count(), taken).where(StatementRow.organisation_id == account)
    count, size = session.execute(chosen).one()
    if count >= MOST_STATEMENTS or size >= MOST_STATEMENT_BYTES:
        raise ConflictError("this organisation has handed in too much", remedy="ask the operator")


def _log(session: Session, kind: str, opened: Signed[Statement], *, who: Who, at: datetime) -> int:
    """Append the entry: a random id and a salted commitment to the statement's digest, the key, and the time."""
    entry_id = secrets.token_bytes(CLAIM_ID_BYTES)
    record: dict[str, JSON] = {
        "v": 1,
        "at": at.isoformat(timespec="seconds"),
        "claim": entry_id.hex(),
        "key": str(opened.signers[0]),
        "op": kind,
        "statement_sha256": opened.sha256.hex(),
    }
    event = append_event(session, entry_id, kind, actor=who.role.value, at=at, record=lambda _: record)
    return event.number


def _facts(
    session: Session, kind: str, opened: Signed[Statement], origin: str, account: uuid.UUID
) -> dict[str, Any]:
    """Return what is kept of a statement beside its envelope, once it is seen to be about this registry."""
    match kind:
        case "attest":
            return _attested(session, opened, origin, account)
        case "pledge":
            return _pledged(opened, origin)
        case _:
            return _told(session, opened, origin)


def _attested(session: Session, opened: Signed[Statement], origin: str, account: uuid.UUID) -> dict[str, Any]:
    said = Attestation.parse(opened.said)
    applied = next((one for one in said.applied_lists if one.origin == origin), said.applied)
    release = session.get(ReleaseRow, applied.name.number)
    if applied.origin != origin or release is None or release.manifest_digest != applied.name.manifest_digest:
        raise VerificationError(
            f"list no. {applied.name.number} of {applied.origin} is none that was published here",
            remedy="hand the attestation in where the list came from",
        )
    checkpoint = applied.checkpoint
    kept = session.get(CheckpointRow, checkpoint.size)
    if checkpoint.origin != origin or kept is None or kept.root != checkpoint.root:
        raise VerificationError(
            "the attestation names a log that this registry never signed",
            remedy="keep both, and ask the registry's operator in public",
        )
    if said.pledge is not None:
        _check_pledge(session, said, account)
    return {
        "made_at": said.made_at,
        "dataset": _dataset(said.dataset),
        "regime": said.regime.value,
        "number": applied.name.number,
        "published_at": release.published_at,
        "entries": said.rows["input"],
        "removed": said.rows["removed"],
        "pledge": said.pledge,
    }


def _check_pledge(session: Session, said: Attestation, account: uuid.UUID) -> None:
    pledge = session.get(StatementRow, said.pledge)
    if (
        pledge is None
        or (pledge.kind, pledge.organisation_id) != ("pledge", account)
        or pledge.dataset != said.dataset
    ):
        raise VerificationError(
            "the attestation names a pledge about this dataset that was not handed in here",
            remedy="hand the pledge in first",
        )
    # Its signature was checked when it was handed in.
    promised = Statement.parse(Envelope.parse(pledge.envelope).payload)
    refuse_broken(Pledge.parse(promised), Doing.of(said))


def _pledged(opened: Signed[Statement], origin: str) -> dict[str, Any]:
    said = Pledge.parse(opened.said)
    _check_origin(said.registry, origin)
    return {
        "made_at": said.made_at,
        "dataset": _dataset(said.dataset),
        "regime": said.regime.value,
        "most_lag_days": said.most_lag_days,
    }


def _told(session: Session, opened: Signed[Statement], origin: str) -> dict[str, Any]:
    said = Feedback.parse(opened.said)
    _check_origin(said.registry, origin)
    wanted = {verdict.claim for verdict in said.verdicts}
    known = session.execute(sa.select(ClaimRow.id).where(ClaimRow.id.in_(wanted))).scalars().all()
    if missing := wanted - set(known):
        raise InputError(
            f"{len(missing):,} of the claims named are not here, such as {min(missing).hex()}",
            remedy="speak of claims as this registry's lists name them",
        )
    return {"made_at": said.made_at}


def _check_origin(said: str, origin: str) -> None:
    if said != origin:
        raise VerificationError(
            f"the statement is about {said}, this registry is {origin}", remedy="hand it in there"
        )


def _dataset(name: str) -> str:
    if len(name) > MAX_DATASET_CHARS:
        raise InputError(
            f"the dataset's name has more than {MAX_DATASET_CHARS} characters",
            remedy="sign a statement that calls it something shorter",
        )
    return name


def _note_feedback(session: Session, opened: Signed[Statement], account: uuid.UUID, at: datetime) -> None:
    """Keep, of what an organisation says of a claim, the last."""
    for verdict in Feedback.parse(opened.said).verdicts:
        session.merge(
            FeedbackRow(
                organisation_id=account,
                claim_id=verdict.claim,
                statement=opened.sha256,
                outcome=verdict.outcome.value,
                rows=verdict.rows,
                why=verdict.why,
                at=at,
            )
        )
    session.flush()
