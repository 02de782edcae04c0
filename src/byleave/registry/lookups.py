"""What the registry says now about links, files, items and pictures, for many of them in a few statements.

The answer follows the rules of :mod:`byleave.consent` and nothing else: whoever asks here and whoever applies a published list of
the same moment are told the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave import urls
from byleave.consent import (
    ClaimState,
    Evidence,
    Preference,
    Preferences,
    Standing,
    Statement,
    TargetKind,
    Use,
    acting,
    combine,
    standing,
)
from byleave.errors import FormatError

MOST_AT_ONCE: Final = 10_000
"""Things that one call may ask about."""

UNREADABLE: Final = "unreadable"
LIVE: Final = (ClaimState.FILED.value, ClaimState.EFFECTIVE.value)
ITEM_BYTES: Final = 16
DIGEST_BYTES: Final = 32

PLACES: Final = ("url", "prefix", "host", "domain", "digest")

Place = tuple[str, bytes]
"""A kind of target, by its word, and its 32-byte digest: what a claim can stand on."""


@dataclass(frozen=True, slots=True)
class Said:
    """One live claim about the thing asked about, seen from the target that covers it.

    standing
        Whether it acts on some use now, or waits to be confirmed.
    distance
        Bits by which the picture asked about differs from the one claimed; ``None`` for every other kind.
    """

    statement: Statement
    standing: Standing
    terms: str | None = None
    contact: str | None = None
    distance: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said about one thing: an answer per use, and the claims behind it.

    fault
        ``unreadable`` where the thing asked about cannot be read; it is then answered as refused, as everywhere.
    """

    preferences: Preferences
    said: tuple[Said, ...] = ()
    fault: str | None = None


SILENCE: Final = Answer(Preferences())
REFUSED_UNREAD: Final = Answer(Preferences.same(Preference.DENY, Use), fault=UNREADABLE)


@dataclass(frozen=True, slots=True)
class _Row:
    target: int
    statement: Statement
    terms: str | None
    contact: str | None


_COLUMNS = """
    t.id, t.kind, t.digest, c.id AS claim, c.account_id, c.train_gen, c.train_other, c.tdm, c.ai_input, c.ai_index, c.search,
    t.evidence, c.state, c.answered_event, c.effective_at, c.expires_at, c.disputed, c.stale, c.terms, c.contact
"""
_DIGESTS = """
    SELECT '{kind}' AS kind, substring(CAST(:{kind} AS bytea) FROM 32 * place + 1 FOR 32) AS digest
    FROM generate_series(0, octet_length(CAST(:{kind} AS bytea)) / 32 - 1) AS place
"""
"""Digests come as one value, 32 bytes each: an array would be written and read element by element."""

