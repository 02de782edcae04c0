"""Ingest SOURCE into HOME, in a process of its own that may be killed. Says `go` when the first shard begins."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from byleave.catalog import Catalog, IngestOptions


class Announced:
    """Tells the parent when it is worth killing us."""

    def begin(self, what: str, total: int) -> None:
        if what == "ingesting":
            print("go", flush=True)

    def advance(self, amount: int, samples: int) -> None: ...


def main(home: str, source: str) -> None:
    catalog = Catalog(Path(home), now=lambda: datetime(2026, 11, 22, tzinfo=UTC))
    report = catalog.ingest(Path(source), dataset="d", options=IngestOptions(workers=0), progress=Announced())
    print(report.source.samples, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
