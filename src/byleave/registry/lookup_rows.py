"""Reading what live claims say about many places at once: one statement for each kind of question.

Digests travel as one value, 32 bytes each and in order: an array would be written and read element by element, and in order they walk
the index once instead of starting anew for each.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.consent import ClaimState, Evidence, Preference, Preferences, Statement, TargetKind

ITEM_BYTES: Final = 16
DIGEST_BYTES: Final = 32
PLACES: Final = (
    TargetKind.URL,
    TargetKind.PREFIX,
    TargetKind.HOST,
    TargetKind.DOMAIN,
    TargetKind.DIGEST,
)
"""Kinds of targets that are found by their digest alone."""

_LIVE: Final = [ClaimState.FILED.value, ClaimState.EFFECTIVE.value]


@dataclass(frozen=True, slots=True)
class ClaimedTarget:
    """One target of a live claim.

    number
        Of the target, the same whoever asks.
    """

    number: int
    statement: Statement
    terms: str | None
    contact: str | None


Found = Mapping[TargetKind, Mapping[bytes, list[ClaimedTarget]]]
"""What was found on each kind of place, by digest; a digest nobody named is not in it."""

_COLUMNS = """
    t.id, t.kind, t.digest, c.id AS claim, c.account_id, c.train_gen, c.train_other, c.tdm, c.ai_input, c.ai_index, c.search,
    t.evidence, c.state, c.answered_event, c.effective_at, c.expires_at, c.disputed, c.stale, c.terms, c.contact
"""
_APART = """ARRAY(
    SELECT substring(CAST(:{name} AS bytea) FROM 32 * place + 1 FOR 32)
    FROM generate_series(0, octet_length(CAST(:{name} AS bytea)) / 32 - 1) AS place
)"""
_ON_KIND = "SELECT * FROM targets WHERE kind = '{name}' AND digest = ANY({digests})"
_ON_PLACES = " UNION ALL ".join(
    _ON_KIND.format(name=kind.value, digests=_APART.format(name=kind.value)) for kind in PLACES
)

_BY_PLACE = sa.text(
    f"""
    SELECT {_COLUMNS} FROM ({_ON_PLACES}) AS t JOIN claims c ON c.id = t.claim_id
    WHERE c.state = ANY(:live) ORDER BY t.id
    """  # noqa: S608 - constants only
)
_BY_ITEM = sa.text(
    f"""
    SELECT {_COLUMNS} FROM unnest(CAST(:items AS bytea[])) AS asked(item)
    JOIN targets t ON t.kind = 'url' AND t.digest BETWEEN asked.item || CAST(:lowest AS bytea)
        AND asked.item || CAST(:highest AS bytea)
    JOIN claims c ON c.id = t.claim_id
    WHERE c.state = ANY(:live) ORDER BY t.id
    """  # noqa: S608 - constants only
)
_BY_CLAIM = sa.text(
    f"""
    SELECT {_COLUMNS} FROM targets t JOIN claims c ON c.id = t.claim_id
    WHERE t.kind = 'picture' AND t.claim_id = ANY(CAST(:claims AS bytea[])) AND c.state = ANY(:live) ORDER BY t.id
    """  # noqa: S608 - constants only
)
_HOSTS_WITH_PATHS = sa.text(
    f"""
    SELECT DISTINCT scope_host_digest FROM targets
    WHERE kind = 'prefix' AND scope_host_digest = ANY({_APART.format(name="hosts")})
    UNION ALL
    (SELECT scope_host_digest FROM targets WHERE kind = 'prefix' AND scope_host_digest IS NULL LIMIT 1)
    """  # noqa: S608 - constants only
)


def read_places(session: Session, asked: Mapping[TargetKind, Iterable[bytes]]) -> Found:
    """Read what live claims say about places, named by kind, one of :data:`PLACES`, and 32-byte digests."""
    found: dict[TargetKind, dict[bytes, list[ClaimedTarget]]] = {kind: {} for kind in PLACES}
    parameters = {kind.value: _in_order(asked.get(kind, ())) for kind in PLACES}
    for target in _read(session, _BY_PLACE, parameters) if any(parameters.values()) else ():
        found[target.statement.kind].setdefault(target.statement.digest, []).append(target)
    return found


def _in_order(digests: Iterable[bytes]) -> bytes:
    """Return distinct digests one behind the other, in the order of their first eight bytes, which is theirs but for one in billions."""
    joined = np.frombuffer(b"".join(set(digests)), ">u8").reshape(-1, 4)
    return joined[np.argsort(joined[:, 0])].tobytes()


def read_items(session: Session, items: Collection[bytes]) -> Mapping[bytes, list[ClaimedTarget]]:
    """Read what live claims say about links, by their 16-byte item ids."""
    pad = DIGEST_BYTES - ITEM_BYTES
    limits = {"items": sorted(items), "lowest": bytes(pad), "highest": b"\xff" * pad}
    found: dict[bytes, list[ClaimedTarget]] = {}
    for target in _read(session, _BY_ITEM, limits) if items else ():
        found.setdefault(target.statement.digest[:ITEM_BYTES], []).append(target)
    return found


def read_pictures(session: Session, claims: Collection[bytes]) -> Mapping[bytes, list[ClaimedTarget]]:
    """Read what live claims, by their 16-byte ids, say about the pictures they name."""
    found: dict[bytes, list[ClaimedTarget]] = {}
    for target in _read(session, _BY_CLAIM, {"claims": sorted(claims)}) if claims else ():
        found.setdefault(target.statement.claim, []).append(target)
    return found


def hosts_with_paths(session: Session, hosts: Collection[bytes]) -> frozenset[bytes]:
    """Return the hosts, by digest, on which somebody claims a path: only there the paths above a link need asking for.

    A claim on a path that does not say its host may stand on any of them.
    """
    if not hosts:
        return frozenset()
    found = set(session.execute(_HOSTS_WITH_PATHS, {"hosts": b"".join(sorted(hosts))}).scalars())
    return frozenset(hosts) if None in found else frozenset(found)


def _read(
    session: Session, statement: sa.TextClause, parameters: Mapping[str, Any]
) -> Iterable[ClaimedTarget]:
    rows = session.execute(statement, {**parameters, "live": _LIVE}).all()
    return map(_target, rows)


def _target(row: Iterable[Any]) -> ClaimedTarget:
    """Make a target of a row taken apart at once: asking thousands of rows for columns by name would cost as much as reading them."""
    (
        number,
        kind,
        digest,
        claim,
        account,
        *preferences,
        evidence,
        state,
        answered,
        begun,
        ended,
        disputed,
        stale,
        terms,
        contact,
    ) = row
    said = Statement(
        claim=claim,
        claimant=account.bytes if account else claim,
        kind=_KINDS[kind],
        digest=digest,
        preferences=_preferences(*preferences),
        evidence=_LEVELS[evidence],
        state=_STATES[state],
        number=answered,
        effective_at=begun,
        expires_at=ended,
        disputed=disputed,
        stale=stale,
    )
    return ClaimedTarget(number, said, terms, contact)


_KINDS: Final = {kind.value: kind for kind in TargetKind}
_STATES: Final = {state.value: state for state in ClaimState}
_LEVELS: Final = tuple(Evidence)


@lru_cache(maxsize=4096)
def _preferences(*numbers: int) -> Preferences:
    """Return the preferences of the six uses, in the order of :class:`Preferences`; there are 4,096 in all, and one object for each."""
    return Preferences(*map(Preference, numbers))
