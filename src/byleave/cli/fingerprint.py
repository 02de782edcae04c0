"""`byleave fingerprint`: the values by which copies of a picture are found."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from byleave.errors import InputError


def fingerprint(
    files: list[Path] = typer.Argument(help="Picture files"),
    json_: bool = typer.Option(False, "--json", help="Print one JSON object a line"),
) -> None:
    """Print the picture match codes of files: PDQ at full size, in eight orientations, and as Byleave stores them."""
    from byleave.media.fingerprint_report import fingerprint_reports
    from byleave.settings import Settings

    unusable = 0
    for report in fingerprint_reports(files, Settings.from_process().limits):
        unusable += "error" in report
        if json_:
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
