"""Shards that hold pictures: where each sample's picture is, read in the order in which ``apply`` counts the rows."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from byleave.apply.forms.parquet_rows import bytes_of, parquet_columns
from byleave.apply.forms.tar_shards import TarShard
from byleave.apply.forms.units import refuse
from byleave.apply.inputs import InputFile, check_single, columns_of, open_parquet
from byleave.apply.sidecars.file import ShardFile
from byleave.datasets import Record, Reject, source_digest
from byleave.datasets.folders import groups
from byleave.datasets.links import PICTURE_NAMES
from byleave.datasets.members import PICTURE_SUFFIXES, Group, read_group
from byleave.datasets.sources import source_files
from byleave.media import Unusable, UnusableKind
from byleave.settings import Limits
from byleave.storage import refuse_disk_faults

KEY = "key"
CELL_NAMES = (*PICTURE_NAMES, "image", "picture", "bytes", "content")
"""Lower-case names of columns of encoded pictures, the first present one wins; also of structs that hold them as ``bytes``."""

BATCH_ROWS = 256
"""Most cells with pictures read at once."""


T = TypeVar("T")
Places = Collection[int]
"""Places of samples in their shard, from 0."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of a shard. ``picture`` is its encoded bytes, why they cannot be read, or ``None`` where there is none."""

    key: str | None
    link: bytes | None
    picture: bytes | Unusable | None


class PictureShard(Protocol):
    """One shard. It travels to worker processes, so it holds names and no open files."""

    @property
    def name(self) -> str:
        """The file whose rows are counted, below the dataset."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files it is read from."""

    def holds_pictures(self) -> bool:
        """Whether there are pictures at all, which of Parquet is told by its columns."""

    def digests(self) -> tuple[ShardFile, ...]:
        """Read all bytes and say what they are."""

    def samples(self, limits: Limits, only: Places | None = None) -> Iterator[Sample]:
        """Yield all samples in order, or only those at some places, and then read no other picture.

        Raises
        ------
        FormatError
            If the shard cannot be read, so that nobody can tell how many samples there are.
        """


@dataclass(frozen=True, slots=True)
class ParquetPictures:
    """Parquet with pictures in its cells: img2dataset's, or the ``image`` of the package ``datasets``."""

    file: InputFile

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def paths(self) -> tuple[Path, ...]:
        return (self.file.path,)

    def holds_pictures(self) -> bool:
        with open_parquet(self.file.path) as opened:
            return picture_column(opened.schema_arrow) is not None

    def digests(self) -> tuple[ShardFile, ...]:
        return (digest_of(self.file),)

    def samples(self, limits: Limits, only: Places | None = None) -> Iterator[Sample]:  # noqa: ARG002 - a cell is in memory before its size can be told
        for key, link, picture in self._rows(only):
            yield Sample(key, link, picture or None)

    def sizes(self) -> Iterator[tuple[bytes | None, int]]:
        """Yield each sample's link, and how many bytes its picture has."""
        for _, link, picture in self._rows(None):
            yield link, len(picture or b"")

    def _rows(self, only: Places | None) -> Iterator[tuple[str | None, bytes | None, bytes | None]]:
        """Yield key, link and picture of some samples."""
        with open_parquet(self.file.path) as opened:
            names, column = (
                _row_names(opened.schema_arrow, self.file.name),
                picture_column(opened.schema_arrow),
            )
            wanted = [*dict.fromkeys([column, *names.values()])]
            check_single(opened.schema_arrow, filter(None, wanted), self.file.name)
            try:
                for batch in _batches(opened, wanted, only):
                    cells = batch.column(column)
                    pictures = bytes_of(cells.field("bytes") if pa.types.is_struct(cells.type) else cells)
                    for (key, link), picture in zip(_keys_and_links(batch, names), pictures, strict=True):
                        yield key, link, picture
            except (pa.ArrowException, OSError) as error:
                refuse_disk_faults(error, self.file.path)
                raise refuse(self.file.name, f"cannot be read as Parquet: {str(error)[:150]}") from error


