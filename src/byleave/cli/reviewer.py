"""`byleave reviewer`: who, beside the operator, looks at choices that are held."""

from __future__ import annotations

import typer

from byleave.cli.output import now, print_json, say
from byleave.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Name the people who look at choices that are held.")


@app.command("add")
def add(email: str = typer.Argument(help="E-mail address she signs in with")) -> None:
    """Let a person look at held choices and release or reject them; never her own."""
    _set(email, reviews=True)
    say(f"{email} may look at held choices from now on")


@app.command("remove")
def remove(email: str = typer.Argument(help="E-mail address she signs in with")) -> None:
    """Let a person look at held choices no longer."""
    _set(email, reviews=False)
    say(f"{email} may not look at held choices any more")


@app.command("list")
def list_(json_: bool = typer.Option(False, "--json", help="Print as JSON")) -> None:
    """List the addresses of those who look at held choices."""
    from byleave.registry.accounts import reviewers
    from byleave.registry.database import Database
    from byleave.registry.permissions import OPERATOR

    with Database.open(Settings.from_process()) as database, database.transaction() as session:
        found = reviewers(session, who=OPERATOR)
    if json_:
        print_json(list(found))
        return
    for email in found:
        typer.echo(email)


def _set(email: str, *, reviews: bool) -> None:
    from byleave.registry.accounts import set_reviewer
    from byleave.registry.database import Database
    from byleave.registry.permissions import OPERATOR

    with Database.open(Settings.from_process()) as database, database.transaction() as session:
        set_reviewer(session, email, reviews=reviews, who=OPERATOR, at=now())
