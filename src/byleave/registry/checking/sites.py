"""Looking at domains, hosts, pages and profiles: DNS records, files, the head of a page, a header, links both ways."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from byleave import urls
from byleave.consent import Evidence, TargetKind
from byleave.errors import FormatError
from byleave.fetch import Looked
from byleave.registry.checking.names import Answered, Names, Record, Texts
from byleave.registry.checking.steps import Steps
from byleave.registry.places import Place, tenant_root
from byleave.registry.proof_keys import ProofKeys
from byleave.registry.proofs import Proof
from byleave.registry.proving import Finding
from byleave.registry.scopes import Confirmed
from byleave.signals import challenges, pages

DECLARATION_BYTES: Final = 64 * 1024
MOST_BACK_LINKS: Final = 5

_ANSWERS: Final = {
    Answered.FOUND: "there are records, but none carries this token and is still valid",
    Answered.NOTHING: "the name has no TXT record",
    Answered.NO_SUCH_NAME: "there is no such name",
    Answered.UNREACHABLE: "no answer",
}


def look_at_names(steps: Steps, names: Names, keys: ProofKeys, proof: Proof, at: datetime) -> Finding:
    """Look for the TXT record, at the common name and at the account's own."""
    for name in names_of(keys, proof):
        answers = names.texts(name)
        steps.requests += len(answers)
        if names.agree(answers, lambda records: _names_token(proof, records, at)):
            steps.note(name, f"the record is there, seen by {len(answers)} resolvers")
            return steps.finding(good=True)
        for one in answers:
            steps.note(f"{name} at {one.vantage.address}", _answer_words(proof, one, at))
    domain = urls.registrable_domain(proof.place.value)
    gone = names.is_gone(domain)
    if gone:
        steps.note(domain, "the domain does not exist any more")
    return steps.finding(good=False, gone=gone)


def names_of(keys: ProofKeys, proof: Proof) -> tuple[str, str]:
    """Return the names where the TXT record may stand: one for everybody, one for this account alone."""
    common = f"{challenges.DNS_LABEL}.{proof.place.value}"
    return common, f"{keys.account_label(proof.account)}.{common}"


def look_at_file(steps: Steps, names: Names, keys: ProofKeys, proof: Proof) -> Finding:
    """Look for the challenge's file, then for the account in the host's own declaration."""
    host = proof.place.value
    token = keys.token(proof.id, proof.account)
    found = steps.look_secure_first(
        f"{host}{challenges.WELL_KNOWN}{token}", body_bytes=challenges.CHALLENGE_FILE_BYTES
    )
    if found is not None:
        if challenges.file_holds(found.body, keys.file(proof.id, proof.account)):
            steps.say("the file is there and holds what it should")
            return steps.finding(good=True)
        steps.say("a file is there, but it holds something else")
    declared = read_declaration(steps, host)
    if declared is not None and keys.account_name(proof.account) in declared.accounts:
        steps.say("the file names you")
        return steps.finding(good=True)
    return steps.finding(good=False, gone=names.is_gone(urls.registrable_domain(host)))


def read_declaration(steps: Steps, host: str) -> challenges.Declaration | None:
    """Return what ``byleave.json`` of a host says, or ``None``."""
    found = steps.look_secure_first(f"{host}{challenges.DECLARATION}", body_bytes=DECLARATION_BYTES)
    if found is None:
        return None
    try:
        declared = challenges.read_declaration(found.body)
    except FormatError as fault:
        steps.say(fault.problem)
        return None
    steps.say("the file does not name you")
    return declared


def look_at_meta(steps: Steps, proof: Proof) -> Finding:
    """Look for the token in the head of the page."""
    found = _page(steps, proof)
    if found is None:
        return steps.finding(good=False)
    values = pages.meta_values(found.body, challenges.META_NAME)
    good = any(challenges.is_token(value, proof.token_hash or b"") for value in values)
    missing = "its head has no such line" if not values else "its head has such a line with another token"
    steps.say("the line is in the head of the page" if good else missing)
    return steps.finding(good=good)


def look_at_header(steps: Steps, proof: Proof) -> Finding:
    """Look for the token in the headers of the answer."""
    found = _page(steps, proof)
    if found is None:
        return steps.finding(good=False)
    values = [value.strip() for value in found.headers.get(challenges.HEADER_NAME, "").split(",")]
    good = any(challenges.is_token(value, proof.token_hash or b"") for value in values)
    missing = "the answer has no such header" if values == [""] else "the header carries another token"
    steps.say("the header is there" if good else missing)
    return steps.finding(good=good)


def look_at_profile(steps: Steps, proof: Proof) -> Finding:
    """Look for the token in what a profile says about its owner."""
    found = _page(steps, proof)
    if found is None:
        return steps.finding(good=False)
    described = pages.descriptions(found.body)
    good = any(challenges.text_names_token(words, proof.token_hash or b"") for words in described)
    steps.say(
        "the profile’s own words carry the token"
        if good
        else "the words the page gives about its owner do not carry the token"
    )
    return steps.finding(good=good)


def look_at_links(steps: Steps, proof: Proof, confirmed: Confirmed) -> Finding:
    """Look whether a profile and a site that is confirmed already link to each other by ``rel="me"``.

    Both links must carry it: other links on a profile may be a stranger's, in a comment.
    """
    profile = _page(steps, proof)
    if profile is None:
        return steps.finding(good=False)
    linked = sorted(pages.links(profile.body, profile.url, rel="me"))
    hers = [link for link in linked if _is_confirmed(confirmed, link)][:MOST_BACK_LINKS]
    if not hers:
        steps.say('it has no rel="me" link to a site that you have shown to control')
    for link in hers:
        site = steps.look_secure_first(link)
        if site is None:
            continue
        back = {_without_slash(one) for one in pages.links(site.body, site.url, rel="me")}
        if _without_slash(proof.place.value) in back:
            steps.say("it links back")
            return steps.finding(good=True)
        steps.say('it has no rel="me" link back to the profile')
    return steps.finding(good=False)


def _page(steps: Steps, proof: Proof) -> Looked | None:
    """Look at the page of a place. On a platform the page that answers must still be that person's."""
    place = proof.place
    found = steps.look_secure_first(_address(place))
    if found is not None and place.kind is TargetKind.PREFIX:
        tenant = tenant_root(urls.canonical_url(found.url))
        if tenant is None or tenant.lower() != place.value.lower():
            steps.say("it leads to another page than the profile")
            return None
    return found


def _address(place: Place) -> str:
    host = place.host or ""
    if place.kind in (TargetKind.HOST, TargetKind.DOMAIN):
        return f"{host}/"
    is_root = place.value == f"{host}/"
    return place.value if is_root or place.kind is TargetKind.URL else place.value.removesuffix("/")


def _is_confirmed(confirmed: Confirmed, link: str) -> bool:
    return confirmed.level(TargetKind.URL, urls.url_digest(link), link) >= Evidence.E2


def _without_slash(canonical: str) -> str:
    return canonical.removesuffix("/").lower()


def _names_token(proof: Proof, records: Sequence[Record], at: datetime) -> bool:
    return challenges.txt_names_token(records, proof.token_hash or b"", at.date())


def _answer_words(proof: Proof, answer: Texts, at: datetime) -> str:
    if _names_token(proof, answer.records, at):
        return "the record is there, but another resolver does not see it yet"
    return _ANSWERS[answer.answered]
