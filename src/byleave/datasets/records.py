"""What a dataset's files are read into: records, and rejects for what could not be read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
"""A value that JSON can write."""

URL_NAMES = ("url", "image_url")
CAPTION_NAMES = ("text", "caption", "top_caption", "txt", "alt_text")
CREATOR_NAMES = ("creator", "author", "artist", "photographer")
WIDTH_NAMES = ("original_width", "width")
HEIGHT_NAMES = ("original_height", "height")
"""Lower-case column names of LAION, Re-LAION, COYO and img2dataset, the first present one wins.

``original_width`` comes before ``width``, since img2dataset writes the size after its own resizing into the latter.
"""

NESTING = 8
TOO_DEEP = "…"
"""Levels of nested metadata kept, and what stands for everything below them."""


@dataclass(frozen=True, slots=True)
class Record:
    """One sample as a dataset states it; nothing in it is checked yet but types.

    where
        Row or member it was read from, for people.
    metadata
        Every column or field that has no place of its own, as the source wrote it.
    picture
        The encoded picture, or ``None`` for a link.
    failure
        Why the downloader of this dataset holds no picture for it, or ``None``.
    cleaned
        What had to be repaired to read it, such as ``bad_text``.
    """

    where: str
    url: str | None = None
    caption: str | None = None
    width: int | None = None
    height: int | None = None
    metadata: Mapping[str, JSON] = field(default_factory=dict)
    picture: bytes | None = None
    failure: str | None = None
    cleaned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reject:
    """Something that could not be read: its kind, where it stood and a short detail. Its neighbours were read."""

    kind: str
    where: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Shard:
    """A bounded part of a source, the unit of one commit: a row range, or a few hundred pictures.

    name
        The same for the same bytes on every run; the journal of an ingest is kept by it.
    size
        Its share of the bytes of the source, for progress.
    read
        Yields records and rejects in the order of the source, in constant memory. May be called again.
    """

    name: str
    size: int
    read: Callable[[], Iterator[Record | Reject]]


def to_json(value: object, depth: int = NESTING) -> JSON:
    """Turn any Arrow or JSON value into one that JSON can write: no NaN, no bytes, no broken text."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return mend(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {mend(str(k)): to_json(v, depth - 1) for k, v in value.items()} if depth else TOO_DEEP
    if isinstance(value, list | tuple):
        return [to_json(v, depth - 1) for v in value] if depth else TOO_DEEP
    return mend(str(value))


def mend(text: str) -> str:
    """Make text safe to store: NUL is taken out and half of a surrogate pair becomes a question mark."""
    if "\0" in text:
        text = text.replace("\0", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def canonical_json(value: Mapping[str, JSON]) -> str:
    """Write with sorted keys and without spaces, so that equal metadata is equal text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def whole_number(value: object) -> int | None:
    """Read a size in pixels: 1 to 2**31-1, else ``None``. Sizes in the wild are floats, text and NaN too."""
    try:
        number = int(float(value)) if isinstance(value, int | float | str) else 0
    except (ValueError, OverflowError):
        return None
    return number if 0 < number < 2**31 else None


def text_of(value: object) -> tuple[str | None, bool]:
    """Read text that may be bytes in no known encoding: the text, and whether it had to be repaired."""
    if isinstance(value, bytes):
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return mend(value.decode("utf-8", "replace")), True
    elif isinstance(value, str):
        text = value
    else:
        return None, False
    mended = mend(text)
    return mended, mended != text


def record_from_fields(
    fields: Mapping[str, object],
    *,
    where: str,
    picture: bytes | None = None,
    caption: str | None = None,
    drop: frozenset[str] = frozenset(),
) -> Record:
    """Build a record from named values, finding URL, caption and size under the names datasets give them.

    ``caption`` stands in where the fields hold none. Fields named in ``drop`` are left out of the metadata.
    """
    by_name = {name.lower(): name for name in reversed(list(fields))}
    used = {name: _first(by_name, names) for name, names in _ALIASES.items()}
    url, url_mended = text_of(fields.get(used["url"]))
    found, caption_mended = text_of(fields.get(used["caption"]))
    taken = drop | {used["url"], used["caption"]} | {used["width"], used["height"]}
    failure, _ = text_of(fields.get("error_message"))
    status = fields.get("status")
    return Record(
        where=where,
        url=url if url and not url.isspace() else None,
        caption=found if found is not None else caption,
        width=whole_number(fields.get(used["width"])),
        height=whole_number(fields.get(used["height"])),
        metadata={mend(k): to_json(v) for k, v in fields.items() if k not in taken and v is not None},
        picture=picture,
        failure=(failure or str(status)) if isinstance(status, str) and status != "success" else None,
        cleaned=("bad_text",) if url_mended or caption_mended else (),
    )


def _first(by_name: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((by_name[name] for name in names if name in by_name), "")


_ALIASES = {"url": URL_NAMES, "caption": CAPTION_NAMES, "width": WIDTH_NAMES, "height": HEIGHT_NAMES}
