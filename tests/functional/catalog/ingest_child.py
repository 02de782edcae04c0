"""Ingests in processes of their own that may be killed, each known to its parent from the moment its first shard begins."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from byleave.catalog import Catalog, IngestOptions

LONGEST_S = 120.0

# Children come from a process that has loaded the catalog and done nothing with it, so that none has to load it again.
CHILDREN = multiprocessing.get_context("forkserver")
CHILDREN.set_forkserver_preload([__name__])


class Announced:
    """Tells the parent when it is worth killing us."""

    def __init__(self, begun: Connection) -> None:
        self._begun = begun

    def begin(self, what: str, total: int) -> None:
        if what == "ingesting":
            self._begun.send(None)

    def advance(self, amount: int, samples: int) -> None: ...


def ingest(home: Path, source: Path, begun: Connection) -> None:
    """Ingest ``source`` into the dataset ``d`` of ``home``."""
    catalog = Catalog(home, now=lambda: datetime(2026, 11, 22, tzinfo=UTC))
    catalog.ingest(source, dataset="d", options=IngestOptions(workers=0), progress=Announced(begun))


@contextmanager
def ingesting(home: Path, source: Path) -> Iterator[BaseProcess]:
    """Give the process of an ingest whose first shard just began; it has ended afterwards."""
    begun, to_tell = CHILDREN.Pipe(duplex=False)
    child = CHILDREN.Process(target=ingest, args=(home, source, to_tell))
    child.start()
    to_tell.close()
    with begun:
        # A child that ends without a word closes the pipe, which is readable then, too.
        assert begun.poll(LONGEST_S)
        yield child
        child.join(LONGEST_S)
