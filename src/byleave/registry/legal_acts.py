"""What a claim is in law: four acts that are never mixed, and the words that go with consent."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final

from byleave.consent import LegalAct, Preference, Preferences, Use
from byleave.errors import InputError

NEWEST_CONSENT: Final = "consent-1"


class Recipients(StrEnum):
    """Kinds of recipients that somebody may consent to, each for itself."""

    RESEARCH = "research"
    """public research organisations and cultural heritage institutions"""
    NON_COMMERCIAL = "non_commercial"
    """others who do not work for profit"""
    COMMERCIAL = "commercial"
    """companies and others who work for profit"""


@dataclass(frozen=True, slots=True)
class ConsentText:
    """The words somebody consents to, and their SHA-256, which her claim carries."""

    name: str
    words: str
    digest: bytes


@cache
def consent_text(name: str = NEWEST_CONSENT) -> ConsentText:
    """Return one version of the words; versions are files of the package and never change."""
    content = (resources.files("byleave.registry") / "texts" / f"{name}.txt").read_bytes()
    return ConsentText(name, content.decode(), hashlib.sha256(content).digest())


def split_by_act(
    preferences: Preferences, *, objects: bool = False
) -> tuple[tuple[LegalAct, Preferences], ...]:
    """Return what answers are in law, each act with its own answers: a no is a reservation or an objection, a yes a licence.

    Parameters
    ----------
    objects
        Whether the person objects to the use of data about her, rather than keeping rights in her work.

    Raises
    ------
    InputError
        If nothing is answered, or an objection says yes.
    """
    refuses = _only(preferences, Preference.DENY, Preference.CONDITIONAL)
    permits = _only(preferences, Preference.ALLOW)
    if objects and permits.strongest is not Preference.UNKNOWN:
        raise InputError("an objection cannot be a yes", remedy="answer no, or ask me first")
    acts = (
        (LegalAct.OBJECTION if objects else LegalAct.RESERVATION, refuses),
        (LegalAct.LICENCE, permits),
    )
    found = tuple((act, said) for act, said in acts if said.strongest is not Preference.UNKNOWN)
    if not found:
        raise InputError(
            "a claim needs an answer", remedy="say deny, conditional or allow for at least one use"
        )
    return found


def consented(uses: Sequence[Use], recipients: Sequence[Recipients]) -> tuple[Preferences, str]:
    """Return the answers and the terms of a consent: exactly what was ticked.

    Raises
    ------
    InputError
        If no use or no kind of recipients was ticked.
    """
    if not uses or not recipients:
        raise InputError(
            "nothing was agreed to: no use or no kind of recipients was ticked",
            remedy="tick each use and each kind of recipients that you agree to, or go back",
        )
    named = ", ".join(one.value for one in Recipients if one in recipients)
    return Preferences.same(Preference.ALLOW, uses), f"recipients: {named}"


def _only(preferences: Preferences, *wanted: Preference) -> Preferences:
    return Preferences(
        **{
            use.value: answer if (answer := preferences.for_use(use)) in wanted else Preference.UNKNOWN
            for use in Use
        }
    )


def refuse_other_act(act: LegalAct, preferences: Preferences) -> None:
    """Refuse an answer that would make a claim another act in law than the one it was filed as.

    Raises
    ------
    InputError
        If it would, or the claim is a consent, which is withdrawn and given anew and never changed.
    """
    becomes = [found for found, _ in split_by_act(preferences, objects=act is LegalAct.OBJECTION)]
    if act is LegalAct.CONSENT:
        raise InputError("a consent is not changed", remedy="withdraw it, and give another one")
    if becomes and becomes != [act]:
        raise InputError(
            "this would turn a no into a yes, or a yes into a no: another act in law",
            remedy="undo this choice and make a new one",
        )
