"""How far proofs reach: which evidence a target has from the places that its claimant shows to control.

A proof at a path never climbs above it. A domain reaches every host below it, but not those that others register there.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache

from byleave import urls
from byleave.consent import Evidence, TargetKind
from byleave.errors import InputError
from byleave.registry.places import Place, domain_place, host_place, page_place, tenant_place, url_place


class Method(StrEnum):
    """How control of a place is shown."""

    DNS = "dns"
    FILE = "file"
    META = "meta"
    HEADER = "header"
    PROFILE = "profile"
    REL_ME = "rel_me"
    BLUESKY = "bluesky"
    OAUTH = "oauth"
    ORIGINAL = "original"
    C2PA = "c2pa"
    STATEMENT = "statement"
    VOUCHED = "vouched"


EVIDENCE = {
    Method.DNS: Evidence.E3,
    Method.FILE: Evidence.E3,
    Method.META: Evidence.E2,
    Method.HEADER: Evidence.E2,
    Method.PROFILE: Evidence.E1,
    Method.REL_ME: Evidence.E2,
    Method.BLUESKY: Evidence.E2,
    Method.OAUTH: Evidence.E1,
    Method.ORIGINAL: Evidence.E1,
    Method.C2PA: Evidence.E4,
    Method.STATEMENT: Evidence.E4,
    Method.VOUCHED: Evidence.E5,
}
"""The level each method gives at its place. A handle below a shared name gives E1, see :func:`place_for`."""

HANDLES_OF_ALL = ("bsky.social",)
"""Hosts that give handles to everybody: such a handle is a profile and no site."""

_TOGETHER = frozenset({Method.PROFILE, Method.OAUTH})
"""Who signs in on a platform and also writes her profile there controls the page: the two together are E2."""

_HOSTS_REMEMBERED = 65_536
_LINKS = frozenset({TargetKind.URL, TargetKind.PREFIX, TargetKind.HOST, TargetKind.DOMAIN})


def place_for(method: Method, raw: str) -> tuple[Place, Evidence]:
    """Return what a proof by ``method`` will reach, from what somebody typed, and its level.

    Raises
    ------
    InputError, RefusedError
        If it cannot be shown in that way.
    """
    level = EVIDENCE[method]
    match method:
        case Method.DNS:
            return domain_place(raw), level
        case Method.FILE:
            return host_place(raw), level
        case Method.META:
            return page_place(raw), level
        case Method.HEADER:
            return _header_place(raw), level
        case Method.PROFILE | Method.REL_ME:
            return tenant_place(raw), level
        case Method.BLUESKY:
            return _handle_place(raw)
        case _:
            raise InputError(f"{method.value} is not begun with a link", remedy="choose another way")


def _header_place(raw: str) -> Place:
    page = url_place(raw)
    host = urls.host_of(page.value)
    if page.value == f"{host}/" and not urls.is_shared(host):
        return host_place(host)
    return page


def _handle_place(raw: str) -> tuple[Place, Evidence]:
    from byleave.signals.identities import normal_handle

    handle = normal_handle(raw)
    if any(handle.endswith(f".{host}") for host in HANDLES_OF_ALL) or urls.is_shared(handle):
        profile = urls.canonical_prefix(f"bsky.app/profile/{handle}")
        return Place(TargetKind.PREFIX, profile, urls.prefix_digest(profile)), Evidence.E1
    return host_place(handle), EVIDENCE[Method.BLUESKY]


class Confirmed:
    """The places of one account, and the evidence that a target has from them."""

    def __init__(self, shown: Iterable[tuple[Place, Method, Evidence]]) -> None:
        at: dict[TargetKind, dict[str | bytes, Evidence]] = {kind: {} for kind in TargetKind}
        methods: dict[tuple[TargetKind, str | bytes], set[Method]] = {}
        for place, method, level in shown:
            key = _folded(place.value) if place.kind in _LINKS else place.digest
            seen = methods.setdefault((place.kind, key), set())
            seen.add(method)
            together = Evidence.E2 if seen >= _TOGETHER else Evidence.E0
            at[place.kind][key] = max(level, together, at[place.kind].get(key, Evidence.E0))
        self._at = at
        self._domain, self._host = at[TargetKind.DOMAIN], at[TargetKind.HOST]
        self._prefix, self._url = at[TargetKind.PREFIX], at[TargetKind.URL]

    def __bool__(self) -> bool:
        return any(self._at.values())

    def level(self, kind: TargetKind, digest: bytes, value: str | None) -> Evidence:
        """Return the evidence of one target."""
        if kind not in _LINKS or value is None:
            return self._at[kind].get(digest, Evidence.E0)
        named = kind in (TargetKind.HOST, TargetKind.DOMAIN)
        host = value if named else urls.host_of(value)
        found = [self._domain.get(domain) for domain in _domains(host)]
        if kind is not TargetKind.DOMAIN:
            path = f"{host}/" if named else value
            if path.startswith(f"{host}/"):  # another port is another server
                found.append(self._host.get(host))
            if self._prefix or self._url:
                found += self._on_path(kind, path.lower() if _is_shared(host) else path)
        return max((level for level in found if level is not None), default=Evidence.E0)

    def _on_path(self, kind: TargetKind, path: str) -> list[Evidence | None]:
        found = [self._prefix.get(prefix) for prefix in urls.prefixes_of(path)]
        if kind is TargetKind.URL:
            found.append(self._url.get(path))
        return found


@lru_cache(maxsize=_HOSTS_REMEMBERED)
def _domains(host: str) -> tuple[str, ...]:
    """Return a host and the domains above it that one party registered."""
    registrable = urls.registrable_domain(host)
    return tuple(name for name in urls.domains_of(host) if urls.registrable_domain(name) == registrable)


@lru_cache(maxsize=_HOSTS_REMEMBERED)
def _is_shared(host: str) -> bool:
    return urls.is_shared(host)


def _folded(value: str) -> str:
    """Platforms write a user name in any case, so links there are compared without it; elsewhere case counts."""
    return value.lower() if _is_shared(urls.host_of(value)) else value
