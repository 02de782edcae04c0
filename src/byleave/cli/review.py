"""`byleave review`: look at held claims from the command line, as the review page of the site does."""

from __future__ import annotations

from typing import Any

import typer

from byleave.cli.output import now, print_json, say
from byleave.errors import InputError
from byleave.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Look at claims that are held: list, release, reject")

SHOWN = 100
REASON = typer.Option(..., "--reason", help="Why; the claimant reads it")
CLAIM = typer.Argument(help="Id of the claim")


@app.command("list")
def list_(json_: bool = typer.Option(False, "--json", help="Print as JSON")) -> None:
    """List held claims, those that have waited longest first."""
    from byleave.registry.database import Database
    from byleave.registry.permissions import OPERATOR
    from byleave.registry.review import held_claims, queue

    at = now()
    with Database.open(Settings.from_process()) as database, database.transaction() as session:
        waiting = queue(session, at)
        claims = held_claims(session, who=OPERATOR, first=0, most=SHOWN)
    if json_:
        held: list[dict[str, Any]] = [
            {
                "claim": claim.id,
                "reason": claim.hold_reason,
                "held_at": claim.held_at,
                "targets": len(claim.targets),
            }
            for claim in claims
        ]
        print_json({"waiting": waiting.waiting, "claims": held})
        return
    for claim in claims:
        since = f"{claim.held_at:%Y-%m-%d %H:%M}" if claim.held_at else ""
        typer.echo(
            f"{claim.id.hex()}  {claim.hold_reason or '':<9}  since {since} UTC  {len(claim.targets)} targets"
        )
    if not claims:
        say("no claim waits for a person")


@app.command("release")
def release(claim: str = CLAIM, reason: str = REASON) -> None:
    """Let a held claim count from now on."""
    _decide(claim, reason, released=True)
    say("released; publish to make it known")


@app.command("reject")
def reject(claim: str = CLAIM, reason: str = REASON) -> None:
    """Turn a held claim down."""
    _decide(claim, reason, released=False)
    say("rejected: it says nothing")


def _decide(claim: str, reason: str, *, released: bool) -> None:
    from byleave.registry.database import Database
    from byleave.registry.mail import Post
    from byleave.registry.mail_server import MailServer
    from byleave.registry.permissions import OPERATOR
    from byleave.registry.review import Decided, decide

    try:
        claim_id = bytes.fromhex(claim)
    except ValueError as error:
        raise InputError(f"{claim[:40]!r} is no id of a claim", remedy="see `byleave review list`") from error
    settings = Settings.from_process()
    post = Post(MailServer.from_settings(settings))
    with Database.open(settings) as database, database.transaction() as session:
        decide(
            session,
            claim_id,
            Decided(released, reason),
            who=OPERATOR,
            post=post,
            address=f"claim {claim_id.hex()}",
            at=now(),
        )
