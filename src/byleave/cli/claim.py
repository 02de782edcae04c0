"""`byleave claim`: say no, ask me first or yes; list, show and withdraw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from byleave.cli.claim_changes import change, claim_id_of, history, take_out, withdraw
from byleave.cli.output import now, print_json, say
from byleave.cli.search import read_picture_file
from byleave.consent import PRESETS, TRAINING_USES, Preference, Preferences, TargetKind, Use
from byleave.errors import FormatError, InputError, NotFoundError
from byleave.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from byleave.registry.claims import Claim
    from byleave.registry.filing import Filing, NewClaim
    from byleave.registry.targets import Target

app = typer.Typer(no_args_is_help=True, help="Say no, ask me first, or yes; list, show and withdraw")

app.command()(change)
app.command()(withdraw)
app.command("take-out")(take_out)
app.command()(history)

_MANY = "may be given several times"


@app.command()
def add(
    image: list[Path] = typer.Option([], help=f"A picture, with every copy of it; {_MANY}"),
    sample: list[str] = typer.Option(
        [], help=f"Key of a catalog entry: its picture with every copy, and its link; {_MANY}"
    ),
    url: list[str] = typer.Option([], help=f"One link; {_MANY}"),
    prefix: list[str] = typer.Option([], help=f"Everything below a path; {_MANY}"),
    domain: list[str] = typer.Option([], help=f"A domain and all hosts below it; {_MANY}"),
    list_: Path | None = typer.Option(
        None, "--list", help="A file of up to a million links, prefixes, domains or SHA-256 values"
    ),
    rejects: Path | None = typer.Option(
        None, help="File to write the lines of the list to that cannot be used, with the reason for each"
    ),
    preference: str = typer.Option(..., help="deny, conditional or allow"),
    use: list[Use] = typer.Option(
        [],
        help=f"For which use; {_MANY}. Left out: training for deny and allow, every AI use for conditional",
    ),
    claimant: str = typer.Option(..., "--as", help="E-mail address of the claimant"),
    terms: str | None = typer.Option(None, help="Terms, or a link to them, for conditional and allow"),
    contact: str | None = typer.Option(None, help="Where to ask, for conditional"),
    publish_values: bool = typer.Option(
        False, "--publish-values", help="Put plain links and match codes into the published list"
    ),
    receipt: Path | None = typer.Option(None, help="File to write the receipt to"),
    json_: bool = typer.Option(False, "--json", help="Print the claim as JSON"),
) -> None:
    """File one claim with all the targets given. When this returns, it is in the public log."""
    from byleave.publish.receipts import file_all_with_receipts
    from byleave.registry.accounts import account_of
    from byleave.registry.database import Database
    from byleave.registry.filing import Filing, NewClaim
    from byleave.registry.permissions import OPERATOR

    settings = Settings.from_process()
    targets = _targets(settings, image, sample, url, prefix, domain)
    new = NewClaim(_preferences(preference, use), targets, terms, contact, publish_values=publish_values)
    if list_ is not None:
        _add_list(settings, list_, new, claimant, rejects, receipt, as_json=json_)
        return
    with Database.open(settings) as database:
        with database.transaction() as session:
            filing = Filing(new, account_of(session, claimant, now()))
            filing = _guarded(settings, session, filing)
        (filed,) = file_all_with_receipts(database, settings, [filing], who=OPERATOR, at=now())
    _keep(filed.receipt.to_text(), receipt)
    _say_filed(filed.claim, as_json=json_)


def _say_filed(claim: Claim, *, as_json: bool) -> None:
    if as_json:
        print_json(describe(claim))
    else:
        typer.echo(claim.id.hex())
        say(f"filed as claim event {claim.number}: {_sentence(claim)}")


@app.command("list")
def list_claims(
    claimant: str | None = typer.Option(None, "--as", help="Only those of this e-mail address"),
    json_: bool = typer.Option(False, "--json", help="Print them as JSON"),
) -> None:
    """List claims, newest first."""
    from byleave.registry.accounts import find_account
    from byleave.registry.claims import SHOWN_TARGETS, all_claims, claims_of
    from byleave.registry.database import Database
    from byleave.registry.permissions import OPERATOR

    with Database.open(Settings.from_process()) as database, database.transaction() as session:
        if claimant is None:
            claims = all_claims(session, who=OPERATOR, most=SHOWN_TARGETS)
        else:
            account = find_account(session, claimant)
            claims = () if account is None else claims_of(session, account, who=OPERATOR, most=SHOWN_TARGETS)
    if json_:
        print_json([describe(claim) for claim in claims])
        return
    for claim in claims:
        typer.echo(
            f"{claim.id.hex()}  {claim.state:<9}  {claim.preferences.strongest.word:<11}  {claim.target_count} targets"
        )
    if not claims:
        say("no claims yet; file one with `byleave claim add`")


@app.command()
def show(
    claim: str = typer.Argument(help="Id of the claim"),
    json_: bool = typer.Option(False, "--json", help="Print it as JSON"),
) -> None:
    """Show one claim and what it covers now."""
    from byleave.catalog import Catalog
    from byleave.copies.covers import covered_now
    from byleave.registry.claims import SHOWN_TARGETS, claim_by_id
    from byleave.registry.database import Database
    from byleave.registry.permissions import OPERATOR

    settings, claim_id = Settings.from_process(), claim_id_of(claim)
    with Database.open(settings) as database, database.transaction() as session:
        found = claim_by_id(session, claim_id, who=OPERATOR, most=SHOWN_TARGETS)
    covers = covered_now(Catalog(settings.home, limits=settings.limits), found)
    covered = [
        {"dataset": c.dataset, "entries": c.samples, "as_of": c.as_of, "without_pictures": c.without_pictures}
        for c in covers
    ]
    if json_:
        print_json({**describe(found), "covers": covered})
        return
    typer.echo(f"{found.id.hex()}  {_sentence(found)}")
    for use in Use:
        typer.echo(f"  {use.value:<12} {found.preferences.for_use(use).word}")
    for target in found.targets:
        typer.echo(
            f"  covers {target.kind.value}: {(target.label or target.value or target.digest.hex())[:100]}"
        )
    for one in covered:
        typer.echo(f"  in {one['dataset']}: {one['entries']} entries as of {one['as_of']:%Y-%m-%d}")


@app.command()
def erase(
    claim: str = typer.Argument(help="Id of the claim"),
    receipt: Path | None = typer.Option(None, help="File to write the receipt to"),
    json_: bool = typer.Option(False, "--json", help="Print what is left of it as JSON"),
) -> None:
    """Destroy what one claim said and whose it was. The log keeps that there was one, and nobody can open it again."""
    from byleave.publish.receipts import erase_with_receipt
    from byleave.registry.database import Database
    from byleave.registry.permissions import OPERATOR

    claim_id, settings = claim_id_of(claim), Settings.from_process()
    with Database.open(settings) as database:
        done = erase_with_receipt(database, settings, claim_id, who=OPERATOR, at=now())
    _keep(done.receipt.to_text(), receipt)
    if json_:
        print_json(describe(done.claim))
    else:
        say(f"erased as claim event {done.claim.number}; publish to make it known")


@app.command("receipt")
def receipt_(
    claim: str = typer.Argument(help="Id of the claim"),
    out: Path | None = typer.Option(None, help="File to write it to; left out: standard output"),
) -> None:
    """Give the receipt of what last happened to a claim, with every cosignature that has come in since."""
    from byleave.publish.receipts import receipt_of
    from byleave.registry.database import Database
    from byleave.registry.permissions import OPERATOR

    claim_id, settings = claim_id_of(claim), Settings.from_process()
    with Database.open(settings) as database:
        text = receipt_of(database, settings, claim_id, who=OPERATOR, at=now())
    if out is None:
        typer.echo(text, nl=False)
    else:
        _keep(text, out)


def describe(claim: Claim) -> dict[str, Any]:
    """Return a claim as plain data."""
    return {
        "claim": claim.id.hex(),
        "number": claim.number,
        "state": claim.state.value,
        "standing": claim.standing(now()).value,
        "actor": claim.actor,
        "evidence": claim.evidence.name,
        "preferences": {use.value: claim.preferences.for_use(use).word for use in Use},
        "targets": [
            {"kind": t.kind.value, "value": t.value, "label": t.label, "digest": t.digest.hex()}
            for t in claim.targets
        ],
        "target_count": claim.target_count,
        "hold_reason": claim.hold_reason,
        "filed_at": claim.filed_at,
        "withdrawn_at": claim.withdrawn_at,
    }


def _add_list(
    settings: Settings,
    path: Path,
    new: NewClaim,
    claimant: str,
    rejects: Path | None,
    receipt: Path | None,
    *,
    as_json: bool,
) -> None:
    from byleave.cli.claim_lists import echo_handed, file_list

    if new.targets:
        raise InputError("a list is filed as a claim of its own", remedy="file the rest by a second command")
    done = file_list(settings, path, new, claimant, rejects=rejects)
    if done.acknowledged is not None:
        _keep(done.acknowledged.receipt.to_text(), receipt)
    if not as_json:
        echo_handed(done)
        return
    handed = done.handed
    print_json(
        {
            "claim": handed.claim,
            "accepted": handed.accepted,
            "rejected": handed.rejected,
            "again": done.again,
        }
    )


def _guarded(settings: Settings, session: Session, filing: Filing) -> Filing:
    """Ask the guard, which compares pictures with every dataset; a claim without one has nothing to compare."""
    if not any(target.kind is TargetKind.PICTURE for target in filing.new.targets):
        return filing
    from byleave.catalog import Catalog
    from byleave.copies.guard import guarded
    from byleave.registry.permissions import OPERATOR

    catalog = Catalog(settings.home, limits=settings.limits)
    return guarded(catalog, session, [filing], who=OPERATOR, at=now())[0]


def _keep(receipt: str, to: Path | None) -> None:
    from byleave.storage import write_atomically

    if to is not None:
        write_atomically(to, receipt.encode(), mode=0o600)
        say(
            f"the receipt is in {to}: it holds what was said, so keep it private; check it with `byleave verify`"
        )


def _sentence(claim: Claim) -> str:
    words = {
        "effective": "in force, part of the next published list",
        "filed": "not confirmed yet: published as waiting, acts only where a trainer asks for it",
        "held": f"held for review ({claim.hold_reason})",
    }
    return words.get(claim.state.value, claim.state.value)


def _preferences(word: str, uses: list[Use]) -> Preferences:
    preference = Preference.parse(word)
    if preference is Preference.UNKNOWN:
        raise InputError("'unknown' is what silence means", remedy="say deny, conditional or allow")
    if uses:
        return Preferences.same(preference, uses)
    if preference is Preference.CONDITIONAL:
        return PRESETS["ask_first"]
    return Preferences.same(preference, TRAINING_USES)


def _targets(
    settings: Settings,
    images: list[Path],
    samples: list[str],
    links: list[str],
    prefixes: list[str],
    domains: list[str],
) -> tuple[Target, ...]:
    from byleave.registry import targets

    found = [target for image in images for target in _picture(image, settings)]
    found += [target for key in samples for target in _sample(key, settings)]
    found += [targets.url_target(link) for link in links]
    found += [targets.prefix_target(prefix) for prefix in prefixes]
    found += [targets.domain_target(domain) for domain in domains]
    return tuple({(target.kind, target.digest): target for target in found}.values())


def _picture(path: Path, settings: Settings) -> list[Target]:
    import hashlib

    from byleave import media
    from byleave.registry.targets import digest_target, picture_target

    encoded = read_picture_file(path, settings.limits)
    claimed = media.claimed_picture(encoded, limits=settings.limits)
    if isinstance(claimed, media.Unusable):
        raise FormatError(
            f"{path} cannot be used as a picture: {claimed.detail}", remedy="give a JPEG, PNG or WebP file"
        )
    return [picture_target(claimed, path.name), digest_target(hashlib.sha256(encoded).digest(), path.name)]


def _sample(key: str, settings: Settings) -> list[Target]:
    from byleave.catalog import Catalog
    from byleave.copies.samples import targets_of_sample

    try:
        sample_key = bytes.fromhex(key)
    except ValueError as error:
        raise FormatError(
            f"{key!r} is not a sample key", remedy="copy it from `byleave search --json`"
        ) from error
    found = Catalog(settings.home, limits=settings.limits).find_samples(sample_key)
    if not found:
        raise NotFoundError(
            f"no dataset here has the sample {key}", remedy="copy the key from `byleave search --json`"
        )
    return list(targets_of_sample(found[0]))
