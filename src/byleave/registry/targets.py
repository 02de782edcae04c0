"""What a claim can point at, made from what people hand in. One constructor per kind, and the only way in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from byleave import urls
from byleave.consent import Evidence, TargetKind
from byleave.errors import FormatError, InputError, RefusedError
from byleave.fingerprints import ClaimedPicture

LISTED_KINDS = ("url", "prefix", "domain", "sha256")
"""Column names a list of targets may have; a list without a header is read as one link per line."""


@dataclass(frozen=True, slots=True)
class Target:
    """One thing a claim covers.

    digest
        32 bytes under which a release carries it.
    value
        The plain thing: link, prefix, domain, or a picture fingerprint as text. It leaves the registry only with the claimant's tick.
    label
        What the claimant calls it, such as a file name.
    evidence
        How far the claimant has shown to control it.
    """

    kind: TargetKind
    digest: bytes
    value: str | None = None
    scope_host: bytes | None = None
    label: str | None = None
    dataset: str | None = None
    sample_key: bytes | None = None
    evidence: Evidence = Evidence.E0


class TargetColumns(Protocol):
    """What every table of targets has, whatever else it says about them."""

    kind: str
    digest: bytes
    scope_host_digest: bytes | None
    value: str | None
    label: str | None
    dataset: str | None
    sample_key: bytes | None


def target_of_row(row: TargetColumns, evidence: Evidence = Evidence.E0) -> Target:
    """Return a stored target."""
    return Target(
        TargetKind(row.kind),
        row.digest,
        row.value,
        scope_host=row.scope_host_digest,
        label=row.label,
        dataset=row.dataset,
        sample_key=row.sample_key,
        evidence=evidence,
    )


def columns_of(target: Target) -> dict[str, object]:
    """Return a target as it is stored, without its evidence."""
    return {
        "kind": target.kind.value,
        "digest": target.digest,
        "scope_host_digest": target.scope_host,
        "value": target.value,
        "label": target.label,
        "dataset": target.dataset,
        "sample_key": target.sample_key,
    }


def url_target(raw: str) -> Target:
    """Point at one link."""
    canonical = urls.canonical_url(urls.with_scheme(raw))
    return Target(TargetKind.URL, urls.url_digest(canonical), canonical)


def prefix_target(raw: str) -> Target:
    """Point at everything below a path, on this host only."""
    canonical = urls.canonical_prefix(raw)
    host = urls.host_of(canonical)
    if canonical.partition("/")[2] == "":
        raise InputError(
            f"{canonical!r} is a whole site, not a path", remedy="name the domain instead, or a path on it"
        )
    return Target(
        TargetKind.PREFIX, urls.prefix_digest(canonical), canonical, scope_host=urls.host_digest(host)
    )


def domain_target(raw: str) -> Target:
    """Point at a domain and every host below it.

    Raises
    ------
    RefusedError
        Where many people share the domain: nobody there speaks for all of it.
    """
    domain = urls.canonical_host(raw)
    if urls.is_shared(domain):
        raise RefusedError(
            f"{domain} is shared by many people, so nobody can speak for all of it",
            remedy="name your path there instead",
        )
    return Target(TargetKind.DOMAIN, urls.domain_digest(domain), domain)


def picture_target(picture: ClaimedPicture, label: str | None = None) -> Target:
    """Point at a picture and its copies, wherever they stand."""
    text = picture.to_text()
    return Target(TargetKind.PICTURE, urls.picture_digest(text), text, label=label)


def digest_target(digest: bytes, label: str | None = None) -> Target:
    """Point at exact bytes by their SHA-256."""
    if len(digest) != hashlib.sha256().digest_size:
        raise FormatError("a SHA-256 has 32 bytes", remedy="write 64 hex digits")
    return Target(TargetKind.DIGEST, digest, digest.hex(), label=label)


def read_value(kind: str, value: str) -> Target:
    """Read one value of a list; ``kind`` is among :data:`LISTED_KINDS`, or ``line`` for a link in a list without a header.

    Raises
    ------
    InputError, RefusedError
        If it cannot be pointed at.
    """
    match kind:
        case "url":
            return url_target(value)
        case "line":
            target = url_target(value)
            if "." not in urls.host_of(target.value or ""):
                raise FormatError(f"{value[:70]!r} is not a link", remedy="write one link per line")
            return target
        case "prefix":
            return prefix_target(value)
        case "domain":
            return domain_target(value)
        case _:
            try:
                return digest_target(bytes.fromhex(value))
            except ValueError as error:
                raise FormatError(f"{value[:70]!r} is not a SHA-256", remedy="write 64 hex digits") from error
