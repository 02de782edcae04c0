"""`byleave log`: the public log of this registry."""

from __future__ import annotations

import typer

from byleave.cli.output import now, print_json, say
from byleave.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Bring the public log up to date, look at it, make its files again"
)


@app.command()
def show(json_: bool = typer.Option(False, "--json", help="Print the log's head as JSON")) -> None:
    """Bring every claim event into the log and print its checkpoint."""
    from byleave.publish.sequencer import integrate
    from byleave.registry.database import Database

    settings = Settings.from_process()
    with Database.open(settings) as database:
        log = integrate(database, settings, at=now())
    if log is None:
        say("the log is empty: nothing was filed yet")
    elif json_:
        head = log.checkpoint
        print_json(
            {"origin": head.origin, "size": head.size, "root": head.root.hex(), "checkpoint": log.note}
        )
    else:
        typer.echo(log.note, nl=False)


@app.command()
def rebuild(json_: bool = typer.Option(False, "--json", help="Print what was found as JSON")) -> None:
    """Make every file of the log again from the registry, compare, and put right what is missing or differs."""
    from byleave.publish.rebuild import rebuild as rebuild_log
    from byleave.registry.database import Database

    settings = Settings.from_process()
    with Database.open(settings) as database:
        found = rebuild_log(database, settings, at=now())
    if json_:
        print_json({"size": found.size, "files": found.files, "differed": found.differed})
        return
    say(f"the log of {found.size} entries has {found.files} files")
    for path in found.differed:
        typer.echo(path)
    say(f"{len(found.differed)} of them were missing or different, and are right now")
