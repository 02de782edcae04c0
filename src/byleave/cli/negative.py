"""`byleave negative`: pictures that say nothing about whose they are, so that a claim on one is looked at first."""

from __future__ import annotations

from pathlib import Path

import typer

from byleave.cli.output import now, print_json, say
from byleave.errors import FormatError
from byleave.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Name pictures that many people use, such as backgrounds")

LISTS = frozenset({".txt", ".csv"})
AS_JSON = typer.Option(False, "--json", help="Print as JSON")


@app.command("add")
def add(
    file: list[Path] = typer.Argument(
        help="Pictures, or lists (.txt, .csv) with a PDQ value of 64 hex digits on each line"
    ),
    name: str = typer.Option(
        ..., "--name", help="What this part of the list is called; claimants may read it"
    ),
) -> None:
    """Add pictures. From now on a claim on one of them, in any size, mirrored or turned, waits for a person."""
    from byleave.registry.database import Database
    from byleave.registry.negative import add_pictures
    from byleave.registry.permissions import OPERATOR

    settings = Settings.from_process()
    values = [value for path in file for value in _values(path, settings)]
    with Database.open(settings) as database, database.transaction() as session:
        added = add_pictures(session, values, name, who=OPERATOR, at=now())
    say(f"{added} of {len(values)} values are new in the negative list, as part of {name!r}")


@app.command("list")
def list_(json_: bool = AS_JSON) -> None:
    """List the parts of the negative list and how many values each has."""
    from byleave.registry.database import Database
    from byleave.registry.negative import add_built_in, negative_list_of

    with Database.open(Settings.from_process()) as database, database.transaction() as session:
        add_built_in(session, now())
        parts = negative_list_of(session)
    if json_:
        print_json([{"name": part.name, "pictures": part.pictures} for part in parts])
        return
    for part in parts:
        typer.echo(f"{part.pictures:>8}  {part.name}")


@app.command("remove")
def remove(name: str = typer.Argument(help="Name of the part")) -> None:
    """Take a part out of the list. Claims that wait because of it go on waiting until somebody looks."""
    from byleave.registry.database import Database
    from byleave.registry.negative import remove_pictures
    from byleave.registry.permissions import OPERATOR

    with Database.open(Settings.from_process()) as database, database.transaction() as session:
        removed = remove_pictures(session, name, who=OPERATOR)
    say(f"{removed} values are out of the negative list")


def _values(path: Path, settings: Settings) -> tuple[bytes, ...]:
    from byleave import media
    from byleave.registry.negative import read_values

    most = settings.limits.csv_bytes if path.suffix.lower() in LISTS else settings.limits.picture_bytes
    if path.stat().st_size > most:
        raise FormatError(f"{path} is too large", remedy=f"give a file of at most {most} bytes")
    content = path.read_bytes()
    if path.suffix.lower() in LISTS:
        return read_values(content.decode("utf-8", "replace"))
    seen = media.describe(content, limits=settings.limits, thumbnail_px=None)
    if isinstance(seen, media.Unusable):
        raise FormatError(f"{path} cannot be used as a picture: {seen.detail}", remedy="give another file")
    return tuple(dict.fromkeys((seen.fingerprint.plain, seen.fingerprint.trimmed)))