@dataclass(frozen=True, slots=True)
class TarPictures:
    """Pictures in a tar, with the rows of the Parquet file beside it where there is one."""

    shard: TarShard

    @property
    def name(self) -> str:
        return self.shard.name

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(file.path for file in self._files)

    @property
    def _files(self) -> tuple[InputFile, ...]:
        return tuple(file for file in (self.shard.tar, self.shard.parquet) if file is not None)

    def holds_pictures(self) -> bool:
        return True

    def digests(self) -> tuple[ShardFile, ...]:
        return tuple(digest_of(file) for file in self._files)

    def samples(self, limits: Limits, only: Places | None = None) -> Iterator[Sample]:
        for key, link, found in _picked(self.shard.pictures(), only):
            if found is not None and found.size > limits.picture_bytes:
                yield Sample(key, link, _too_large(limits))
            else:
                yield Sample(key, link, self.shard.content(found) if found is not None else None)

    def sizes(self) -> Iterator[tuple[bytes | None, int]]:
        """Yield each sample's link, and how many bytes its picture has."""
        for _, link, found in self.shard.pictures():
            yield link, found.size if found is not None else 0


@dataclass(frozen=True, slots=True)
class FolderBesideParquet:
    """The ``files`` layout of img2dataset: a Parquet file with a row for each link, and a folder of pictures named by ``key``."""

    file: InputFile
    folder: InputFile

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def paths(self) -> tuple[Path, ...]:
        return (self.file.path, *source_files(self.folder.path))

    def holds_pictures(self) -> bool:
        return True

    def digests(self) -> tuple[ShardFile, ...]:
        return digest_of(self.file), digest_of(self.folder)

    def samples(self, limits: Limits, only: Places | None = None) -> Iterator[Sample]:
        for key, link, path in self._stored(only):
            yield Sample(key, link, read_picture(path, limits) if path is not None else None)

    def sizes(self) -> Iterator[tuple[bytes | None, int]]:
        """Yield each sample's link, and how many bytes its picture has."""
        for _, link, path in self._stored(None):
            yield link, path.stat().st_size if path is not None else 0

    def _stored(self, only: Places | None) -> Iterator[tuple[str | None, bytes | None, Path | None]]:
        """Yield key and link of some samples, and the file of the picture."""
        with open_parquet(self.file.path) as opened:
            names = _row_names(opened.schema_arrow, self.file.name)
        if KEY not in names:
            raise refuse(self.file.name, f"has no column {KEY!r}, so its pictures cannot be found", "add it")
        stored = {
            path.stem: path
            for path in source_files(self.folder.path)
            if path.suffix[1:].lower() in PICTURE_SUFFIXES
        }
        batches = parquet_columns(self.file, *dict.fromkeys(names.values()))
        named = chain.from_iterable(_keys_and_links(batch, names) for batch in batches)
        for key, link in _picked(named, only):
            yield key, link, stored.get(key) if key is not None else None


@dataclass(frozen=True, slots=True)
class LoosePictures:
    """Some pictures of a folder, in the order of their names; a link may stand in a JSON file beside each."""

    name: str
    root: Path
    paths: tuple[Path, ...]

    def holds_pictures(self) -> bool:
        return True

    def digests(self) -> tuple[ShardFile, ...]:
        digest, size = hashlib.sha256(), 0
        for path in self.paths:
            size += path.stat().st_size
            line = f"{source_digest(path)}  {path.relative_to(self.root).as_posix()}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
        return (ShardFile(self.name, size, digest.hexdigest()),)

    def samples(self, limits: Limits, only: Places | None = None) -> Iterator[Sample]:
        for group in _picked(self._groups(), only):
            link, picture, reason = None, None, None
            for found in read_group(group, self.name, limits):
                if isinstance(found, Record):
                    link, picture = found.url, found.picture
                elif found.kind in {kind.value for kind in UnusableKind}:
                    reason = Unusable(UnusableKind(found.kind), found.detail)
                else:
                    reason = Unusable(UnusableKind.UNREADABLE_FILE, found.detail)
            yield Sample(
                group.key,
                link.encode("utf-8", "surrogatepass") if link is not None else None,
                picture if picture is not None else reason,
            )

    def _groups(self) -> list[Group]:
        found = (group for group in groups(self.root, list(self.paths)) if not isinstance(group, Reject))
        return [group for group in found if group.find(PICTURE_SUFFIXES) is not None]


