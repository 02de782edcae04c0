"""What somebody answers, as forms and drafts carry it, and the claims it becomes: one for each legal act."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, Protocol

from byleave.consent import PRESETS, Preference, Preferences, Use
from byleave.errors import InputError
from byleave.registry.changing import NewAnswer
from byleave.registry.filing import NewClaim
from byleave.registry.legal_acts import split_by_act

OWN_MIX: Final = "mix"
"""The answer that is made of six, one for each use."""

FIRST_ANSWER: Final = "no_training"
NAMED: Final = ("answer", "act", "terms", "contact", "licence", "expires", "about", "publish_values")
ALL_FIELDS: Final = (*NAMED, *(use.value for use in Use))


class Fields(Protocol):
    """Fields of a form, an address or a draft."""

    def text(self, name: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Kept:
    """Fields as a draft keeps them."""

    kept: Mapping[str, Any]

    def text(self, name: str) -> str:
        """Return a field's text; empty when it was not kept."""
        value = self.kept.get(name, "")
        return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class SaidAnswer:
    """One answer.

    preset
        A preset's name, or :data:`OWN_MIX`.
    objects
        Whether she objects to the use of data about her, instead of keeping rights in her work.
    expires
        The last day on which it counts, as ``YYYY-MM-DD``; empty for no end.
    about
        Whose work it is, where an organisation says it for somebody who has no account here.
    """

    preset: str = FIRST_ANSWER
    mix: Preferences = PRESETS[FIRST_ANSWER]
    objects: bool = False
    terms: str = ""
    contact: str = ""
    licence: str = ""
    expires: str = ""
    about: str = ""
    publish_values: bool = False

    def claims(self) -> tuple[NewClaim, ...]:
        """Return the claims it becomes, as yet without targets."""
        return tuple(
            NewClaim(
                preferences,
                (),
                terms=self.terms or None,
                contact=self.contact or None,
                licence=self.licence or None,
                about=self.about or None,
                publish_values=self.publish_values,
                expires_at=self.expires_at,
                act=act,
            )
            for act, preferences in split_by_act(self.mix, objects=self.objects)
        )

    def new_answer(self) -> NewAnswer:
        """Return what it says instead of what a claim said before."""
        return NewAnswer(
            self.mix,
            terms=self.terms or None,
            contact=self.contact or None,
            licence=self.licence or None,
            publish_values=self.publish_values,
            expires_at=self.expires_at,
        )

    @property
    def expires_at(self) -> datetime | None:
        """The moment at which it runs out: the end of that day in UTC."""
        if not self.expires:
            return None
        try:
            day = datetime.strptime(self.expires, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
        except ValueError as error:
            raise InputError("the end date cannot be read", remedy="write it as 2027-12-31") from error
        return datetime.combine(day + timedelta(days=1), time(), UTC)


def last_day(end: datetime | None) -> str:
    """Return the last day before an end as a form takes it; empty for no end."""
    return (end - timedelta(microseconds=1)).date().isoformat() if end else ""


def read_answer(fields: Fields) -> SaidAnswer:
    """Read an answer from the fields of a form, an address or a draft.

    Raises
    ------
    InputError
        If it cannot be read, or answers nothing.
    """
    preset = fields.text("answer") or FIRST_ANSWER
    if preset != OWN_MIX and preset not in PRESETS:
        raise InputError("there is no such answer", remedy="choose one of those on the page")
    answer = SaidAnswer(
        preset,
        read_mix(fields) if preset == OWN_MIX else PRESETS[preset],
        fields.text("act") == "objection",
        fields.text("terms"),
        fields.text("contact"),
        _link(fields.text("licence")),
        fields.text("expires"),
        fields.text("about"),
        publish_values=bool(fields.text("publish_values")),
    )
    answer.claims()  # what cannot be said is refused here, and not when it is filed
    return answer


def kept_answer(kept: Mapping[str, Any]) -> SaidAnswer:
    """Return what a draft keeps of an answer; what cannot be read any more is the first answer."""
    try:
        return read_answer(Kept(kept))
    except InputError:
        return SaidAnswer()


def read_mix(fields: Fields) -> Preferences:
    """Read six answers.

    Raises
    ------
    InputError
        If none of them answers anything.
    """
    answers = {use.value: Preference.parse(fields.text(use.value) or "unknown") for use in Use}
    mix = Preferences(**answers)
    if mix.strongest is Preference.UNKNOWN:
        raise InputError(
            "no use was given an answer", remedy="answer at least one of the six, or take a simple answer"
        )
    return mix


def _link(text: str) -> str:
    if text and not text.startswith(("https://", "http://")):
        raise InputError("a licence is a link", remedy="write it like https://example.com/licence")
    return text
