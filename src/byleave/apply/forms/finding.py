"""Find the units of a dataset by the files that stand there; told by content, and by names only where a format is known by its names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from byleave.apply.forms.arrow_folder import INFO, SPLITS, STATE, arrow_folder
from byleave.apply.forms.embeddings import FOLDER, STEM, EmbeddingPart
from byleave.apply.forms.lance_table import VERSIONS, LanceTable
from byleave.apply.forms.lines import LineList, line_format
from byleave.apply.forms.mds import mds_folders
from byleave.apply.forms.statistics import SUFFIX as STATISTICS
from byleave.apply.forms.tar_shards import TarShard
from byleave.apply.forms.units import Unit
from byleave.apply.inputs import InputFile
from byleave.datasets.tars import BLOCK, is_tar

_NUMBERED = re.compile(r"(?P<kind>[A-Za-z0-9]+_emb)_(?P<number>[0-9]+)\.npy")

_Finder = Callable[[dict[Path, InputFile]], Sequence[Unit]]


def find_units(files: Sequence[InputFile], *, alone: bool) -> tuple[list[Unit], list[InputFile]]:
    """Return the units among some files, and the files that belong to none.

    ``alone`` says that the input is one file, which then is read as what its name says.

    Raises
    ------
    FormatError
        If a folder says that it is of a form and its parts are not there.
    """
    left = {file.path: file for file in files}
    units: list[Unit] = []
    finders: tuple[_Finder, ...]
    finders = (_lance_tables, _arrow_folders, mds_folders, _embedding_parts, _tar_shards)
    for find in finders:
        for unit in find(left):
            units.append(unit)
            for file in unit.files:
                left.pop(file.path, None)
    for file in list(left.values()):
        format = line_format(file.path)
        if format is not None:
            listed = LineList(file, format)
            if alone or listed.has_links():
                units.append(listed)
                del left[file.path]
    return units, list(left.values())


def _lance_tables(files: dict[Path, InputFile]) -> list[Unit]:
    folders = sorted({path.parent.parent for path in files if path.parent.name == VERSIONS})
    found: list[Unit] = []
    for folder in folders:
        inside = tuple(file for path, file in files.items() if path.is_relative_to(folder))
        path, name = next((p, f.name) for p, f in files.items() if p.parent == folder / VERSIONS)
        below = name.removesuffix(path.relative_to(folder).as_posix()).rstrip("/")
        found.append(LanceTable(folder, below or folder.name, inside))
    return found


def _arrow_folders(files: dict[Path, InputFile]) -> list[Unit]:
    folders = sorted(path.parent for path in files if path.name == STATE and path.with_name(INFO) in files)
    found: list[Unit] = []
    seen: set[Path] = set()
    for folder in folders:
        # The list of splits is carried along by the first of them.
        here = {path: file for path, file in files.items() if path.name != SPLITS or path not in seen}
        found.append(arrow_folder(folder, here))
        seen.add(folder.parent / SPLITS)
    return found


def _embedding_parts(files: dict[Path, InputFile]) -> list[Unit]:
    by_part: dict[Path, list[InputFile]] = {}
    for path, file in sorted(files.items()):
        told = _NUMBERED.fullmatch(path.name)
        if told and path.parent.name == told["kind"]:
            metadata = path.parent.parent / FOLDER / f"{STEM}{told['number']}.parquet"
            by_part.setdefault(metadata, []).append(file)
    return [
        EmbeddingPart(files[path], tuple(embeddings)) for path, embeddings in by_part.items() if path in files
    ]


def _tar_shards(files: dict[Path, InputFile]) -> list[Unit]:
    found: list[Unit] = []
    for path, file in files.items():
        if path.suffix.lower() == ".tar" or _is_tar(path):
            beside = path.with_suffix(".parquet"), path.with_name(path.stem + STATISTICS)
            found.append(TarShard(file, *(files.get(other) for other in beside)))
    return found


def _is_tar(path: Path) -> bool:
    with path.open("rb") as file:
        return is_tar(file.read(BLOCK))
