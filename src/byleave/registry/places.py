"""Places somebody can show to control: a domain, a host, a path, one page, a picture; and where shared hosts end."""

from __future__ import annotations

import re
from dataclasses import dataclass

from byleave import urls
from byleave.consent import TargetKind
from byleave.errors import InputError, RefusedError
from byleave.registry.targets import Target, domain_target, prefix_target, url_target

_NAME = "[^/?]+"


@dataclass(frozen=True, slots=True)
class Place:
    """One place: what kind of target it is, its plain value, and the digest by which targets of that kind are found."""

    kind: TargetKind
    value: str
    digest: bytes

    @property
    def host(self) -> str | None:
        """The host of a place on the web; ``None`` for a picture or a file."""
        if self.kind in (TargetKind.HOST, TargetKind.DOMAIN):
            return self.value
        return urls.host_of(self.value) if self.kind in (TargetKind.URL, TargetKind.PREFIX) else None


def place_of_target(target: Target) -> Place:
    """Return the place that a target is."""
    return Place(target.kind, target.value or "", target.digest)


def domain_place(raw: str) -> Place:
    """Return a domain with every host below it.

    Raises
    ------
    RefusedError
        Where many people share it.
    """
    domain = urls.canonical_host(raw)
    _check_name(domain)
    return place_of_target(domain_target(domain))


def host_place(raw: str) -> Place:
    """Return one host and nothing below or beside it.

    Raises
    ------
    RefusedError
        Where many people share it: no file there speaks for all of them.
    """
    host = urls.canonical_host(raw)
    _check_name(host)
    if urls.is_shared(host):
        raise RefusedError(
            f"{host} is shared by many people, so a proof there reaches one path and never the whole host",
            remedy="name your own page there instead",
        )
    return Place(TargetKind.HOST, host, urls.host_digest(host))


def url_place(raw: str) -> Place:
    """Return exactly one page or file."""
    target = url_target(raw)
    _check_name(urls.host_of(target.value or ""))
    return place_of_target(target)


def page_place(raw: str) -> Place:
    """Return what a page that somebody controls reaches: all below it on a platform that gives everyone such a page, else itself."""
    page = url_place(raw)
    tenant = tenant_root(page.value)
    return prefix_place(tenant) if tenant is not None and tenant == _as_prefix(page.value) else page


def tenant_place(raw: str) -> Place:
    """Return a person's part of a platform from the link of her page there.

    Raises
    ------
    InputError
        Where we know no platform that gives people such pages.
    """
    tenant = tenant_root(urls.canonical_url(urls.with_scheme(raw)))
    if tenant is None:
        raise InputError(
            "this is no profile on a platform we know",
            remedy="use another way to show it, such as a file or your domain",
        )
    return prefix_place(tenant)


def named_place(raw: str) -> Place:
    """Return what somebody means by a name alone (the domain), a person's page on a platform, a path ending in ``/``, or one link."""
    canonical = urls.canonical_url(urls.with_scheme(raw))
    host = urls.host_of(canonical)
    if (tenant := tenant_root(canonical)) is not None and tenant == _as_prefix(canonical):
        return prefix_place(tenant)
    if canonical == f"{host}/":
        return domain_place(host)
    return prefix_place(canonical) if canonical.endswith("/") else url_place(raw)


def prefix_place(canonical: str) -> Place:
    """Return all below a path; ``name.platform.example/`` is a path, too, where a platform gives people names of that form."""
    host, _, path = canonical.partition("/")
    if path == "" and urls.is_shared(host):
        return Place(TargetKind.PREFIX, canonical, urls.prefix_digest(canonical))
    return place_of_target(prefix_target(canonical))


def tenant_root(canonical: str) -> str | None:
    """Return the path prefix of whoever a canonical link on a known platform belongs to, and ``None`` elsewhere."""
    for platform in urls.platforms():
        pattern = _NAME.join(map(re.escape, platform.tenant.split("{name}")))
        found = re.match(rf"({pattern})(?=[/?]|$)", canonical)
        if found is not None:
            return f"{found[1]}/"
    return None


def tenant_named(platform_host: str, name: str) -> Place:
    """Return the part of a platform that belongs to a user name there.

    Raises
    ------
    InputError
        If the platform is not known, or the name is none.
    """
    for platform in urls.platforms():
        if platform.host == platform_host and re.fullmatch(r"[A-Za-z0-9@_.~-]{1,100}", name):
            return prefix_place(urls.canonical_prefix(platform.tenant.replace("{name}", name)))
    raise InputError(f"{platform_host} gives nobody such a page", remedy="choose another way to show it")


def _as_prefix(canonical: str) -> str:
    return canonical if canonical.endswith("/") else canonical + "/"


def _check_name(host: str) -> None:
    if "." not in host or host.startswith("[") or host.replace(".", "").isdigit():
        raise InputError(f"{host[:80]!r} is no public name", remedy="write a name such as example.com")
