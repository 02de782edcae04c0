"""One sidecar: a Parquet file whose row ``i`` tells of sample ``i`` of a shard, and names the bytes of that shard.

Nothing in it is signed: it is made and used by those who hold the pictures, and bound to them by the digests it names.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from byleave import __version__
from byleave.datasets import OWN_FOLDER
from byleave.errors import FormatError, UnfitError
from byleave.fingerprints import PDQ_BYTES, PICTURE_VERSION, PictureFingerprint
from byleave.storage import refuse_disk_faults
from byleave.urls.names import DIGEST_BYTES, ID_BYTES

FORMAT = "byleave/fingerprints/1"
SIDECAR_FOLDER = f"{OWN_FOLDER}/fingerprints"
"""Where the sidecars of a dataset stand if nobody said otherwise."""

METADATA_KEY = b"byleave"
MAKE_AGAIN = "make it again with `byleave fingerprint`, which goes on with what is missing"

VECTOR = "vector"
SCHEMA = pa.schema(
    [
        pa.field("key", pa.string()),
        pa.field("item_id", pa.binary(ID_BYTES)),
        pa.field("sha256", pa.binary(DIGEST_BYTES)),
        pa.field("version", pa.string()),
        pa.field("pdq", pa.binary(PDQ_BYTES)),
        pa.field("pdq_trimmed", pa.binary(PDQ_BYTES)),
        pa.field("quality", pa.uint8()),
        pa.field("reason", pa.string()),
    ]
)
"""Columns of every sidecar. ``reason`` is there exactly where there is no PDQ value; ``vector`` follows where it was asked for."""

ROWS_OF_A_GROUP = 65_536
_RANDOM = ("item_id", "sha256", "pdq", "pdq_trimmed", f"{VECTOR}.list.element")
"""Columns of values that look random: no codec makes them smaller."""


@dataclass(frozen=True, slots=True)
class ShardFile:
    """One file of a shard: its name below the dataset, its size in bytes, its SHA-256 (hex)."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SidecarFacts:
    """What a sidecar says of itself.

    shard
        The file whose rows are counted.
    files
        All files the samples were read from.
    fingerprint_version, model
        Of the PDQ values, and of the vectors if there are some. Values of different versions are never compared.
    rows, fingerprinted
        Samples in all, and those that have PDQ values.
    reasons
        Samples without, by reason.
    """

    shard: str
    files: tuple[ShardFile, ...]
    fingerprint_version: str
    model: str | None
    rows: int
    fingerprinted: int
    reasons: Mapping[str, int]

    def to_json(self) -> bytes:
        """Write with sorted keys, so that equal facts are equal bytes."""
        content = {"format": FORMAT, "byleave": __version__, **asdict(self)}
        return json.dumps(content, sort_keys=True, ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, encoded: bytes) -> Self:
        """Read what :meth:`to_json` wrote; a ``ValueError`` if it is something else."""
        try:
            content: dict[str, Any] = json.loads(encoded)
            if content.pop("format") != FORMAT:
                raise UnfitError("another format")
            content.pop("byleave")
            files = tuple(ShardFile(**file) for file in content.pop("files"))
            return cls(files=files, **content)
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UnfitError(str(error)) from error


@dataclass(frozen=True, slots=True)
class SidecarRow:
    """What is known of one sample. A picture that cannot be decoded still has the digest of its bytes."""

    key: str | None
    item_id: bytes | None
    sha256: bytes | None
    fingerprint: PictureFingerprint | None
    reason: str | None
    vector: npt.NDArray[np.float16] | None = None

    def values(self) -> dict[str, Any]:
        """Return the columns of :data:`SCHEMA`."""
        seen = self.fingerprint
        return {
            "key": self.key,
            "item_id": self.item_id,
            "sha256": self.sha256,
            "version": seen.version if seen else None,
            "pdq": seen.plain if seen else None,
            "pdq_trimmed": seen.trimmed if seen else None,
            "quality": seen.quality if seen else None,
            "reason": self.reason,
        }


