"""What an organisation kept of one choice: its proofs fetched, checked and shown, and not stored."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from byleave.consent import TargetKind
from byleave.errors import InputError
from byleave.registry.checking.absences import MOST_TARGETS, Stands, check_absences
from byleave.registry.claims import targets_of
from byleave.registry.permissions import Act
from byleave.registry.rates import Rate, spend
from byleave.registry.served_proofs import bound_statement
from byleave.registry.sign_in import SignedIn
from byleave.registry.targets import Target
from byleave.web.choices import choice_named
from byleave.web.forms import CheckedForm
from byleave.web.rendering import go, page
from byleave.web.rules import SignedInFor
from byleave.web.site import TheSite
from byleave.web.visitors import TheVisitor

router = APIRouter(include_in_schema=False)

Holder = Annotated[SignedIn, Depends(SignedInFor(Act.CHECK_ABSENCES))]

WORDS: Final = {
    Stands.ABSENT: "Left out, and proven",
    Stands.KEPT: "Kept",
    Stands.NO_PROOF: "No proof given",
    Stands.UNCHECKED: "Not checked",
}


KIND_WORDS: Final = {
    TargetKind.URL: "Link",
    TargetKind.PREFIX: "Path",
    TargetKind.HOST: "Host",
    TargetKind.DOMAIN: "Domain",
    TargetKind.PICTURE: "Picture",
    TargetKind.DIGEST: "File",
    TargetKind.TEXT: "Text",
    TargetKind.SOUND: "Sound",
}


_BY_DIGITS: Final = frozenset({TargetKind.PICTURE, TargetKind.DIGEST, TargetKind.TEXT, TargetKind.SOUND})
DIGITS_SHOWN: Final = 12


@router.get("/choices/{claim}/absences")
def go_back(claim: str, _person: Holder) -> Response:
    """Lead whoever comes back to this address to the choice, whose button asks anew: nothing of an answer is stored."""
    return go(f"/choices/{choice_named(claim).hex()}#served")


@router.post("/choices/{claim}/absences")
def check_proofs(
    claim: str, request: Request, site: TheSite, visitor: TheVisitor, person: Holder, form: CheckedForm
) -> Response:
    """Ask for the proofs of an organisation, check them, and show what they say of some of what a choice names."""
    named, after = choice_named(claim), _number(form.text("after"))
    with site.database.transaction() as session:
        served, signed = bound_statement(session, named, _digest(form.text("statement")), who=person.who)
        found = targets_of(session, named, who=person.who, after=after, limit=MOST_TARGETS + 1)
        spend(session, Rate.PROOF_CHECKS, person.account.bytes, 1, at=site.clock())
    asked = [target for _, target in found[:MOST_TARGETS]]
    checked = check_absences(site.checks.client, served.proofs, signed, asked)
    return page(
        request,
        site,
        visitor,
        "absences.html",
        claim=named.hex(),
        served=served,
        checked=[(KIND_WORDS[one.target.kind], _name(one.target), WORDS[one.stands], one) for one in checked],
        link=TargetKind.URL,
        picture=TargetKind.PICTURE,
        file=TargetKind.DIGEST,
        counts={word: sum(one.stands is stands for one in checked) for stands, word in WORDS.items()},
        further=found[MOST_TARGETS - 1][0] if len(found) > MOST_TARGETS else None,
    )


def _name(target: Target) -> str:
    """Return what a person knows it by: of pictures and files what she calls them, or else the first digits of what they are named by."""
    if target.kind in _BY_DIGITS:
        return target.label or f"{target.digest.hex()[:DIGITS_SHOWN]}…"
    return target.value or target.digest.hex()


def _digest(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise InputError(
            "no statement was chosen", remedy="choose one from the page of the choice"
        ) from error


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else 0
