"""What pages say about proofs: ways to show a place, what to put where, what was seen, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from byleave.consent import Evidence, TargetKind
from byleave.errors import InputError, RefusedError
from byleave.registry.checking.sites import names_of
from byleave.registry.places import Place
from byleave.registry.proof_keys import ProofKeys
from byleave.registry.proofs import Proof, ProofState
from byleave.registry.proving import CHECK_EVERY
from byleave.registry.scopes import Method, place_for
from byleave.signals import challenges

LEVEL_WORDS: Final[Mapping[Evidence, str]] = {
    Evidence.E0: "not confirmed",
    Evidence.E1: "profile",
    Evidence.E2: "page",
    Evidence.E3: "site",
    Evidence.E4: "signed file",
    Evidence.E5: "vouched for",
}

METHOD_WORDS: Final[Mapping[Method, str]] = {
    Method.DNS: "a DNS record",
    Method.FILE: "a file on the site",
    Method.META: "a line in the page",
    Method.HEADER: "a header of the answer",
    Method.PROFILE: "words in your profile",
    Method.REL_ME: "links both ways",
    Method.BLUESKY: "your Bluesky handle",
    Method.OAUTH: "signing in there",
    Method.ORIGINAL: "the original file",
    Method.C2PA: "Content Credentials",
    Method.STATEMENT: "a signed statement",
    Method.VOUCHED: "somebody vouches for you",
}

_WAY_WORDS: Final[Mapping[Method, str]] = {
    Method.FILE: "You can put a file on the web space. The usual way for a site of your own.",
    Method.DNS: "You can edit the records of the domain, where you registered it. Reaches every host below it, too.",
    Method.PROFILE: "You can write about yourself on this page for some minutes.",
    Method.REL_ME: "Your profile and a site you have shown already link to each other.",
    Method.META: "You can edit the HTML of this very page.",
    Method.HEADER: "You can set headers of the web server or CDN. Useful for pictures without a page.",
    Method.BLUESKY: "The name is your Bluesky handle, and you can edit your profile there.",
}

STATE_WORDS: Final[Mapping[ProofState, tuple[str, str]]] = {
    ProofState.WAITING: ("Waiting", "waiting"),
    ProofState.GOOD: ("Confirmed", "on"),
    ProofState.FAILING: ("Not found lately", "waiting"),
    ProofState.STALE: ("Gone", "off"),
    ProofState.ENDED: ("Given up", "off"),
}


@dataclass(frozen=True, slots=True)
class Way:
    """One way in which a place could be shown."""

    method: Method
    title: str
    words: str
    reaches: str
    level: str


@dataclass(frozen=True, slots=True)
class Line:
    """Something to copy: what it is, and its exact text."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class ShownProof:
    """One proof as its page shows it."""

    proof: Proof
    title: str
    reaches: str
    level: str
    state: str
    tone: str
    sentence: str
    lines: tuple[Line, ...] = ()
    lasting: tuple[Line, ...] = ()
    seen: Mapping[str, Any] | None = None

    @property
    def id(self) -> str:
        return str(self.proof.id)

    @property
    def can_check(self) -> bool:
        """Whether it can be looked at again without anything new from its owner."""
        return self.proof.state is not ProofState.ENDED and self.proof.method in _WAY_WORDS


def ways_for(raw: str) -> tuple[list[Way], str | None]:
    """Return the ways in which what somebody typed can be shown, and why not all of it can, where that is to be said."""
    ways: list[Way] = []
    fault: str | None = None
    shared: str | None = None
    for method, words in _WAY_WORDS.items():
        try:
            place, level = place_for(method, raw)
        except (InputError, RefusedError) as refusal:
            told = f"{refusal.problem}; {refusal.remedy}"
            fault = fault or told
            shared = shared or (told if isinstance(refusal, RefusedError) else None)
            continue
        title = METHOD_WORDS[method]
        ways.append(Way(method, title[0].upper() + title[1:], words, reaches(place), LEVEL_WORDS[level]))
    return ways, shared or (None if ways else fault)


