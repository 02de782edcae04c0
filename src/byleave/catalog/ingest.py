"""Bring a dataset into the catalog, shard by shard, so that a run killed anywhere is finished by the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np

from byleave.catalog.info import DatasetInfo, SourceInfo, checked_name, dataset_version, read_info, write_info
from byleave.catalog.ledger import Journal, Tally, lease
from byleave.catalog.pictures import Described, Describers, Outcome
from byleave.catalog.rows import Row, coalesce, link_of, name_rows, prepare
from byleave.catalog.schema import from_arrow, sample_schema, to_arrow
from byleave.catalog.table import SampleTable
from byleave.datasets import Record, Reject, Shard, Source, source_digest
from byleave.errors import ConflictError
from byleave.fingerprints import PICTURE_VERSION
from byleave.media import THUMBNAIL_PX, Unusable
from byleave.media.models import caption_card, caption_model, picture_card
from byleave.settings import Limits

CAPTIONS_AT_ONCE = 1_024


class Progress(Protocol):
    """Told how far an ingest is."""

    def begin(self, what: str, total: int) -> None:
        """Begin a stage; ``total`` is in bytes of the source."""

    def advance(self, amount: int, samples: int) -> None:
        """Count so many more bytes and samples as done."""


class Silent:
    """Shows nothing."""

    def begin(self, what: str, total: int) -> None: ...

    def advance(self, amount: int, samples: int) -> None: ...


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How to ingest.

    thumbnails
        Keep a small JPEG of every picture.
    workers
        Processes that read pictures; ``None`` for one per core, 0 for none beside this one.
    forget_unfinished
        Give up a source that was begun and not finished: the dataset returns to what it was before.
    """

    thumbnails: bool = True
    workers: int | None = None
    forget_unfinished: bool = False
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What went in.

    resumed
        Shards that an earlier, interrupted run had finished.
    already
        Whether the same bytes were in before, and nothing was done.
    """

    dataset: DatasetInfo
    source: SourceInfo
    resumed: int = 0
    already: bool = False


def ingest(
    source: Source,
    *,
    folder: Path,
    now: Callable[[], datetime],
    options: IngestOptions,
    progress: Progress | None = None,
) -> IngestReport:
    """Ingest one source into the dataset whose folder is given; its name is the folder's.

    Raises
    ------
    ConflictError
        If another process writes this dataset, another source was begun and not finished, or the dataset was made with
        other models.
    """
    checked_name(folder.name)
    shown = progress or Silent()
    with lease(folder, now=now(), purpose=f"ingest of {source.path}"):
        shown.begin("reading", source.size)
        digest = source_digest(source.path)
        run = _Run(source, digest, folder, now, options, shown)
        return run.go()


@dataclass(slots=True)
class _Run:
    source: Source
    digest: str
    folder: Path
    now: Callable[[], datetime]
    options: IngestOptions
    progress: Progress

    def go(self) -> IngestReport:
        info = self._opened()
        known = next((s for s in info.sources if s.digest == self.digest), None)
        if known is not None and known.finished:
            return IngestReport(info, known, already=True)
        table = SampleTable(self.folder / "samples.lance")
        info = self._begun(info, table, known)
        journal = Journal(self.folder, self.digest)
        resumed = len(journal.finished)
        self._shards(table, journal, first=len(info.sources) == 1)
        table.settle()
        return self._finished(info, table, journal, resumed)

    def _opened(self) -> DatasetInfo:
        info = read_info(self.folder)
        models = current_models()
        if info is None:
            return DatasetInfo(self.folder.name, dataset_version([]), 0, 0, self.now(), models)
        if info.models != models:
            raise ConflictError(
                f"the dataset {info.name!r} was made with {_listed(info.models)}, this installation has {_listed(models)}",
                remedy="ingest the source under a new dataset name",
            )
        unfinished = info.unfinished
        if unfinished is None or unfinished.digest == self.digest:
            return info
        if not self.options.forget_unfinished:
            raise ConflictError(
                f"the ingest of {unfinished.path} into {info.name!r} was begun and not finished",
                remedy=f"finish it by `byleave ingest {unfinished.path} --dataset {info.name}`, "
                "or give it up by `--forget-unfinished`",
            )
        return self._forgotten(info, unfinished)

    def _forgotten(self, info: DatasetInfo, unfinished: SourceInfo) -> DatasetInfo:
        SampleTable(self.folder / "samples.lance").restore(unfinished.version_before)
        Journal(self.folder, unfinished.digest).forget()
        remaining = info.with_sources(tuple(s for s in info.sources if s.digest != unfinished.digest))
        write_info(self.folder, remaining)
        return remaining

    def _begun(self, info: DatasetInfo, table: SampleTable, known: SourceInfo | None) -> DatasetInfo:
        if not table.exists:
            table.create(sample_schema(picture_dim=picture_card().dim, caption_dim=caption_card().dim))
        if known is not None:
            return info
        Journal(self.folder, self.digest).forget()
        begun = SourceInfo(
            str(self.source.path), self.source.format.value, self.digest, version_before=table.open().version
        )
        info = info.with_source(begun)
        write_info(self.folder, info)
        return info

    def _shards(self, table: SampleTable, journal: Journal, *, first: bool) -> None:
        self.progress.begin("ingesting", self.source.size)
        thumbnail_px = THUMBNAIL_PX if self.options.thumbnails else None
        with Describers(
            limits=self.options.limits, thumbnail_px=thumbnail_px, workers=self.options.workers
        ) as describers:
            for shard in self.source.shards():
                done = journal.finished.get(shard.name)
                if done is None:
                    done, rejects = self._shard(shard, table, describers, journal, first=first)
                    journal.finish(shard.name, done, rejects)
                self.progress.advance(shard.size, done.samples)

    def _shard(
        self, shard: Shard, table: SampleTable, describers: Describers, journal: Journal, *, first: bool
    ) -> tuple[Tally, list[Reject]]:
        read = _read_shard(shard, describers)
        rows = _rows_of(read, dataset=self.folder.name, limits=self.options.limits)
        if rows:
            elsewhere = (
                table.twins_elsewhere(
                    (_bytes(r["twin_key"]) for r in rows), source=self.digest, shard=shard.name
                )
                if journal.finished
                else {}
            )
            name_rows(rows, dataset=self.folder.name, elsewhere=elsewhere)
            for row in rows:
                row["source"], row["shard"] = self.digest, shard.name
            _embed_captions(rows)
            if not first:
                _fill(rows, table, self.options.limits)
            table.merge(to_arrow(rows, table.open().schema))
        tally = read.tally
        tally.samples = len(rows)
        tally.rejected.update(reject.kind for reject in read.rejects)
        return tally, read.rejects

    def _finished(
        self, info: DatasetInfo, table: SampleTable, journal: Journal, resumed: int
    ) -> IngestReport:
        total = journal.total()
        begun = next(s for s in info.sources if s.digest == self.digest)
        done = replace(
            begun,
            finished=True,
            samples=total.samples,
            with_pictures=total.with_pictures,
            rejected=dict(sorted(total.rejected.items())),
            cleaned=dict(sorted(total.cleaned.items())),
        )
        rows = table.open()
        info = replace(
            info.with_source(done),
            samples=rows.count_rows(),
            with_pictures=rows.count_rows("digest IS NOT NULL"),
            as_of=self.now(),
        )
        write_info(self.folder, info)
        table.forget_old_versions()
        return IngestReport(info, done, resumed)


@dataclass(slots=True)
class _Read:
    records: list[tuple[Record, Outcome | None]]
    rejects: list[Reject]
    tally: Tally


def current_models() -> dict[str, str]:
    """Name what vectors and fingerprints are made with here."""
    return {
        "captions": caption_card().model_id,
        "fingerprint": PICTURE_VERSION,
        "picture": picture_card().model_id,
    }


def _read_shard(shard: Shard, describers: Describers) -> _Read:
    """Read a shard; each picture's bytes go to the describers and are let go of."""
    records: list[tuple[Record, bool]] = []
    rejects: list[Reject] = []

    def encoded() -> Iterator[bytes]:
        for item in shard.read():
            if isinstance(item, Reject):
                rejects.append(item)
                continue
            if item.picture is None:
                records.append((item, False))
            else:
                records.append((replace(item, picture=None), True))
                yield item.picture

    outcomes = iter(list(describers.describe(encoded())))
    paired = [(record, next(outcomes) if has_picture else None) for record, has_picture in records]
    return _Read(paired, rejects, Tally())