# Each digest is looked up by itself, by the index, whatever the planner thinks of ten thousand of them.
_BY_PLACE = sa.text(
    f"""
    SELECT {_COLUMNS} FROM ({" UNION ALL ".join(_DIGESTS.format(kind=kind) for kind in PLACES)}) AS asked
    CROSS JOIN LATERAL (
        SELECT * FROM targets WHERE targets.kind = asked.kind AND targets.digest = asked.digest OFFSET 0
    ) AS t
    CROSS JOIN LATERAL (SELECT * FROM claims WHERE claims.id = t.claim_id OFFSET 0) AS c
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
    """
    SELECT DISTINCT scope_host_digest FROM targets
    WHERE kind = 'prefix' AND (scope_host_digest IS NULL OR scope_host_digest IN (
        SELECT substring(CAST(:hosts AS bytea) FROM 32 * place + 1 FOR 32)
        FROM generate_series(0, octet_length(CAST(:hosts AS bytea)) / 32 - 1) AS place
    ))
    """
)


def look_up_urls(session: Session, links: Sequence[str], *, at: datetime) -> list[Answer]:
    """Answer for links as they stand in a dataset: by the link itself, every path above it, its host and every domain above that.

    One answer per link, in order. A link that cannot be read, an empty one among them, is answered as refused.
    """
    canonical = {link: _canonical(link) for link in links}
    hosts = _hosts(form for form in canonical.values() if form is not None)
    digests = {host: urls.host_digest(host) for host in set(hosts.values())}
    with_paths = _hosts_with_paths(session, digests)
    above = {host: _above(host, digest) for host, digest in digests.items()}
    exact = {form: urls.url_digest(form) for form in hosts}
    paths = {form: _paths(form) for form, host in hosts.items() if host in with_paths}
    found = _by_place(session, chain(*above.values(), *paths.values()), links=exact.values())
    near = {host: _rows(found, group) for host, group in above.items()}
    answers = _Answers(at)
    by_form: dict[str, Answer] = {}
    for form, host in hosts.items():
        own = found.get(("url", exact[form]), [])
        below = _rows(found, paths.get(form, ()))
        by_form[form] = answers.of([*own, *below, *near[host]]) if own or below or near[host] else SILENCE
    forms = (canonical[link] for link in links)
    return [REFUSED_UNREAD if form is None else by_form[form] for form in forms]


def look_up_digests(session: Session, digests: Sequence[bytes | None], *, at: datetime) -> list[Answer]:
    """Answer for exact files by the SHA-256 of their bytes; ``None`` stands for one that could not be read."""
    asked = [("digest", digest) for digest in set(digests) if digest is not None]
    found = _by_place(session, asked)
    answers = _Answers(at)
    return [
        REFUSED_UNREAD if digest is None else answers.of(_rows(found, [("digest", digest)]))
        for digest in digests
    ]


def look_up_items(session: Session, items: Sequence[bytes | None], *, at: datetime) -> list[Answer]:
    """Answer for item ids of links: by claims on exactly that link.

    An id tells neither path nor host, so claims on those are not found by it; ask by link for the whole answer.
    """
    wanted = list({item for item in items if item is not None})
    pad = DIGEST_BYTES - ITEM_BYTES
    limits = {"items": wanted, "lowest": bytes(pad), "highest": b"\xff" * pad, "live": list(LIVE)}
    found: dict[bytes, list[_Row]] = {}
    for row in _read(session, _BY_ITEM, limits) if wanted else ():
        found.setdefault(row.statement.digest[:ITEM_BYTES], []).append(row)
    answers = _Answers(at)
    return [REFUSED_UNREAD if item is None else answers.of(found.get(item, [])) for item in items]


def look_up_pictures(
    session: Session, near: Sequence[Mapping[bytes, int] | None], *, at: datetime
) -> list[Answer]:
    """Answer for pictures. ``near`` holds, per picture, the claims found around it and their distance, or ``None`` if unreadable."""
    claims = list({claim for one in near if one for claim in one})
    found: dict[bytes, list[_Row]] = {}
    for row in _read(session, _BY_CLAIM, {"claims": claims, "live": list(LIVE)}) if claims else ():
        found.setdefault(row.statement.claim, []).append(row)
    answers = _Answers(at)
    return [
        REFUSED_UNREAD
        if one is None
        else answers.of([row for claim in one for row in found.get(claim, [])], distances=one)
        for one in near
    ]


class _Answers:
    """Works out answers; things covered by the same targets share one."""

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._known: dict[tuple[int, ...], Answer] = {(): SILENCE}
        self._alone: dict[tuple[object, ...], tuple[Preferences, Standing | None]] = {}

    def of(self, rows: Sequence[_Row], distances: Mapping[bytes, int] | None = None) -> Answer:
        if distances is not None:
            return self._work_out(rows, distances)
        key = tuple(row.target for row in rows)
        if key not in self._known:
            self._known[key] = self._of_one(rows[0]) if len(rows) == 1 else self._work_out(rows, {})
        return self._known[key]

    def _of_one(self, row: _Row) -> Answer:
        """Answer where a single claim speaks: what it comes to does not depend on whose it is and where it stands."""
        one = row.statement
        key = (
            one.kind,
            id(one.preferences),  # there is one object for each set of preferences, see _preferences
            one.evidence,
            one.state,
            one.effective_at,
            one.expires_at,
            one.disputed,
            one.stale,
        )
        if key not in self._alone:
            answer = self._work_out([row], {})
            self._alone[key] = (answer.preferences, answer.said[0].standing if answer.said else None)
        preferences, word = self._alone[key]
        said = () if word is None else (Said(one, word, row.terms, row.contact),)
        return Answer(preferences, said)

    def _work_out(self, rows: Sequence[_Row], distances: Mapping[bytes, int]) -> Answer:
        statements = [row.statement for row in rows]
        if not rows:
            return SILENCE
        spoken_of = [use for use in Use if any(one.preferences.for_use(use) for one in statements)]
        acts = {use: acting(statements, use, self._at) for use in spoken_of}
        preferences = {use: combine(one.preferences.for_use(use) for one in acts[use]) for use in spoken_of}
        said = [
            Said(row.statement, word, row.terms, row.contact, distances.get(row.statement.claim))
            for row in rows
            if (word := self._standing(row.statement, acts)) is not None
        ]
        return Answer(Preferences(**{use.value: answer for use, answer in preferences.items()}), tuple(said))

    def _standing(self, statement: Statement, acts: Mapping[Use, tuple[Statement, ...]]) -> Standing | None:
        """Say whether a statement acts or waits, or ``None`` where it says nothing now or a later one took its place."""
        if any(statement in statements for statements in acts.values()):
            return Standing.ACTS
        if any(standing(statement, use, self._at) is Standing.PENDING for use in Use):
            return Standing.PENDING
        return None


def _canonical(link: str) -> str | None:
    try:
        return urls.canonical_url(link)
    except FormatError:
        return None


def _above(host: str, digest: bytes) -> list[Place]:
    return [("host", digest), *(("domain", urls.domain_digest(name)) for name in urls.domains_of(host))]


def _paths(form: str) -> list[Place]:
    return [("prefix", urls.prefix_digest(path)) for path in urls.prefixes_of(form)]


def _hosts(forms: Iterable[str]) -> dict[str, str]:
    """Return the host of each canonical link, taken apart once for each site."""
    known: dict[str, str] = {}
    hosts = {}
    for form in forms:
        site = form.partition("/")[0]
        if site not in known:
            known[site] = urls.host_of(site)
        hosts[form] = known[site]
    return hosts


def _hosts_with_paths(session: Session, digests: Mapping[str, bytes]) -> frozenset[str]:
    """Return the hosts on which somebody claims a path: only there the paths above a link need asking for."""
    if not digests:
        return frozenset()
    found = set(session.execute(_HOSTS_WITH_PATHS, {"hosts": b"".join(digests.values())}).scalars())
    return (
        frozenset(digests)
        if None in found
        else frozenset(h for h, digest in digests.items() if digest in found)
    )


def _by_place(
    session: Session, places: Iterable[Place], *, links: Iterable[bytes] = ()
) -> dict[Place, list[_Row]]:
    asked: dict[str, set[bytes]] = {kind: set() for kind in PLACES}
    asked["url"].update(links)
    for kind, digest in places:
        asked[kind].add(digest)
    found: dict[Place, list[_Row]] = {}
    if any(asked.values()):
        parameters = {kind: b"".join(digests) for kind, digests in asked.items()}
        for row in _read(session, _BY_PLACE, {**parameters, "live": list(LIVE)}):
            found.setdefault((row.statement.kind.value, row.statement.digest), []).append(row)
    return found


def _rows(found: Mapping[Place, list[_Row]], places: Iterable[Place]) -> list[_Row]:
    return [row for place in places if place in found for row in found[place]]


def _read(session: Session, statement: sa.TextClause, parameters: Mapping[str, Any]) -> list[_Row]:
    return [_row(row) for row in session.execute(statement, parameters)]


def _row(row: Any) -> _Row:
    said = Statement(
        claim=row.claim,
        claimant=row.account_id.bytes if row.account_id else row.claim,
        kind=TargetKind(row.kind),
        digest=row.digest,
        preferences=_preferences(
            row.train_gen, row.train_other, row.tdm, row.ai_input, row.ai_index, row.search
        ),
        evidence=Evidence(row.evidence),
        state=ClaimState(row.state),
        number=row.answered_event,
        effective_at=row.effective_at,
        expires_at=row.expires_at,
        disputed=row.disputed,
        stale=row.stale,
    )
    return _Row(row.id, said, row.terms, row.contact)


@lru_cache(maxsize=4096)
def _preferences(*numbers: int) -> Preferences:
    """Return the preferences of the six uses, in the order of :class:`Preferences`; there are 4,096 in all."""
    return Preferences(*map(Preference, numbers))
