"""Find what to apply to: a file, a folder in any form that is known, or the sources of a dataset by its name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from byleave.apply.card import configs_in
from byleave.apply.forms.finding import find_units
from byleave.apply.forms.units import Unit
from byleave.apply.inputs import InputFile
from byleave.datasets import source_digest
from byleave.datasets.sources import SourceFormat, source_files
from byleave.errors import FormatError, InputError, NotFoundError, VerificationError

PARQUET_MAGIC = b"PAR1"
MAX_DATASET_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Input:
    """What is applied to.

    files
        Plain Parquet, which is rewritten as it is read.
    units
        Everything else: parts that are decided first and then rewritten.
    dataset
        Name of the dataset, where the input was given by name.
    version
        Version of the dataset, computed from its bytes; ``None`` where nothing asked for it.
    left_out
        Names of files that stand there and are of no form that is known: nothing is applied to them, and they are not copied.
    configs
        What the dataset's card says of its files, see :mod:`byleave.apply.card`.
    """

    files: tuple[InputFile, ...]
    units: tuple[Unit, ...] = ()
    left_out: tuple[str, ...] = ()
    dataset: str | None = None
    version: str | None = None
    configs: str | None = None

    @property
    def parts(self) -> list[InputFile | Unit]:
        """Return files and units in the order of their names, which is the order of every list."""
        return sorted([*self.files, *self.units], key=lambda part: part.name)

    @property
    def every_file(self) -> list[InputFile]:
        """Return all files that are read, those of units among them."""
        return [*self.files, *(file for unit in self.units for file in unit.files)]


def files_of(part: InputFile | Unit) -> tuple[InputFile, ...]:
    """Return the files of one part."""
    return (part,) if isinstance(part, InputFile) else part.files


def rows_are_those_of(part: InputFile | Unit) -> InputFile:
    """Return the file of a part whose rows are counted in reports."""
    files = files_of(part)
    return next((file for file in files if file.name == part.name), files[0])


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
        found = found_below([path])
        version = dataset_version([source_digest(path)]) if with_version else None
        return replace(found, version=version)
    folder = home / "catalog" / given
    if "/" in given or given.startswith(".") or not (folder / "dataset.json").is_file():
        raise NotFoundError(
            f"{given[:200]!r} is neither a file, nor a folder, nor a dataset in {home}",
            remedy="name a file, a folder, or a dataset that was ingested here",
        )
    return _dataset(given, folder / "dataset.json")


def dataset_version(digests: Iterable[str]) -> str:
    """Return the version of a dataset made of sources with these digests (hex), as ``dataset.json`` states it."""
    return hashlib.sha256("".join(f"{digest}\n" for digest in sorted(digests)).encode()).hexdigest()


def input_files(paths: Sequence[Path]) -> list[InputFile]:
    """List the files of several sources; where there are several, each file's name begins with its source's."""
    every: list[InputFile] = []
    for source in paths:
        root = source.parent if source.is_file() else source
        if len(paths) > 1 and source.is_dir():
            root = source.parent
        every += [InputFile(path, path.relative_to(root).as_posix()) for path in sorted(source_files(source))]
    return every


def is_parquet(path: Path) -> bool:
    """Tell by the first bytes, or by the name."""
    with path.open("rb") as file:
        return file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC or path.suffix.lower() == ".parquet"


def found_below(paths: Sequence[Path]) -> Input:
    """Find the parts of several sources, as :func:`find_input` does for a path.

    Raises
    ------
    FormatError, InputError
        If there is nothing to which a registry can be applied, or two sources hold files of one name.
    """
    every = input_files(paths)
    units, others = find_units(every, alone=len(paths) == 1 and paths[0].is_file())
    files = [file for file in others if is_parquet(file.path)]
    if not files and not units:
        raise FormatError(
            f"{', '.join(str(path) for path in paths)} holds no Parquet file, and no dataset in another form that is known",
            remedy="give a Parquet file, a list of links, a folder of shards, or a folder that holds some",
        )
    parquet = {file.name for file in files}
    left_out = tuple(file.name for file in others if file.name not in parquet)
    names = [file.name for file in every]
    if len(set(names)) != len(names):
        raise InputError(
            "two sources hold files of one name, so the output could not keep both",
            remedy="apply to each source by its path, into a folder of its own",
        )
    configs = configs_in(paths[0]) if len(paths) == 1 else None
    return Input(tuple(files), tuple(units), left_out, configs=configs)


def _dataset(name: str, described: Path) -> Input:
    try:
        if described.stat().st_size > MAX_DATASET_BYTES:
            raise ValueError("too large")
        content: dict[str, Any] = json.loads(described.read_bytes())
        sources = [source for source in content["sources"] if source["finished"]]
        version = str(content["version"])
        unfinished = len(sources) < len(content["sources"])
        links = [source for source in sources if source["format"] != SourceFormat.FOLDER]
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
            f"{name} is made of folders of pictures alone, so there is no list of entries to write",
            remedy="give the path of the list or the shards it is trained from",
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
    found = found_below(paths)
    return replace(found, dataset=name, version=version)
