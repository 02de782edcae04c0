"""The registry at one moment, read row by row: what release N holds, in its order and in constant memory.

PostgreSQL sorts, and packs the fixed part of each row into one value, so that this process touches every row only once.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import psycopg
import pyarrow as pa
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.orm import Session

from byleave.consent import ClaimState, TargetKind, Use
from byleave.publish.streaming import packed, streamed
from byleave.registry.database import Database
from byleave.registry.events import last_number
from byleave.registry.tables import ClaimRow
from byleave.release.rows import SCHEMA, TIME
from byleave.release.standing import REASONS, Standing

PSEUDONYM_BYTES: Final = 16
STANDING_BYTES: Final = 36

KEPT_OUT: Final = (ClaimState.HELD, ClaimState.REJECTED, ClaimState.WITHDRAWN, ClaimState.ERASED)
"""States whose claims are in no release; each release counts them, so that quiet dropping shows."""

_SALT_LABEL: Final = b"byleave/salt/1"
_NO_TIME: Final = np.iinfo(np.int64).min
_POSTGRES_EPOCH_US: Final = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000

_PACKED: Final = np.dtype(
    [
        ("claim", "V16"),
        ("party", "V16"),
        ("digest", "V32"),
        ("scope_host", "V32"),
        ("has_scope_host", "u1"),
        *((use.value, ">i2") for use in Use),
        ("evidence", ">i2"),
        ("effective", "u1"),
        ("disputed", "u1"),
        ("stale", "u1"),
        ("filed_at", ">i8"),
        ("effective_at", ">i8"),
        ("expires_at", ">i8"),
        ("number", ">i8"),
    ]
)
_TEXTS: Final = ("value", "terms", "contact")
_PARTY: Final = np.dtype([("party", "V16"), ("oldest", ">i8")])
_PACKING: Final = " || ".join(
    [
        "c.id",
        "coalesce(uuid_send(c.account_id), c.id)",
        "t.digest",
        r"coalesce(t.scope_host_digest, decode(repeat('00', 32), 'hex'))",
        "boolsend(t.scope_host_digest IS NOT NULL)",
        *(f"int2send(c.{use.value})" for use in Use),
        "int2send(t.evidence)",
        "boolsend(c.state = 'effective')",
        "boolsend(c.disputed)",
        "boolsend(c.stale)",
        "timestamptz_send(c.filed_at)",
        r"coalesce(timestamptz_send(c.effective_at), '\x8000000000000000')",
        r"coalesce(timestamptz_send(c.expires_at), '\x8000000000000000')",
        "int8send(c.answered_event)",
    ]
)
_LIVE: Final = "c.state IN ('filed', 'effective') AND (c.expires_at IS NULL OR c.expires_at > {at})"
_ROWS: Final = f"""
SELECT {_PACKING}, CASE WHEN c.publish_values THEN t.value END, c.terms, c.contact
FROM targets t JOIN claims c ON c.id = t.claim_id
WHERE t.kind = {{kind}} AND {_LIVE}
ORDER BY t.digest, c.id, t.id
"""  # noqa: S608 - made of the constants above; what comes from outside is bound
_PARTIES: Final = f"""
SELECT uuid_send(c.account_id) || int8send(min(c.answered_event)) FROM claims c
WHERE c.account_id IS NOT NULL AND {_LIVE} GROUP BY c.account_id ORDER BY c.account_id
"""  # noqa: S608 - as above
_COUNT: Final = f"SELECT count(*) FROM claims c WHERE {_LIVE}"  # noqa: S608 - as above

_STANDING: Final = f"""
SELECT c.id || int8send(c.last_event) || int8send(floor(extract(epoch FROM e.recorded_at))::bigint)
    || int2send((CASE WHEN c.state IN ('filed', 'effective') AND NOT ({_LIVE}) THEN {{expired}}
        ELSE ({{states}}::jsonb ->> c.state)::int END)::int2)
    || int2send((CASE WHEN c.state <> 'held' THEN 0 ELSE
        coalesce(array_position({{reasons}}::text[], c.hold_reason), {{other}}) END)::int2)
