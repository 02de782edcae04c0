"""Look at a place that somebody names as hers (a profile, a site, a gallery page, a sitemap) and list the pictures there."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import urljoin, urlsplit
from urllib.robotparser import RobotFileParser

from byleave import urls
from byleave.errors import ByleaveError, FormatError, InputError, RefusedError, UnavailableError
from byleave.fetch import Client
from byleave.fetch.looking import Looked as Answer
from byleave.fingerprints import ClaimedPicture
from byleave.registry.drafts import Looked, Source
from byleave.registry.places import prefix_place
from byleave.registry.targets import Target, domain_target, picture_target, url_target
from byleave.settings import Limits
from byleave.signals.galleries import PICTURE_ENDINGS, pictures_on
from byleave.signals.sitemaps import read_sitemap

OUR_NAME: Final = "byleave"
PAGE_BYTES: Final = 5 * 1024 * 1024
SITEMAP_BYTES: Final = 50 * 1024 * 1024
MOST_SITEMAPS: Final = 20
MOST_PAGES: Final = 20
"""Pages of a sitemap that are looked at where it names no pictures itself."""

MOST_PICTURES: Final = 40
"""Pictures that are fetched, so that their copies are found elsewhere; of the others the link alone is taken."""

SECONDS: Final = 25.0

MOST_HOST: Final = 253
MOST_LABEL: Final = 63
"""Characters of a host name and of one of its labels (RFC 1035)."""

_OF_A_PROFILE: Final = frozenset({"", "albums", "gallery", "photos", "posts"})
OTHER_WAYS: Final = (
    "add the pictures themselves: a folder, the export file you get from your account there, or their links"
)
_REFUSALS: Final = frozenset({401, 403, 406, 429, 451})

Describe = Callable[[bytes], ClaimedPicture | None]
"""Makes a match code of a picture file, or ``None`` of what is none."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a place gave: targets, and what is noted about the look."""

    targets: tuple[Target, ...]
    looked: Looked


@dataclass(slots=True)
class Looker:
    """Looks at one place after the other, within one span of time for all of them.

    client
        The guarded client: what a stranger names never leads into this machine or its network.
    """

    client: Client
    limits: Limits
    describe: Describe
    seconds: float = SECONDS
    clock: Callable[[], float] = time.monotonic
    _until: float = field(init=False)
    _robots: dict[str, RobotFileParser] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._until = self.clock() + self.seconds

    def look(self, raw: str) -> Found:
        """Look at one place, and say what was found or why nothing could be.

        Raises
        ------
        InputError
            If it is no link at all.
        """
        source, own = place_named(raw)
        address = urls.with_scheme(raw)
        if source is Source.LINK:
            return Found(own, Looked(source, raw, len(own)))
        try:
            found = [*own, *self._targets(source, address)]
        except ByleaveError as error:
            problem = Looked(source, raw, len(own), error.problem, error.remedy)
            return Found(own, problem)
        once = tuple({(target.kind, target.digest): target for target in found}.values())
        if len(once) == len(own):
            none = Looked(source, raw, len(own), "no picture was found on that page", OTHER_WAYS)
            return Found(own, none)
        return Found(once, Looked(source, raw, len(once)))

    def _targets(self, source: Source, address: str) -> Iterator[Target]:
        if source is Source.SITEMAP:
            pictures = list(self._sitemap(address))
        else:
            answer = self._page(address, PAGE_BYTES)
            pictures = list(pictures_on(answer.body, answer.url))
        yield from _links(pictures)
        yield from self._works(pictures)

    def _sitemap(self, address: str) -> Iterator[str]:
        wait, seen, pages = [address], {address}, list[str]()
        pictures: dict[str, None] = {}
        while wait and len(seen) <= MOST_SITEMAPS and not self._is_over:
            found = read_sitemap(self._page(wait.pop(0), SITEMAP_BYTES).body)
            pictures |= dict.fromkeys(found.pictures)
            pictures |= dict.fromkeys(page for page in found.pages if _is_picture(page))
            pages += [page for page in found.pages if not _is_picture(page)]
            new = [one for one in found.sitemaps if one not in seen]
            seen.update(new)
            wait += new
        yield from pictures
        if not pictures:
            for page in pages[:MOST_PAGES]:
                if self._is_over:
                    return
                answer = self._page(page, PAGE_BYTES)
                yield from pictures_on(answer.body, answer.url)

    def _works(self, pictures: Iterable[str]) -> Iterator[Target]:
        """Yield match codes of the first pictures that can be fetched; one that cannot be is covered by its link alone."""
        for link in list(pictures)[:MOST_PICTURES]:
            if self._is_over:
                return
            try:
                answer = self._page(link, self.limits.picture_bytes)
            except ByleaveError:
                continue
            work = self.describe(answer.body)
            if work is not None and not work.is_flat:
                yield picture_target(work, urlsplit(link).path.rpartition("/")[2][:200] or link[:200])

    def _page(self, address: str, most: int) -> Answer:
        host = urlsplit(address).hostname or address
        if not self._may(address):
            raise RefusedError(f"{host} asks programs not to fetch that page", remedy=OTHER_WAYS)
        try:
            answer = self.client.look(address, body_bytes=most)
        except UnavailableError as error:
            raise UnavailableError(f"{host} does not answer us", remedy=OTHER_WAYS) from error
        except FormatError as error:
            raise FormatError(
                f"what {host} answers is too long, or cannot be read", remedy=OTHER_WAYS
            ) from error
        if answer.status in _REFUSALS:
            raise RefusedError(f"{host} refuses to show us that page ({answer.status})", remedy=OTHER_WAYS)
        if not answer.ok:
            raise UnavailableError(f"{host} has no such page ({answer.status})", remedy=OTHER_WAYS)
        return answer

    def _may(self, address: str) -> bool:
        """Whether a site's robots.txt lets us fetch a page. Where there is none, or it cannot be read as text, nothing is forbidden."""
        parts = urlsplit(address)
        root = f"{parts.scheme}://{parts.netloc}"
        if root not in self._robots:
            rules = RobotFileParser()
            try:
                answer = self.client.look(urljoin(root, "/robots.txt"), body_bytes=PAGE_BYTES)
            except (UnavailableError, FormatError) as error:
                raise UnavailableError(f"{parts.hostname} does not answer us", remedy=OTHER_WAYS) from error
            text = answer.body.decode("utf-8", "replace") if answer.ok else ""
            rules.parse(text.splitlines())
            self._robots[root] = rules
        return self._robots[root].can_fetch(OUR_NAME, address)

    @property
    def _is_over(self) -> bool:
        return self.clock() > self._until


