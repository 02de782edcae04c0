"""`byleave copies`: where claimed pictures stand in a dataset."""

from __future__ import annotations

from pathlib import Path

import typer

from byleave.cli.output import now, print_json, say
from byleave.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Find the copies of claimed pictures in a dataset")


@app.callback()
def copies() -> None:
    """Find the copies of claimed pictures in a dataset."""


@app.command()
def cover(
    dataset: str = typer.Option(..., help="Name of a dataset in the catalog"),
    release: int | None = typer.Option(None, help="Number of the published list; the latest when left out"),
    out: Path = typer.Option(..., help="File to write"),
    json_: bool = typer.Option(False, "--json", help="Print what was found as JSON"),
) -> None:
    """Write the signed coverage file of one dataset by one published list."""
    from byleave.catalog import Catalog
    from byleave.cli.compiling import tell_of_compiling
    from byleave.copies.cover import cover as cover_dataset
    from byleave.publish.folders import releases_folder
    from byleave.publish.keys import known_keys, signing_key
    from byleave.registry.database import Database
    from byleave.release import open_latest, open_release

    tell_of_compiling()
    settings = Settings.from_process()
    keys = known_keys(settings)
    folder = releases_folder(settings)
    opened = open_latest(folder, keys) if release is None else open_release(folder / str(release), keys)
    catalog = Catalog(settings.home, limits=settings.limits)
    with Database.open(settings) as database, database.transaction() as session:
        coverage = cover_dataset(
            catalog,
            session,
            dataset=dataset,
            release=opened,
            out=out,
            made_at=now(),
            key=signing_key(settings),
        )
    counts = coverage.signed.members["counts"]
    assert isinstance(counts, dict)  # noqa: S101 - as every coverage is made
    if json_:
        print_json({"file": str(out), "dataset": dataset, "release": opened.number, "counts": counts})
        return
    typer.echo(out)
    words = ", ".join(f"{number:,} {name}" for name, number in counts.items())
    say(f"compared the pictures of {dataset} with published list no. {opened.number}: {words}")