FROM claims c JOIN claim_events e ON e.number = c.last_event
ORDER BY c.id
"""  # noqa: S608 - as above

_Packed = npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Names:
    """The pseudonyms of accounts in one release: ``parties`` S16, sorted, and ``names`` V16 beside them."""

    parties: npt.NDArray[np.bytes_]
    names: npt.NDArray[np.void]

    def of(self, packed: _Packed, secret: bytes) -> npt.NDArray[np.void]:
        """Name the party of each row; a claim without an account is a party by itself."""
        wanted = np.ascontiguousarray(packed["party"]).view(self.parties.dtype)
        found = np.zeros(len(wanted), self.names.dtype)
        known = np.zeros(len(wanted), bool)
        if len(self.parties):
            places = np.searchsorted(self.parties, wanted).clip(max=len(self.parties) - 1)
            known = self.parties[places] == wanted
            found[known] = self.names[places[known]]
        for place in np.flatnonzero(~known).tolist():
            name = pseudonym(secret, int(packed["number"][place]), packed["party"][place].tobytes())
            found[place] = np.void(name)
        return found


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The registry as it stood at one moment.

    number
        N: the number of the last claim event.
    claims
        How many claims a release of it holds.
    outcomes
        How many claims are in each state that keeps them out: held, rejected, withdrawn, erased, and expired.
    """

    number: int
    at: datetime
    claims: int
    outcomes: Mapping[str, int]
    _connection: psycopg.Connection[Any]

    def batches(self, secret: bytes) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the release, sorted. ``secret`` makes pseudonyms and salts."""
        names = self._names(secret)
        for kind in sorted(TargetKind, key=lambda one: one.value):
            for rows in streamed(self._connection, sql.SQL(_ROWS).format(kind=kind.value, at=self.at)):
                yield _batch(rows, kind, secret, names)

    def standings(self) -> Iterator[bytes]:
        """Yield 36 bytes for each claim, in the order of claims: claim, last event, its Unix time, and int16 state and reason; as blocks."""
        query = sql.SQL(_STANDING).format(
            at=self.at,
            expired=Standing.EXPIRED.value,
            states=json.dumps({one.name.lower(): one.value for one in Standing}),
            reasons=list(REASONS[1:]),
            other=REASONS.index("other"),
        )
        return (packed(rows, STANDING_BYTES) for rows in streamed(self._connection, query))

    def _names(self, secret: bytes) -> Names:
        """Name every account that stands in the release, after its oldest row there. Takes 32 bytes of memory for each."""
        query = sql.SQL(_PARTIES).format(at=self.at)
        blocks = (packed(rows, _PARTY.itemsize) for rows in streamed(self._connection, query))
        parties = np.frombuffer(b"".join(blocks), _PARTY)
        names = b"".join(
            pseudonym(secret, oldest, party)
            for party, oldest in zip(parties["party"].tolist(), parties["oldest"].tolist(), strict=True)
        )
        keys = np.ascontiguousarray(parties["party"]).view(f"S{PSEUDONYM_BYTES}")
        return Names(keys, np.frombuffer(names, f"V{PSEUDONYM_BYTES}"))


@contextmanager
def snapshot(database: Database, at: datetime) -> Iterator[Snapshot]:
    """Hold the registry still while a release is made of it: number and rows are of the same moment."""
    with (
        database.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection,
        Session(connection) as session,
    ):
        number = last_number(session)
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)  # noqa: S101 - the one driver there is
        found = driver.execute(sql.SQL(_COUNT).format(at=at)).fetchone()
        claims = int(found[0]) if found else 0
        yield Snapshot(number, at, claims, _outcomes(session, claims), driver)


def _outcomes(session: Session, claims: int) -> dict[str, int]:
    chosen = sa.select(ClaimRow.state, sa.func.count()).group_by(ClaimRow.state)
    counted: dict[str, int] = {found[0]: found[1] for found in session.execute(chosen)}
    live = sum(counted.get(state.value, 0) for state in (ClaimState.FILED, ClaimState.EFFECTIVE))
    expired = live - claims + counted.get(ClaimState.EXPIRED.value, 0)
    return {"expired": expired, **{state.value: counted.get(state.value, 0) for state in KEPT_OUT}}


def pseudonym(secret: bytes, oldest: int, party: bytes) -> bytes:
    """Return the 16-byte name of a party whose oldest row in a release is of claim event ``oldest``.

    It is another one as soon as that row goes: nobody can join what was said before with what is said after, unless a row stands in both.
    """
    return hmac.digest(secret, oldest.to_bytes(8) + party, hashlib.sha256)[:PSEUDONYM_BYTES]


def _batch(rows: list[tuple[Any, ...]], kind: TargetKind, secret: bytes, names: Names) -> pa.RecordBatch:
    values = np.frombuffer(packed(rows, _PACKED.itemsize), _PACKED)
    columns: dict[str, pa.Array] = {
        "claim": _binary(values["claim"], 16),
        "claimant": _binary(names.of(values, secret), PSEUDONYM_BYTES),
        "kind": pa.DictionaryArray.from_arrays(np.zeros(len(rows), np.int32), [kind.value]).cast(pa.string()),
        "digest": _binary(values["digest"], 32),
        "salt": pa.array(_salts(values, kind, secret), pa.binary(16)),
        "scope_host": _binary(values["scope_host"], 32, there=values["has_scope_host"].astype(bool)),
        "state": pa.DictionaryArray.from_arrays(
            values["effective"].astype(np.int32), [ClaimState.FILED.value, ClaimState.EFFECTIVE.value]
        ).cast(pa.string()),
        "number": pa.array(values["number"].astype(np.int64)),
        **{name: _times(values[name]) for name in ("filed_at", "effective_at", "expires_at")},
        **{name: pa.array(values[name].astype(bool)) for name in ("disputed", "stale")},
        **{name: pa.array(values[name].astype(np.uint8)) for name in (*(u.value for u in Use), "evidence")},
    }
    columns |= {name: pa.array([row[n] for row in rows], pa.string()) for n, name in enumerate(_TEXTS, 1)}
    return pa.record_batch([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def _salts(packed: _Packed, kind: TargetKind, secret: bytes) -> list[bytes]:
    """Derive salts from claim and target, so that a row that does not change keeps its salt from release to release."""
    begun = hashlib.blake2b(kind.value.encode(), key=secret, digest_size=16, person=_SALT_LABEL)
    salts = []
    for claim, digest in zip(packed["claim"].tolist(), packed["digest"].tolist(), strict=True):
        salt = begun.copy()
        salt.update(claim + digest)
        salts.append(salt.digest())
    return salts


def _binary(values: _Packed, width: int, there: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    valid = None
    if there is not None:
        valid = pa.py_buffer(np.packbits(there, bitorder="little").tobytes())
    content = pa.py_buffer(np.ascontiguousarray(values).tobytes())
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(values), [valid, content])


def _times(values: npt.NDArray[np.int64]) -> pa.Array:
    plain = values.astype(np.int64)
    nothing = plain == _NO_TIME
    return pa.array(np.where(nothing, 0, plain + _POSTGRES_EPOCH_US), pa.int64(), mask=nothing).cast(TIME)
