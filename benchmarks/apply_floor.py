"""What nobody can leave out who takes rows out of compressed files for a registry of digests: codec, names of the links, and the files themselves.

A contender of ``apply_speed.py`` beside Byleave. It reads every page and decompresses it, names every link and looks it up in the release, compresses
as much of each page as stays, and writes that. It counts, lists, copies and describes nothing, and what it writes is of no use. It
is made of Byleave's own parts, the fastest there are here: whoever has a faster codec or faster hashing has a lower floor.

    python benchmarks/apply_floor.py
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from byleave.apply.matching import Matcher
from byleave.apply.pages.codecs import compress
from byleave.apply.pages.footer import Column, File, columns_of, leaves_of, read_footer, span_of
from byleave.apply.pages.page import Opened, pages_of
from byleave.apply.pages.values import Speller
from byleave.apply.rewriting import BATCH_ROWS
from byleave.apply.ruleset import Ruleset

LINK = [b"URL"]


class Floor:
    """Does that with the files of the benchmark, after Byleave has listed the rows that go."""

    def __init__(self, folder: Path, ruleset: Ruleset) -> None:
        self._folder = folder
        self._matcher = Matcher(ruleset, None)

    def filter(self, paths: list[Path]) -> int:
        for path in paths:
            rows = pq.read_metadata(path).num_rows
            gone = pq.read_metadata(self._folder / f"removed-{path.name}").num_rows
            with (self._folder / "out-floor.parquet").open("wb") as out:
                for column, pages in _columns(path):
                    if column.items(Column.NAME) == LINK:
                        self._name(pages)
                    for page in pages:
                        content = memoryview(page.values)
                        left = content[: len(content) * (rows - gone) // rows]
                        out.write(compress(page.codec, left, shrinks=page.shrinks))
        return 0

    def _name(self, pages: list[Opened]) -> None:
        plain = [page for page in pages if page.is_plain]  # of the small file the others are dictionaries
        speller = Speller(sum(len(page.values) for page in plain), sum(page.entries for page in plain))
        for page in plain:
            speller.add(np.frombuffer(page.values, np.uint8), page.entries)
        content, ends = speller.texts()
        links = pa.StringArray.from_buffers(len(ends) - 1, pa.py_buffer(ends), pa.py_buffer(content))
        for first in range(0, len(links), BATCH_ROWS):
            batch = links.slice(first, BATCH_ROWS)
            self._matcher.match(batch, None, len(batch))


def _columns(path: Path) -> Iterator[tuple[Any, list[Opened]]]:
    """Yield each column of each row group, with its pages decompressed."""
    with path.open("rb") as file:
        footer = read_footer(file)
        assert footer is not None
        leaves = leaves_of(footer.structs(File.SCHEMA))
        for group in footer.structs(File.GROUPS):
            for column, leaf in zip(columns_of(group), leaves, strict=True):
                start, size = span_of(column)
                file.seek(start)
                pages = pages_of(memoryview(file.read(size)), column, leaf)
                yield column, [page.opened() for page in pages]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="as the other benchmarks; alone it does nothing")
    parser.parse_args()
    print("run by apply_speed.py")


if __name__ == "__main__":
    main()