def reaches(place: Place) -> str:
    """Say what a place is."""
    match place.kind:
        case TargetKind.DOMAIN:
            return f"{place.value} and every host below it"
        case TargetKind.HOST:
            return f"{place.value}, this host only"
        case TargetKind.PREFIX:
            return f"everything below {place.value}"
        case TargetKind.URL:
            return f"{place.value}, exactly this address"
        case TargetKind.PICTURE:
            return "one picture and its copies"
        case _:
            return "one exact file"


def show_proof(proof: Proof, keys: ProofKeys, *, whole: bool = False) -> ShownProof:
    """Put a proof into words; ``whole`` adds what to put where and what was seen."""
    state, tone = STATE_WORDS[proof.state]
    return ShownProof(
        proof=proof,
        title=METHOD_WORDS[proof.method],
        reaches=reaches(proof.place),
        level=LEVEL_WORDS[proof.evidence],
        state=state,
        tone=tone,
        sentence=_sentence(proof),
        lines=_lines(proof, keys) if whole else (),
        lasting=_lasting(proof, keys) if whole else (),
        seen=_seen(proof.seen) if whole and proof.seen else None,
    )


def _sentence(proof: Proof) -> str:
    match proof.state:
        case ProofState.WAITING:
            return (
                "We look again by ourselves, at first every few minutes, until "
                f"{_day(proof.expires_at)}. You need not wait here."
            )
        case ProofState.GOOD:
            again = (
                f" We look again around {_day(proof.next_check)}, so leave it there."
                if proof.next_check
                else ""
            )
            return f"Seen first on {_day(proof.first_good_at)}, last on {_day(proof.last_good_at)}.{again}"
        case ProofState.FAILING:
            return (
                f"The last look did not find it. Nothing has changed yet: we look again around {_day(proof.next_check)}; "
                f"after {CHECK_EVERY.days // 2 - 1} days without it, a yes that rests on it pauses."
            )
        case ProofState.STALE:
            return "The last look did not confirm it; its page says what was seen. Your no stays; a yes that rests on it pauses until it is confirmed again."
        case _:
            return "You gave it up, or it was not found in time. You can begin anew."


def _lines(proof: Proof, keys: ProofKeys) -> tuple[Line, ...]:
    token = keys.token(proof.id, proof.account)
    match proof.method:
        case Method.DNS:
            return (
                Line("Name of the record", names_of(keys, proof)[0]),
                Line("Type", "TXT"),
                Line("Value", challenges.txt_value(token)),
            )
        case Method.FILE:
            return (
                Line("Address of the file", f"https://{proof.place.value}{challenges.WELL_KNOWN}{token}"),
                Line("What it holds", keys.file(proof.id, proof.account)),
            )
        case Method.META:
            return (
                Line("In the head of the page", f'<meta name="{challenges.META_NAME}" content="{token}">'),
            )
        case Method.HEADER:
            return (Line("Header", f"Byleave-Verification: {token}"),)
        case Method.PROFILE | Method.BLUESKY:
            return (Line("Words to add to what your profile says about you", token),)
        case Method.REL_ME:
            profile = f"https://{proof.place.value}"
            return (
                Line("On your site, a link to your profile", f'<a rel="me" href="{profile}">…</a>'),
                Line("In your profile", "the address of your site, in the field for it"),
            )
        case _:
            return ()


def _lasting(proof: Proof, keys: ProofKeys) -> tuple[Line, ...]:
    """Return what may be put up instead, once for all."""
    if proof.method is Method.DNS:
        return (Line("Name of the record", names_of(keys, proof)[1]),)
    if proof.method is Method.FILE:
        declared = f'{{"version": 1, "accounts": ["{keys.account_name(proof.account)}"]}}'
        return (
            Line("Address of the file", f"https://{proof.place.value}{challenges.DECLARATION}"),
            Line("What it holds", declared),
        )
    return ()


def _seen(seen: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what was seen, each step as a sentence; a name keeps its small letter."""
    steps = [step | {"words": _as_sentence(step["words"])} for step in seen["steps"]]
    return {**seen, "steps": steps}


def _as_sentence(words: str) -> str:
    first = words.partition(" ")[0]
    begun = words if "." in first else words[:1].upper() + words[1:]
    return f"{begun}." if begun else ""


def _day(at: datetime | None) -> str:
    return f"{at.day} {at:%B %Y}" if at else "no day"
