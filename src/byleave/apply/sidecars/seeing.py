"""The sidecars of an input, held to its bytes, and read beside its rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeGuard

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from byleave.apply.forms.tar_shards import TarShard
from byleave.apply.forms.units import Unit
from byleave.apply.inputs import InputFile
from byleave.apply.judging import Flags
from byleave.apply.sidecars.file import MAKE_AGAIN, SIDECAR_FOLDER, SidecarFacts, read_facts, sidecar_name
from byleave.apply.sidecars.seen import Seen
from byleave.apply.sidecars.shards import digest_of
from byleave.errors import NotFoundError, VerificationError
from byleave.fingerprints import PDQ_BYTES, PICTURE_VERSION
from byleave.release import Release
from byleave.storage import refuse_disk_faults
from byleave.storage.outputs import file_digest
from byleave.urls.bulk.sha256 import Bytes
from byleave.urls.names import DIGEST_BYTES

_COLUMNS = ("sha256", "pdq", "pdq_trimmed", "quality", "reason")


@dataclass(frozen=True, slots=True)
class Sidecars:
    """Those that stand in a folder and were held to the input, by the names of their shards.

    sha256
        Over the digests of all, by which a run that goes on knows that none has changed.
    """

    paths: Mapping[str, Path]
    facts: tuple[SidecarFacts, ...]
    sha256: str

    def here(self, name: str) -> AbstractContextManager[Sidecars]:  # noqa: ARG002 - all stand here
        """Give them where that of one shard can be read."""
        return nullcontext(self)

    def beside(self, name: str) -> Seeing:
        """Read beside the rows of a shard."""
        return Seeing(self.paths.get(name))


class AnySidecars(Protocol):
    """The sidecars of an input wherever they stand, as the coordinator of a run knows them and workers get them."""

    @property
    def facts(self) -> tuple[SidecarFacts, ...]:
        """What they say of themselves."""

    @property
    def sha256(self) -> str:
        """Over the digests of all."""

    def here(self, name: str) -> AbstractContextManager[Sidecars]:
        """Give them where that of one shard can be read."""


class Seeing:
    """One sidecar read forward; where a shard has none, nothing is seen."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._batches = _batches(path) if path is not None else iter(())
        self._held: list[pa.RecordBatch] = []
        self._rows = 0

    def take(self, rows: int) -> Seen | None:
        """Return what is said of the next rows.

        Raises
        ------
        VerificationError
            If the sidecar has no more.
        """
        if self.path is None:
            return None
        while self._rows < rows:
            batch = next(self._batches, None)
            if batch is None:
                raise VerificationError(f"{self.path} has fewer rows than its shard", remedy=MAKE_AGAIN)
            self._held.append(batch)
            self._rows += batch.num_rows
        table = pa.Table.from_batches(self._held)
        self._held = table.slice(rows).to_batches()
        self._rows -= rows
        return _seen(table.slice(0, rows).combine_chunks())


class Fitting:
    """Takes sidecars one after the other and holds each to its part of an input.

    Parameters
    ----------
    rows, digests
        Of each file of the input by its name: how many rows are counted, where that is known before it is read, and the SHA-256 (hex).
    """

    def __init__(self, rows: Mapping[str, int], digests: Mapping[str, str]) -> None:
        self._rows = rows
        self._digests = digests
        self._facts: list[SidecarFacts] = []
        self._whole = hashlib.sha256()

    def take(self, part: InputFile | TarShard, told: SidecarFacts, digest: str, where: str) -> None:
        """Take the next one, with its SHA-256 (hex); ``where`` is what errors call it.

        Raises
        ------
        VerificationError
            If it was made of other bytes, or with fingerprints of another version.
        """
        _check(where, told, part, self._rows.get(part.name, told.rows), self._digests)
        self._facts.append(told)
        self._whole.update(f"{digest}  {part.name}\n".encode("utf-8", "surrogateescape"))

    def found(self, where: str) -> tuple[tuple[SidecarFacts, ...], str]:
        """Return what all say of themselves, and the SHA-256 (hex) over their digests.

        Raises
        ------
        NotFoundError
            If there was none.
        """
        if not self._facts:
            raise NotFoundError(
                f"{where} holds no fingerprints of this input",
                remedy="make them with `byleave fingerprint`, and name the folder it says",
            )
        return tuple(self._facts), self._whole.hexdigest()


