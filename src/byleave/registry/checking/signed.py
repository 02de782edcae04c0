"""Showing a tie to the work itself: a signed statement about a claim, or a file with Content Credentials.

Both rest on a key that the claimant published in ``byleave.json`` on a host she has shown to control, and both name her account in
what is signed, so that nobody else can hand them in.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from byleave import urls
from byleave.consent import Evidence, TargetKind, Use
from byleave.errors import ConflictError, InputError
from byleave.fingerprints import ClaimedPicture
from byleave.log import JSON
from byleave.log.canonical import canonical_json
from byleave.registry.checking.checks import Checks
from byleave.registry.checking.sites import read_declaration
from byleave.registry.checking.steps import Steps
from byleave.registry.claims import Claim, claim_by_id
from byleave.registry.database import Database
from byleave.registry.permissions import Act, Who, require
from byleave.registry.places import host_place, place_of_target
from byleave.registry.proofs import Proof, confirmed_of
from byleave.registry.proving import Finding, keep_proof
from byleave.registry.rates import Rate, spend
from byleave.registry.scopes import Confirmed, Method
from byleave.registry.targets import picture_target
from byleave.signals.challenges import Declaration
from byleave.signals.signatures import read_credentials, signs

MOST_SIGNED: Final = 100
_NOTHING: Final = Confirmed(())


def statement_text(claim: Claim, account: str) -> bytes:
    """Return the bytes to sign for a claim: what it says, about which targets, for which account, in the one canonical form.

    Raises
    ------
    InputError
        If the claim has more targets than one statement takes.
    """
    if len(claim.targets) > MOST_SIGNED:
        raise InputError(
            f"a signed statement covers at most {MOST_SIGNED} things", remedy="make choices with fewer each"
        )
    targets: list[JSON] = [[target.kind.value, target.digest.hex()] for target in claim.targets]
    said: Mapping[str, JSON] = {
        "t": "byleave/statement/1",
        "account": account,
        "claim": claim.id.hex(),
        "preferences": {use.value: claim.preferences.for_use(use).word for use in Use},
        "targets": targets,
    }
    return canonical_json(said)


def show_statement(
    database: Database,
    checks: Checks,
    claim_id: bytes,
    host: str,
    signature: str,
    *,
    who: Who,
    at: datetime,
) -> tuple[Proof, ...]:
    """Keep one proof for each target of a claim whose canonical form was signed by a key published on ``host``.

    Raises
    ------
    InputError
        If no such key signed it.
    ConflictError
        If the host is not shown yet.
    """
    with database.transaction() as session:
        claim = claim_by_id(session, claim_id, who=who)
    if claim.account is None:
        raise InputError("this choice belongs to nobody any more", remedy="make a new one")
    text = statement_text(claim, checks.keys.account_name(claim.account))
    steps, declared = _published(database, checks, claim.account, host, who, at)
    key = signs(declared.keys, text, signature)
    if key is None:
        raise InputError(
            "no key published there signed exactly this statement",
            remedy="sign the bytes of the file as they are, with Ed25519",
        )
    steps.say("the statement is signed by a key published there")
    finding = _finding(steps, key, {"host": host, "key": key, "signature": signature.strip()})
    with database.transaction() as session:
        return tuple(
            keep_proof(
                session,
                Method.STATEMENT,
                place_of_target(target),
                finding,
                who=who,
                account=claim.account,
                at=at,
            )
            for target in claim.targets
        )


def show_credentials(
    database: Database,
    checks: Checks,
    content: bytes,
    picture: ClaimedPicture,
    host: str,
    *,
    who: Who,
    account: uuid.UUID,
    at: datetime,
) -> Proof:
    """Keep a proof for a picture whose Content Credentials name the account, under a certificate published on ``host``.

    The certificate is that of whoever signed the manifest, or of an identity assertion (CAWG) in it that stands behind the name.

    ``picture`` is the match code of the same file. The file is read in memory and not kept.

    Raises
    ------
    InputError
        If the file shows no such thing.
    ConflictError
        If the host is not shown yet.
    """
    steps, declared = _published(database, checks, account, host, who, at)
    found = read_credentials(content, declared.keys, at)
    if found is None:
        raise InputError("this file has no Content Credentials", remedy="choose the file as it was signed")
    name = checks.keys.account_name(account)
    if name in found.identified:
        steps.say("an identity in the file, under a certificate published there, stands behind your name")
    elif not found.trusted:
        raise InputError(
            "its signature does not hold, or neither it nor an identity in it is under a certificate published there",
            remedy="publish the certificate of whoever issued yours, and choose the file as it was signed",
        )
    elif name not in found.accounts:
        raise InputError(
            "what was signed does not name your account",
            remedy=f"sign it with an assertion that names {name}",
        )
    else:
        steps.say("the file is signed under a certificate published there, and names you")
    place = place_of_target(picture_target(picture))
    finding = _finding(steps, f"c2pa:{host}", {"host": host})
    with database.transaction() as session:
        return keep_proof(session, Method.C2PA, place, finding, who=who, account=account, at=at)


def _published(
    database: Database, checks: Checks, account: uuid.UUID, host: str, who: Who, at: datetime
) -> tuple[Steps, Declaration]:
    """Return what a host publishes, if the account has shown control of it by other means."""
    require(who, Act.PROVE, account=account)
    place = host_place(host)
    with database.transaction() as session:
        spend(session, Rate.PROOF_CHECKS, account.bytes, 1, at=at)
        confirmed = confirmed_of(session, [account]).get(account, _NOTHING)
    root = f"{place.value}/"
    if confirmed.level(TargetKind.URL, urls.url_digest(root), root) < Evidence.E2:
        raise ConflictError(
            f"you have not shown yet that you control {place.value}", remedy="show that first"
        )
    steps = Steps(checks.client)
    declared = read_declaration(steps, place.value)
    if declared is None:
        raise InputError(
            f"{place.value} publishes no keys: {steps.steps[-1]['words']}",
            remedy="put your keys into its byleave.json",
        )
    return steps, declared


def _finding(steps: Steps, subject: str, kept: Mapping[str, Any]) -> Finding:
    found = steps.finding(good=True, subject=subject)
    return Finding(good=True, subject=subject, seen={**found.seen, **kept})
