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
    """One dataset in MDS: its shards in the order of its index, and below that the indices it was merged from."""

    indices: tuple[InputFile, ...]
    shards: tuple[InputFile, ...]

    @property
    def name(self) -> str:
        """The index of all shards."""
        return self.indices[0].name

    @property
    def files(self) -> tuple[InputFile, ...]:
        """All of them."""
        return (*self.indices, *self.shards)

    def count(self) -> int:
        """Count samples by the index."""
        return sum(int(entry["samples"]) for entry in entries(self.indices[0])[1])

    def rows(self, *, digests: bool) -> Iterator[Rows]:  # noqa: ARG002 - samples are known by what they state
        """Yield links and digests of each shard in turn."""
        for file, entry in zip(self.shards, entries(self.indices[0])[1], strict=True):
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
        """Write the samples that stay, and indices of the shards that hold some."""
        kept: dict[Path, _Kept] = {}
        first = 0
        for file, entry in zip(self.shards, entries(self.indices[0])[1], strict=True):
            shard = _Shard(file, entry)
            keeps = stays[first : first + shard.samples]
            first += shard.samples
            if keeps.any():
                kept[file.path] = _written(shard, keeps, place_for(file, out))
        check_length(stays, first, self.name)
        for index in self.indices:
            content, described = entries(index)
            named = [(entry, kept.get(_raw(index, entry))) for entry in described]
            shards = [shard.described(entry) for entry, shard in named if shard is not None]
            text = json.dumps(content | {"shards": shards}, sort_keys=True)
            place_for(index, out).write_text(text, encoding="utf-8")


def mds_folders(files: dict[Path, InputFile]) -> list[MdsFolder]:
    """Find the shards that indices name. Of indices that name the same shards, the one nearest to the top is that of the dataset.

    Raises
    ------
    FormatError
        If a shard is not there unpacked or not below its index, or two indices do not agree.
    """
    found: list[tuple[list[InputFile], list[InputFile]]] = []
    named: dict[Path, tuple[int, int]] = {}  # of each shard, which dataset has it and its samples
    for path in sorted(
        (path for path in files if path.name == INDEX), key=lambda path: (len(path.parts), path)
    ):
        index = files[path]
        try:
            described = entries(index)[1]
        except _OtherIndexError:
            continue
        samples = {_shard_file(index, entry, files).path: int(entry["samples"]) for entry in described}
        above = {named[shard][0] for shard in samples if shard in named}
        if not above:
            named |= {shard: (len(found), count) for shard, count in samples.items()}
            found.append(([index], [files[shard] for shard in samples]))
            continue
        place = min(above)
        if any(named.get(shard) != (place, count) for shard, count in samples.items()):
            raise refuse(index.name, f"does not agree with {found[place][0][0].name} about its shards")
        found[place][0].append(index)
    return [MdsFolder(tuple(indices), tuple(shards)) for indices, shards in found]


def _raw(index: InputFile, entry: dict[str, Any]) -> Path:
    return index.path.parent / str(entry["raw_data"]["basename"])


def _shard_file(index: InputFile, entry: dict[str, Any], files: dict[Path, InputFile]) -> InputFile:
    file = files.get(_raw(index, entry))
    if file is None:
        named, packed = f"{entry['raw_data']['basename'][:200]!r}", entry.get("zip_data") is not None
        raise refuse(
            index.name, f"{named} is not there{', only packed' * packed}", UNPACK if packed else FETCH_AGAIN
        )
    return file


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
        fits &= isinstance(raw["hashes"], dict) and len(set(lists[0])) == len(lists[0])
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


@dataclass(frozen=True, slots=True)
class _Kept:
    """A shard as it was written."""

    samples: int
    size: int
    digests: dict[str, str]

    def described(self, entry: dict[str, Any]) -> dict[str, Any]:
        """Return what an index says of it now, where it said ``entry``."""
        raw = {"basename": entry["raw_data"]["basename"], "bytes": self.size, "hashes": self.digests}
        said = {"samples": self.samples, "hashes": list(self.digests), "raw_data": raw}
        return entry | said | {"compression": None, "zip_data": None}


def _written(shard: _Shard, keeps: Flags, path: Path) -> _Kept:
    """Write a shard with some of its samples."""
    kept = [shard.sample(int(place)) for place in np.flatnonzero(keeps)]
    description = shard.description
    begin = 4 * (len(kept) + 2) + len(description)
    places = begin + np.cumsum([0, *map(len, kept)])
    head = np.array([len(kept), *places], "<u4").tobytes()
    content = b"".join([head, description, *kept])
    path.write_bytes(content)
    digests = {name: hashlib.new(name, content).hexdigest() for name in shard.hashes}
    return _Kept(len(kept), len(content), digests)