PartPictures = ParquetPictures | TarPictures | FolderBesideParquet
"""The pictures of one part of a dataset, whose rows are its own."""


def _picked(those: Iterable[T], only: Places | None) -> Iterable[T]:
    return those if only is None else (one for place, one in enumerate(those) if place in only)


def _batches(
    opened: pq.ParquetFile, columns: list[str | None], only: Places | None
) -> Iterator[pa.RecordBatch]:
    """Yield rows in order, or only those at some places, and then read no other row group."""
    if only is None:
        yield from opened.iter_batches(BATCH_ROWS, columns=columns, use_threads=False)
        return
    first = 0
    for group in range(opened.num_row_groups):
        after = first + opened.metadata.row_group(group).num_rows
        if any(first <= place < after for place in only):
            for batch in opened.iter_batches(BATCH_ROWS, [group], columns=columns, use_threads=False):
                inside = [place - first for place in sorted(only) if first <= place < first + batch.num_rows]
                yield batch.take(pa.array(inside, pa.int64()))
                first += batch.num_rows
        first = after


def picture_column(schema: pa.Schema) -> str | None:
    """Find the column of encoded pictures, or a struct that holds them as ``bytes``, as the package ``datasets`` writes it."""
    held = {field.name.lower(): field for field in reversed(list(schema)) if _holds_bytes(field.type)}
    named = next((held[name].name for name in CELL_NAMES if name in held), None)
    structs = (field.name for field in held.values() if pa.types.is_struct(field.type))
    return named if named is not None else next(structs, None)


def digest_of(file: InputFile) -> ShardFile:
    """Read a file, or all files of a folder, and say what they are."""
    size = sum(path.stat().st_size for path in source_files(file.path))
    return ShardFile(file.name, size, source_digest(file.path))


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        place = kind.get_field_index("bytes")
        return place >= 0 and _holds_bytes(kind.field(place).type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or kind == pa.binary_view())


def _row_names(schema: pa.Schema, name: str) -> Mapping[str, str]:
    """Return the names of the columns of keys and links, under ``key`` and ``link``, where they are there."""
    link = columns_of(schema, name, required=False).link
    names = {"link": link} if link is not None else {}
    check_single(schema, [KEY], name)
    return names | ({KEY: KEY} if KEY in schema.names else {})


def _keys_and_links(
    batch: pa.RecordBatch, names: Mapping[str, str]
) -> Iterator[tuple[str | None, bytes | None]]:
    absent: list[Any] = [None] * batch.num_rows
    keys = batch.column(names[KEY]).to_pylist() if KEY in names else absent
    links = bytes_of(batch.column(names["link"])) if "link" in names else absent
    for key, link in zip(keys, links, strict=True):
        yield (str(key) if key is not None else None), link


def read_picture(path: Path, limits: Limits) -> bytes | Unusable:
    """Read the file of one picture, or say why it is of no use.

    Raises
    ------
    UnavailableError
        If that is no fault of the file.
    """
    try:
        with path.open("rb") as file:
            content = file.read(limits.picture_bytes + 1)
    except OSError as error:
        refuse_disk_faults(error, path)
        return Unusable(UnusableKind.UNREADABLE_FILE, error.strerror or str(error))
    return content if len(content) <= limits.picture_bytes else _too_large(limits)


def _too_large(limits: Limits) -> Unusable:
    return Unusable(UnusableKind.TOO_LARGE, f"more than the {limits.picture_bytes} bytes that are read")
