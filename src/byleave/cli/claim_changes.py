"""`byleave claim change`, `take-out` and `history`: what happens to a claim after it was filed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from byleave.cli.output import now, print_json, say
from byleave.consent import Preference, Preferences, Use
from byleave.errors import FormatError, InputError
from byleave.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from byleave.registry.claims import Claim


def change(
    claim: str = typer.Argument(help="Id of the claim"),
    preference: str = typer.Option(..., help="deny, conditional or allow"),
    use: list[Use] = typer.Option(..., help="For which use; may be given several times"),
    terms: str | None = typer.Option(None, help="Terms, or a link to them"),
    contact: str | None = typer.Option(None, help="Where to ask"),
    licence: str | None = typer.Option(None, help="A link to a licence, for allow"),
    publish_values: bool = typer.Option(
        False, "--publish-values", help="Put plain links and match codes into the published list"
    ),
    receipt: Path | None = typer.Option(None, help="File to write the receipt to"),
) -> None:
    """Answer differently about the same targets: what is said now replaces all that was said before."""
    from byleave.registry.changing import NewAnswer, change_claim
    from byleave.registry.claims import claim_by_id
    from byleave.registry.legal_acts import refuse_other_act
    from byleave.registry.permissions import OPERATOR

    preferences = Preferences.same(Preference.parse(preference), use)
    new = NewAnswer(preferences, terms, contact, licence, publish_values=publish_values)

    def step(session: Session) -> Claim:
        before = claim_by_id(session, _claim_id(claim), who=OPERATOR, most=0)
        refuse_other_act(before.act, preferences)
        return change_claim(session, before.id, new, who=OPERATOR, at=now())

    _take(step, receipt, "changed")


def take_out(
    claim: str = typer.Argument(help="Id of the claim"),
    url: list[str] = typer.Option([], help="A link to take out; may be given several times"),
    prefix: list[str] = typer.Option([], help="A path to take out"),
    domain: list[str] = typer.Option([], help="A domain to take out"),
    receipt: Path | None = typer.Option(None, help="File to write the receipt to"),
) -> None:
    """Take single targets out of a claim; the others go on as they stand."""
    from byleave.registry.narrowing import take_targets_out
    from byleave.registry.permissions import OPERATOR
    from byleave.registry.targets import domain_target, prefix_target, url_target

    targets = [*map(url_target, url), *map(prefix_target, prefix), *map(domain_target, domain)]
    if not targets:
        raise InputError("nothing was named", remedy="name a link, a path or a domain to take out")
    named = [(target.kind, target.digest) for target in targets]
    _take(
        lambda session: take_targets_out(session, _claim_id(claim), named, who=OPERATOR, at=now()),
        receipt,
        "narrowed",
    )


def history(
    claim: str = typer.Argument(help="Id of the claim"),
    json_: bool = typer.Option(False, "--json", help="Print it as JSON"),
) -> None:
    """Say what became of a claim, oldest first."""
    from byleave.registry.database import Database
    from byleave.registry.permissions import OPERATOR
    from byleave.registry.timeline import timeline

    with Database.open(Settings.from_process()) as database, database.transaction() as session:
        found = timeline(session, _claim_id(claim), who=OPERATOR)
    if json_:
        print_json([{"at": one.at, "what": one.what.value, "sentence": one.sentence} for one in found])
        return
    for one in found:
        typer.echo(f"{one.at:%Y-%m-%d %H:%M}  {one.sentence}")


def _take(step: Callable[[Session], Claim], receipt: Path | None, done: str) -> None:
    from byleave.publish.receipts import acknowledge
    from byleave.publish.sequencer import refuse_other_past
    from byleave.registry.database import Database
    from byleave.storage import write_atomically

    settings = Settings.from_process()
    with Database.open(settings) as database:
        with database.transaction() as session:
            refuse_other_past(session, settings)
            claim = step(session)
        (filed,) = acknowledge(database, settings, [claim], at=now())
    if receipt is not None:
        write_atomically(receipt, filed.receipt.to_text().encode(), mode=0o600)
    say(
        f"{done} as claim event {claim.number}: it covers {claim.target_count:,} targets; publish to make it known"
    )


def _claim_id(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise FormatError(
            f"{text!r} is not a claim's id", remedy="copy it from `byleave claim list`"
        ) from error
