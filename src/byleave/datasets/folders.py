"""Folders walked in a fixed order, without following a link out of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from itertools import groupby
from pathlib import Path

from byleave.datasets.members import (
    CAPTION_SUFFIX,
    FIELDS_SUFFIX,
    GROUP_SAMPLES,
    PICTURE_SUFFIXES,
    Group,
    Member,
)
from byleave.datasets.records import Reject
from byleave.storage.outputs import is_beside_data


def walk(root: Path) -> Iterator[Path]:
    """Yield every file below ``root`` in name order; hidden names and what is ours are left out and linked folders not entered."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not is_beside_data([name]))
        for name in sorted(files):
            if not is_beside_data([], name):
                yield Path(folder) / name


def leads_out(path: Path, root: Path) -> bool:
    """Whether a symbolic link points at something that does not lie below ``root``."""
    return path.is_symlink() and not path.resolve().is_relative_to(root.resolve())


def groups(root: Path, files: list[Path]) -> Iterator[Group | Reject]:
    """Put pictures, captions and fields with the same name together; other files are passed over."""
    wanted = PICTURE_SUFFIXES | {FIELDS_SUFFIX, CAPTION_SUFFIX}
    named = sorted((_key(root, path), path) for path in files if path.suffix[1:].lower() in wanted)
    for key, together in groupby(named, key=lambda pair: pair[0]):
        paths = [path for _, path in together]
        yield from (
            Reject("leads_out", path.name, "a link out of the folder")
            for path in paths
            if leads_out(path, root)
        )
        inside = [_member(path) for path in paths if not leads_out(path, root) and path.is_file()]
        pictures = [member for member in inside if member.suffix in PICTURE_SUFFIXES]
        if len(pictures) > 1:
            sidecars = [member for member in inside if member.suffix not in PICTURE_SUFFIXES]
            yield from (Group(f"{key}.{picture.suffix}", [picture, *sidecars]) for picture in pictures)
        elif inside:
            yield Group(key, inside)


def batches(items: list[Group | Reject]) -> Iterator[list[Group | Reject]]:
    """Cut into parts of at most :data:`GROUP_SAMPLES`."""
    for start in range(0, len(items), GROUP_SAMPLES):
        yield items[start : start + GROUP_SAMPLES]


def _member(path: Path) -> Member:
    return Member(path.name, path.suffix[1:].lower(), path.stat().st_size, partial(_read, path))


def _read(path: Path) -> bytes:
    return path.read_bytes()


def _key(root: Path, path: Path) -> str:
    return path.relative_to(root).with_suffix("").as_posix().encode("utf-8", "replace").decode()
