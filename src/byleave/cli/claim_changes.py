"""`byleave claim change`, `withdraw`, `take-out` and `history`: what happens to claims after they were filed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from byleave.cli.output import now, print_json, say
from byleave.consent import Preference, Preferences, Use
from byleave.errors import InputError
from byleave.settings import Settings

if TYPE_CHECKING:
    from byleave.publish.receipts import Step
    from byleave.registry.claims import Claim

_LINE_BYTES = 64
"""More than an id in hex and its line break."""

_CLAIMS = typer.Argument([], metavar="[CLAIM]...", help="Ids of claims", show_default=False)
_FROM = typer.Option(None, "--from", help="A file with ids of claims, one a line")
_RECEIPTS = typer.Option(
    None, help="File to write the receipt to; for several claims a folder, which gets one for each"
)


def change(
    claims: list[str] = _CLAIMS,
    from_: Path | None = _FROM,
    preference: str = typer.Option(..., help="deny, conditional or allow"),
    use: list[Use] = typer.Option(..., help="For which use; may be given several times"),
    terms: str | None = typer.Option(None, help="Terms, or a link to them"),
    contact: str | None = typer.Option(None, help="Where to ask"),
    licence: str | None = typer.Option(None, help="A link to a licence, for allow"),
    publish_values: bool = typer.Option(
        False, "--publish-values", help="Put plain links and match codes into the published list"
    ),
    receipt: Path | None = _RECEIPTS,
    json_: bool = typer.Option(False, "--json", help="Print what they say now as JSON"),
) -> None:
    """Answer differently about the same targets: what is said now replaces all that was said before. Of several claims all are changed, or none."""
    from byleave.registry.answering import change_claims
    from byleave.registry.changing import NewAnswer
    from byleave.registry.permissions import OPERATOR

    named = _named(claims, from_)
    preferences = Preferences.same(Preference.parse(preference), use)
    new = NewAnswer(preferences, terms, contact, licence, publish_values=publish_values)
    done = _take(
        lambda session: change_claims(session, named, new, who=OPERATOR, at=now()),
        receipt,
        is_one=len(named) == 1,
    )
    _tell(done, "changed", as_json=json_)


def withdraw(
    claims: list[str] = _CLAIMS,
    from_: Path | None = _FROM,
    receipt: Path | None = _RECEIPTS,
    json_: bool = typer.Option(False, "--json", help="Print what is left of them as JSON"),
) -> None:
    """Withdraw claims, all of them or none: they are gone from the next published list on."""
    from byleave.registry.answering import withdraw_claims
    from byleave.registry.permissions import OPERATOR

    named = _named(claims, from_)
    done = _take(
        lambda session: withdraw_claims(session, named, who=OPERATOR, at=now()),
        receipt,
        is_one=len(named) == 1,
    )
    _tell(done, "withdrawn", as_json=json_)


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
    done = _take(
        lambda session: [take_targets_out(session, claim_id_of(claim), named, who=OPERATOR, at=now())],
        receipt,
        is_one=True,
    )
    _tell(done, "narrowed", as_json=False)


def history(
    claim: str = typer.Argument(help="Id of the claim"),
    json_: bool = typer.Option(False, "--json", help="Print it as JSON"),
) -> None:
    """Say what became of a claim, oldest first."""
    from byleave.registry.database import Database
    from byleave.registry.permissions import OPERATOR
    from byleave.registry.timeline import timeline

    with Database.open(Settings.from_process()) as database, database.transaction() as session:
        found = timeline(session, claim_id_of(claim), who=OPERATOR)
    if json_:
        print_json([{"at": one.at, "what": one.what.value, "sentence": one.sentence} for one in found])
        return
    for one in found:
        typer.echo(f"{one.at:%Y-%m-%d %H:%M}  {one.sentence}")


def _take(step: Step, receipt: Path | None, *, is_one: bool) -> Sequence[Claim]:
    """Take a step with claims and write the receipt of each where it was asked for."""
    from byleave.publish.receipts import step_with_receipts
    from byleave.registry.database import Database
    from byleave.storage import write_atomically

    settings = Settings.from_process()
    with Database.open(settings) as database:
        done = step_with_receipts(database, settings, step, at=now())
    if receipt is not None:
        if not is_one:
            receipt.mkdir(parents=True, exist_ok=True)
        for one in done:
            to = receipt if is_one else receipt / f"{one.claim.id.hex()}.tlog-proof"
            write_atomically(to, one.receipt.to_text().encode(), mode=0o600)
        say(f"what is in {receipt} holds what was said, so keep it private; check it with `byleave verify`")
    return [one.claim for one in done]


def _tell(done: Sequence[Claim], what: str, *, as_json: bool) -> None:
    from byleave.cli.claim import describe

    if as_json:
        print_json(describe(done[0]) if len(done) == 1 else [describe(one) for one in done])
    elif len(done) == 1:
        say(
            f"{what} as claim event {done[0].number}: it covers {done[0].target_count:,} targets; publish to make it known"
        )
    else:
        say(f"{len(done):,} claims {what}, each by an event of its own; publish to make it known")


def _named(claims: Sequence[str], listed: Path | None) -> list[bytes]:
    """Return the claims that were named, each once, in the order given."""
    texts = [*claims, *(_listed(listed) if listed is not None else ())]
    if not texts:
        raise InputError("no claim was named", remedy="give the ids of claims, or a file of them by --from")
    return list(dict.fromkeys(claim_id_of(text) for text in texts))


def _listed(path: Path) -> list[str]:
    from byleave.registry.answering import MOST_AT_ONCE

    most = MOST_AT_ONCE * _LINE_BYTES
    try:
        with path.open(encoding="ascii") as file:
            content = file.read(most + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read as a list of claims", remedy="write one id a line"
        ) from error
    if len(content) > most:
        raise InputError(f"{path} is too long", remedy=f"name at most {MOST_AT_ONCE:,} claims at once")
    return content.split()


def claim_id_of(text: str) -> bytes:
    """Read the id of a claim as it was typed."""
    from byleave.registry.claims import read_claim_id

    return read_claim_id(text, remedy="copy it from `byleave claim list`")
