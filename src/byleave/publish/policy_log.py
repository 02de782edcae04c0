"""See to it that the rules in force stand in the log before a list is made under them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.log import JSON
from byleave.log.events import CLAIM_ID_BYTES
from byleave.registry.events import append_event, open_events
from byleave.registry.permissions import Act, Who, require
from byleave.registry.tables import ClaimEventRow
from byleave.release.policy import OPERATION, Logged, policy_record, rules_digest


def log_rules(session: Session, rules: Mapping[str, JSON], *, who: Who, at: datetime) -> Logged:
    """Append the rules to the log if they are not those it names last, and return where they stand."""
    require(who, Act.PUBLISH)
    record = policy_record(rules_digest(rules))
    row = ClaimEventRow
    chosen = sa.select(row.number).where(row.operation == OPERATION).order_by(row.number.desc()).limit(1)
    newest = session.execute(chosen).scalar_one_or_none()
    opened = open_events(session, [newest])[0] if newest else None
    if opened is not None and opened.record == record and opened.salt is not None:
        return Logged(opened.event.number, opened.event.claim, opened.salt)
    event = append_event(
        session,
        secrets.token_bytes(CLAIM_ID_BYTES),
        OPERATION,
        actor=who.role.value,
        at=at,
        record=lambda _: record,
    )
    (opened,) = open_events(session, [event.number])
    assert opened.salt is not None  # noqa: S101 - it was appended in this transaction
    return Logged(event.number, event.claim, opened.salt)
