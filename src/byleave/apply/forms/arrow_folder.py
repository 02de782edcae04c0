"""Datasets that the package ``datasets`` saved to disk: Arrow streams, with a state and a description that must tell what they hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from byleave.apply.dictionaries import lean
from byleave.apply.forms.parquet_rows import rows_of
from byleave.apply.forms.units import Rows, check_length, place_for, refuse
from byleave.apply.inputs import InputFile, columns_of
from byleave.apply.judging import Flags
from byleave.settings import MIB
from byleave.storage import refuse_disk_faults

STATE, INFO, SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"
MOST_BYTES = 64 * MIB


@dataclass(frozen=True, slots=True)
class ArrowFolder:
    """One saved dataset, or one split of several.

    others
        Files that are copied as they are, such as the list of splits.
    """

    state: InputFile
    info: InputFile
    data: tuple[InputFile, ...]
    others: tuple[InputFile, ...] = ()

    @property
    def name(self) -> str:
        """The file that describes it."""
        return self.state.name

    @property
    def files(self) -> tuple[InputFile, ...]:
        """All of them."""
        return (*self.data, self.state, self.info, *self.others)

    def count(self) -> int:
        """Count rows."""
        return sum(batch.num_rows for file in self.data for batch in _batches(file))

    def rows(self, *, digests: bool) -> Iterator[Rows]:  # noqa: ARG002 - pictures in cells are known by their links
        """Yield links and digests of each file in turn."""
        for file in self.data:
            with _opened(file) as stream:
                columns = columns_of(stream.schema, file.name)
            yield from rows_of(file.name, _batches(file), columns)

    def write(self, stays: Flags, out: Path) -> None:
        """Write the rows that stay, under a fingerprint of their own: by it ``datasets`` tells contents apart in its cache."""
        row, lengths, size = 0, [], 0
        for file in self.data:
            before = row
            with _opened(file) as stream:
                schema = stream.schema
            with (
                pa.OSFile(str(place_for(file, out)), "wb") as target,
                pa.ipc.new_stream(target, schema) as writer,
            ):
                for batch in _batches(file):
                    kept = lean(batch.filter(pa.array(stays[row : row + batch.num_rows])))
                    row += batch.num_rows
                    size += kept.nbytes
                    if kept.num_rows:
                        writer.write_batch(kept)
            lengths.append(int(stays[before:row].sum()))
        check_length(stays, row, self.name)
        state = _read(self.state)
        seed = f"{state.get('_fingerprint')} {np.packbits(stays).tobytes().hex()} {len(stays)}"
        state["_fingerprint"] = hashlib.sha256(seed.encode()).hexdigest()[:16]
        _write(state, place_for(self.state, out))
        _write(_described(_read(self.info), state.get("_split"), lengths, size), place_for(self.info, out))
        for other in self.others:
            place_for(other, out).write_bytes(other.path.read_bytes())


def arrow_folder(folder: Path, files: dict[Path, InputFile]) -> ArrowFolder:
    """Find the files of a saved dataset by its state, beside which its description stands.

    Raises
    ------
    FormatError
        If the state names files that are not there.
    """
    state = files[folder / STATE]
    try:
        names = [str(entry["filename"]) for entry in _read(state)["_data_files"]]
    except (KeyError, TypeError) as error:
        raise refuse(state.name, "does not name its data") from error
    missing = [name for name in names if folder / name not in files]
    if missing:
        raise refuse(state.name, f"{', '.join(missing)[:200]} is not there")
    others = tuple(files[path] for path in (folder.parent / SPLITS,) if path in files)
    return ArrowFolder(state, files[folder / INFO], tuple(files[folder / name] for name in names), others)


@contextmanager
def _opened(file: InputFile) -> Iterator[pa.RecordBatchStreamReader]:
    try:
        with pa.memory_map(str(file.path)) as source, pa.ipc.open_stream(source) as stream:
            yield stream
    except (pa.ArrowException, OSError) as error:
        refuse_disk_faults(error, file.path)
        raise refuse(file.name, f"cannot be read as Arrow: {str(error)[:150]}") from error


def _batches(file: InputFile) -> Iterator[pa.RecordBatch]:
    with _opened(file) as stream:
        for batch in stream:
            batch.validate(full=True)
            yield batch


def _described(info: dict[str, Any], split: object, lengths: list[int], size: int) -> dict[str, Any]:
    """Bring the counts of a description up to date, where it has them."""
    splits = info.get("splits")
    told = splits.get(split) if isinstance(splits, dict) else None
    if isinstance(told, dict):
        told |= {"num_examples": sum(lengths), "num_bytes": size}
        if told.get("shard_lengths") is not None:
            told["shard_lengths"] = lengths
    if info.get("dataset_size") is not None:
        info["dataset_size"] = size
        if info.get("size_in_bytes") is not None:
            info["size_in_bytes"] = size + int(info.get("download_size") or 0)
    return info


def _read(file: InputFile) -> dict[str, Any]:
    if file.path.stat().st_size > MOST_BYTES:
        raise refuse(file.name, f"longer than {MOST_BYTES:,} bytes")
    try:
        content = json.loads(file.path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise refuse(file.name, f"no JSON: {str(error)[:150]}") from error
    if not isinstance(content, dict):
        raise refuse(file.name, "no JSON object")
    return content


def _write(content: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
