"""The input of one run: what is read, what is known of it beforehand, and whether it stayed as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from byleave.apply.engine import Engine
from byleave.apply.inputs import InputFile, open_parquet
from byleave.apply.object_input import DigestWork, ObjectInput, Outlined, outlined, version_of
from byleave.apply.report import FileFacts
from byleave.apply.since import check_since
from byleave.apply.sources import Input, dataset_version, files_of, find_input, found_below, rows_are_those_of
from byleave.apply.viewer import MOST_SCHEMAS
from byleave.apply.workers import Task
from byleave.errors import ConflictError
from byleave.release import Release
from byleave.storage.objects import is_address
from byleave.storage.outputs import file_digest

Show = Callable[[int, int], None]
"""Told of steps done and steps in all."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An input, found.

    files
        What is known of its files beforehand; nothing of objects, which are read by workers alone.
    stamps
        Size and time of the last change of each file, when it was found.
    digests
        SHA-256 (hex) of each file; of objects only where somebody asked for them.
    """

    source: Input
    files: tuple[FileFacts, ...]
    stamps: tuple[tuple[int, int], ...] = ()
    outlined: Outlined | None = None
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def objects(self) -> ObjectInput | None:
        """Where workers fetch from."""
        return self.outlined.input if self.outlined else None

    @property
    def rows(self) -> int | None:
        """Rows in all, where they are known beforehand."""
        return sum(file.rows for file in self.files) if self.outlined is None else None

    def identity(self) -> list[list[str]]:
        """Return what tells this input from every other: names, and digests or the tags of objects."""
        if self.outlined is None:
            return [[file.name, file.sha256] for file in self.files]
        wanted = sorted(self.outlined.wanted.values(), key=lambda one: one.stored.name)
        return [[one.stored.name, str(one.stored.size), one.stored.tag or ""] for one in wanted]

    def tasks(self) -> list[Task]:
        """Return one task for each part."""
        wanted = self.outlined.objects_of if self.outlined else lambda _: ()
        return [Task(place, part, wanted(part)) for place, part in enumerate(self.source.parts)]

    def refuse_changed(self) -> None:
        """Refuse to go on where a file changed since it was found. Of objects every fetch makes sure of that.

        Raises
        ------
        ConflictError
            If one did.
        """
        if self.outlined is None:
            for file, before, after in zip(
                self.source.every_file, self.stamps, _stamps(self.source), strict=True
            ):
                if before != after:
                    raise ConflictError(
                        f"{file.path} changed while it was read", remedy="run the same command again"
                    )


@dataclass(frozen=True, slots=True)
class Asked:
    """What to read, and what must be known of it.

    since
        Number of the list under which an earlier run must have written it, and the release in force.
    with_version
        Whether its version is needed, for which all of it is read beforehand.
    with_digests
        Whether the digests of its files are, which of objects are not known without that either.
    """

    input: str
    home: Path
    since: tuple[int, Release] | None
    with_version: bool
    with_digests: bool = False


@contextmanager
def opened_input(asked: Asked, engine: Engine, show: Show) -> Iterator[Reading]:
    """Find an input: a path, the name of a dataset, or an address of objects.

    Raises
    ------
    NotFoundError, FormatError, InputError
        If there is nothing, or nothing to which a registry can be applied.
    VerificationError
        If it is not what was ingested, or what an earlier run wrote.
    """
    if is_address(asked.input):
        with outlined(asked.input) as outline:
            yield _of_objects(asked, outline, engine, show)
        return
    if asked.since is not None:
        check_since(Path(asked.input), *asked.since)
    source = find_input(asked.input, asked.home, with_version=asked.with_version)
    stamps = _stamps(source)
    facts = tuple(_file_facts(source))
    yield Reading(source, facts, tuple(stamps), digests={file.name: file.sha256 for file in facts})


def _of_objects(asked: Asked, outline: Outlined, engine: Engine, show: Show) -> Reading:
    if asked.since is not None:
        check_since(outline.top, *asked.since)
    source = found_below([outline.top])
    for file in source.files[:MOST_SCHEMAS]:
        outline.draw_footer(file)
    digests: dict[str, str] = {}
    if asked.with_version or asked.with_digests:
        data = [one for name, one in sorted(outline.wanted.items()) if outline.is_data(name)]
        for place, digest in engine.run(DigestWork(outline.input.folder), data, lambda _: None):
            digests[data[place].stored.name] = digest
            show(len(digests), len(data))
        version = dataset_version([version_of(digests, single=outline.top.is_file())])
        source = replace(source, version=version if asked.with_version else None)
    return Reading(source, (), outlined=outline, digests=digests)


def _file_facts(source: Input) -> Iterator[FileFacts]:
    for part in source.parts:
        named = rows_are_those_of(part)
        if isinstance(part, InputFile):
            with open_parquet(part.path) as opened:
                rows = int(opened.metadata.num_rows)
        else:
            rows = part.count()
        for file in files_of(part):
            size, digest = file.path.stat().st_size, file_digest(file.path)
            yield FileFacts(file.name, size, rows if file is named else 0, digest)


def _stamps(source: Input) -> list[tuple[int, int]]:
    facts = [file.path.stat() for file in source.every_file]
    return [(fact.st_size, fact.st_mtime_ns) for fact in facts]
