"""Tar shards as ``webdataset`` reads them, with what ``img2dataset`` writes beside: Parquet with a row for every link, and statistics."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from byleave.apply.forms.fields import facts_of
from byleave.apply.forms.parquet_rows import (
    bytes_of,
    parquet_columns,
    parquet_count,
    parquet_rows,
    write_parquet,
)
from byleave.apply.forms.statistics import write_statistics
from byleave.apply.forms.units import Rows, batch_of, check_length, place_for, refuse
from byleave.apply.inputs import InputFile, check_single, open_parquet
from byleave.apply.judging import Flags
from byleave.datasets.members import FIELDS_SUFFIX, PICTURE_SUFFIXES
from byleave.datasets.tar_extents import Extent, extents
from byleave.errors import FormatError
from byleave.settings import MIB

KEY = "key"
MOST_FIELDS_BYTES = 16 * MIB
COPY_BYTES = 8 * MIB


@dataclass(slots=True)
class Sample:
    """Files of one sample, which stand side by side."""

    key: str
    files: list[Extent] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The key without folders, as the Parquet file beside states it."""
        return self.key.rpartition("/")[2]

    @property
    def picture(self) -> Extent | None:
        """The first of its files that is a picture by its name."""
        return next((e for e in self.files if e.suffix.rpartition(".")[2] in PICTURE_SUFFIXES), None)


