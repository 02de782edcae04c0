"""Pictures that a browser looked at on its own device: their match codes come here, the files never do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from byleave.errors import FormatError, InputError
from byleave.fingerprints import PICTURE_VERSION, ClaimedPicture
from byleave.registry.targets import Target, digest_target, picture_target, url_target

MOST_PICTURES_A_CALL: Final = 500
_LABEL_LENGTH: Final = 300


@dataclass(frozen=True, slots=True)
class DevicePicture:
    """One picture as a browser tells of it: its file name, its match code and, where it has the file, its SHA-256 in hex.

    link
        Where it stands, as the export it came in says.
    """

    name: str
    code: str
    digest: str | None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """One thing that was handed in and cannot be used, and why."""

    name: str
    reason: str


def read_device_pictures(handed: Iterable[DevicePicture]) -> tuple[list[tuple[Target, ...]], list[Rejected]]:
    """Return the targets of every picture that can be used, and what cannot be used and why."""
    accepted: list[tuple[Target, ...]] = []
    rejected: list[Rejected] = []
    for one in handed:
        label = shown_name(one.name)
        try:
            accepted.append(_targets(one, label))
        except InputError as error:
            rejected.append(Rejected(label, error.problem))
    return accepted, rejected


def _targets(one: DevicePicture, label: str) -> tuple[Target, ...]:
    picture = ClaimedPicture.parse(one.code)
    if picture.version != PICTURE_VERSION:
        raise FormatError(
            f"its match code is of version {picture.version[:40]!r}, not {PICTURE_VERSION!r}",
            remedy="load the page again and choose it once more",
        )
    return (picture_target(picture, label), *_exact_file(one.digest, label), *_place(one.link))


def _exact_file(digest: str | None, label: str) -> Iterator[Target]:
    if digest is None:
        return
    try:
        yield digest_target(bytes.fromhex(digest), label)
    except ValueError as error:
        raise FormatError("its SHA-256 is not written in hex digits", remedy="choose it once more") from error


def _place(link: str | None) -> Iterator[Target]:
    """Point at the link an export gives; one that is none costs the picture nothing."""
    if link is None:
        return
    with suppress(InputError):
        yield url_target(link)


def shown_name(name: str) -> str:
    """Return a file name that can be stored and shown: no control characters, no lone surrogates, not too long."""
    shown = "".join(char for char in name if char.isprintable())
    return shown.encode("utf-8", "replace").decode()[:_LABEL_LENGTH].strip() or "a picture"
