"""Everything the registry holds about one person, as a ZIP of JSON, CSV and receipts, made while it is sent."""

from __future__ import annotations

import csv
import io
import json
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.consent import Use
from byleave.errors import NotFoundError
from byleave.publish.receipts import acknowledge
from byleave.registry.account_tables import (
    Account,
    Delegation,
    Membership,
    OutboxMessage,
    Passkey,
    SignInSession,
    TokenRow,
)
from byleave.registry.audit import AuditKind, events_about, record
from byleave.registry.claims import Claim, claims_with_targets
from byleave.registry.database import Database
from byleave.registry.following_tables import Applied, Fetched, HandedIn
from byleave.registry.legal_acts import consent_text
from byleave.registry.permissions import Act, Who, require
from byleave.registry.proof_tables import ProofRow
from byleave.registry.statement_tables import FeedbackRow, StatementKey, StatementRow
from byleave.registry.tables import ClaimEventRow, ClaimRow
from byleave.registry.timeline import timeline
from byleave.settings import Settings

CLAIMS_AT_ONCE: Final = 50
ROWS_AT_ONCE: Final = 1_000

README: Final = """Everything this registry holds about you, or about the organisation whose name stands in account.json.

account.json, passkeys.json, sessions.json, keys.json   who you are here, and how you and your programs sign in; never a secret
memberships.json, delegations.json                      for whom you act, and who acts for you
claims.json, claims.csv, targets.csv                    what you said, and what it covers
events.json                                             what was recorded of each of your operations, with what opens it in the log
timeline.json                                           what became of each of them
receipts/                                               one for each claim; check it with `byleave verify`, or on the page /verify
proofs.json                                             which places you showed to control
texts/                                                  the words you consented to
handed_in.json, reports.json                            lists you handed in; what your organisation fetched and reported
audit.json, mails.json                                  what was written down about you; mails that were written to you
"""


def export_account(
    database: Database, settings: Settings, account: uuid.UUID, *, who: Who, at: datetime
) -> Iterator[bytes]:
    """Yield the ZIP in pieces, in memory that does not grow with it.

    Raises
    ------
    NotFoundError
        If there is no such account, before anything is yielded.
    """
    require(who, Act.EXPORT, account=account)
    with database.transaction() as session:
        if session.get(Account, account) is None:
            raise NotFoundError("there is no such account here", remedy="check the address")
        record(session, AuditKind.ACCOUNT_EXPORTED, who=who, subject=account, at=at)
    return _pieces(database, settings, account, who, at)


def _pieces(
    database: Database, settings: Settings, account: uuid.UUID, who: Who, at: datetime
) -> Iterator[bytes]:
    out = _Outbound()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", README)
        for name, rows in _TABLES.items():
            with database.transaction() as session:
                yield from _array(archive, out, name, rows(session, account))
        yield from _of_claims(database, settings, archive, out, account, who, at)
        yield from _texts(archive, out)
    yield out.taken()


