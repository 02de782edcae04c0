"""`byleave proof`: what people control, for the operator."""

from __future__ import annotations

import uuid

import typer

from byleave.cli.output import now, print_json, say
from byleave.errors import FormatError, InputError
from byleave.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Look at proofs that are due, and enter that an organisation vouches."
)

AS_JSON = typer.Option(False, "--json", help="Print as JSON")


@app.command("check")
def check(json_: bool = AS_JSON) -> None:
    """Look at every proof that is due, as `byleave serve` does by itself."""
    from byleave.registry.checking import checks_for
    from byleave.registry.database import Database
    from byleave.registry.rechecking import AT_ONCE, recheck_in_turn

    settings, looked, more = Settings.from_process(), 0, AT_ONCE
    with Database.open(settings) as database:
        checks = checks_for(settings)
        while more == AT_ONCE:
            more = recheck_in_turn(database, checks, now())
            looked += more
    if json_:
        print_json({"looked_at": looked})
    else:
        say(f"looked at {looked} proofs")


@app.command("vouch")
def vouch(
    place: str = typer.Argument(help="Domain, path or link, such as jane.example or deviantart.com/jane"),
    organisation: str = typer.Option(..., "--organisation", help="Id of the organisation, from its page"),
    artist: str = typer.Option(..., "--artist", help="E-mail address of the artist, who lets it act for her"),
    json_: bool = AS_JSON,
) -> None:
    """Enter that an organisation you trust vouches that a place is an artist's."""
    from byleave.registry.accounts import find_account
    from byleave.registry.database import Database
    from byleave.registry.permissions import OPERATOR
    from byleave.registry.places import named_place
    from byleave.registry.vouching import vouch as keep

    try:
        behind = uuid.UUID(organisation)
    except ValueError as error:
        raise FormatError("that is not the id of an organisation", remedy="copy it from its page") from error
    with Database.open(Settings.from_process()) as database, database.transaction() as session:
        account = find_account(session, artist)
        if account is None:
            raise InputError("nobody has signed in with that address", remedy="ask her to sign in once")
        proof = keep(session, behind, account, named_place(place), who=OPERATOR, at=now())
    if json_:
        print_json({"proof": str(proof.id), "place": proof.place.value, "evidence": proof.evidence.name})
    else:
        say(f"{proof.place.value} is vouched for")
