"""MDS, the shards of ``mosaicml-streaming``: an index, and files of samples behind a table of where each begins.

A shard is, in little-endian numbers: uint32 samples ``n``; uint32 ``n + 1`` places where samples begin and the last ends; a description in JSON;
the samples. A sample is the uint32 sizes of its columns without a fixed size, then the columns.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from byleave.apply.forms.units import (
    FETCH_AGAIN,
    ROWS_AT_ONCE,
    Rows,
    batch_of,
    check_length,
    place_for,
    refuse,
)
from byleave.apply.inputs import DIGEST_NAMES, LINK_NAMES, InputFile
from byleave.apply.judging import Flags
from byleave.errors import FormatError
from byleave.settings import MIB

INDEX = "index.json"
MOST_BYTES = 256 * MIB
HASHES = frozenset({"md5", "sha1", "sha256", "sha512", "blake2b", "blake2s", "sha3_256", "sha3_512"})
"""Digests that are made here. The package knows more, such as ``xxh64``; an output has those it can state."""

UNPACK = "read all of it once with StreamingDataset(local=FOLDER), which unpacks beside it, and apply again"
PLAIN_TEXT = frozenset({"str", "bytes"})

Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class MdsFolder:
    """One dataset in MDS: its index, and the shards in the index's order."""

    index: InputFile
    shards: tuple[InputFile, ...]

    @property
    def name(self) -> str:
        """The index."""
        return self.index.name

    @property
    def files(self) -> tuple[InputFile, ...]:
        """All of them."""
        return (self.index, *self.shards)

    def count(self) -> int:
        """Count samples by the index."""
        return sum(int(entry["samples"]) for entry in entries(self.index)[1])

    def rows(self, *, digests: bool) -> Iterator[Rows]:  # noqa: ARG002 - samples are known by what they state
        """Yield links and digests of each shard in turn."""
        for file, entry in zip(self.shards, entries(self.index)[1], strict=True):
            shard = _Shard(file, entry)
            link, digest = (_column(entry, names, file) for names in (LINK_NAMES, DIGEST_NAMES))
            if link is None and digest is None:
                raise refuse(
                    file.name,
                    "no column is called url, image_url or sha256",
                    "call the column of links 'url'",
                )
            for first in range(0, shard.samples, ROWS_AT_ONCE):
                part = range(first, min(first + ROWS_AT_ONCE, shard.samples))
                values = [shard.values(sample, (link, digest)) for sample in part]
                yield Rows(file.name, first, batch_of([v[0] for v in values], [v[1] for v in values]))

    def write(self, stays: Flags, out: Path) -> None:
        """Write the samples that stay, and an index of the shards that hold some."""
        content, described = entries(self.index)
        kept, first = [], 0
        for file, entry in zip(self.shards, described, strict=True):
            shard = _Shard(file, entry)
            keeps = stays[first : first + shard.samples]
            first += shard.samples
            if keeps.any():
                kept.append(entry | _written(shard, keeps, place_for(file, out)))
        check_length(stays, first, self.name)
        text = json.dumps(content | {"shards": kept}, sort_keys=True)
        place_for(self.index, out).write_text(text, encoding="utf-8")


def mds_folder(folder: Path, files: dict[Path, InputFile]) -> MdsFolder | None:
    """Find the shards an index names; ``None`` if the file is the index of something else.

    Raises
    ------
    FormatError
        If a shard is not there unpacked, or not below the folder.
    """
    index = files[folder / INDEX]
    try:
        described = entries(index)[1]
    except _OtherIndexError:
        return None
    shards = []
    for entry in described:
        raw, packed = entry["raw_data"]["basename"], entry.get("zip_data") is not None
        if folder / raw not in files:
            raise refuse(
                index.name, f"{raw[:200]!r} is not there{', only packed' * packed}", *[UNPACK] * packed
            )
        shards.append(files[folder / raw])
    return MdsFolder(index, tuple(shards))


class _OtherIndexError(FormatError):
    """The file is no index of MDS."""


