"""``byleave ingest``: bring a dataset into the catalog."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from byleave.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress as Bars

    from byleave.catalog import IngestReport, Progress


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

    settings = Settings.from_process()
    options = IngestOptions(
        thumbnails=settings.thumbnails and not no_thumbnails,
        forget_unfinished=forget_unfinished,
        limits=settings.limits,
    )
    catalog = Catalog(settings.home, limits=settings.limits)
    with shown_progress() as progress:
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
        yield f"resumed behind {report.resumed:,} finished shards"
    for kind, count in source.rejected.items():
        yield f"  not read: {count:,} × {kind}"
    for kind, count in source.cleaned.items():
        yield f"  repaired: {count:,} × {kind}"
    yield f"dataset `{dataset.name}` has {dataset.samples:,} entries, {dataset.with_pictures:,} with a picture"


class Bar:
    """Progress on standard error: share, samples, rate and time left."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task = bars.add_task("opening", total=None, samples=0, rate="")
        self._samples = 0

    def begin(self, what: str, total: int) -> None:
        """Begin a stage of so many bytes."""
        self._samples = 0
        self._bars.reset(self._task, total=total, description=what, samples=0, rate="")

    def advance(self, amount: int, samples: int) -> None:
        """Count bytes and samples."""
        self._samples += samples
        self._bars.update(self._task, advance=amount, samples=self._samples)
        elapsed = self._bars.tasks[0].elapsed or 0.0
        if elapsed > 0:
            self._bars.update(self._task, rate=f"{self._samples / elapsed:,.0f}/s")


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Show a bar while the block runs."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[samples]:,} entries {task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        yield Bar(bars)