class _Outbound(io.RawIOBase):
    """What a ZIP is written to: it can only go forward, and gives what came in since the last time."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


Row = Mapping[str, Any]


def _array(archive: zipfile.ZipFile, out: _Outbound, name: str, rows: Iterable[Row]) -> Iterator[bytes]:
    """Write a file with a JSON array, row by row."""
    with archive.open(name, "w") as file:
        file.write(b"[")
        for number, row in enumerate(rows):
            file.write((b"\n" if number == 0 else b",\n") + _json(row))
            if number % ROWS_AT_ONCE == 0:
                yield out.taken()
        file.write(b"\n]\n")
    yield out.taken()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=_plain).encode("utf-8", "surrogatepass")


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _rows(
    session: Session, table: type[Any], where: sa.ColumnElement[bool], *, without: Sequence[str] = ()
) -> Iterator[Row]:
    columns = [column for column in sa.inspect(table).columns if column.name not in without]
    found = session.execute(sa.select(*columns).where(where), execution_options={"yield_per": ROWS_AT_ONCE})
    return (dict(row) for row in found.mappings())


def _account(session: Session, account: uuid.UUID) -> Iterator[Row]:
    return _rows(session, Account, Account.id == account)


def _reports(session: Session, account: uuid.UUID) -> Iterator[Row]:
    yield from (
        {"kind": "fetched", **row} for row in _rows(session, Fetched, Fetched.organisation_id == account)
    )
    yield from (
        {"kind": "applied", **row} for row in _rows(session, Applied, Applied.organisation_id == account)
    )
    for kind, table in (("key", StatementKey), ("statement", StatementRow), ("feedback", FeedbackRow)):
        rows = _rows(session, table, table.organisation_id == account, without=("envelope",))
        yield from ({"kind": f"signed_{kind}", **row} for row in rows)


def _mails(session: Session, account: uuid.UUID) -> Iterator[Row]:
    own = sa.select(Account.email).where(Account.id == account).scalar_subquery()
    return _rows(session, OutboxMessage, OutboxMessage.recipient == own)


def _audit(session: Session, account: uuid.UUID) -> Iterator[Row]:
    return (asdict(event) for event in events_about(session, account))


_SECRETS: Final = ("key_hash", "token_hash", "form_token", "code_hash")

_TABLES: Final[Mapping[str, Callable[[Session, uuid.UUID], Iterable[Row]]]] = {
    "account.json": _account,
    "passkeys.json": lambda s, a: _rows(s, Passkey, Passkey.account_id == a),
    "sessions.json": lambda s, a: _rows(s, SignInSession, SignInSession.account_id == a, without=_SECRETS),
    "keys.json": lambda s, a: _rows(s, TokenRow, TokenRow.account_id == a, without=_SECRETS),
    "memberships.json": lambda s, a: _rows(
        s, Membership, (Membership.person_id == a) | (Membership.organisation_id == a)
    ),
    "delegations.json": lambda s, a: _rows(
        s, Delegation, (Delegation.artist_id == a) | (Delegation.organisation_id == a)
    ),
    "proofs.json": lambda s, a: _rows(s, ProofRow, ProofRow.account_id == a, without=_SECRETS),
    "handed_in.json": lambda s, a: _rows(s, HandedIn, HandedIn.account_id == a),
    "reports.json": _reports,
    "audit.json": _audit,
    "mails.json": _mails,
}


def _of_claims(
    database: Database,
    settings: Settings,
    archive: zipfile.ZipFile,
    out: _Outbound,
    account: uuid.UUID,
    who: Who,
    at: datetime,
) -> Iterator[bytes]:
    with database.transaction() as session:
        chosen = sa.select(ClaimRow.id).where(ClaimRow.account_id == account).order_by(ClaimRow.last_event)
        ids = list(session.execute(chosen).scalars())
    yield from _array(archive, out, "claims.json", (_claim(one) for one in _claims(database, ids)))
    yield from _table(archive, out, "claims.csv", (_flat(one) for one in _claims(database, ids)))
    targets = (row for one in _claims(database, ids) for row in _targets(one))
    yield from _table(archive, out, "targets.csv", targets)
    yield from _array(archive, out, "events.json", _events(database, ids))
    yield from _array(archive, out, "timeline.json", _timelines(database, ids, who))
    for start in range(0, len(ids), CLAIMS_AT_ONCE):
        part = list(_claims(database, ids[start : start + CLAIMS_AT_ONCE]))
        for one in acknowledge(database, settings, part, at=at):
            archive.writestr(f"receipts/{one.claim.id.hex()}.tlog-proof", one.receipt.to_text())
        yield out.taken()


def _claims(database: Database, ids: Sequence[bytes]) -> Iterator[Claim]:
    for start in range(0, len(ids), CLAIMS_AT_ONCE):
        part = ids[start : start + CLAIMS_AT_ONCE]
        with database.transaction() as session:
            rows = session.execute(sa.select(ClaimRow).where(ClaimRow.id.in_(part))).scalars().all()
            by_id = {row.id: row for row in rows}
            found = claims_with_targets(session, [by_id[one] for one in part if one in by_id])
        yield from found


def _claim(claim: Claim) -> Row:
    return {
        **{name: value for name, value in asdict(claim).items() if name not in {"preferences", "targets"}},
        "preferences": {use.value: claim.preferences.for_use(use).word for use in Use},
        "targets": len(claim.targets),
    }


def _flat(claim: Claim) -> Row:
    told = dict(_claim(claim))
    answers: Row = told.pop("preferences")
    return {**told, **answers}


def _targets(claim: Claim) -> Iterator[Row]:
    for target in claim.targets:
        yield {
            "claim": claim.id,
            "kind": target.kind.value,
            "value": target.value,
            "digest": target.digest,
            "label": target.label,
            "evidence": target.evidence.name,
            "dataset": target.dataset,
        }


def _table(archive: zipfile.ZipFile, out: _Outbound, name: str, rows: Iterable[Row]) -> Iterator[bytes]:
    """Write a file with CSV, row by row."""
    with archive.open(name, "w") as file:
        text = io.TextIOWrapper(file, "utf-8", errors="surrogatepass", newline="", write_through=True)
        writer = csv.writer(text)
        for number, row in enumerate(rows):
            if number == 0:
                writer.writerow(row)
            writer.writerow([_cell(value) for value in row.values()])
            if number % ROWS_AT_ONCE == 0:
                yield out.taken()
        text.detach()
    yield out.taken()


def _cell(value: object) -> object:
    return value if value is None or isinstance(value, str | int) else _plain(value)


def _events(database: Database, ids: Sequence[bytes]) -> Iterator[Row]:
    for start in range(0, len(ids), CLAIMS_AT_ONCE):
        with database.transaction() as session:
            part = ids[start : start + CLAIMS_AT_ONCE]
            yield from _rows(session, ClaimEventRow, ClaimEventRow.claim_id.in_(part))


def _timelines(database: Database, ids: Sequence[bytes], who: Who) -> Iterator[Row]:
    for claim in ids:
        with database.transaction() as session:
            moments = timeline(session, claim, who=who)
        yield {"claim": claim, "timeline": [moment.members() for moment in moments]}


def _texts(archive: zipfile.ZipFile, out: _Outbound) -> Iterator[bytes]:
    text = consent_text()
    archive.writestr(f"texts/{text.name}-{text.digest.hex()[:16]}.txt", text.words)
    yield out.taken()
