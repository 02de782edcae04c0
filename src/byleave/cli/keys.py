"""`byleave keys`: show the key that others trust, and give way to a new one."""

from __future__ import annotations

from pathlib import Path

import typer

from byleave.cli.output import now, print_json, say
from byleave.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Show the signing key, and change it")


@app.command()
def show(
    witness: bool = typer.Option(False, "--witness", help="Show the key that cosigns other logs instead"),
    json_: bool = typer.Option(False, "--json", help="Print the keys as JSON"),
) -> None:
    """Print the verifier key of this registry: what others need to check its log, lists and coverage files."""
    from byleave.publish.keys import show_keys
    from byleave.release.witnessing import cosigning, witness_key

    settings = Settings.from_process()
    if witness:
        key = str(cosigning(witness_key(settings)))
        if json_:
            print_json({"witness": key})
        else:
            typer.echo(key)
        return
    keys = show_keys(settings)
    if json_:
        print_json({"key": str(keys.signing), "earlier": [str(key) for key in keys.earlier]})
        return
    typer.echo(str(keys.signing))
    for earlier in keys.earlier:
        say(f"before: {earlier}")


@app.command()
def make(
    name: str = typer.Argument(help="Whose key it is: best a site of yours, such as models.example.org"),
    to: Path = typer.Option(..., "--to", help="File to write; only you can read it"),
    json_: bool = typer.Option(False, "--json", help="Print the verifier key as JSON"),
) -> None:
    """Make an organisation's key for signing attestations and pledges, and print the verifier key that others trust."""
    from byleave.release.keys import make_key

    key = make_key(to, name)
    if json_:
        print_json({"key": str(key.verifier), "file": str(to)})
        return
    typer.echo(str(key.verifier))
    say(f"{to} holds the secret half: keep a copy of it, and give it to nobody")


@app.command()
def rotate(json_: bool = typer.Option(False, "--json", help="Print the new key as JSON")) -> None:
    """Take up a new signing key and announce it, signed by the old one and the new one. Old receipts still verify."""
    from byleave.publish import keys as publish_keys
    from byleave.publish.sequencer import sequence, sequencing
    from byleave.registry.database import Database

    settings = Settings.from_process()
    with Database.open(settings) as database, sequencing(database) as session:
        sequence(session, settings, at=now())
        key = publish_keys.rotate(session, settings, at=now())
    if json_:
        print_json({"key": str(key.verifier)})
        return
    typer.echo(str(key.verifier))
    say("announced in the key history beside the log; keep a copy of the keys folder, as before")


@app.command()
def reseal(json_: bool = typer.Option(False, "--json", help="Print how many values as JSON")) -> None:
    """Seal the e-mail addresses in the database, and the mails that wait, under a new key. Stop the site first."""
    from byleave.registry.database import Database
    from byleave.registry.metadata import METADATA
    from byleave.registry.sealing import KEY_FILE
    from byleave.registry.sealing import reseal as seal_anew

    settings = Settings.from_process()
    with Database.open(settings) as database:
        database.engine.dispose()
        with database.engine.connect() as connection:
            changed = seal_anew(connection, METADATA)
    if json_:
        print_json({"sealed": changed})
        return
    say(
        f"{changed} values are sealed under a new key in {settings.home / 'keys' / KEY_FILE}; keep a copy of it, as before"
    )
