"""Lists by lines: JSONL, CSV, TSV and plain links, packed by gzip or not. What stays keeps its bytes."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from io import BufferedIOBase
from pathlib import Path
from typing import assert_never

from byleave.apply.forms.fields import NO_NAMES, RENAME, Facts, facts_of
from byleave.apply.forms.line_ends import RETURN, are_broken, broken, is_broken
from byleave.apply.forms.units import ROWS_AT_ONCE, Rows, batch_of, check_length, place_for, refuse
from byleave.apply.inputs import DIGEST_NAMES, LINK_NAMES, InputFile
from byleave.apply.judging import Flags
from byleave.errors import FormatError
from byleave.storage import refuse_disk_faults

MOST_LINE_BYTES = 64 * 1024 * 1024
_MARK = b"\xef\xbb\xbf"
_FAULTS = (OSError, EOFError, zlib.error)


class LineFormat(StrEnum):
    """How a line is read."""

    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    TXT = "txt"


_SUFFIXES = {".ndjson": LineFormat.JSONL} | {f".{format.value}": format for format in LineFormat}

Record = tuple[bytes, Facts | None]
"""The bytes of a row as they stand in the file, and what decides; ``None`` for a header or an empty line, which always stays."""


@dataclass(frozen=True, slots=True)
class LineList:
    """One list by lines."""

    file: InputFile
    format: LineFormat

    @property
    def name(self) -> str:
        """The file's name."""
        return self.file.name

    @property
    def files(self) -> tuple[InputFile, ...]:
        """The one file."""
        return (self.file,)

    def count(self) -> int:
        """Count rows by reading them."""
        return sum(facts is not None for _, facts in self._records())

    def rows(self, *, digests: bool) -> Iterator[Rows]:  # noqa: ARG002 - a list has no files at hand
        """Yield links and digests as the lines state them."""
        links: list[bytes | None] = []
        stated: list[bytes | None] = []
        first = 0
        for _, facts in self._records():
            if facts is None:
                continue
            links.append(facts[0])
            stated.append(facts[1])
            if len(links) == ROWS_AT_ONCE:
                yield self._rows(first, links, stated)
                first, links, stated = first + len(links), [], []
        yield self._rows(first, links, stated)

    def write(self, stays: Flags, out: Path) -> None:
        """Copy the lines that stay."""
        row = 0
        with _written(place_for(self.file, out)) as target:
            for raw, facts in self._records():
                if facts is None or (row < len(stays) and stays[row]):
                    target.write(raw)
                row += facts is not None
        check_length(stays, row, self.name)

    def has_links(self) -> bool:
        """Whether the beginning looks like a list with links; a file that cannot be read counts, so that somebody hears of it."""
        try:
            if self.format is LineFormat.TXT:
                facts = next((facts for _, facts in self._records() if facts is not None), None)
                return bool(facts and facts[0] and facts[0].lower().startswith((b"http://", b"https://")))
            next(self._records(), None)
        except FormatError as error:
            return NO_NAMES not in error.problem
        return True

    def _rows(self, first: int, links: list[bytes | None], stated: list[bytes | None]) -> Rows:
        if self.format is LineFormat.TXT and are_broken(links):
            raise self._broken()
        return Rows(self.name, first, batch_of(links, stated))

    def _broken(self) -> FormatError:
        """Look once more for the line in which a break was found."""
        with _opened(self.file.path) as source:
            lines = (number for number, line in self._lines(source) if is_broken(line.rstrip(b"\r\n")))
            return broken(self._where(next(lines, 1)))

    def _records(self) -> Iterator[Record]:
        try:
            with _opened(self.file.path) as source:
                yield from self._read(source)
        except _FAULTS as error:
            refuse_disk_faults(error, self.file.path)
            raise refuse(self.name, f"cannot be read: {str(error)[:150]}") from error

    def _read(self, source: BufferedIOBase) -> Iterator[Record]:
        match self.format:
            case LineFormat.JSONL:
                return self._jsonl(source)
            case LineFormat.TXT:
                return self._txt(source)
            case LineFormat.CSV:
                return self._separated(source, ",")
            case LineFormat.TSV:
                return self._separated(source, "\t")
            case _:
                assert_never(self.format)

    def _lines(self, source: BufferedIOBase) -> Iterator[tuple[int, bytes]]:
        number = 0
        while line := source.readline(MOST_LINE_BYTES + 1):
            number += 1
            if len(line) > MOST_LINE_BYTES:
                raise refuse(self._where(number), f"longer than {MOST_LINE_BYTES:,} bytes")
            yield number, line
        if not number:
            raise refuse(self.name, "the file is empty")

    def _jsonl(self, source: BufferedIOBase) -> Iterator[Record]:
        named, rows = False, 0
        for number, line in self._lines(source):
            content = (line.removeprefix(_MARK) if number == 1 else line).strip()
            if not content:
                yield line, None
                continue
            if RETURN in content:
                raise broken(self._where(number))
            facts, has_field = facts_of(content, self._where(number))
            named, rows = named or has_field, rows + 1
            if rows == 1 and not named:
                raise refuse(self._where(number), NO_NAMES, RENAME)
            yield line, facts

    def _txt(self, source: BufferedIOBase) -> Iterator[Record]:
        for number, line in self._lines(source):
            link = (line.removeprefix(_MARK) if number == 1 else line).rstrip(b"\r\n")
            yield line, ((link, None) if link.strip() else None)

    def _separated(self, source: BufferedIOBase, separator: str) -> Iterator[Record]:
        taken: list[bytes] = []
        number = 0

        def texts() -> Iterator[str]:
            nonlocal number
            for number, line in self._lines(source):
                taken.append(line)
                bare = line.removeprefix(_MARK) if number == 1 else line
                yield bare.decode("utf-8", "surrogateescape")

        places: tuple[int, int] | None = None
        width = 0
        try:
            for fields in csv.reader(texts(), delimiter=separator, strict=True):
                raw = b"".join(taken)
                taken.clear()
                if places is None:
                    places, width = self._places(fields), len(fields)
                    yield raw, None
                elif not fields:
                    yield raw, None
                elif len(fields) != width:
                    raise refuse(self._where(number), f"{len(fields)} values under {width} names of columns")
                else:
                    yield raw, (_value(fields, places[0]), _value(fields, places[1]))
        except csv.Error as error:
            if "new-line" in str(error):
                raise broken(self._where(number)) from error
            raise refuse(self._where(number), f"cannot be read as {self.format.upper()}: {error}") from error

    def _places(self, names: list[str]) -> tuple[int, int]:
        lower = [name.strip().lower() for name in names]
        link, digest = (
            next((lower.index(name) for name in wanted if name in lower), -1)
            for wanted in (LINK_NAMES, DIGEST_NAMES)
        )
        if link < 0 and digest < 0:
            raise refuse(self.name, NO_NAMES, RENAME)
        bare = [name.strip() for name in names]
        for name in (bare[place] for place in (link, digest) if place >= 0):
            if bare.count(name) > 1:
                says = f"{bare.count(name)} columns are called {name!r}, and readers would differ about which counts"
                raise refuse(self.name, says, "rename or drop all but one of them")
        return link, digest

    def _where(self, number: int) -> str:
        return f"{self.name} line {number:,}"


def line_format(path: Path) -> LineFormat | None:
    """Tell the format by the name, behind which ``.gz`` may stand."""
    name = path.name.lower().removesuffix(".gz")
    return _SUFFIXES.get(Path(name).suffix)


@contextmanager
def _opened(path: Path) -> Iterator[BufferedIOBase]:
    with path.open("rb") as file:
        if path.name.lower().endswith(".gz"):
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield unpacked
        else:
            yield file


@contextmanager
def _written(path: Path) -> Iterator[BufferedIOBase]:
    with path.open("wb") as file:
        if path.name.lower().endswith(".gz"):
            # Neither a name nor a time, so that the same rows give the same bytes.
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                yield packed
        else:
            yield file


def _value(fields: list[str], place: int) -> bytes | None:
    value = fields[place].encode("utf-8", "surrogateescape") if place >= 0 else b""
    return value or None
