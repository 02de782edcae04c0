"""`byleave retention`: remove what has been kept long enough, as the site does every day."""

from __future__ import annotations

import typer

from byleave.cli.output import now, print_json, say
from byleave.settings import Settings


def retention(
    list_: bool = typer.Option(False, "--list", help="Only say what is kept for how long, and why"),
    json_: bool = typer.Option(False, "--json", help="Print as JSON"),
) -> None:
    """Remove what has been kept long enough, and retire published lists that a newer one replaced long ago."""
    from byleave.registry.retention import TABLE

    if list_:
        told = [
            {
                "what": kept.what,
                "days": kept.life.total_seconds() / 86_400,
                "since": kept.since,
                "why": kept.why,
            }
            for kept in TABLE.values()
        ]
        if json_:
            print_json(told)
            return
        for kept in TABLE.values():
            typer.echo(f"{kept.what}: {kept.life} from: {kept.since}")
        return
    from byleave.publish.retiring import retire_old
    from byleave.registry.database import Database
    from byleave.registry.permissions import OPERATOR
    from byleave.registry.retention import sweep

    settings, at = Settings.from_process(), now()
    with Database.open(settings) as database, database.transaction() as session:
        gone = dict(sweep(session, at))
        retired = retire_old(session, settings, who=OPERATOR, at=at)
    if json_:
        print_json({"removed": gone, "retired_lists": list(retired)})
        return
    say(f"removed {sum(gone.values())} rows; retired {len(retired)} published lists")
