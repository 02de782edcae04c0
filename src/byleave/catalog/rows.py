"""From a record, as a dataset states it, to a row of the table: checked, limited, named."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from byleave import urls
from byleave.catalog.pictures import Described
from byleave.catalog.schema import PIXEL_COLUMNS
from byleave.datasets import JSON, Record, Reject, canonical_json, mend
from byleave.datasets.records import CREATOR_NAMES
from byleave.errors import FormatError
from byleave.settings import Limits

Row = dict[str, object]
Sides = tuple[int | None, int | None]
"""Width and height in pixels."""

RIGHTS_NAMES = ("rights", "license", "licence", "copyright")
WORD_NAMES = ("title", "description", "tags", "keywords")
"""Metadata that people search by, beside the caption."""

FAILURE = "failure"
"""Metadata of our own: why the downloader of a dataset holds no picture of a sample."""

SHORT_TEXT = 512


@dataclass(frozen=True, slots=True)
class Link:
    """A URL in all the forms a row keeps."""

    raw: str
    canonical: str
    host: str
    domain: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record that will be a row, once its place among its equals is known."""

    row: Row
    cleaned: tuple[str, ...]


def link_of(record: Record, limits: Limits) -> Link | Reject | None:
    """Read the URL of a record: ``None`` when it states none."""
    if record.url is None:
        return None
    if len(record.url.encode()) > limits.url_bytes:
        return Reject("url_too_long", record.where, f"{len(record.url)} characters")
    try:
        canonical = urls.canonical_url(record.url)
    except FormatError as error:
        return Reject("unusable_url", record.where, error.problem)
    host = urls.host_of(canonical)
    return Link(record.url, canonical, host, urls.registrable_domain(host))


def prepare(
    record: Record, picture: Described | None, link: Link | None, *, dataset: str, limits: Limits
) -> Prepared:
    """Make a row without ordinal; ``record`` needs a link or a picture.

    Nothing is lost for being too long: a caption is cut, metadata sheds its longest values, and both are counted.
    """
    cleaned = list(record.cleaned)
    caption = _limited(record.caption, limits.caption_bytes, "caption_shortened", cleaned)
    metadata = _metadata(record, limits.metadata_bytes, cleaned)
    stated = record.width, record.height
    width, height = stated if picture is None else _of_the_whole((picture.width, picture.height), stated)
    row: Row = {
        "url": link.raw if link else None,
        "canonical_url": link.canonical if link else None,
        "host": link.host if link else None,
        "domain": link.domain if link else None,
        "caption": caption,
        "metadata": canonical_json(metadata),
        "creator": (picture.creator if picture else None) or _named(metadata, CREATOR_NAMES),
        "rights": (picture.rights if picture else None) or _named(metadata, RIGHTS_NAMES),
        "width": width,
        "height": height,
        "digest": picture.digest if picture else None,
        "pdq": picture.pdq if picture else None,
        "pdq_trimmed": picture.pdq_trimmed if picture else None,
        "picture_version": picture.version if picture else None,
        "quality": picture.quality if picture else None,
        "embedding": picture.embedding if picture else None,
        "unsafe_score": picture.unsafe_score if picture else None,
        "thumbnail": picture.thumbnail if picture else None,
    }
    row["words"] = words_of(row, metadata, limits)
    row["item_id"] = _item_id(link, picture)
    row["twin_key"] = urls.sample_key(
        dataset, _item_id(link, picture), link.raw if link else None, caption, 0
    )
    return Prepared(row, tuple(cleaned))


def name_rows(rows: Sequence[Row], *, dataset: str, elsewhere: Mapping[bytes, int]) -> None:
    """Give every row its sample key: the ordinal counts equal rows of one source, in its order."""
    seen: Counter[bytes] = Counter(elsewhere)
    for row in rows:
        twin, item, url, caption = row["twin_key"], row["item_id"], row["url"], row["caption"]
        assert isinstance(twin, bytes)  # noqa: S101 - made by prepare()
        assert isinstance(item, bytes)  # noqa: S101
        ordinal = seen[twin]
        seen[twin] += 1
        row["sample_key"] = twin if ordinal == 0 else _key(dataset, item, url, caption, ordinal)


