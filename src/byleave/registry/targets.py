"""What a claim can point at, made from what people hand in. One constructor per kind, and the only way in."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass

from byleave import urls
from byleave.consent import Evidence, TargetKind
from byleave.errors import FormatError, InputError, RefusedError
from byleave.fingerprints import ClaimedPicture
from byleave.settings import Limits

LISTED_KINDS = ("url", "prefix", "domain", "sha256")
"""Column names a list of targets may have; a list without a header is read as one link per line."""

_SHOWN_FAULTS = 20


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


def read_list(content: bytes, limits: Limits) -> tuple[Target, ...]:
    """Read a CSV list of targets, all or none: the columns are among :data:`LISTED_KINDS`, or it is one link per line.

    Raises
    ------
    InputError
        Naming the first faulty lines and what is wrong with each.
    """
    if len(content) > limits.csv_bytes:
        raise InputError(
            "the list is too long", remedy=f"split it into files of at most {limits.csv_bytes} bytes"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError("the list is not UTF-8 text", remedy="save it as CSV in UTF-8") from error
    targets: dict[tuple[TargetKind, bytes], Target] = {}
    faults: list[str] = []
    for line, kind, value in _cells(text):
        if len(targets) >= limits.csv_rows:
            raise InputError(
                "the list has too many lines",
                remedy=f"split it into files of at most {limits.csv_rows} lines",
            )
        try:
            target = read_value(kind, value)
            targets[target.kind, target.digest] = target
        except (InputError, RefusedError) as error:
            faults.append(f"line {line}: {error.problem}")
    if faults:
        shown = "; ".join(faults[:_SHOWN_FAULTS])
        raise InputError(
            f"{len(faults)} lines cannot be used, nothing was filed: {shown}",
            remedy="mend these lines and send it again",
        )
    if not targets:
        raise InputError(
            "the list is empty",
            remedy="write one link per line, or a CSV with a header url, prefix, domain or sha256",
        )
    return tuple(targets.values())


def _cells(text: str) -> Iterator[tuple[int, str, str]]:
    first = text.lstrip().partition("\n")[0]
    if {cell.strip().strip('"').lower() for cell in first.split(",")} & set(LISTED_KINDS):
        return _table(text)
    return _lines(text)


def _lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield whole lines: without a header a comma is part of the link."""
    for number, line in enumerate(text.splitlines(), 1):
        link = line.strip()
        if link.startswith('"') and link.endswith('"'):
            link = link[1:-1]
        if link:
            yield number, "line", link


def _table(text: str) -> Iterator[tuple[int, str, str]]:
    reader = csv.reader(io.StringIO(text), strict=True)
    header: list[str] | None = None
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if header is None:
                header = [cell.lower() for cell in cells] if any(cells) else None
                continue
            for kind, value in zip(header, cells, strict=False):
                if value and kind in LISTED_KINDS:
                    yield reader.line_num, kind, value
    except csv.Error as error:
        raise FormatError(
            f"line {reader.line_num} of the list is not CSV: {error}", remedy="save it as CSV again"
        ) from error


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
