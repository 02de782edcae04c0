"""Long lists of links as people hand them in: read line by line, each line once, with a reason for each that cannot be used."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Final, NamedTuple

from byleave import urls
from byleave.consent import TargetKind
from byleave.errors import FormatError, InputError, RefusedError
from byleave.registry.targets import LISTED_KINDS, read_value
from byleave.settings import Limits

MOST_REJECTS: Final = 50_000
"""With more lines than this that cannot be used it is not the list that was meant, and nothing of it is filed."""

_TELL_EVERY: Final = 10_000
_SHOWN_VALUE: Final = 200


class Listed(NamedTuple):
    """One target of a list, as little as it takes: there may be a million."""

    kind: TargetKind
    digest: bytes
    value: str
    scope_host: bytes | None


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that cannot be used, what stands there, and why."""

    line: int
    value: str
    reason: str


@dataclass(slots=True)
class ListReader:
    """Reads a list once; ``lines``, ``accepted`` and ``rejects`` say how far it came and what was found.

    tell
        Called with the number of lines read so far, now and then and at the end.
    """

    limits: Limits
    tell: Callable[[int], None] = lambda _: None
    lines: int = 0
    accepted: int = 0
    rejects: list[Reject] = field(default_factory=list)

    def read(self, text: Iterable[str]) -> Iterator[Listed]:
        """Yield what the lines of ``text`` name, each thing once.

        A list has a header with columns among :data:`LISTED_KINDS`, or one link in each line.

        Raises
        ------
        InputError
            If it has too many lines, too many that cannot be used, or is empty.
        """
        seen: set[bytes] = set()
        for line, kind, value in _cells(text):
            if line != self.lines:
                self._count(line)
            try:
                listed = _listed(kind, value)
            except (InputError, RefusedError) as error:
                self._reject(Reject(line, value[:_SHOWN_VALUE], error.problem))
                continue
            if listed.digest not in seen:
                seen.add(listed.digest)
                self.accepted += 1
                yield listed
        self.tell(self.lines)
        if not self.accepted and not self.rejects:
            raise InputError(
                "the list is empty",
                remedy="write one link per line, or a CSV with a header url, prefix, domain or sha256",
            )

    def _count(self, line: int) -> None:
        self.lines = line
        if self.accepted + len(self.rejects) >= self.limits.csv_rows:
            raise InputError(
                "the list has too many lines",
                remedy=f"split it into files of at most {self.limits.csv_rows:,} lines",
            )
        if line % _TELL_EVERY == 0:
            self.tell(line)

    def _reject(self, reject: Reject) -> None:
        self.rejects.append(reject)
        if len(self.rejects) > MOST_REJECTS:
            raise InputError(
                f"more than {MOST_REJECTS:,} lines cannot be used, so nothing was filed",
                remedy="see the first of them, mend the list and send it again",
            )


def text_lines(file: IO[bytes]) -> Iterator[str]:
    """Yield the lines of a file as text; bytes that are no UTF-8 stay in their line, which is then refused by its number."""
    for number, line in enumerate(file):
        text = line.decode("utf-8", "surrogateescape")
        yield text.removeprefix("\ufeff") if number == 0 else text


def _cells(text: Iterable[str]) -> Iterator[tuple[int, str, str]]:
    lines = iter(text)
    before = 0
    for first in lines:
        if first.strip():
            break
        before += 1
    else:
        return
    header = [cell.strip().strip('"').lower() for cell in first.split(",")]
    if set(header) & set(LISTED_KINDS):
        yield from _table(lines, header, before + 1)
        return
    if "," in first and not _is_link(first):
        raise InputError(
            f"the header of the list, {first.strip()[:80]!r}, names none of the columns that are read",
            remedy="name a column url, prefix, domain or sha256",
        )
    yield from _plain(before + 1, first)
    for number, line in enumerate(lines, before + 2):
        yield from _plain(number, line)


def _is_link(line: str) -> bool:
    try:
        return all(read_value(kind, value) is not None for _, kind, value in _plain(1, line))
    except InputError:
        return False


def _plain(number: int, line: str) -> Iterator[tuple[int, str, str]]:
    """Yield a whole line: without a header a comma is part of the link."""
    link = line.strip()
    if link.startswith('"') and link.endswith('"'):
        link = link[1:-1]
    if link:
        yield number, "line", link


def _table(lines: Iterator[str], header: list[str], before: int) -> Iterator[tuple[int, str, str]]:
    reader = csv.reader(lines)
    columns = [(place, kind) for place, kind in enumerate(header) if kind in LISTED_KINDS]
    try:
        for row in reader:
            for place, kind in columns:
                value = row[place].strip() if place < len(row) else ""
                if value:
                    yield before + reader.line_num, kind, value
    except csv.Error as error:
        raise FormatError(
            f"line {before + reader.line_num} of the list is not CSV: {error}", remedy="save it as CSV again"
        ) from error


def _listed(kind: str, value: str) -> Listed:
    if kind == "url" and value.startswith(("https://", "http://")):
        # Nearly every line of nearly every list: without the steps that only others need.
        canonical = urls.canonical_url(value)
        return Listed(TargetKind.URL, urls.url_digest(canonical), canonical, None)
    target = read_value("line" if kind == "url" else kind, value)
    return Listed(target.kind, target.digest, target.value or "", target.scope_host)
