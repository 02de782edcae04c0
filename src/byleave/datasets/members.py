"""Files that belong together by name: a picture with its caption and its fields, in a folder or in a tar."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from byleave.datasets.records import Record, Reject, record_from_fields
from byleave.settings import Limits

PICTURE_SUFFIXES = frozenset(
    {"jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "avif"}
)
FIELDS_SUFFIX = "json"
CAPTION_SUFFIX = "txt"

GROUP_SAMPLES = 500
"""Pictures of one shard: a bound on memory, and what a killed ingest does again."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file: its suffix in lower case, its size in bytes and how to read it."""

    name: str
    suffix: str
    size: int
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Group:
    """All files of one sample, by their common name."""

    key: str
    members: Sequence[Member]

    def find(self, suffixes: frozenset[str]) -> Member | None:
        """Return the first member with one of the suffixes."""
        return next((member for member in self.members if member.suffix in suffixes), None)


def read_group(group: Group, source: str, limits: Limits) -> Iterator[Record | Reject]:
    """Read one sample; a part that cannot be read is a reject, the rest still makes a record."""
    where = f"{source} {group.key}".strip()
    rejects: list[Reject] = []
    fields = _fields(group, where, limits, rejects)
    caption = _bytes(group.find(frozenset({CAPTION_SUFFIX})), where, limits.caption_bytes * 4, rejects)
    picture = _bytes(group.find(PICTURE_SUFFIXES), where, limits.tar_member_bytes, rejects)
    yield from rejects
    if caption is not None and not any(name.lower() in {"caption", "text"} for name in fields):
        fields["caption"] = caption.strip()
    record = record_from_fields(
        fields, where=where, picture=picture or None, drop=frozenset({"status", "error_message"})
    )
    if record.picture is None and record.url is None:
        if not rejects:
            yield Reject("no_picture", where, "neither a picture nor a link stands under this name")
        return
    yield record


def _fields(group: Group, where: str, limits: Limits, rejects: list[Reject]) -> dict[str, object]:
    encoded = _bytes(group.find(frozenset({FIELDS_SUFFIX})), where, limits.metadata_bytes * 4, rejects)
    if encoded is None:
        return {}
    try:
        value = json.loads(encoded)
    except (ValueError, RecursionError) as error:
        rejects.append(Reject("bad_fields", where, str(error)[:200]))
        return {}
    if not isinstance(value, dict):
        rejects.append(Reject("bad_fields", where, "the JSON beside the picture is no object"))
        return {}
    return value


def _bytes(member: Member | None, where: str, limit: int, rejects: list[Reject]) -> bytes | None:
    if member is None:
        return None
    if member.size > limit:
        rejects.append(
            Reject("too_large", where, f"{member.name} has {member.size} bytes, the limit is {limit}")
        )
        return None
    try:
        content = member.read()
    except OSError as error:
        rejects.append(Reject("unreadable", where, f"{member.name}: {error.strerror or error}"))
        return None
    if len(content) != member.size:
        rejects.append(Reject("truncated", where, f"{member.name} has {len(content)} of {member.size} bytes"))
        return None
    return content
