"""The catalog: all datasets under one home, and everything that can be done with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from byleave import media
from byleave.catalog import copies
from byleave.catalog.dataset import Dataset
from byleave.catalog.info import DatasetInfo, checked_name, read_info
from byleave.catalog.ingest import IngestOptions, IngestReport, Progress, ingest
from byleave.catalog.places import Standing, where_covered
from byleave.catalog.queries import Answer, Copy, Page, Query, Sample
from byleave.catalog.search import PictureReader, read_query, search
from byleave.catalog.works import FoundWork, works_near
from byleave.consent import TargetKind
from byleave.datasets import open_source
from byleave.errors import ConflictError, NotFoundError
from byleave.fingerprints import PICTURE_VERSION, ClaimedPicture
from byleave.settings import Limits

_SAMPLE_COLUMNS = (
    "sample_key", "item_id", "url", "canonical_url", "host", "domain", "caption", "metadata", "creator", "rights",
    "width", "height", "digest", "pdq", "pdq_trimmed", "picture_version", "quality", "unsafe_score",
)  # fmt: skip


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class Catalog:
    """All datasets below ``home/catalog``. Holds nothing open: every call sees what other processes have committed."""

    def __init__(
        self, home: Path, *, limits: Limits | None = None, now: Callable[[], datetime] = utc_now
    ) -> None:
        self.folder = home / "catalog"
        self.limits = limits or Limits()
        self.now = now

    def datasets(self) -> list[DatasetInfo]:
        """List datasets by name. The count of samples is that of this moment, the version that of finished sources."""
        return [self._counted(dataset) for dataset in self._all()]

    def dataset(self, name: str) -> DatasetInfo:
        """Describe one dataset.

        Raises
        ------
        NotFoundError
            If the catalog has none of that name.
        """
        return self._counted(self._named(name))

    def ingest(
        self,
        source: Path,
        *,
        dataset: str,
        format: str | None = None,
        options: IngestOptions | None = None,
        progress: Progress | None = None,
    ) -> IngestReport:
        """Bring a source into a dataset, or finish bringing it in. See :func:`byleave.catalog.ingest.ingest`."""
        chosen = options or IngestOptions(limits=self.limits)
        opened = open_source(source, format, limits=chosen.limits)
        return ingest(
            opened,
            folder=self.folder / checked_name(dataset),
            now=self.now,
            options=chosen,
            progress=progress,
        )

    def search(self, query: Query, page: Page | None = None, *, reader: PictureReader = media) -> Answer:
        """Answer a query; ``reader`` decodes a query picture, in this process unless told otherwise."""
        asked_page = page or Page()
        datasets = [self._named(name) for name in dict.fromkeys(asked_page.datasets)] or self._all()
        asked = read_query(query, limits=self.limits, reader=reader)
        return search(asked, datasets, asked_page, limits=self.limits)

    def sample(self, dataset: str, sample_key: bytes) -> Sample:
        """Return one sample.

        Raises
        ------
        NotFoundError
            If the dataset, or a sample of that key in it, does not exist.
        """
        return self.samples(dataset, [sample_key])[0]

    def samples(self, dataset: str, sample_keys: Sequence[bytes]) -> list[Sample]:
        """Return samples in the order of their keys; a missing one is a :class:`NotFoundError`."""
        columns = {name: name for name in _SAMPLE_COLUMNS} | {"has_thumbnail": "thumbnail IS NOT NULL"}
        table = self._named(dataset).table
        found = {row["sample_key"]: row for row in table.light_rows(sample_keys, columns)}
        missing = [key for key in sample_keys if key not in found]
        if missing:
            raise NotFoundError(
                f"the dataset {dataset!r} has no sample {missing[0].hex()}", remedy="search for it again"
            )
        return [
            Sample(**(found[key] | {"dataset": dataset, "metadata": json.loads(found[key]["metadata"])}))
            for key in sample_keys
        ]

    def find_samples(self, sample_key: bytes) -> list[Sample]:
        """Return the sample of this key from whichever dataset holds it: none or one."""
        return [
            self.sample(dataset.name, sample_key)
            for dataset in self._all()
            if dataset.table.open().count_rows(f"sample_key = X'{sample_key.hex()}'")
        ]

    def thumbnail(self, dataset: str, sample_key: bytes) -> bytes | None:
        """Return the JPEG kept of a sample, or ``None`` when there is none."""
        for part in self._named(dataset).table.by_keys([sample_key], ["thumbnail"]):
            for value in part.column(0).to_pylist():
                return bytes(value) if value is not None else None
        return None

    def copies_of(self, claimed: ClaimedPicture, dataset: str, radius: int) -> list[Copy]:
        """Return every sample whose picture is within ``radius`` (0..255 of 256 bits), nearest first. Exact.

        Raises
        ------
        ConflictError
            If picture or dataset were fingerprinted by another version.
        """
        opened = self._named(dataset)
        _check_version(claimed.version, opened.info)
        near = copies.open_copy_index(opened.table, opened.folder / "copies").near(claimed, radius)
        columns = {name: name for name in ("sample_key", "url", "host")}
        rows = {
            row["sample_key"]: row for row in opened.table.light_rows([n.sample_key for n in near], columns)
        }
        return [
            Copy(n.sample_key, n.item_id, n.distance, rows[n.sample_key]["url"], rows[n.sample_key]["host"])
            for n in near
            if n.sample_key in rows
        ]

    def works_of(
        self, claimed: Iterable[ClaimedPicture], dataset: str, radius: int
    ) -> Iterator[tuple[FoundWork, ...]]:
        """Yield, for each picture, the different works among the samples within ``radius``; the index is opened once for all.

        Raises
        ------
        ConflictError
            If a picture or the dataset were fingerprinted by another version.
        """
        opened = self._named(dataset)
        index = copies.open_copy_index(opened.table, opened.folder / "copies")
        for one in claimed:
            _check_version(one.version, opened.info)
            yield works_near(index, one, radius)

    def hosts_of(self, claimed: ClaimedPicture, dataset: str, radius: int, *, among: int) -> int:
        """Count the hosts on which the copies of a picture stand, the nearest ``among`` of them."""
        opened = self._named(dataset)
        _check_version(claimed.version, opened.info)
        near = copies.open_copy_index(opened.table, opened.folder / "copies").near(claimed, radius)
        keys = [one.sample_key for one in near[:among]]
        return len({row["host"] for row in opened.table.light_rows(keys, {"host": "host"})} - {None})

    def standing_at(
        self, dataset: str, kind: TargetKind, values: Sequence[str], *, first: int = 12
    ) -> Standing:
        """Say how many samples the targets of one kind cover, by their plain values, and name the first few keys."""
        where = where_covered(kind, values)
        if where is None or not values:
            return Standing(0, ())
        table = self._named(dataset).table.open()
        keys = table.to_table(columns=["sample_key"], filter=where, limit=first).column(0).to_pylist()
        return Standing(table.count_rows(where), tuple(sorted(keys)))

    def fingerprints(self, dataset: str) -> Iterator[pa.RecordBatch]:
        """Yield ``sample_key, item_id, pdq, pdq_trimmed, quality`` of all samples with pixels."""
        return copies.fingerprints(self._named(dataset).table)

    def table_digest(self, dataset: str) -> str:
        """Return one SHA-256 (hex) over all samples of a dataset, however they are stored."""
        return self._named(dataset).table.digest()

    def _all(self) -> list[Dataset]:
        folders = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        infos = ((folder, read_info(folder)) for folder in folders if folder.is_dir())
        return [Dataset(folder, info) for folder, info in infos if info is not None]

    def _named(self, name: str) -> Dataset:
        folder = self.folder / checked_name(name)
        info = read_info(folder)
        if info is None:
            known = ", ".join(dataset.name for dataset in self._all()) or "none yet"
            raise NotFoundError(
                f"there is no dataset {name!r}; the catalog has: {known}",
                remedy="bring it in by `byleave ingest SOURCE --dataset NAME`",
            )
        return Dataset(folder, info)

    def _counted(self, dataset: Dataset) -> DatasetInfo:
        table = dataset.table.open()
        return replace(
            dataset.info, samples=table.count_rows(), with_pictures=table.count_rows("digest IS NOT NULL")
        )


def _check_version(version: str, info: DatasetInfo) -> None:
    if not version == info.models.get("fingerprint") == PICTURE_VERSION:
        raise ConflictError(
            f"a fingerprint of version {version!r} cannot be compared with those of {info.name!r}",
            remedy="compute the fingerprint again from the file, or ingest the dataset again under a new name",
        )
