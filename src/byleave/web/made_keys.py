"""The form that makes a key for programs, on a person's page and on an organisation's."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.orm import Session

from byleave.errors import FormatError, InputError
from byleave.registry.permissions import Who
from byleave.registry.tokens import NewToken, Scope, create_token
from byleave.web.forms import Form

PERSONS_KEYS: Final[Mapping[str, str]] = {
    Scope.FILE.value: "make choices",
    Scope.READ.value: "see choices only",
}
"""What a person's key may be good for, in words."""

ORGANISATIONS_KEYS: Final[Mapping[str, str]] = {
    **PERSONS_KEYS,
    Scope.REPORT.value: "report lists applied",
}


def make_key(session: Session, form: Form, *, account: uuid.UUID, who: Who, at: datetime) -> NewToken:
    """Make the key a form asks for.

    Raises
    ------
    InputError
        If the form names no use, or no day as its end.
    """
    scope = form.text("scope")
    if scope not in ORGANISATIONS_KEYS:
        raise InputError("no use was chosen", remedy="choose what the key is good for")
    return create_token(
        session,
        form.text("name"),
        scope=Scope(scope),
        account=account,
        expires_at=_end_of(form.text("until")),
        who=who,
        at=at,
    )


def _end_of(day: str) -> datetime | None:
    if not day:
        return None
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(hour=23, minute=59, second=59, tzinfo=UTC)
    except ValueError as error:
        raise FormatError(f"{day[:40]!r} is not a day", remedy="write it as 2027-12-31") from error