def open_sidecars(folder: Path, parts: Iterable[InputFile | Unit], fitting: Fitting) -> Sidecars:
    """Open the sidecars of an input's parts; a part may have none, and its rows then count as not compared.

    Parameters
    ----------
    folder
        Where the sidecars stand, or a dataset with them beside its shards.

    Raises
    ------
    NotFoundError
        If there is none for any part.
    FormatError
        If one cannot be read.
    VerificationError
        If one was made of other bytes, or with fingerprints of another version.
    """
    paths: dict[str, Path] = {}
    beside = folder / SIDECAR_FOLDER
    if beside.is_dir():
        folder = beside
    for part in parts:
        path = folder / sidecar_name(part.name)
        if may_have_sidecar(part) and path.is_file():
            fitting.take(part, read_facts(path), file_digest(path), str(path))
            paths[part.name] = path
    return Sidecars(paths, *fitting.found(str(folder)))


def may_have_sidecar(part: InputFile | Unit) -> TypeGuard[InputFile | TarShard]:
    """Whether a part of an input is of a form whose pictures are fingerprinted."""
    return isinstance(part, InputFile | TarShard)


def check_versions(releases: Iterable[Release]) -> None:
    """Refuse a list whose fingerprints are of another version than those made here.

    Raises
    ------
    VerificationError
        If one is.
    """
    for release in releases:
        if release.fingerprint_version != PICTURE_VERSION:
            raise VerificationError(
                f"the list of {release.origin} holds fingerprints of version {release.fingerprint_version}, "
                f"and {PICTURE_VERSION} are compared here",
                remedy="use the version of Byleave that the list was published with, for `byleave fingerprint` as well",
            )


def _check(
    where: str, told: SidecarFacts, part: InputFile | TarShard, rows: int, digests: Mapping[str, str]
) -> None:
    if told.fingerprint_version != PICTURE_VERSION:
        raise VerificationError(
            f"{where} holds fingerprints of version {told.fingerprint_version}, and {PICTURE_VERSION} are compared here",
            remedy="make it again with this version of Byleave by `byleave fingerprint`",
        )
    named = {file.name: file.sha256 for file in told.files}
    expected = {file.name for file in _pictured(part)}
    found = {name: digests[name] if name in digests else _folder_digest(part, name) for name in named}
    if told.shard != part.name or told.rows != rows or not expected <= named.keys() or found != named:
        raise VerificationError(f"{where} was not made of {part.name} as it is now", remedy=MAKE_AGAIN)


def _pictured(part: InputFile | TarShard) -> list[InputFile]:
    """Return the files of a part that its samples are read from."""
    if isinstance(part, InputFile):
        return [part]
    return [file for file in (part.tar, part.parquet) if file is not None]


def _folder_digest(part: InputFile | TarShard, name: str) -> str | None:
    """Return the digest of the folder of pictures beside a Parquet file, which is no part of the input and yet named."""
    if isinstance(part, InputFile) and name == part.name.rpartition(".")[0]:
        folder = part.path.with_suffix("")
        return digest_of(InputFile(folder, name)).sha256 if folder.is_dir() else None
    return None


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield from file.iter_batches(columns=list(_COLUMNS), use_threads=False)
    except (pa.ArrowException, OSError) as error:
        refuse_disk_faults(error, path)
        raise VerificationError(f"{path} cannot be read: {str(error)[:150]}", remedy=MAKE_AGAIN) from error


def _seen(table: pa.Table) -> Seen:
    digests, plain, trimmed, quality, reasons = (_column(table, name) for name in _COLUMNS)
    with_print = _there(plain) & _there(trimmed)
    return Seen(
        with_digest=_there(digests),
        digests=_fixed(digests, DIGEST_BYTES),
        with_print=with_print,
        plain=_fixed(plain, PDQ_BYTES),
        trimmed=_fixed(trimmed, PDQ_BYTES),
        quality=quality.fill_null(0).to_numpy(zero_copy_only=False),
        reasons=reasons,
    )


def _column(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    return column.chunk(0) if column.num_chunks else pa.array([], table.schema.field(name).type)


def _there(column: pa.Array) -> Flags:
    present: Flags = column.is_valid().to_numpy(zero_copy_only=False)
    return present


def _fixed(column: pa.Array, size: int) -> Bytes:
    """Return values of one length as uint8 (n, size), in memory of their own."""
    if not len(column):
        return np.zeros((0, size), np.uint8)
    raw = np.frombuffer(column.buffers()[1], np.uint8)
    values: Bytes = raw[column.offset * size : (column.offset + len(column)) * size].reshape(-1, size).copy()
    return values