@dataclass(frozen=True, slots=True)
class TarShard:
    """One archive with the files beside it. Its rows are those of the Parquet file, where there is one, else its samples."""

    tar: InputFile
    parquet: InputFile | None = None
    statistics: InputFile | None = None

    @property
    def name(self) -> str:
        """The file whose rows are counted."""
        return (self.parquet or self.tar).name

    @property
    def files(self) -> tuple[InputFile, ...]:
        """All that are there."""
        return tuple(file for file in (self.tar, self.parquet, self.statistics) if file is not None)

    def count(self) -> int:
        """Count rows, or samples."""
        return parquet_count(self.parquet) if self.parquet else len(self._samples())

    def rows(self, *, digests: bool) -> Iterator[Rows]:
        """Yield what the Parquet file and the samples state; they must agree. A picture without a link is known by its bytes."""
        if self.parquet is None:
            samples = self._samples()
            facts = [self._facts(sample, hashed=digests) for sample in samples]
            yield Rows(self.name, 0, batch_of([link for link, _ in facts], [digest for _, digest in facts]))
            return
        by_row, _ = self._by_row(self.parquet)
        for rows in parquet_rows(self.parquet):
            links, stated = (column.to_pylist() for column in rows.batch.columns)
            for at, row in enumerate(range(rows.first, rows.first + len(links))):
                if row in by_row:
                    stated[at] = self._checked(by_row[row], links[at], stated[at], hashed=digests)
            yield Rows(rows.file, rows.first, batch_of(links, stated))

    def pictures(self) -> Iterator[tuple[str, bytes | None, Extent | None]]:
        """Yield of each row the key, the link, and where its picture stands in the archive."""
        if self.parquet is None:
            for sample in self._samples():
                yield sample.key, self._stated(sample)[0], sample.picture
            return
        by_row, keys = self._by_row(self.parquet)
        for rows in parquet_rows(self.parquet):
            for row, link in enumerate(rows.batch.column(0).to_pylist(), rows.first):
                key = keys[row].decode("utf-8", "replace")
                yield key, link, by_row[row].picture if row in by_row else None

    def content(self, extent: Extent) -> bytes:
        """Return the bytes of one file of the archive."""
        with self.tar.path.open("rb") as file:
            file.seek(extent.data)
            found = file.read(extent.size)
        if len(found) < extent.size:
            raise refuse(self.tar.name, "ends early")
        return found

    def write(self, stays: Flags, out: Path) -> None:
        """Copy the samples that stay, byte by byte, with their rows; count the statistics down by those that go."""
        samples = self._samples()
        if self.parquet is None:
            check_length(stays, len(samples), self.name)
            left = [sample for sample, keep in zip(samples, stays, strict=True) if not keep]
        else:
            places = self._places(self.parquet)
            check_length(stays, len(places), self.name)
            left = [sample for sample in samples if not stays[self._row_of(sample, places)]]
            write_parquet(self.parquet, stays, out)
        self._copy([extent for sample in left for extent in sample.files], out)
        if self.statistics is not None:
            write_statistics(self.statistics, self.parquet, stays, place_for(self.statistics, out))

    def _samples(self) -> list[Sample]:
        samples: list[Sample] = []
        keys: set[str] = set()
        for extent in extents(self.tar.path, self.tar.name):
            if not extent.is_sample:
                continue
            if not samples or samples[-1].key != extent.key:
                if extent.key in keys:
                    raise self._twice(extent.key)
                keys.add(extent.key)
                samples.append(Sample(extent.key))
            if any(extent.suffix == other.suffix for other in samples[-1].files):
                raise refuse(self.tar.name, f"{extent.key[:200]!r} has two files of one kind")
            samples[-1].files.append(extent)
        return samples

    def _twice(self, key: str) -> FormatError:
        says = f"holds samples of one key twice, or not side by side: {key[:200]!r}"
        return refuse(self.tar.name, says, "pack it again, with all files of a sample side by side")

    def _stated(self, sample: Sample) -> tuple[bytes | None, bytes | None]:
        """Return the link and the digest that the fields of a sample state."""
        fields = next((e for e in sample.files if e.suffix.rpartition(".")[2] == FIELDS_SUFFIX), None)
        if fields is None:
            return None, None
        if fields.size > MOST_FIELDS_BYTES:
            raise refuse(self.tar.name, f"the fields of {fields.key[:200]!r} are {fields.size:,} bytes long")
        return facts_of(self.content(fields), f"{self.tar.name} {sample.key[:200]}")[0]

    def _facts(self, sample: Sample, *, hashed: bool) -> tuple[bytes | None, bytes | None]:
        link, digest = self._stated(sample)
        if digest is None and (hashed or link is None):
            digest = self._picture_digest(sample)
        return link, digest

    def _checked(
        self, sample: Sample, link: bytes | None, digest: bytes | None, *, hashed: bool
    ) -> bytes | None:
        """Return the digest of a row, after comparing its link with the one in the archive."""
        inside, found = self._facts(sample, hashed=hashed and digest is None)
        if inside is not None and inside != link:
            raise refuse(
                self.tar.name, f"{sample.key[:200]!r} has another link than its row in the Parquet file"
            )
        return digest if digest is not None else found

    def _picture_digest(self, sample: Sample) -> bytes | None:
        picture = sample.picture
        if picture is None:
            return None
        digest = hashlib.sha256()
        with self.tar.path.open("rb") as file:
            file.seek(picture.data)
            left = picture.size
            while left:
                digest.update(part := file.read(min(left, COPY_BYTES)))
                left -= len(part)
                if not part:
                    raise refuse(self.tar.name, "ends early")
        return digest.digest()

    def _by_row(self, parquet: InputFile) -> tuple[dict[int, Sample], list[bytes]]:
        """Return the samples by the row of the Parquet file that has their key, and the keys of all rows."""
        samples, places = self._samples(), self._places(parquet)
        by_row: dict[int, Sample] = {}
        for sample in samples:
            if by_row.setdefault(self._row_of(sample, places), sample) is not sample:
                raise self._twice(sample.key)
        return by_row, list(places)

    def _places(self, parquet: InputFile) -> dict[bytes, int]:
        """Return the row of each key."""
        with open_parquet(parquet.path) as opened:
            if KEY not in opened.schema_arrow.names:
                raise refuse(parquet.name, f"has no column {KEY!r}, so its rows cannot be found in the tar")
            check_single(opened.schema_arrow, [KEY], parquet.name)
        keys = [key for batch in parquet_columns(parquet, KEY) for key in bytes_of(batch.column(0))]
        places = {key: row for row, key in enumerate(keys) if isinstance(key, bytes)}
        if len(places) < len(keys):
            raise refuse(parquet.name, "has rows without a key, or several of one")
        return places

    def _row_of(self, sample: Sample, places: Mapping[bytes, int]) -> int:
        row = places.get(sample.name.encode("utf-8", "surrogateescape"))
        if row is None:
            raise refuse(self.tar.name, f"{sample.key[:200]!r} has no row in the Parquet file beside it")
        return row

    def _copy(self, left: list[Extent], out: Path) -> None:
        """Copy the archive without some files, and without those that loaders pass over."""
        gone = {(e.begin, e.end) for e in left}
        gone |= {(e.begin, e.end) for e in extents(self.tar.path, self.tar.name) if not e.is_sample}
        ends = [0, *(end for _, end in sorted(gone))]
        begins = [*(begin for begin, _ in sorted(gone)), self.tar.path.stat().st_size]
        with self.tar.path.open("rb") as source, place_for(self.tar, out).open("wb") as target:
            for begin, end in zip(ends, begins, strict=True):
                source.seek(begin)
                left_bytes = end - begin
                while left_bytes:
                    part = source.read(min(left_bytes, COPY_BYTES))
                    if not part:
                        raise refuse(
                            self.tar.name, "became shorter while it was read", "run the same command again"
                        )
                    target.write(part)
                    left_bytes -= len(part)
