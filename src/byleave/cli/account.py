"""`byleave account`: what the operator does for a person who asks for her data by mail, or to be erased."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from byleave.cli.output import now, say
from byleave.errors import InputError, NotFoundError
from byleave.settings import Settings

if TYPE_CHECKING:
    import uuid

    from byleave.registry.database import Database

app = typer.Typer(no_args_is_help=True, help="Export or erase everything about a person")

EMAIL = typer.Argument(help="E-mail address of the account")


@app.command("export")
def export(email: str = EMAIL, out: Path = typer.Option(..., "--out", help="ZIP file to write")) -> None:
    """Write everything the registry holds about a person into a ZIP."""
    import tempfile

    from byleave.publish.export import export_account
    from byleave.registry.database import Database
    from byleave.registry.permissions import OPERATOR

    settings = Settings.from_process()
    if out.exists():
        raise InputError(f"{out} is there already", remedy="name a new file")
    with Database.open(settings) as database:
        pieces = export_account(database, settings, _account(database, email), who=OPERATOR, at=now())
        with tempfile.NamedTemporaryFile(dir=out.parent, prefix=f".{out.name}-", delete=False) as file:
            for piece in pieces:
                file.write(piece)
        Path(file.name).rename(out)
    say(f"everything about {email} is in {out}; it is private")


@app.command("erase")
def erase(
    email: str = EMAIL, yes: bool = typer.Option(False, "--yes", help="Do it; it cannot be undone")
) -> None:
    """Erase a person's account with every claim, proof and key of hers. The log keeps that there were claims."""
    from byleave.publish.sequencer import integrate
    from byleave.registry.account_erasure import erase_account
    from byleave.registry.database import Database
    from byleave.registry.permissions import OPERATOR

    if not yes:
        raise InputError("this cannot be undone", remedy="say --yes if she asked for it")
    settings, at = Settings.from_process(), now()
    with Database.open(settings) as database:
        account = _account(database, email)
        with database.transaction() as session:
            claims = erase_account(session, account, who=OPERATOR, at=at)
        integrate(database, settings, at=at)
    say(f"erased, with {claims} claims; publish to make it known")


def _account(database: Database, email: str) -> uuid.UUID:
    from byleave.registry.accounts import find_account

    with database.transaction() as session:
        account = find_account(session, email)
    if account is None:
        raise NotFoundError(f"nobody with the address {email[:80]!r} is here", remedy="check the address")
    return account
