"""Lance tables. A filter writes a new table; :func:`delete_rows` turns a mask into deletions of the table itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from byleave.apply.forms.parquet_rows import rows_of
from byleave.apply.forms.units import ROWS_AT_ONCE, Rows, check_length, refuse
from byleave.apply.inputs import InputFile, columns_of
from byleave.apply.judging import Flags
from byleave.errors import InputError, MissingExtraError
from byleave.storage import refuse_disk_faults

VERSIONS = "_versions"


@dataclass(frozen=True, slots=True)
class LanceTable:
    """One table: its folder, the folder's name below the input, and the files in it."""

    folder: Path
    name: str
    files: tuple[InputFile, ...]

    def count(self) -> int:
        """Count the rows that were not deleted."""
        return int(_open(self.folder, self.name).count_rows())

    def rows(self, *, digests: bool) -> Iterator[Rows]:  # noqa: ARG002 - cells are known by their links
        """Yield links and digests in the order of the table."""
        table = _open(self.folder, self.name)
        columns = columns_of(table.schema, self.name)
        batches = table.to_batches(columns=columns.names(), batch_size=ROWS_AT_ONCE, scan_in_order=True)
        yield from rows_of(self.name, batches, columns)

    def write(self, stays: Flags, out: Path) -> None:
        """Write a new table, so that nothing of the rows that go is left in an older version of it."""
        table = _open(self.folder, self.name)
        check_length(stays, int(table.count_rows()), self.name)

        def kept() -> Iterator[pa.RecordBatch]:
            row = 0
            for batch in table.to_batches(scan_in_order=True):
                yield batch.filter(pa.array(stays[row : row + batch.num_rows]))
                row += batch.num_rows

        path = out / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        reader = pa.RecordBatchReader.from_batches(table.schema, kept())
        _lance().write_dataset(
            reader, str(path), mode="create", data_storage_version=table.data_storage_version
        )


def delete_rows(folder: Path, name: str, mask: Path) -> int:
    """Delete from a table the rows that ``mask.parquet`` lists for it, in one new version; return how many.

    The table must be as it was when the mask was made. Older versions keep the rows until they are cleaned up.

    Raises
    ------
    InputError
        If the mask names rows the table does not have.
    """
    table = _open(folder, name)
    listed = pq.read_table(mask, columns=["file", "row"], filters=[("file", "=", name)])
    places = np.asarray(listed["row"])
    if not len(places):
        return 0
    if int(places.max()) >= int(table.count_rows()):
        raise InputError(f"the mask is for another version of {name}", remedy="make the mask again")
    scanned = table.to_batches(columns=[], with_row_id=True, scan_in_order=True)
    ids = np.concatenate([np.asarray(batch.column("_rowid")) for batch in scanned])[places]
    table.delete(f"_rowid IN ({', '.join(map(str, ids.tolist()))})")
    return len(ids)


def _lance() -> Any:
    try:
        import lance
    except ImportError as error:
        raise MissingExtraError("reading Lance is not installed", remedy="install byleave[search]") from error
    return lance


def _open(folder: Path, name: str) -> Any:
    try:
        return _lance().dataset(str(folder))
    except (ValueError, OSError, RuntimeError) as error:
        refuse_disk_faults(error, folder)
        raise refuse(name, f"no Lance table: {str(error)[:150]}") from error
