"""The rows of a release: one statement each, as an Arrow table. Needs the extra ``apply``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from byleave.consent import ClaimState, Evidence, Preference, Preferences, Statement, TargetKind, Use
from byleave.errors import FormatError

TIME = pa.timestamp("us", tz="UTC")
SALT_BYTES = 16

SCHEMA = pa.schema(
    [
        pa.field("claim", pa.binary(16), nullable=False),
        pa.field("claimant", pa.binary(16), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("digest", pa.binary(32), nullable=False),
        pa.field("salt", pa.binary(SALT_BYTES), nullable=False),
        pa.field("scope_host", pa.binary(32)),
        pa.field("value", pa.string()),
        *(pa.field(use.value, pa.uint8(), nullable=False) for use in Use),
        pa.field("evidence", pa.uint8(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("disputed", pa.bool_(), nullable=False),
        pa.field("stale", pa.bool_(), nullable=False),
        pa.field("filed_at", TIME, nullable=False),
        pa.field("effective_at", TIME),
        pa.field("expires_at", TIME),
        pa.field("number", pa.int64(), nullable=False),
        pa.field("terms", pa.string()),
        pa.field("contact", pa.string()),
    ]
)
"""Columns of ``claims.parquet``. ``value`` is there only where the claimant ticked that it may be shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """A statement with what only a release carries: when it was filed, ticked plain values, terms and contact.

    ``salt`` is 16 secret bytes until the row is published; they keep what a redaction leaves of the row from being guessed.
    """

    statement: Statement
    filed_at: datetime
    scope_host: bytes | None = None
    value: str | None = None
    terms: str | None = None
    contact: str | None = None
    salt: bytes = bytes(SALT_BYTES)


def table(rows: Iterable[Row]) -> pa.Table:
    """Return rows as one table, sorted by kind, digest and claim, so that equal statements give equal bytes."""
    ordered = sorted(
        rows, key=lambda row: (row.statement.kind.value, row.statement.digest, row.statement.claim)
    )
    return pa.Table.from_pylist([_plain(row) for row in ordered], schema=SCHEMA)


def statement(row: Mapping[str, Any]) -> Statement:
    """Return one row (as ``Table.to_pylist`` gives it) as the statement it is."""
    try:
        return Statement(
            claim=row["claim"],
            claimant=row["claimant"],
            kind=TargetKind(row["kind"]),
            digest=row["digest"],
            preferences=Preferences(**{use.value: Preference(row[use.value]) for use in Use}),
            evidence=Evidence(row["evidence"]),
            state=ClaimState(row["state"]),
            number=row["number"],
            effective_at=row["effective_at"],
            expires_at=row["expires_at"],
            disputed=row["disputed"],
            stale=row["stale"],
        )
    except (KeyError, ValueError) as error:
        raise FormatError(
            f"a row of the release cannot be read: {error}", remedy="update Byleave, then sync again"
        ) from error


def _plain(row: Row) -> dict[str, Any]:
    said = row.statement
    return {
        "claim": said.claim,
        "claimant": said.claimant,
        "kind": said.kind.value,
        "digest": said.digest,
        "salt": row.salt,
        "scope_host": row.scope_host,
        "value": row.value,
        **{use.value: int(said.preferences.for_use(use)) for use in Use},
        "evidence": int(said.evidence),
        "state": said.state.value,
        "disputed": said.disputed,
        "stale": said.stale,
        "filed_at": row.filed_at,
        "effective_at": said.effective_at,
        "expires_at": said.expires_at,
        "number": said.number,
        "terms": row.terms,
        "contact": row.contact,
    }
