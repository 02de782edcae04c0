"""Find the shards of a dataset that hold pictures, by the files that stand there, and by the names ``apply`` gives them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from byleave.apply.forms.finding import find_units
from byleave.apply.forms.tar_shards import TarShard
from byleave.apply.forms.units import Unit
from byleave.apply.inputs import InputFile
from byleave.apply.sidecars.file import sidecar_name
from byleave.apply.sidecars.shards import (
    FolderBesideParquet,
    LoosePictures,
    ParquetPictures,
    PartPictures,
    PictureShard,
    TarPictures,
)
from byleave.apply.sources import input_files, is_parquet
from byleave.datasets.members import CAPTION_SUFFIX, FIELDS_SUFFIX, PICTURE_SUFFIXES
from byleave.errors import FormatError, InputError, NotFoundError

LOOSE_TOGETHER = 10_000
"""Most files of one shard of loose pictures: a bound on what a killed run does again."""

LOOSE_NAME = "pictures"
GIVE_PICTURES = (
    "give tars, Parquet with pictures in its cells, an output of img2dataset, or a folder of pictures; "
    "links alone have no fingerprints"
)


@dataclass(frozen=True, slots=True)
class PictureShards:
    """The shards of one dataset, in the order of their names, and the names of files that hold no pictures."""

    shards: tuple[PictureShard, ...]
    without_pictures: tuple[str, ...]


def find_shards(path: Path, given: str) -> PictureShards:
    """Find the shards behind a file or a folder; ``given`` is what errors call it.

    Raises
    ------
    NotFoundError, FormatError, InputError
        If nothing stands there, or nothing that holds pictures, or two shards would have one sidecar.
    """
    if not path.exists():
        raise NotFoundError(f"there is no file or folder {given}", remedy="check the path")
    units, others = find_units(input_files([path]), alone=path.is_file())
    shards: list[PictureShard] = [TarPictures(unit) for unit in units if isinstance(unit, TarShard)]
    without = [unit.name for unit in units if not isinstance(unit, TarShard)]
    folders: set[Path] = set()
    loose: list[InputFile] = []
    for file in others:
        if not is_parquet(file.path):
            loose.append(file)
            continue
        shards.append(_of_parquet(file))
        if isinstance(shards[-1], FolderBesideParquet):
            folders.add(shards[-1].folder.path)
    loose = [file for file in loose if not folders.intersection(file.path.parents)]
    shards += _loose_shards(path, loose)
    without += [file.name for file in loose if not _belongs_to_picture(file)]
    if not shards:
        raise FormatError(f"{given} holds no pictures", remedy=GIVE_PICTURES)
    _refuse_one_name(shards)
    return PictureShards(tuple(sorted(shards, key=lambda shard: shard.name)), tuple(sorted(without)))


def pictures_of(part: InputFile | Unit) -> PartPictures | None:
    """Return where the pictures of one part of an input stand, or ``None`` where it holds none that can be read by their places."""
    if isinstance(part, TarShard):
        return TarPictures(part)
    found = _of_parquet(part) if isinstance(part, InputFile) else None
    return found if found is not None and found.holds_pictures() else None


def _of_parquet(file: InputFile) -> ParquetPictures | FolderBesideParquet:
    folder = file.path.with_suffix("")
    if folder.is_dir():
        return FolderBesideParquet(file, InputFile(folder, file.name.rpartition(".")[0]))
    return ParquetPictures(file)


def _belongs_to_picture(file: InputFile) -> bool:
    return file.path.suffix[1:].lower() in PICTURE_SUFFIXES | {FIELDS_SUFFIX, CAPTION_SUFFIX}


def _loose_shards(root: Path, files: Sequence[InputFile]) -> Iterator[PictureShard]:
    """Cut the pictures of each folder into parts; files of one stem stay together."""
    stems = (
        list(together)
        for _, together in groupby(
            sorted(
                (file.path for file in files if _belongs_to_picture(file)),
                key=lambda path: path.with_suffix(""),
            ),
            key=lambda path: path.with_suffix(""),
        )
    )
    pictured = [stem for stem in stems if any(path.suffix[1:].lower() in PICTURE_SUFFIXES for path in stem)]
    held: list[Path] = []
    number = 0
    for stem in pictured:
        if held and len(held) + len(stem) > LOOSE_TOGETHER:
            yield LoosePictures(f"{LOOSE_NAME}-{number:05d}", root, tuple(held))
            held, number = [], number + 1
        held += stem
    if held:
        yield LoosePictures(f"{LOOSE_NAME}-{number:05d}", root, tuple(held))


def _refuse_one_name(shards: Sequence[PictureShard]) -> None:
    named: dict[str, str] = {}
    for shard in shards:
        other = named.setdefault(sidecar_name(shard.name), shard.name)
        if other != shard.name:
            raise InputError(
                f"{other} and {shard.name} would share one file of fingerprints",
                remedy="rename one of them, or give each a folder of its own",
            )
