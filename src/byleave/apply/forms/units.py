"""What is decided and rewritten together: one file, or several whose rows stand in step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from byleave.apply.inputs import Columns, InputFile
from byleave.apply.judging import Flags
from byleave.errors import FormatError

LINK, DIGEST = "url", "sha256"
DECIDING = Columns(LINK, DIGEST)
"""The columns of every batch of rows, both large_binary: the link, and the SHA-256 of the file in 32 bytes or 64 hex digits."""

ROWS_AT_ONCE = 65_536

FETCH_AGAIN = "fetch the file again, or take it out of the input and apply to the rest"


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows: the name of the file they stand in, the place of the first in it, and what decides."""

    file: str
    first: int
    batch: pa.RecordBatch


class Unit(Protocol):
    """One part of a dataset, decided and rewritten as a whole. It travels to worker processes, so it holds names and no open files."""

    @property
    def name(self) -> str:
        """What the unit is called in reports and errors: a path below the input."""

    @property
    def files(self) -> tuple[InputFile, ...]:
        """All its files. Each is written again under its name."""

    def count(self) -> int:
        """How many rows it has."""

    def rows(self, *, digests: bool) -> Iterator[Rows]:
        """Yield all rows in order. With ``digests``, files at hand are hashed where no digest is stated.

        Raises
        ------
        FormatError
            If any of it cannot be read, or its parts do not agree.
        """

    def write(self, stays: Flags, out: Path) -> None:
        """Write the rows that stay, bool (rows,), below the folder ``out``."""


def batch_of(links: Sequence[bytes | None], digests: Sequence[bytes | None]) -> pa.RecordBatch:
    """Make the batch that decides about rows with these links and digests."""
    return pa.record_batch(
        [pa.array(links, pa.large_binary()), pa.array(digests, pa.large_binary())], names=[LINK, DIGEST]
    )


def place_for(file: InputFile, out: Path) -> Path:
    """Return where a file is written, with its folder made."""
    path = out / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def refuse(name: str, says: str, remedy: str = FETCH_AGAIN) -> FormatError:
    """Return the error for a file that cannot be read or does not agree with the others."""
    return FormatError(f"{name}: {says}", remedy=remedy)


def check_length(stays: Flags, rows: int, name: str) -> None:
    """Refuse to write by a mask of another length: the file changed since it was decided about."""
    if len(stays) != rows:
        raise refuse(name, f"{rows:,} rows where {len(stays):,} were decided", "run the same command again")


def no_rows() -> Flags:
    """Return a mask of no rows."""
    return np.zeros(0, np.bool_)
