"""Which choices cover one entry now, whoever made them, and what follows from them. Names nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave import urls
from byleave.catalog import Sample
from byleave.consent import Evidence, Preference, Standing, Statement, TargetKind, Use, acting, combine
from byleave.fingerprints import PDQ_BITS
from byleave.publish.releases import last_published
from byleave.registry.claims import Claim, claim_by_id
from byleave.registry.permissions import OPERATOR
from byleave.registry.tables import ClaimRow, TargetRow
from byleave.web.claimed_pictures import LIVE, ClaimedPictures
from byleave.web.rendering import answer_words

_PLACES: Final[Mapping[TargetKind, str]] = {
    TargetKind.URL: "this link",
    TargetKind.PREFIX: "everything below a path",
    TargetKind.HOST: "its host",
    TargetKind.DOMAIN: "its domain",
    TargetKind.DIGEST: "this exact file",
}


@dataclass(frozen=True, slots=True)
class Covering:
    """One choice that covers the entry.

    how
        By what it covers it, in words.
    published
        Whether the newest published list carries it.
    """

    answer: str
    how: str
    acts: bool
    confirmed: bool
    published: bool
    filed_at: datetime


@dataclass(frozen=True, slots=True)
class InForce:
    """Everything said about one entry; ``answers`` holds the uses somebody's acting choice answers."""

    coverings: tuple[Covering, ...]
    answers: Mapping[Use, Preference]
    list_number: int | None


def in_force(session: Session, pictures: ClaimedPictures, sample: Sample, *, at: datetime) -> InForce:
    """Return every live choice that covers ``sample``."""
    last = last_published(session)
    number = last[0] if last else None
    digests = dict(_digests(sample))
    found = dict(_by_digest(session, digests))
    for claim, distance in pictures.near(session, sample).items():
        found[claim] = f"this picture ({distance} of {PDQ_BITS} bits differ)" if distance else "this picture"
    claims = {claim: claim_by_id(session, claim, who=OPERATOR, most=0) for claim in found}
    coverings = [_covering(claim, found[claim.id], number, at) for claim in claims.values()]
    statements = [
        claims[claim].statement(_party(claims[claim]), kind, digest, evidence)
        for claim, kind, digest, evidence in _covering_targets(session, digests, found)
    ]
    return InForce(
        tuple(sorted(coverings, key=lambda covering: covering.filed_at)),
        _answers(statements, at),
        number,
    )


def _digests(sample: Sample) -> Iterator[tuple[tuple[str, bytes], str]]:
    if sample.canonical_url is not None:
        yield (TargetKind.URL.value, urls.url_digest(sample.canonical_url)), _PLACES[TargetKind.URL]
        for prefix in urls.prefixes_of(sample.canonical_url):
            yield (TargetKind.PREFIX.value, urls.prefix_digest(prefix)), _PLACES[TargetKind.PREFIX]
    if sample.host is not None:
        yield (TargetKind.HOST.value, urls.host_digest(sample.host)), _PLACES[TargetKind.HOST]
        for domain in urls.domains_of(sample.host):
            yield (TargetKind.DOMAIN.value, urls.domain_digest(domain)), _PLACES[TargetKind.DOMAIN]
    if sample.digest is not None:
        yield (TargetKind.DIGEST.value, sample.digest), _PLACES[TargetKind.DIGEST]


def _by_digest(session: Session, digests: Mapping[tuple[str, bytes], str]) -> Iterator[tuple[bytes, str]]:
    chosen = (
        sa.select(TargetRow.claim_id, TargetRow.kind, TargetRow.digest)
        .join(ClaimRow, ClaimRow.id == TargetRow.claim_id)
        .where(sa.tuple_(TargetRow.kind, TargetRow.digest).in_(list(digests)), ClaimRow.state.in_(LIVE))
        .order_by(TargetRow.id)
    )
    for claim, kind, digest in session.execute(chosen):
        yield claim, digests[kind, digest]


def _covering_targets(
    session: Session, digests: Mapping[tuple[str, bytes], str], found: Mapping[bytes, str]
) -> Iterator[tuple[bytes, TargetKind, bytes, Evidence]]:
    """Yield those targets of the claims found that cover the entry; a claim may have a million others."""
    row = TargetRow
    by_picture = [claim for claim, how in found.items() if how.startswith("this picture")]
    chosen = sa.select(row.claim_id, row.kind, row.digest, row.evidence).where(
        row.claim_id.in_(found),
        sa.or_(
            sa.tuple_(row.kind, row.digest).in_(list(digests)),
            sa.and_(row.kind == TargetKind.PICTURE.value, row.claim_id.in_(by_picture)),
        ),
    )
    for claim, kind, digest, evidence in session.execute(chosen):
        yield claim, TargetKind(kind), digest, Evidence(evidence)


def _party(claim: Claim) -> bytes:
    return claim.account.bytes if claim.account else claim.id


def _covering(claim: Claim, how: str, number: int | None, at: datetime) -> Covering:
    acts = claim.standing(at) is Standing.ACTS
    published = number is not None and claim.number <= number
    return Covering(answer_words(claim.preferences), how, acts, claim.evidence > 0, published, claim.filed_at)


def _answers(statements: list[Statement], at: datetime) -> dict[Use, Preference]:
    answers = {
        use: combine(said.preferences.for_use(use) for said in acting(statements, use, at)) for use in Use
    }
    return {use: given for use, given in answers.items() if given is not Preference.UNKNOWN}
