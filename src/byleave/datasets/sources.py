"""Find out what a dataset on disk is, and cut it into shards.

A source is one file or folder given to ``byleave ingest``. Formats are told by content, never by the name alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path

from byleave.datasets import folders, tars
from byleave.datasets.links import columns_of, parquet_shards
from byleave.datasets.members import PICTURE_SUFFIXES, Group, Member, read_group
from byleave.datasets.records import Record, Reject, Shard
from byleave.errors import InputError, NotFoundError
from byleave.settings import Limits

DETECTION_FILES = 2_000
"""Files looked at to tell a folder's format."""


class SourceFormat(StrEnum):
    """How a dataset is laid out."""

    PARQUET = "parquet"
    IMG2DATASET = "img2dataset"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset on disk, opened but not read.

    size
        Bytes of all its files.
    shards
        Yields bounded parts in a fixed order; the names are the same on every run over the same bytes.
    """

    path: Path
    format: SourceFormat
    size: int
    shards: Callable[[], Iterator[Shard]]


def open_source(path: Path, format: str | None = None, *, limits: Limits | None = None) -> Source:
    """Open a dataset; ``format`` overrides what its content says.

    Raises
    ------
    NotFoundError
        If nothing stands at ``path``.
    InputError
        If the format is unknown, or the content is of none that can be read.
    """
    path = path.absolute()
    if not path.exists():
        raise NotFoundError(f"there is no file or folder {path}", remedy="check the path")
    chosen = _named_format(format) if format is not None else detect(path)
    files = source_files(path)
    size = sum(file.stat().st_size for file in files)
    plan = _Plan(path, files, limits or Limits())
    shards = {
        SourceFormat.PARQUET: plan.parquet,
        SourceFormat.IMG2DATASET: plan.img2dataset,
        SourceFormat.FOLDER: plan.folder,
    }[chosen]
    return Source(path, chosen, size, shards)


def source_digest(path: Path) -> str:
    """Return the SHA-256 (hex) of a file, or of a folder: over its sorted lines of file digest and relative name."""
    if path.is_file():
        return _file_digest(path)
    lines = sorted(
        f"{_file_digest(file)}  {file.relative_to(path).as_posix()}\n" for file in source_files(path)
    )
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def source_files(path: Path) -> list[Path]:
    """List the files a source consists of; links out of the folder are no part of it."""
    if path.is_file():
        return [path]
    return [file for file in folders.walk(path) if file.is_file() and not folders.leads_out(file, path)]


def detect(path: Path) -> SourceFormat:
    """Tell the format by content."""
    sample = [path] if path.is_file() else list(islice(_candidates(path), DETECTION_FILES))
    kinds = {file: _kind(file) for file in sample}
    parquets = [file for file, kind in kinds.items() if kind == "parquet"]
    if "tar" in kinds.values():
        return SourceFormat.IMG2DATASET
    if parquets:
        beside = any(file.with_suffix("").is_dir() for file in parquets)
        return SourceFormat.IMG2DATASET if beside or columns_of(parquets[0]).picture else SourceFormat.PARQUET
    if path.is_dir() and any(file.suffix[1:].lower() in PICTURE_SUFFIXES | {"json"} for file in sample):
        return SourceFormat.FOLDER
    raise InputError(
        f"{path} holds neither Parquet, nor tar files, nor pictures",
        remedy="give a Parquet file, an output folder of img2dataset or a folder of pictures",
    )


def holds_samples(path: Path) -> bool:
    """Whether a path is a folder, a tar or Parquet, and not a file of another sort, or nothing."""
    return path.is_dir() or (path.is_file() and _kind(path) is not None)


@dataclass(frozen=True, slots=True)
class _Plan:
    path: Path
    files: list[Path]
    limits: Limits

    def parquet(self) -> Iterator[Shard]:
        for file in self._of_kind("parquet"):
            yield from parquet_shards(file, self._name(file))

    def folder(self) -> Iterator[Shard]:
        every = list(folders.walk(self.path)) if self.path.is_dir() else self.files
        root = self.path if self.path.is_dir() else self.path.parent
        yield from self._group_shards("files", list(folders.groups(root, every)))

    def img2dataset(self) -> Iterator[Shard]:
        parquets = set(self._of_kind("parquet"))
        archives = self._of_kind("tar")
        for archive in archives:
            yield from self._archive(archive, parquets)
        loose = [file for file in self.files if file not in parquets and file.parent != self.path]
        in_folders: dict[Path, list[Path]] = {}
        for file in loose:
            if file not in archives:
                in_folders.setdefault(file.parent, []).append(file)
        for folder, files in in_folders.items():
            yield from self._files_layout(folder, files, parquets)
        for file in sorted(parquets):
            yield from parquet_shards(file, self._name(file))

    def _archive(self, archive: Path, parquets: set[Path]) -> Iterator[Shard]:
        items = _grouped(tars.members(archive))
        yield from self._group_shards(self._name(archive), items)
        yield from self._rest_of(archive.with_suffix(".parquet"), items, parquets)

    def _files_layout(self, folder: Path, files: list[Path], parquets: set[Path]) -> Iterator[Shard]:
        items = list(folders.groups(folder, files))
        yield from self._group_shards(self._name(folder), items)
        yield from self._rest_of(folder.with_suffix(".parquet"), items, parquets)

    def _rest_of(self, beside: Path, items: list[Group | Reject], parquets: set[Path]) -> Iterator[Shard]:
        """Read the rows whose download failed: they stand only in the Parquet file beside the pictures."""
        if beside in parquets:
            parquets.discard(beside)
            seen = frozenset(item.key.rpartition("/")[2] for item in items if isinstance(item, Group))
            yield from parquet_shards(beside, self._name(beside), skip_keys=seen)

    def _group_shards(self, name: str, items: list[Group | Reject]) -> Iterator[Shard]:
        for number, part in enumerate(folders.batches(items)):
            sizes = (member.size for item in part if isinstance(item, Group) for member in item.members)
            yield Shard(f"{name}@{number}", sum(sizes), _GroupPart(name, part, self.limits).read)

    def _of_kind(self, kind: str) -> list[Path]:
        return [file for file in self.files if _kind(file) == kind]

    def _name(self, file: Path) -> str:
        return file.name if file == self.path else file.relative_to(self.path).as_posix()


@dataclass(frozen=True, slots=True)
class _GroupPart:
    name: str
    items: list[Group | Reject]
    limits: Limits

    def read(self) -> Iterator[Record | Reject]:
        for item in self.items:
            if isinstance(item, Reject):
                yield item
            else:
                yield from read_group(item, self.name, self.limits)


def _grouped(members: Iterator[Member | Reject]) -> list[Group | Reject]:
    """Group members of an archive by their name without suffix, in order of first appearance."""
    rejects: list[Group | Reject] = []
    by_key: dict[str, list[Member]] = {}
    for member in members:
        if isinstance(member, Reject):
            rejects.append(member)
        else:
            by_key.setdefault(member.name, []).append(member)
    return [*rejects, *(Group(key, found) for key, found in by_key.items())]


def _kind(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            head = opened.read(tars.BLOCK)
    except OSError as error:
        raise _unreadable(file, error) from error
    if head[:4] == b"PAR1":
        return "parquet"
    return "tar" if tars.is_tar(head) else None


def _candidates(folder: Path) -> Iterator[Path]:
    return (f for f in folders.walk(folder) if f.is_file() and not folders.leads_out(f, folder))


def _named_format(name: str) -> SourceFormat:
    try:
        return SourceFormat(name)
    except ValueError as error:
        known = ", ".join(SourceFormat)
        raise InputError(f"no format is called {name!r}", remedy=f"use one of {known}") from error


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"{path} cannot be read: {error.strerror or error}", remedy="check its permissions and its disk"
    )