def place_named(raw: str) -> tuple[Source, tuple[Target, ...]]:
    """Say what kind of place a link is, and what naming it points at by itself: a profile its part of the platform, a site its domain.

    Raises
    ------
    InputError
        If it is no link.
    """
    canonical = urls.canonical_url(urls.with_scheme(raw))
    host, _, path = canonical.partition("/")
    path, name = path.partition("?")[0], urls.host_of(canonical)
    if "." not in name or len(name) > MOST_HOST or max(map(len, name.split("."))) > MOST_LABEL:
        raise FormatError(f"{raw[:80]!r} is not a link", remedy="write one link a line")
    if path.lower().endswith((".xml", ".xml.gz")):
        return Source.SITEMAP, ()
    if _is_picture(canonical):
        return Source.LINK, (url_target(raw),)
    profiles = tuple(profile_prefixes(canonical))
    if profiles:
        return Source.PROFILE, tuple(map(_part_of_platform, profiles))
    if not path and not urls.is_shared(name) and host == name:
        return Source.SITE, (domain_target(name),)
    return Source.GALLERY, ()


def profile_prefixes(canonical: str) -> Iterator[str]:
    """Yield every way in which the part of a platform is addressed that a link of somebody's profile there names."""
    host, page = urls.host_of(canonical), canonical.partition("?")[0]
    for platform in urls.platforms():
        if any(host == asset or host.endswith(f".{asset}") for asset in platform.assets):
            continue  # cdn.platform.example is no one's profile, whatever people's profiles look like
        ways = (platform.tenant, *platform.aliases)
        matched = (found for way in ways if (found := _profile(way).match(page)))
        # Below a profile stand single works, and beside profiles pages of the platform itself: neither is all of a person's part.
        names = {found[1] for found in matched if page[found.end() :].strip("/") in _OF_A_PROFILE}
        if len(names) == 1:
            (name,) = names
            yield from (way.replace("{name}", name) + "/" for way in ways)
            return


@lru_cache(maxsize=256)
def _profile(way: str) -> re.Pattern[str]:
    before, after = map(re.escape, way.split("{name}"))
    return re.compile(rf"{before}([^/?.]+){after}(?=[/?]|$)" if after else rf"{before}([^/?]+)(?=[/?]|$)")


def _part_of_platform(prefix: str) -> Target:
    place = prefix_place(prefix)
    scope = urls.host_digest(urls.host_of(place.value))
    return Target(place.kind, place.digest, place.value, scope_host=scope)


def _links(pictures: Iterable[str]) -> Iterator[Target]:
    for link in pictures:
        try:
            yield url_target(link)
        except InputError:
            continue  # a page may name what is no link; the others count


def _is_picture(link: str) -> bool:
    return link.partition("?")[0].partition("#")[0].lower().endswith(PICTURE_ENDINGS)
