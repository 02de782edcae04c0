"""Carry what stands beside the rows of a shard over to its output: a sidecar of the rows that stay, held to the files that were written.

Like the output itself it follows from the shard's bytes and what was decided about them, so any process anywhere may write it, and writes the
same. It is what ``byleave fingerprint`` would make of the output, without decoding a picture again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from byleave.apply.sidecars.file import (
    MAKE_AGAIN,
    SCHEMA,
    SIDECAR_FOLDER,
    VECTOR,
    ShardFile,
    SidecarWriter,
    read_facts,
    sidecar_name,
)
from byleave.apply.tables import Ints
from byleave.errors import VerificationError
from byleave.storage import refuse_disk_faults
from byleave.storage.outputs import Written


def carry_over(sidecar: Path, gone: Ints, rows: int, out: Path, written: Sequence[Written]) -> Written:
    """Write the sidecar of a shard's output below ``out``, where sidecars of a dataset stand.

    Parameters
    ----------
    sidecar
        That of the shard.
    gone
        Rows of the shard that were taken out, int64 (k,), rising.
    rows
        How many the shard has.
    written
        The files of its output, which the new sidecar names in place of those of the shard.

    Raises
    ------
    VerificationError
        If the sidecar cannot be read, or has not one row for each of the shard's.
    """
    told = read_facts(sidecar)
    if told.rows != rows:
        raise VerificationError(
            f"{sidecar} tells of {told.rows:,} rows, and {told.shard} has {rows:,}", remedy=MAKE_AGAIN
        )
    by_name = {file.name: ShardFile(file.name, file.size, file.sha256) for file in written}
    files = [by_name[file.name] for file in told.files if file.name in by_name]
    name = f"{SIDECAR_FOLDER}/{sidecar_name(told.shard)}"
    path = out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            pq.ParquetFile(sidecar, page_checksum_verification=True) as source,
            SidecarWriter(path, _vector_dim(source.schema_arrow)) as writer,
        ):
            for batch in _staying(source, gone):
                writer.add_batch(batch)
            writer.finish(told.shard, files, told.model)
    except (pa.ArrowException, OSError) as error:
        refuse_disk_faults(error, sidecar)
        raise VerificationError(
            f"{sidecar} cannot be read, or not be written for the output: {str(error)[:150]}",
            remedy=MAKE_AGAIN,
        ) from error
    return Written.of(path, name)


def _staying(source: pq.ParquetFile, gone: Ints) -> Iterator[pa.RecordBatch]:
    names = [*SCHEMA.names, *([VECTOR] if _vector_dim(source.schema_arrow) is not None else [])]
    first = 0
    for batch in source.iter_batches(columns=names, use_threads=False):
        begin, end = np.searchsorted(gone, (first, first + batch.num_rows))
        stays = np.ones(batch.num_rows, bool)
        stays[gone[begin:end] - first] = False
        yield batch.select(names).filter(pa.array(stays))
        first += batch.num_rows


def _vector_dim(schema: pa.Schema) -> int | None:
    kind = schema.field(VECTOR).type if VECTOR in schema.names else None
    return int(kind.list_size) if kind is not None and pa.types.is_fixed_size_list(kind) else None