def _rows_of(read: _Read, *, dataset: str, limits: Limits) -> list[Row]:
    """Make rows; what has neither a usable link nor a usable picture is a reject."""
    rows: list[Row] = []
    for record, outcome in read.records:
        if isinstance(outcome, Unusable):
            read.rejects.append(Reject(f"picture_{outcome.kind}", record.where, outcome.detail))
        if record.failure is not None:
            read.tally.rejected["download_failed"] += 1
        picture = outcome if isinstance(outcome, Described) else None
        link = link_of(record, limits)
        if isinstance(link, Reject):
            read.rejects.append(link)
            link = None
        elif link is None and picture is None and outcome is None:
            read.rejects.append(Reject("no_url", record.where))
        if link is None and picture is None:
            continue
        prepared = prepare(record, picture, link, dataset=dataset, limits=limits)
        read.tally.cleaned.update(prepared.cleaned)
        read.tally.with_pictures += picture is not None
        rows.append(prepared.row)
    return rows


def _embed_captions(rows: list[Row]) -> None:
    worded = [row for row in rows if row["caption"]]
    for start in range(0, len(worded), CAPTIONS_AT_ONCE):
        part = worded[start : start + CAPTIONS_AT_ONCE]
        vectors = caption_model().embed([str(row["caption"]) for row in part]).astype(np.float16)
        for row, vector in zip(part, vectors, strict=True):
            row["caption_vector"] = vector if vector.any() else None


def _fill(rows: list[Row], table: SampleTable, limits: Limits) -> None:
    by_key = {_bytes(row["sample_key"]): row for row in rows}
    for part in table.by_keys(list(by_key)):
        for old in from_arrow(part):
            coalesce(by_key[_bytes(old["sample_key"])], old, limits)


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"expected bytes, not {type(value).__name__}")
    return value


def _listed(models: dict[str, str]) -> str:
    return ", ".join(sorted(models.values()))
