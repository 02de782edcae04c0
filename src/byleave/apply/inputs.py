"""Find what to apply to: a Parquet file, a folder of them, or the Parquet sources of a dataset by its name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from byleave.apply.matching import is_textual
from byleave.datasets import source_digest
from byleave.datasets.sources import source_files
from byleave.errors import FormatError, InputError, NotFoundError, VerificationError

LINK_NAMES = ("url", "image_url")
DIGEST_NAMES = ("sha256",)
"""Lower-case column names, the first present one wins."""

PARQUET_MAGIC = b"PAR1"
MAX_DATASET_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class InputFile:
    """One Parquet file: where it is, and its name below the output folder."""

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


@dataclass(frozen=True, slots=True)
class Input:
    """What is applied to.

    dataset
        Name of the dataset, where the input was given by name.
    version
        Version of the dataset, computed from its bytes; ``None`` where nothing asked for it.
    left_out
        Names of files that stand there and are no Parquet: nothing is applied to them, and they are not copied.
    """

    files: tuple[InputFile, ...]
    left_out: tuple[str, ...] = ()
    dataset: str | None = None
    version: str | None = None


def find_input(given: str, home: Path, *, with_version: bool) -> Input:
    """Find the files behind a path or a dataset's name.

    Raises
    ------
    NotFoundError, FormatError, InputError
        If there is nothing, or nothing to which a registry can be applied.
    VerificationError
        If a dataset's source is not any more what was ingested.
    """
    path = Path(given)
    if path.exists():
        found = _below([path])
        version = dataset_version([source_digest(path)]) if with_version else None
        return Input(found.files, found.left_out, version=version)
    folder = home / "catalog" / given
    if "/" in given or given.startswith(".") or not (folder / "dataset.json").is_file():
        raise NotFoundError(
            f"{given[:200]!r} is neither a file, nor a folder, nor a dataset in {home}",
            remedy="name a Parquet file, a folder of them, or a dataset that was ingested here",
        )
    return _dataset(given, folder / "dataset.json")


def dataset_version(digests: Iterable[str]) -> str:
    """Return the version of a dataset made of sources with these digests (hex), as ``dataset.json`` states it."""
    return hashlib.sha256("".join(f"{digest}\n" for digest in sorted(digests)).encode()).hexdigest()


def columns_of(schema: pa.Schema, name: str) -> Columns:
    """Find the deciding columns of a file.

    Raises
    ------
    FormatError
        If it has neither links nor digests of files, or they hold something else than text or bytes.
    """
    columns = Columns(_first(schema, LINK_NAMES), _first(schema, DIGEST_NAMES))
    if columns.link is None and columns.digest is None:
        raise FormatError(
            f"{name} has no column named {' or '.join((*LINK_NAMES, *DIGEST_NAMES))}",
            remedy="rename the column that holds the links to 'url'",
        )
    for column in (columns.link, columns.digest):
        kind = schema.field(column).type if column else None
        if kind is not None and not (is_textual(kind) or pa.types.is_fixed_size_binary(kind)):
            raise FormatError(
                f"column {column!r} of {name} holds {kind}, not text", remedy="write it as text"
            )
    return columns


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open a Parquet file that somebody else wrote, with its page checksums checked where it has them."""
    try:
        return pq.ParquetFile(path, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> FormatError:
    """Return the error for a Parquet file that cannot be read."""
    lines = str(error).splitlines() or [type(error).__name__]
    return FormatError(
        f"{path} cannot be read as Parquet: {lines[0][:200]}",
        remedy="fetch the file again, or take it out of the input and apply to the rest",
    )


def _first(schema: pa.Schema, names: Sequence[str]) -> str | None:
    by_lower = {name.lower(): name for name in reversed(schema.names)}
    return next((by_lower[name] for name in names if name in by_lower), None)


def _below(paths: Sequence[Path]) -> Input:
    """List the Parquet files of several sources; where there are several, each file's name begins with its source's."""
    files: list[InputFile] = []
    left_out: list[str] = []
    for source in paths:
        root = source.parent if source.is_file() else source
        if len(paths) > 1 and source.is_dir():
            root = source.parent
        for path in sorted(source_files(source)):
            name = path.relative_to(root).as_posix()
            if _is_parquet(path):
                files.append(InputFile(path, name))
            else:
                left_out.append(name)
    if not files:
        raise FormatError(
            f"{', '.join(str(path) for path in paths)} holds no Parquet file",
            remedy="give a Parquet file, or a folder that holds some",
        )
    names = [file.name for file in files]
    if len(set(names)) != len(names):
        raise InputError(
            "two sources hold files of one name, so the output could not keep both",
            remedy="apply to each source by its path, into a folder of its own",
        )
    return Input(tuple(files), tuple(left_out))


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC or path.suffix.lower() == ".parquet"


def _dataset(name: str, described: Path) -> Input:
    try:
        if described.stat().st_size > MAX_DATASET_BYTES:
            raise ValueError("too large")
        content: dict[str, Any] = json.loads(described.read_bytes())
        sources = [source for source in content["sources"] if source["finished"]]
        version = str(content["version"])
        unfinished = len(sources) < len(content["sources"])
        links = [source for source in sources if source["format"] == "parquet"]
        paths = [Path(source["path"]) for source in links]
        digests = [str(source["digest"]) for source in sources]
        expected = {Path(source["path"]): str(source["digest"]) for source in links}
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(
            f"{described} cannot be read: {error}", remedy="ingest the dataset again"
        ) from error
    if unfinished:
        raise InputError(f"{name} is not read in whole", remedy="run the same ingest again first")
    if not paths:
        raise InputError(
            f"{name} has no Parquet source, so there is no list of links to write",
            remedy="apply to the Parquet file the dataset is trained from, by its path",
        )
    for path in paths:
        if not path.exists():
            raise NotFoundError(
                f"{path}, a source of {name}, is gone", remedy="put it back, or give another path"
            )
        if source_digest(path) != expected[path]:
            raise VerificationError(
                f"{path} has changed since it was ingested as {name}",
                remedy="ingest it again, then make the coverage again",
            )
    if dataset_version(digests) != version:
        raise VerificationError(f"{described} does not agree with itself", remedy="ingest the dataset again")
    found = _below(paths)
    return Input(found.files, found.left_out, dataset=name, version=version)
