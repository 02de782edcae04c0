"""Answers of look-ups as JSON. What many things share is written once, so that ten thousand answers are quick."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from starlette.responses import Response

from byleave.consent import Standing, TargetKind, Use
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
    return f'{{"value":{json.dumps(value)},{told}}}'


def _told(answer: Answer) -> str:
    body: dict[str, Any] = {
        "preferences": {use.value: answer.preferences.for_use(use).word for use in Use},
        "fault": answer.fault,
        "claims": [_claim(said) for said in answer.said],
    }
    return json.dumps(body, separators=(",", ":"))[1:-1]


def _claim(said: Said) -> dict[str, Any]:
    statement = said.statement
    found = match_at(said.distance) if said.distance is not None else None
    return {
        "claim": statement.claim.hex(),
        "target": statement.kind.value,
        "standing": STANDING_WORDS[said.standing],
        "evidence": statement.evidence.name,
        "preferences": {use.value: statement.preferences.for_use(use).word for use in Use},
        "disputed": statement.disputed,
        "terms": said.terms,
        "contact": said.contact,
        "match": asdict(found) if found else None,
    }


def _response(text: str) -> Response:
    return Response(text.encode(), media_type="application/json")
