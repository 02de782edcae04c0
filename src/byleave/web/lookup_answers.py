"""Answers of look-ups as JSON. What many things share is written once, so that ten thousand answers are quick."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from functools import lru_cache
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
    return _response(f'{_head(kind, at)},"answer":{_entry(value, _told(answer))}}}')


def many_answers(kind: str, values: Sequence[str], answers: Sequence[Answer], *, at: datetime) -> Response:
    """Answer many questions, in their order."""
    told: dict[int, str] = {}
    entries = []
    for value, answer in zip(values, answers, strict=True):
        if id(answer) not in told:
            told[id(answer)] = _told(answer)
        entries.append(_entry(value, told[id(answer)]))
    return _response(f'{_head(kind, at)},"answers":[{",".join(entries)}]}}')


def _head(kind: str, at: datetime) -> str:
    looked_at = [one.value for one in LOOKED_AT[kind]]
    return json.dumps({"ok": True, "as_of": at.isoformat(), "kind": kind, "looked_at": looked_at})[:-1]


def _entry(value: str, told: str) -> str:
    return f'{{"value":{_text(value)},{told}}}'


def _told(answer: Answer) -> str:
    claims = ",".join(map(_claim, answer.said))
    fault = "null" if answer.fault is None else _text(answer.fault)
    return f'"preferences":{_preferences(answer.preferences)},"fault":{fault},"claims":[{claims}]'


def _claim(said: Said) -> str:
    statement = said.statement
    found = match_at(said.distance) if said.distance is not None else None
    return (
        f'{{"claim":"{statement.claim.hex()}","target":"{statement.kind.value}","standing":"{STANDING_WORDS[said.standing]}",'
        f'"evidence":"{statement.evidence.name}","preferences":{_preferences(statement.preferences)},'
        f'"disputed":{"true" if statement.disputed else "false"},"terms":{_optional(said.terms)},'
        f'"contact":{_optional(said.contact)},"match":{json.dumps(asdict(found)) if found else "null"}}}'
    )


@lru_cache(maxsize=4096)
def _preferences(preferences: Preferences) -> str:
    return json.dumps({use.value: preferences.for_use(use).word for use in Use}, separators=(",", ":"))


def _optional(text: str | None) -> str:
    return "null" if text is None else _text(text)


def _response(text: str) -> Response:
    return Response(text.encode(), media_type="application/json")
