"""``byleave ingest``: bring a dataset into the catalog."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from byleave.cli.output import counted
from byleave.cli.progress import Shown
from byleave.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from byleave.catalog import IngestReport


def ingest(
    source: Annotated[
        Path, typer.Argument(help="A Parquet file, an img2dataset folder or a folder of pictures")
    ],
    *,
    dataset: Annotated[str, typer.Option(help="Name of the dataset in the catalog")],
    format: Annotated[
        str | None, typer.Option(help="`parquet`, `img2dataset` or `folder`; told by content if left out")
    ] = None,
    no_thumbnails: Annotated[bool, typer.Option("--no-thumbnails", help="Keep no small pictures")] = False,
    forget_unfinished: Annotated[
        bool,
        typer.Option("--forget-unfinished", help="Give up another source that was begun and not finished"),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON")] = False,
) -> None:
    """Bring a dataset into the catalog, or finish bringing it in.

    A run that was interrupted goes on where it stopped when the same command is given again.
    """
    from byleave.catalog import Catalog, IngestOptions
    from byleave.cli.compiling import tell_of_compiling

    settings = Settings.from_process()
    options = IngestOptions(
        thumbnails=settings.thumbnails and not no_thumbnails,
        forget_unfinished=forget_unfinished,
        limits=settings.limits,
    )
    catalog = Catalog(settings.home, limits=settings.limits)
    with Shown() as shown:
        tell_of_compiling(shown.line)
        progress = _Bytes(shown)
        report = catalog.ingest(source, dataset=dataset, format=format, options=options, progress=progress)
    typer.echo(json.dumps(to_json(report), ensure_ascii=False) if as_json else "\n".join(lines(report)))


def to_json(report: IngestReport) -> dict[str, object]:
    """Write a report with stable names."""
    return {
        "dataset": report.dataset.name,
        "version": report.dataset.version,
        "samples": report.dataset.samples,
        "with_pictures": report.dataset.with_pictures,
        "as_of": report.dataset.as_of.isoformat(),
        "source": asdict(replace(report.source)),
        "resumed_shards": report.resumed,
        "already": report.already,
    }


def lines(report: IngestReport) -> Iterator[str]:
    """Say what went in, and what did not."""
    source, dataset = report.source, report.dataset
    if report.already:
        yield f"{source.path} is in `{dataset.name}` already; nothing was done"
    yield f"{source.samples:,} entries from {source.path}, {source.with_pictures:,} with a picture"
    if report.resumed:
        yield f"resumed behind {counted(report.resumed, 'finished shard')}"
    for kind, count in source.rejected.items():
        yield f"  not read: {count:,} × {kind}"
    for kind, count in source.cleaned.items():
        yield f"  repaired: {count:,} × {kind}"
    yield f"dataset `{dataset.name}` has {dataset.samples:,} entries, {dataset.with_pictures:,} with a picture"


class _Bytes:
    """A bar for each stage of an ingest, as long as the bytes it reads; beside it the entries found in them."""

    def __init__(self, shown: Shown) -> None:
        self._shown = shown
        self.begin("opening", 0)

    def begin(self, what: str, total: int) -> None:
        """Begin a stage of so many bytes."""
        self._shown.forget()
        self._what, self._total, self._done, self._samples = what, total, 0, 0
        self._began = time.monotonic()
        self._shown.step(what, 0, total or None, "")

    def advance(self, amount: int, samples: int) -> None:
        """Count bytes and samples."""
        self._done += amount
        self._samples += samples
        seconds = max(time.monotonic() - self._began, 0.001)
        note = f"{self._samples:,} entries, {self._samples / seconds:,.0f}/s"
        self._shown.step(self._what, self._done, self._total, note)