def coalesce(new: Row, old: Row, limits: Limits) -> None:
    """Fill what a row does not know from what the table knows; a newer picture replaces the older one as a whole."""
    metadata = {**json.loads(str(old["metadata"])), **json.loads(str(new["metadata"]))}
    if new["digest"] is not None or old["digest"] is not None:
        metadata.pop(FAILURE, None)
    shortened(metadata, limits.metadata_bytes)
    new["metadata"] = canonical_json(metadata)
    same_picture = new["digest"] is None or new["digest"] == old["digest"]
    new["width"], new["height"] = _size_known(new, old)
    for name, value in old.items():
        if name in PIXEL_COLUMNS or name == "thumbnail":
            if same_picture and new.get(name) is None:
                new[name] = value
        elif name not in {"width", "height"} and new.get(name) is None:
            new[name] = value
    new["words"] = words_of(new, metadata, limits)


def words_of(row: Row, metadata: Mapping[str, JSON], limits: Limits) -> str | None:
    """Join what people search by: caption, creator, title, description and tags."""
    parts = [str(row["caption"] or ""), str(row["creator"] or "")]
    by_name = {name.lower(): value for name, value in metadata.items()}
    for name in WORD_NAMES:
        value = by_name.get(name)
        if isinstance(value, list):
            parts.extend(str(item) for item in value if isinstance(item, str))
        elif isinstance(value, str):
            parts.append(value)
    unique = dict.fromkeys(part for part in parts if part)
    joined = "\n".join(unique).encode()[: limits.caption_bytes * 2].decode("utf-8", "ignore")
    return joined or None


def shortened(metadata: dict[str, JSON], limit: int) -> bool:
    """Take the longest values out until the rest fits ``limit`` bytes; say whether any had to go."""
    over = len(canonical_json(metadata).encode()) - limit
    if over <= 0:
        return False
    sizes = {name: len(canonical_json({name: value}).encode()) for name, value in metadata.items()}
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        if over <= 0:
            break
        del metadata[name]
        over -= sizes[name] - 1
    return True


def _of_the_whole(seen: Sides, stated: Sides) -> Sides:
    """Return the size a dataset states where the pixels at hand are a smaller copy of that picture, else the size seen."""
    larger = all(
        one is not None and two is not None and one >= two for one, two in zip(stated, seen, strict=True)
    )
    return stated if larger else seen


def _size_known(new: Row, old: Row) -> Sides:
    """Return the size of a row of which an earlier state is known. A size that was seen is only replaced by a larger one, or by other pixels."""
    mine, theirs = _sides(new), _sides(old)
    if None in mine or None in theirs:
        return theirs if None in mine else mine
    if new["digest"] is None:
        return mine if old["digest"] is None else _of_the_whole(theirs, mine)
    return mine if old["digest"] not in (None, new["digest"]) else _of_the_whole(mine, theirs)


def _sides(row: Row) -> Sides:
    width, height = row["width"], row["height"]
    return (width if isinstance(width, int) else None), (height if isinstance(height, int) else None)


def _metadata(record: Record, limit: int, cleaned: list[str]) -> dict[str, JSON]:
    metadata = dict(record.metadata)
    if record.failure is not None:
        metadata[FAILURE] = record.failure
    if shortened(metadata, limit):
        cleaned.append("metadata_shortened")
    return metadata


def _limited(value: str | None, limit: int, kind: str, cleaned: list[str]) -> str | None:
    if value is None or len(value.encode()) <= limit:
        return value
    cleaned.append(kind)
    return value.encode()[:limit].decode("utf-8", "ignore")


def _named(metadata: Mapping[str, JSON], names: Sequence[str]) -> str | None:
    by_name = {name.lower(): value for name, value in metadata.items()}
    for name in names:
        value = by_name.get(name)
        if isinstance(value, str) and value.strip(" ?"):
            return mend(value.strip())[:SHORT_TEXT]
    return None


def _item_id(link: Link | None, picture: Described | None) -> bytes:
    if link is not None:
        return urls.item_id_of_url(link.canonical)
    digest = picture.digest if picture else hashlib.sha256(b"").digest()
    return urls.item_id_of_bytes(digest)


def _key(dataset: str, item: bytes, url: object, caption: object, ordinal: int) -> bytes:
    return urls.sample_key(
        dataset,
        item,
        url if isinstance(url, str) else None,
        caption if isinstance(caption, str) else None,
        ordinal,
    )
