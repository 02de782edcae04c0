"""Filing one claim with up to a million targets: they go from the list into the database without ever being held together."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from psycopg import sql

from byleave.consent import ClaimState, Evidence, TargetKind
from byleave.errors import InputError
from byleave.registry.bulk import copy_into
from byleave.registry.claims import TargetCount
from byleave.registry.events import append_events
from byleave.registry.filing import Filing, check_answer
from byleave.registry.lists import Listed
from byleave.registry.permissions import Act, Who, require
from byleave.registry.proofs import confirmed_of
from byleave.registry.registering import claim_row, draft_claim, first_state, registering_events
from byleave.registry.tables import ClaimRow, TargetRow
from byleave.registry.targets import Target

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from byleave.registry.claims import Claim
    from byleave.registry.scopes import Confirmed

_COLUMNS: Final = ("claim_id", "kind", "digest", "evidence", "scope_host_digest", "value")
_COPY_BEGINS: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_ENDS: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_ROWS_AT_ONCE: Final = 5_000


class _Rows:
    """Turns listed targets into rows of PostgreSQL's binary COPY, and remembers what the claim's event needs of them."""

    def __init__(self, claim: bytes, confirmed: Confirmed | None) -> None:
        self._confirmed = confirmed
        self._claim = claim
        self._heads: dict[TargetKind, bytes] = {}
        self.digests: list[bytes] = []
        self.levels: dict[tuple[TargetKind, Evidence], int] = {}

    def blocks(self, listed: Iterable[Listed]) -> Iterator[bytes]:
        """Yield the rows, a few thousand together."""
        yield _COPY_BEGINS
        rest = iter(listed)
        while some := list(islice(rest, _ROWS_AT_ONCE)):
            yield b"".join(map(self._row, some))
        yield _COPY_ENDS

    def _row(self, one: Listed) -> bytes:
        level = self._confirmed.level(one.kind, one.digest, one.value) if self._confirmed else Evidence.E0
        key = (one.kind, level)
        self.levels[key] = self.levels.get(key, 0) + 1
        self.digests.append(one.digest)
        scope = _NULL if one.scope_host is None else _field(one.scope_host)
        head = self._heads.get(one.kind) or self._head(one.kind)
        value = one.value.encode()
        return b"%b%b\0\0\0\2\0%c%b%b%b" % (
            head,
            one.digest,
            int(level),
            scope,
            len(value).to_bytes(4),
            value,
        )

    def _head(self, kind: TargetKind) -> bytes:
        head = struct.pack(">h", len(_COLUMNS)) + _field(self._claim) + _field(kind.value.encode())
        self._heads[kind] = head + (32).to_bytes(4)
        return self._heads[kind]


def file_list(session: Session, filing: Filing, listed: Iterable[Listed], *, who: Who, at: datetime) -> Claim:
    """File one claim with everything a list names and append its event. ``filing`` says the rest and names no target.

    The event is appended last, so that others who file wait for its number only a moment.

    Raises
    ------
    InputError
        If the list names nothing; then nothing is filed.
    """
    require(who, Act.FILE_CLAIM, account=filing.account)
    check_answer(filing.new, at)
    claim = draft_claim(filing, who, at)
    session.execute(sa.insert(ClaimRow), [claim_row(claim, filing.new.text_digest)])
    rows = _Rows(claim.id, confirmed_of(session, [filing.account]).get(filing.account))
    into = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(TargetRow.__tablename__), sql.SQL(", ").join(map(sql.Identifier, _COLUMNS))
    )
    copy_into(session, into, rows.blocks(listed))
    if not rows.digests:
        raise InputError("nothing in the list can be used", remedy="see why for each line, and mend it")
    return _append(session, filing, claim, rows, who, at)


def _append(session: Session, filing: Filing, draft: Claim, rows: _Rows, who: Who, at: datetime) -> Claim:
    """Append the events of a claim whose rows are stored, and bring its own row up to what they say."""
    kinds = [Target(kind, b"", evidence=level) for kind, level in rows.levels]
    state = draft.state
    if state is not ClaimState.HELD:
        state = first_state(draft.preferences, kinds, draft.expires_at, at)
    counts = tuple(TargetCount(kind, level, count) for (kind, level), count in sorted(rows.levels.items()))
    effective_at = at if state is ClaimState.EFFECTIVE else None
    stands = replace(draft, state=state, effective_at=effective_at, counts=counts)
    events = append_events(
        session, registering_events(filing, stands, rows.digests), actor=who.role.value, at=at
    )
    claim = replace(stands, answered=events[0].number, number=events[-1].number)
    stored = sa.update(ClaimRow).where(ClaimRow.id == claim.id)
    session.execute(
        stored.values(
            state=state.value,
            effective_at=effective_at,
            answered_event=claim.answered,
            last_event=claim.number,
        )
    )
    return claim


def _field(value: bytes) -> bytes:
    return len(value).to_bytes(4) + value
