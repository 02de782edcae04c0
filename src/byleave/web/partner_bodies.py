"""What programs of partners send and get: claims with many targets, as JSON."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from byleave.consent import LegalAct, Preference, Preferences, Use
from byleave.errors import FormatError, InputError, RefusedError
from byleave.fingerprints import PICTURE_VERSION, ClaimedPicture
from byleave.log import canonical_json
from byleave.registry.changing import NewAnswer
from byleave.registry.claims import Claim
from byleave.registry.filing import MAX_WORDS, NewClaim
from byleave.registry.legal_acts import split_by_act
from byleave.registry.targets import Target, digest_target, picture_target, read_value

MOST_TARGETS: Final = 10_000
MOST_CLAIMS: Final = 1_000

Word = Literal["deny", "conditional", "allow", "unknown"]
Words = Field(default=None, max_length=MAX_WORDS)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TargetBody(_Body):
    """One thing a claim covers: a link, a path, a domain, the SHA-256 of a file in hex, or the match code of a picture."""

    kind: Literal["url", "prefix", "domain", "sha256", "picture"]
    value: str = Field(max_length=8192)
    label: str | None = Field(default=None, max_length=300)


class AnswerBody(_Body):
    """What is said: an answer for each use it speaks of. Uses left out stay unanswered."""

    preferences: dict[Use, Word]
    terms: str | None = Words
    contact: str | None = Words
    licence: str | None = Field(default=None, max_length=MAX_WORDS, description="a link to terms")
    expires_at: AwareDatetime | None = None
    publish_values: bool = False

    def answers(self) -> Preferences:
        """Return the six answers."""
        return Preferences(**{use.value: Preference.parse(word) for use, word in self.preferences.items()})

    def new_answer(self) -> NewAnswer:
        """Return the answer for a claim that stands."""
        return NewAnswer(
            self.answers(),
            terms=self.terms,
            contact=self.contact,
            licence=self.licence,
            publish_values=self.publish_values,
            expires_at=self.expires_at,
        )


class ClaimBody(AnswerBody):
    """A claim to file.

    A no is a reservation, or an objection where `objects` is true; a yes is a licence; one claim is one of them. Consent is given by
    the person herself, on the site.
    """

    targets: list[TargetBody] = Field(min_length=1, max_length=MOST_TARGETS)
    account: uuid.UUID | None = Field(
        default=None,
        description="an artist who lets the key's organisation act for her; left out: the key's own account",
    )
    about: str | None = Field(
        default=None, max_length=MAX_WORDS, description="whose work it is; never published"
    )
    objects: bool = False

    def claim(self, targets: tuple[Target, ...]) -> NewClaim:
        """Return the claim with those of its targets that can be used.

        Raises
        ------
        InputError
            If it is a no to some uses and a yes to others: these are two acts, and two claims.
        """
        acts = split_by_act(self.answers(), objects=self.objects)
        if len(acts) > 1:
            raise InputError(
                "a no and a yes are two acts in law, so they are two claims", remedy="send each by itself"
            )
        act = acts[0][0] if acts else LegalAct.RESERVATION
        return NewClaim(
            self.answers(),
            targets,
            terms=self.terms,
            contact=self.contact,
            licence=self.licence,
            expires_at=self.expires_at,
            publish_values=self.publish_values,
            act=act,
            about=self.about,
        )

    def digest(self) -> bytes:
        """Return the SHA-256 of everything it says."""
        return hashlib.sha256(canonical_json(self.model_dump(mode="json"))).digest()


class DigestBody(_Body):
    """One target of a claim, by its kind and digest as the claim shows them."""

    kind: Literal["url", "prefix", "host", "domain", "digest", "picture"]
    digest: str = Field(pattern="^[0-9a-f]{64}$")


class TakeOutBody(_Body):
    """Targets to take out of a claim."""

    targets: list[DigestBody] = Field(min_length=1, max_length=MOST_TARGETS)


class ClaimsBody(_Body):
    """Claims by their ids, in hex."""

    claims: list[str] = Field(min_length=1, max_length=MOST_CLAIMS)


class AnswersBody(AnswerBody):
    """Another answer for many claims, by their ids, in hex."""

    claims: list[str] = Field(min_length=1, max_length=MOST_CLAIMS)


class RejectedTarget(BaseModel):
    """A target that cannot be used, by its place in the request, from 0."""

    index: int
    value: str
    reason: str


def read_targets(bodies: list[TargetBody]) -> tuple[tuple[Target, ...], list[RejectedTarget]]:
    """Return the targets that can be used, each once, and those that cannot and why."""
    found: dict[tuple[str, bytes], Target] = {}
    rejected: list[RejectedTarget] = []
    for index, body in enumerate(bodies):
        try:
            target = _target(body)
        except (InputError, RefusedError) as error:
            rejected.append(RejectedTarget(index=index, value=body.value[:200], reason=error.problem))
            continue
        found[target.kind.value, target.digest] = target
    return tuple(found.values()), rejected


def summary(claim: Claim, at: datetime) -> dict[str, Any]:
    """Return a claim without its targets."""
    return {
        "claim": claim.id.hex(),
        "account": str(claim.account) if claim.account else None,
        "number": claim.number,
        "state": claim.state.value,
        "standing": claim.standing(at).value,
        "evidence": claim.evidence.name,
        "act": claim.act.value,
        "preferences": {use.value: claim.preferences.for_use(use).word for use in Use},
        "targets": claim.target_count,
        "terms": claim.terms,
        "contact": claim.contact,
        "licence": claim.licence,
        "about": claim.about,
        "publish_values": claim.publish_values,
        "hold_reason": claim.hold_reason,
        "filed_at": claim.filed_at,
        "expires_at": claim.expires_at,
        "withdrawn_at": claim.withdrawn_at,
    }


def _target(body: TargetBody) -> Target:
    label = body.label
    if label is not None and any(not char.isprintable() for char in label):
        raise FormatError("its label is not plain text", remedy="write it without control characters")
    if body.kind == "picture":
        picture = ClaimedPicture.parse(body.value)
        if picture.version != PICTURE_VERSION:
            raise FormatError(
                f"its match code is not of version {PICTURE_VERSION}", remedy="compute it again from the file"
            )
        return picture_target(picture, label)
    if body.kind == "sha256":
        try:
            return digest_target(bytes.fromhex(body.value), label)
        except ValueError as error:
            raise FormatError("it is not a SHA-256", remedy="write 64 hex digits") from error
    return read_value("line" if body.kind == "url" else body.kind, body.value)
