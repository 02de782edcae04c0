"""`byleave token`: keys with which programs ask the registry."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from byleave.cli.output import now, print_json, say
from byleave.errors import FormatError
from byleave.settings import Settings

if TYPE_CHECKING:
    from byleave.registry.tokens import Token

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke keys with which programs look things up.")

AS_JSON = typer.Option(False, "--json", help="Print as JSON")


@app.command("create")
def create(
    name: str = typer.Option(..., "--name", help="What you call it: letters, digits, '.', '-' and '_'"),
    expires: str = typer.Option("", "--expires", help="Last day it works, as 2027-12-31 (UTC)"),
    json_: bool = AS_JSON,
) -> None:
    """Make a key for look-ups and print it, the only time anybody sees it."""
    from byleave.registry.database import Database
    from byleave.registry.permissions import OPERATOR
    from byleave.registry.tokens import create_token

    expires_at = _end_of(expires) if expires else None
    with Database.open(Settings.from_process()) as database, database.transaction() as session:
        made = create_token(session, name, who=OPERATOR, at=now(), expires_at=expires_at)
    if json_:
        print_json({**_told(made.token), "key": made.key})
        return
    typer.echo(made.key)
    say("this is shown once; programs send it as 'Authorization: API KEY'")


@app.command("list")
def list_(json_: bool = AS_JSON) -> None:
    """List keys by name; the keys themselves are not kept."""
    from byleave.registry.database import Database
    from byleave.registry.permissions import OPERATOR
    from byleave.registry.tokens import tokens

    with Database.open(Settings.from_process()) as database, database.transaction() as session:
        found = tokens(session, who=OPERATOR)
    if json_:
        print_json([_told(token) for token in found])
        return
    for token in found:
        end = f"until {token.expires_at:%Y-%m-%d %H:%M} UTC" if token.expires_at else "without an end"
        state = "good" if token.is_good(now()) else "revoked" if token.revoked_at else "expired"
        typer.echo(f"{token.name}  {token.scope.value}  {state}, {end}")


@app.command("revoke")
def revoke(name: str = typer.Argument(help="Name of the key")) -> None:
    """Take a key back for ever."""
    from byleave.registry.database import Database
    from byleave.registry.permissions import OPERATOR
    from byleave.registry.tokens import revoke_token

    with Database.open(Settings.from_process()) as database, database.transaction() as session:
        revoke_token(session, name, who=OPERATOR, at=now())
    say(f"the key {name} opens nothing any more")


def _end_of(day: str) -> datetime:
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(hour=23, minute=59, second=59, tzinfo=UTC)
    except ValueError as error:
        raise FormatError(f"{day[:40]!r} is not a day", remedy="write it as 2027-12-31") from error


def _told(token: Token) -> dict[str, Any]:
    return {
        "name": token.name,
        "scope": token.scope.value,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
    }
