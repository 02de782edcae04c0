"""Folders of ``clip-retrieval``: metadata and embeddings whose rows stand in step, and leave in step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from byleave.apply.forms.parquet_rows import parquet_count, parquet_rows, write_parquet
from byleave.apply.forms.units import ROWS_AT_ONCE, Rows, check_length, place_for, refuse
from byleave.apply.inputs import InputFile
from byleave.apply.judging import Flags
from byleave.storage import refuse_disk_faults

FOLDER, STEM = "metadata", "metadata_"


@dataclass(frozen=True, slots=True)
class EmbeddingPart:
    """One numbered part: its metadata, and a file of embeddings for each kind, such as ``img_emb`` and ``text_emb``."""

    metadata: InputFile
    embeddings: tuple[InputFile, ...]

    @property
    def name(self) -> str:
        """The metadata file, whose rows are counted."""
        return self.metadata.name

    @property
    def files(self) -> tuple[InputFile, ...]:
        """All of them."""
        return (self.metadata, *self.embeddings)

    def count(self) -> int:
        """How many rows the metadata has."""
        return parquet_count(self.metadata)

    def rows(self, *, digests: bool) -> Iterator[Rows]:  # noqa: ARG002 - embeddings are no files at hand
        """Yield links and digests of the metadata, once all parts are seen to be of one length."""
        rows = self.count()
        for file in self.embeddings:
            found = len(_mapped(file))
            if found != rows:
                raise refuse(
                    file.name,
                    f"{found:,} embeddings where {self.metadata.name} has {rows:,} rows",
                    "make the embeddings and their metadata again: nobody can tell which belong together",
                )
        yield from parquet_rows(self.metadata)

    def write(self, stays: Flags, out: Path) -> None:
        """Write rows and embeddings that stay."""
        write_parquet(self.metadata, stays, out)
        for file in self.embeddings:
            mapped = _mapped(file)
            check_length(stays, len(mapped), file.name)
            _write(mapped, stays, place_for(file, out))


def _mapped(file: InputFile) -> npt.NDArray[Any]:
    try:
        mapped = np.load(file.path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        refuse_disk_faults(error, file.path)
        raise refuse(file.name, f"no array of numbers: {str(error)[:150]}") from error
    if not isinstance(mapped, np.ndarray) or mapped.ndim == 0:
        raise refuse(file.name, "no array with rows")
    return mapped


def _write(mapped: npt.NDArray[Any], stays: Flags, path: Path) -> None:
    shape = (int(stays.sum()), *mapped.shape[1:])
    with path.open("wb") as target:
        np.lib.format.write_array_header_1_0(
            target,
            {"descr": np.lib.format.dtype_to_descr(mapped.dtype), "fortran_order": False, "shape": shape},
        )
        for first in range(0, len(mapped), ROWS_AT_ONCE):
            part = mapped[first : first + ROWS_AT_ONCE][stays[first : first + ROWS_AT_ONCE]]
            target.write(np.ascontiguousarray(part).tobytes())