class SidecarWriter:
    """Writes rows as they come. Only :meth:`finish` makes the file a sidecar: without its facts nobody reads it as one.

    The bytes follow from the rows and the facts, and not from how many rows are given at a time.
    """

    def __init__(self, path: Path, vector_dim: int | None) -> None:
        self._schema = SCHEMA
        if vector_dim is not None:
            self._schema = SCHEMA.append(pa.field(VECTOR, pa.list_(pa.float16(), vector_dim)))
        codecs = {name: "NONE" if name in _RANDOM else "zstd" for name in (*SCHEMA.names, _RANDOM[-1])}
        self._writer = pq.ParquetWriter(
            path,
            self._schema,
            compression=codecs,
            use_dictionary=["version", "reason"],
            write_page_checksum=True,
        )
        self._dim = vector_dim
        self._held: list[SidecarRow] = []
        self._waiting: list[pa.RecordBatch] = []
        self._waits = 0
        self.rows = 0
        self.fingerprinted = 0
        self.reasons: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def add(self, row: SidecarRow) -> None:
        """Add the row of the next sample."""
        self._held.append(row)
        if len(self._held) >= ROWS_OF_A_GROUP:
            self._take_held()

    def add_batch(self, batch: pa.RecordBatch) -> None:
        """Add rows that another sidecar has, with the columns that this one is to have."""
        self._waiting.append(batch)
        self._waits += batch.num_rows
        self.rows += batch.num_rows
        self.fingerprinted += batch.num_rows - batch.column("pdq").null_count
        told = pc.value_counts(batch.column("reason").drop_null())
        self.reasons.update({one["values"]: one["counts"] for one in told.to_pylist()})
        while self._waits >= ROWS_OF_A_GROUP:
            self._write(ROWS_OF_A_GROUP)

    def finish(self, shard: str, files: Sequence[ShardFile], model: str | None) -> SidecarFacts:
        """Write the rest and the facts."""
        self._take_held()
        if self._waits:
            self._write(self._waits)
        facts = SidecarFacts(
            shard=shard,
            files=tuple(files),
            fingerprint_version=PICTURE_VERSION,
            model=model,
            rows=self.rows,
            fingerprinted=self.fingerprinted,
            reasons=dict(sorted(self.reasons.items())),
        )
        self._writer.add_key_value_metadata({METADATA_KEY: facts.to_json()})
        return facts

    def _take_held(self) -> None:
        rows, self._held = self._held, []
        if not rows:
            return
        batch = pa.RecordBatch.from_pylist([row.values() for row in rows], schema=SCHEMA)
        if self._dim is not None:
            columns = [*batch.columns, _vectors(rows, self._dim)]
            batch = pa.RecordBatch.from_arrays(columns, schema=self._schema)
        self.add_batch(batch)

    def _write(self, rows: int) -> None:
        """Write the first of the rows that wait, in one piece, as one row group."""
        table = pa.Table.from_batches(self._waiting, self._schema)
        self._writer.write_table(table.slice(0, rows).combine_chunks())
        self._waiting, self._waits = table.slice(rows).to_batches(), self._waits - rows


def _vectors(rows: Sequence[SidecarRow], dim: int) -> pa.Array:
    none = np.zeros(dim, np.float16)
    values = np.concatenate([none if row.vector is None else row.vector for row in rows])
    absent = pa.array([row.vector is None for row in rows])
    return pa.FixedSizeListArray.from_arrays(pa.array(values), dim, mask=absent)


def read_facts(path: Path) -> SidecarFacts:
    """Read what a sidecar says of itself, and make sure that its columns and the count of its rows agree with that.

    Raises
    ------
    FormatError
        If it is no sidecar, or of a format not known here.
    """
    try:
        metadata = pq.read_metadata(path)
        schema = metadata.schema.to_arrow_schema()
        said = (metadata.metadata or {}).get(METADATA_KEY)
        if said is None:
            raise UnfitError("`byleave fingerprint` did not write it")
        facts = SidecarFacts.from_json(said)
        fits = all(
            name in schema.names and schema.field(name).type == SCHEMA.field(name).type
            for name in SCHEMA.names
        )
        if not fits or metadata.num_rows != facts.rows:
            raise UnfitError("its columns or its rows are not what it says")
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        refuse_disk_faults(error, path)
        raise FormatError(
            f"{path} is no file of fingerprints: {str(error)[:150]}", remedy=MAKE_AGAIN
        ) from error
    return facts


def sidecar_name(shard: str) -> str:
    """Return the name of the sidecar of a shard, below the folder of sidecars."""
    return shard if shard.lower().endswith(".parquet") else f"{shard}.parquet"
