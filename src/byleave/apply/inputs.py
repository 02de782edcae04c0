"""One file of the input: the columns that decide, and Parquet opened with care."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from byleave.apply.matching import is_textual
from byleave.errors import FormatError
from byleave.storage import refuse_disk_faults

LINK_NAMES = ("url", "image_url")
DIGEST_NAMES = ("sha256",)
"""Lower-case column names, the first present one wins."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file: where it is, and its name below the output folder."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that decide; ``None`` where a file has none."""

    link: str | None
    digest: str | None

    def names(self) -> list[str]:
        """Return the names of those that are there."""
        return sorted({name for name in (self.link, self.digest) if name})


def columns_of(schema: pa.Schema, name: str, *, required: bool = True) -> Columns:
    """Find the deciding columns of a file, of which there must be one where that is ``required``.

    Raises
    ------
    FormatError
        If it has neither links nor digests of files, or one twice, or they hold something else than text or bytes.
    """
    columns = Columns(_first(schema, LINK_NAMES), _first(schema, DIGEST_NAMES))
    if required and columns.link is None and columns.digest is None:
        raise FormatError(
            f"{name} has no column named {' or '.join((*LINK_NAMES, *DIGEST_NAMES))}",
            remedy="rename the column that holds the links to 'url'",
        )
    check_single(schema, columns.names(), name)
    for column in (columns.link, columns.digest):
        kind = schema.field(column).type if column else None
        if kind is not None and not (is_textual(kind) or pa.types.is_fixed_size_binary(kind)):
            raise FormatError(
                f"column {column!r} of {name} holds {kind}, not text", remedy="write it as text"
            )
    return columns


def check_single(schema: pa.Schema, wanted: Iterable[str], name: str) -> None:
    """Refuse a file, called ``name``, in which a column that is asked for stands more than once: nobody can tell which one is meant.

    Raises
    ------
    FormatError
        If there is one.
    """
    for column in wanted:
        count = schema.names.count(column)
        if count > 1:
            raise FormatError(
                f"{name} has {count} columns named {column!r}, and readers would differ about which counts",
                remedy="rename or drop all but one of them",
            )


def open_parquet(path: Path, *, dictionaries: Sequence[str] = ()) -> pq.ParquetFile:
    """Open a Parquet file that somebody else wrote, with its page checksums checked where it has them; read ``dictionaries`` as such."""
    with reading_parquet(path):
        return pq.ParquetFile(path, page_checksum_verification=True, read_dictionary=list(dictionaries))


@contextmanager
def reading_parquet(path: Path) -> Iterator[None]:
    """Tell of errors while a Parquet file is read, or what stays of it written.

    Raises
    ------
    FormatError
        If it is damaged.
    UnavailableError
        If the place where it stands does not answer, or nothing more can be written where the output goes.
    """
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> FormatError:
    """Return the error for a Parquet file that cannot be read.

    Raises
    ------
    UnavailableError
        If that is no fault of the file.
    """
    refuse_disk_faults(error, path)
    lines = str(error).splitlines() or [type(error).__name__]
    return FormatError(
        f"{path} cannot be read as Parquet: {lines[0][:200]}",
        remedy="fetch the file again, or take it out of the input and apply to the rest",
    )


def _first(schema: pa.Schema, names: Sequence[str]) -> str | None:
    by_lower = {name.lower(): name for name in reversed(schema.names)}
    return next((by_lower[name] for name in names if name in by_lower), None)
