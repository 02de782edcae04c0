"""Answers of look-ups as JSON, so that ten thousand of them are quick."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from json.encoder import encode_basestring_ascii as _text

from starlette.responses import Response

from byleave.consent import Preferences, Standing, TargetKind, Use
from byleave.fingerprints import match_at
from byleave.registry.lookups import Answer, Said

STANDING_WORDS = {Standing.ACTS: "acts", Standing.PENDING: "waits"}

LOOKED_AT = {
    "url": (TargetKind.URL, TargetKind.PREFIX, TargetKind.HOST, TargetKind.DOMAIN),
    "digest": (TargetKind.DIGEST,),
    "item": (TargetKind.URL,),
    "fingerprint": (TargetKind.PICTURE,),
}
"""Kinds of targets that each kind of question finds: silence says nothing about the others."""


def one_answer(kind: str, value: str, answer: Answer, *, at: datetime) -> Response:
    """Answer one question."""
    return _response(f'{_head(kind, at)},"answer":{{"value":{_text(value)},{_Words().answer(answer)}}}}}')


def many_answers(kind: str, values: Sequence[str], answers: Sequence[Answer], *, at: datetime) -> Response:
    """Answer many questions, in their order."""
    words = _Words()
    told = {name: words.answer(answer) for name, answer in {id(one): one for one in answers}.items()}
    entries = ",".join(
        [
            f'{{"value":{_text(value)},{told[id(answer)]}}}'
            for value, answer in zip(values, answers, strict=True)
        ]
    )
    return _response(f'{_head(kind, at)},"answers":[{entries}]}}')


def _head(kind: str, at: datetime) -> str:
    looked_at = [one.value for one in LOOKED_AT[kind]]
    return json.dumps({"ok": True, "as_of": at.isoformat(), "kind": kind, "looked_at": looked_at})[:-1]


class _Words:
    """Writes answers as they stand behind their values. What the answers of one call have in common is written once."""

    def __init__(self) -> None:
        self._preferences: dict[int, tuple[Preferences, str]] = {}
        self._said: dict[tuple[object, ...], str] = {}

    def answer(self, answer: Answer) -> str:
        claims = ",".join(map(self._claim, answer.said))
        fault = "null" if answer.fault is None else _text(answer.fault)
        return f'"preferences":{self._answers(answer.preferences)},"fault":{fault},"claims":[{claims}]'

    def _claim(self, said: Said) -> str:
        one = said.statement
        alike = (one.kind, said.standing, one.evidence, id(one.preferences), one.disputed)
        key = (*alike, said.terms, said.contact, said.distance)
        if key not in self._said:
            self._said[key] = self._behind_claim(said)
        return f'{{"claim":"{one.claim.hex()}",{self._said[key]}}}'

    def _behind_claim(self, said: Said) -> str:
        statement = said.statement
        found = match_at(said.distance) if said.distance is not None else None
        return (
            f'"target":"{statement.kind.value}","standing":"{STANDING_WORDS[said.standing]}",'
            f'"evidence":"{statement.evidence.name}","preferences":{self._answers(statement.preferences)},'
            f'"disputed":{"true" if statement.disputed else "false"},"terms":{_optional(said.terms)},'
            f'"contact":{_optional(said.contact)},"match":{json.dumps(asdict(found)) if found else "null"}'
        )

    def _answers(self, preferences: Preferences) -> str:
        """Write the six answers; they are told apart by identity, and kept so that none takes the place of another."""
        known = self._preferences.get(id(preferences))
        if known is None:
            told = {use.value: preferences.for_use(use).word for use in Use}
            known = self._preferences[id(preferences)] = preferences, json.dumps(told, separators=(",", ":"))
        return known[1]


def _optional(text: str | None) -> str:
    return "null" if text is None else _text(text)


def _response(text: str) -> Response:
    return Response(text.encode(), media_type="application/json")