def entries(index: InputFile) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Read an index: all of it, and what it says of each shard, checked as far as it is used."""
    if index.path.stat().st_size > MOST_BYTES:
        raise refuse(index.name, f"longer than {MOST_BYTES:,} bytes")
    try:
        content = json.loads(index.path.read_bytes())
        shards = content["shards"]
        others = [entry for entry in shards if entry["format"] != "mds"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _OtherIndexError(f"{index.name}: no index of MDS", remedy=FETCH_AGAIN) from error
    if others:
        raise _OtherIndexError(f"{index.name}: holds shards that are not MDS", remedy="write them as MDS")
    for entry in shards:
        _check(entry, index)
    return content, shards


def _check(entry: dict[str, Any], index: InputFile) -> None:
    try:
        lists = [entry[f"column_{name}"] for name in ("names", "encodings", "sizes")]
        samples, raw = entry["samples"], entry["raw_data"]
        fits = len({len(one) for one in lists}) == 1 and type(samples) is int and samples >= 0
        fits &= all(isinstance(name, str) for name in [*lists[0], *lists[1], raw["basename"]])
        fits &= all(size is None or (type(size) is int and size > 0) for size in lists[2])
        fits &= isinstance(raw["hashes"], dict)
    except (KeyError, TypeError) as error:
        raise refuse(index.name, "does not describe its shards") from error
    if not fits:
        raise refuse(index.name, "does not describe its shards")


class _Shard:
    """One shard, mapped, with its table of places checked."""

    def __init__(self, file: InputFile, entry: dict[str, Any]) -> None:
        self.file = file
        self.samples: int = entry["samples"]
        self.sizes: Sequence[int | None] = entry["column_sizes"]
        self.basename: str = entry["raw_data"]["basename"]
        self.hashes: list[str] = sorted(HASHES.intersection(entry["raw_data"]["hashes"]))
        length = file.path.stat().st_size
        head = 4 * (self.samples + 2)
        if length < head:
            raise refuse(file.name, "ends early")
        self.content = np.memmap(file.path, np.uint8, "r")
        numbers = self.content[:head].view("<u4").astype(np.int64)
        self.places: Offsets = numbers[1:]
        ordered = bool((np.diff(self.places) >= 0).all())
        if numbers[0] != self.samples or not ordered or self.places[0] < head or self.places[-1] != length:
            raise refuse(file.name, "its table of samples does not fit its length or its index")

    @property
    def description(self) -> bytes:
        """What stands between the table and the first sample."""
        return self.content[4 * (self.samples + 2) : self.places[0]].tobytes()

    def sample(self, place: int) -> bytes:
        """Return the bytes of a sample."""
        return self.content[self.places[place] : self.places[place + 1]].tobytes()

    def values(self, place: int, columns: Sequence[int | None]) -> list[bytes | None]:
        """Return some columns of a sample."""
        raw = self.sample(place)
        open_sizes = sum(size is None for size in self.sizes)
        stated = iter(np.frombuffer(raw[: len(raw) // 4 * 4], "<u4", min(open_sizes, len(raw) // 4)).tolist())
        begins, at = [], 4 * open_sizes
        for size in self.sizes:
            begins.append(at)
            at += next(stated, len(raw)) if size is None else size
        if at != len(raw):
            raise refuse(self.file.name, f"sample {place:,} is not as long as its columns")
        ends = [*begins[1:], at]
        return [raw[begins[c] : ends[c]] or None if c is not None else None for c in columns]


def _column(entry: dict[str, Any], names: Sequence[str], file: InputFile) -> int | None:
    lower = [name.lower() for name in entry["column_names"]]
    place = next((lower.index(name) for name in names if name in lower), None)
    if place is not None and entry["column_encodings"][place] not in PLAIN_TEXT:
        kind = str(entry["column_encodings"][place])
        raise refuse(file.name, f"column {lower[place]!r} holds {kind[:50]}, not text", "write it as str")
    return place


def _written(shard: _Shard, keeps: Flags, path: Path) -> dict[str, Any]:
    """Write a shard with some of its samples; return what its entry in the index says anew."""
    kept = [shard.sample(int(place)) for place in np.flatnonzero(keeps)]
    description = shard.description
    begin = 4 * (len(kept) + 2) + len(description)
    places = begin + np.cumsum([0, *map(len, kept)])
    head = np.array([len(kept), *places], "<u4").tobytes()
    content = b"".join([head, description, *kept])
    path.write_bytes(content)
    digests = {name: hashlib.new(name, content).hexdigest() for name in shard.hashes}
    raw = {"basename": shard.basename, "bytes": len(content), "hashes": digests}
    plain = {"compression": None, "zip_data": None}
    return plain | {"samples": len(kept), "hashes": shard.hashes, "raw_data": raw}
