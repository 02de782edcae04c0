"""Hand in a list of links: read once, filed whole as one claim or not at all, brought into the log, harmless to send again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Final

from sqlalchemy.orm import Session

from byleave.consent import Use
from byleave.errors import ByleaveError, InputError, NotFoundError
from byleave.log import JSON, canonical_json
from byleave.publish.receipts import Acknowledged, Also, Guard, acknowledge
from byleave.publish.sequencer import refuse_other_past
from byleave.registry.claims import SHOWN_TARGETS, Claim, claim_by_id
from byleave.registry.database import Database
from byleave.registry.filing import Filing
from byleave.registry.handing_in import Handed, Kind, State, begin_reading, finish, handed_in, take_in
from byleave.registry.list_filing import file_list
from byleave.registry.lists import ListReader, text_lines
from byleave.registry.permissions import OPERATOR, Role, Who
from byleave.registry.rates import Rate, spend
from byleave.settings import Settings

_BLOCK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ListFile:
    """A list that is about to be handed in: what it is called, how many lines it has, and the SHA-256 of its bytes."""

    path: Path
    name: str
    lines: int
    digest: bytes

    @classmethod
    def look(cls, path: Path, name: str, limit: int) -> ListFile:
        """Read a file once to know it again.

        Raises
        ------
        InputError
            If it cannot be read, or has more than ``limit`` bytes.
        """
        digest, lines, size, last = hashlib.sha256(), 0, 0, b"\n"
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    size += len(block)
                    digest.update(block)
                    lines += block.count(b"\n")
                    last = block[-1:]
        except OSError as error:
            raise NotFoundError(
                f"{path} cannot be read: {error.strerror}", remedy="check the file's name"
            ) from error
        if size > limit:
            raise InputError("the list is too long", remedy=f"split it into files of at most {limit:,} bytes")
        return cls(path, name, lines + (last != b"\n"), digest.digest())


@dataclass(frozen=True, slots=True)
class HandedList:
    """What became of a list, and the claim with its receipt. ``again`` says that the same was filed before."""

    handed: Handed
    acknowledged: Acknowledged | None
    again: bool


def list_key(content: bytes, filing: Filing) -> bytes:
    """Return 32 bytes that are equal for the same content with the same answer."""
    new = filing.new
    said: dict[str, JSON] = {
        "content": content.hex(),
        "preferences": {use.value: new.preferences.for_use(use).word for use in Use},
        "act": new.act.value,
        "terms": new.terms,
        "contact": new.contact,
        "licence": new.licence,
        "about": new.about,
        "publish_values": new.publish_values,
        "expires_at": new.expires_at.isoformat() if new.expires_at else None,
    }
    return hashlib.sha256(b"byleave/list/1\0" + canonical_json(said)).digest()


def hand_in(database: Database, file: ListFile, filing: Filing, *, who: Who, at: datetime) -> Handed:
    """Note that a list is handed in, or return what became of it when the same was handed in before."""
    with database.transaction() as session:
        return take_in(
            session,
            filing.account,
            list_key(file.digest, filing),
            who=who,
            kind=Kind.LIST,
            name=file.name,
            total=file.lines,
            at=at,
        )


def file_handed_list(
    database: Database,
    settings: Settings,
    handed: Handed,
    path: Path,
    filing: Filing,
    *,
    who: Who,
    at: datetime,
    guard: Guard | None = None,
    also: Also | None = None,
    tell: Callable[[int], None] = lambda _: None,
) -> HandedList:
    """File what a list names as one claim; when this returns, its event is in the public log.

    Lines that cannot be used are noted with their number and reason; all others are filed together, or none. ``tell`` hears how many
    lines have been read.

    Raises
    ------
    InputError
        If nothing in it can be used, or it is too long; that is noted as well.
    """
    reader = ListReader(settings.limits, tell)
    note = partial(_note, handed=handed, reader=reader, at=at)
    try:
        with database.transaction() as session:
            found = begin_reading(session, handed.id)
            if found.state is State.FILED:
                return HandedList(found, None, again=True)
            refuse_other_past(session, settings)
            seen = guard(session, [filing])[0] if guard else filing
            with path.open("rb") as file:
                claim = file_list(session, seen, reader.read(text_lines(file)), who=who, at=at)
            if who.role is not Role.OPERATOR:
                spend(session, Rate.TARGETS, filing.account.bytes, claim.target_count, at=at)
            note(session, State.FILED, claim.id)
            if also is not None:
                also(session)
    except ByleaveError as error:
        with database.transaction() as session:
            note(session, State.FAILED, None, error.problem)
        raise
    shown = _with_targets(database, claim)
    (done,) = acknowledge(database, settings, [shown], at=at, event_of=attrgetter("answered"))
    with database.transaction() as session:
        return HandedList(handed_in(session, handed.id, who=who), done, again=False)


def _note(
    session: Session,
    state: State,
    claim: bytes | None,
    problem: str = "",
    *,
    handed: Handed,
    reader: ListReader,
    at: datetime,
) -> None:
    """Write down what became of a list, as far as it was read."""
    finish(
        session,
        handed.id,
        state,
        done=reader.lines,
        accepted=reader.accepted if claim else 0,
        rejects=reader.rejects,
        problem=problem,
        claim=claim,
        at=at,
    )


def _with_targets(database: Database, claim: Claim) -> Claim:
    """Return the claim with its targets, where they are few enough to be shown."""
    if claim.target_count > SHOWN_TARGETS:
        return claim
    with database.transaction() as session:
        whole = claim_by_id(session, claim.id, who=OPERATOR, most=SHOWN_TARGETS)
    return replace(claim, targets=whole.targets)
