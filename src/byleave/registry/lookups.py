"""What the registry says now about links, files, items and pictures, for many of them in a few statements.

The answer follows the rules of :mod:`byleave.consent` and nothing else: whoever asks here and whoever applies a published list of
the same moment are told the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Final

from sqlalchemy.orm import Session

from byleave import urls
from byleave.consent import (
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
from byleave.registry.lookup_rows import (
    ClaimedTarget,
    Found,
    hosts_with_paths,
    read_items,
    read_pictures,
    read_places,
)

MOST_AT_ONCE: Final = 10_000
"""Things that one call may ask about."""

UNREADABLE: Final = "unreadable"


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


def look_up_urls(session: Session, links: Sequence[str], *, at: datetime) -> list[Answer]:
    """Answer for links as they stand in a dataset: by the link itself, every path above it, its host and every domain above that.

    One answer per link, in order. A link that cannot be read, an empty one among them, is answered as refused.
    """
    digests, names = urls.name_links(links)
    with ThreadPoolExecutor(1) as beside:  # sites are named while the database looks the links up
        waiting = beside.submit(read_places, session, {TargetKind.URL: filter(None, digests)})
        sites = _sites(set(names) - {""})
    own = waiting.result()[TargetKind.URL]
    with_paths = hosts_with_paths(session, {site.digest for site in sites.values()})
    below_paths = {name for name, site in sites.items() if site.digest in with_paths}
    paths = {
        digest: [urls.prefix_digest(path) for path in urls.prefixes_of(urls.canonical_url(link))]
        for link, digest, name in zip(links, digests, names, strict=True)
        if name in below_paths
    }
    asked = {
        TargetKind.PREFIX: chain.from_iterable(paths.values()),
        TargetKind.HOST: (site.digest for site in sites.values()),
        TargetKind.DOMAIN: chain.from_iterable(site.domains for site in sites.values()),
    }
    found = read_places(session, asked)
    near = _claimed(sites, found)
    below, answers, none = found[TargetKind.PREFIX], _Answers(at), list[ClaimedTarget]()
    known = {
        digest: answers.of(own.get(digest, none) + _on(below, paths.get(digest, ())) + near.get(name, none))
        for digest, name in zip(digests, names, strict=True)
        if digest is not None and (digest in own or digest in paths or name in near)
    }
    return [REFUSED_UNREAD if digest is None else known.get(digest, SILENCE) for digest in digests]


def look_up_digests(session: Session, digests: Sequence[bytes | None], *, at: datetime) -> list[Answer]:
    """Answer for exact files by the SHA-256 of their bytes; ``None`` stands for one that could not be read."""
    asked = {TargetKind.DIGEST: (digest for digest in digests if digest is not None)}
    return _answer_each(read_places(session, asked)[TargetKind.DIGEST], digests, at)


def look_up_items(session: Session, items: Sequence[bytes | None], *, at: datetime) -> list[Answer]:
    """Answer for item ids of links: by claims on exactly that link.

    An id tells neither path nor host, so claims on those are not found by it; ask by link for the whole answer.
    """
    return _answer_each(read_items(session, {item for item in items if item is not None}), items, at)


def look_up_pictures(
    session: Session, near: Sequence[Mapping[bytes, int] | None], *, at: datetime
) -> list[Answer]:
    """Answer for pictures. ``near`` holds, per picture, the claims found around it and their distance, or ``None`` if unreadable."""
    found = read_pictures(session, {claim for one in near if one for claim in one})
    answers = _Answers(at)
    return [REFUSED_UNREAD if one is None else answers.of(_on(found, one), distances=one) for one in near]


def _answer_each(
    found: Mapping[bytes, list[ClaimedTarget]], asked: Iterable[bytes | None], at: datetime
) -> list[Answer]:
    answers = _Answers(at)
    return [REFUSED_UNREAD if name is None else answers.of(found.get(name, ())) for name in asked]


def _on(found: Mapping[bytes, list[ClaimedTarget]], names: Iterable[bytes]) -> list[ClaimedTarget]:
    return [target for name in names for target in found.get(name, ())]


@dataclass(frozen=True, slots=True)
class _Site:
    """A host by its digest, and the digests of every domain above it."""

    digest: bytes
    domains: list[bytes]


def _claimed(sites: Mapping[str, _Site], found: Found) -> dict[str, list[ClaimedTarget]]:
    """Return what was found on hosts, then on the domains above them, for those on which something was."""
    on_hosts, on_domains = found[TargetKind.HOST], found[TargetKind.DOMAIN]
    claimed = set(on_domains)
    return {
        name: [*on_hosts.get(site.digest, ()), *_on(on_domains, site.domains)]
        for name, site in sites.items()
        if site.digest in on_hosts or not claimed.isdisjoint(site.domains)
    }


def _sites(names: Iterable[str]) -> dict[str, _Site]:
    """Return sites by the names that canonical links begin with, a port among them; each domain is worked out once."""
    hosts = {name: urls.host_of(name) for name in names}
    above = {host: list(urls.domains_of(host)) for host in hosts.values()}
    domains = list(set(chain.from_iterable(above.values())))
    digests = dict(zip(domains, urls.domain_digests(domains), strict=True))
    sites = {
        host: _Site(digest, [digests[domain] for domain in above[host]])
        for host, digest in zip(above, urls.host_digests(above), strict=True)
    }
    return {name: sites[host] for name, host in hosts.items()}


class _Answers:
    """Works out answers; things covered by the same targets share one."""

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._known: dict[int | tuple[int, ...], Answer] = {(): SILENCE}
        self._alone: dict[tuple[object, ...], tuple[Preferences, Standing | None]] = {}

    def of(self, rows: Sequence[ClaimedTarget], distances: Mapping[bytes, int] | None = None) -> Answer:
        if distances is not None:
            return self._work_out(rows, distances)
        alone = len(rows) == 1
        key = rows[0].number if alone else tuple([row.number for row in rows])
        if key not in self._known:
            self._known[key] = self._of_one(rows[0]) if alone else self._work_out(rows, {})
        return self._known[key]

    def _of_one(self, row: ClaimedTarget) -> Answer:
        """Answer where a single claim speaks: what it comes to does not depend on whose it is and where it stands."""
        one = row.statement
        key = (
            one.kind,
            id(one.preferences),  # whoever reads rows makes one object for each set of preferences
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

    def _work_out(self, rows: Sequence[ClaimedTarget], distances: Mapping[bytes, int]) -> Answer:
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
