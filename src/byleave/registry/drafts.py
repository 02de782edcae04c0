"""Drafts: what somebody is about to say, gathered from many places and kept for a day, also while she signs in."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from byleave.consent import TargetKind
from byleave.errors import InputError, NotFoundError
from byleave.registry.draft_tables import DraftRow, DraftTargetRow
from byleave.registry.repeating import filed_before
from byleave.registry.targets import Target, columns_of, target_of_row

DRAFT_LIFE: Final = timedelta(hours=24)
MOST_TARGETS: Final = 100_000
"""Targets of one draft; a longer list is handed in as a file, which is read and filed in one go."""

MOST_SOURCES: Final = 200
_ROWS_AT_ONCE: Final = 2_000


class Source(StrEnum):
    """Where the targets of a draft were found."""

    DEVICE = "device"
    """A folder, an export or single files, looked at in the browser."""
    SEARCH = "search"
    GALLERY = "gallery"
    SITEMAP = "sitemap"
    LIST = "list"
    PROFILE = "profile"
    SITE = "site"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Looked:
    """A place that was looked at for a draft: how many targets it gave, or why none. ``place`` is a link or a file name."""

    source: Source
    place: str
    found: int
    problem: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """One draft. ``answer`` is what was chosen so far, in the words of its form; ``name`` is a pen name and optional."""

    id: uuid.UUID
    name: str | None
    answer: Mapping[str, Any]
    looked: tuple[Looked, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DraftTarget:
    """One target of a draft, and the number by which it can be taken out again."""

    number: int
    source: Source
    target: Target


def open_draft(session: Session, visitor: str, *, at: datetime, name: str | None = None) -> Draft:
    """Begin a draft for one browser, and forget those that have run out."""
    session.execute(sa.delete(DraftRow).where(DraftRow.expires_at <= at))
    # Random throughout: its address is worth as little to a stranger as a wrong guess.
    row = DraftRow(
        id=uuid.UUID(bytes=secrets.token_bytes(16), version=4),
        visitor=visitor,
        name=name,
        answer={},
        sources=[],
        created_at=at,
        expires_at=at + DRAFT_LIFE,
    )
    session.add(row)
    session.flush()
    return _draft(row)


def draft_of(session: Session, draft: uuid.UUID, visitor: str, *, at: datetime, lock: bool = False) -> Draft:
    """Return a draft of this browser; with ``lock`` nobody else files or changes it until this transaction ends.

    Raises
    ------
    NotFoundError
        If there is none, it has run out, or another browser began it.
    FiledBeforeError
        If it was filed.
    """
    return _draft(_row(session, draft, visitor, at, lock=lock))


def keep_answer(session: Session, draft: uuid.UUID, answer: Mapping[str, Any]) -> None:
    """Keep what was chosen so far."""
    session.execute(sa.update(DraftRow).where(DraftRow.id == draft).values(answer=dict(answer)))


def note_looked(session: Session, draft: uuid.UUID, looked: Looked) -> None:
    """Note that a place was looked at; looking at it again replaces the note."""
    row = session.get_one(DraftRow, draft, with_for_update=True)
    others = [one for one in row.sources if (one["source"], one["place"]) != (looked.source, looked.place)]
    note = {
        "source": looked.source.value,
        "place": looked.place,
        "found": looked.found,
        "problem": looked.problem,
        "remedy": looked.remedy,
    }
    row.sources = [*others, note][-MOST_SOURCES:]
    session.flush()


def add_targets(session: Session, draft: uuid.UUID, targets: Iterable[Target], source: Source) -> int:
    """Add targets, each once whatever it is found by, and return how many the draft has now.

    Raises
    ------
    InputError
        If they are more than a draft holds; then none is added.
    """
    session.execute(sa.select(DraftRow.id).where(DraftRow.id == draft).with_for_update())
    before = _total(session, draft)
    handed = iter(targets)
    while some := [_target_row(draft, source, target) for target in islice(handed, _ROWS_AT_ONCE)]:
        before += len(_inserted(session, some))
        if before > MOST_TARGETS:
            raise InputError(
                f"that is more than {MOST_TARGETS:,} links and pictures in one choice",
                remedy="make this choice first, or hand in a list as a file",
            )
    return before


def take_out(session: Session, draft: uuid.UUID, numbers: Sequence[int]) -> int:
    """Take single targets out of a draft, and return how many were in it."""
    row = DraftTargetRow
    gone = sa.delete(row).where(row.draft_id == draft, row.id.in_(numbers)).returning(row.id)
    return len(session.execute(gone).all())


def take_out_kind(session: Session, draft: uuid.UUID, kinds: Sequence[TargetKind]) -> int:
    """Take every target of some kinds out of a draft, and return how many were in it."""
    row = DraftTargetRow
    wanted = [kind.value for kind in kinds]
    gone = sa.delete(row).where(row.draft_id == draft, row.kind.in_(wanted)).returning(row.id)
    return len(session.execute(gone).all())


def counts(session: Session, draft: uuid.UUID) -> Mapping[TargetKind, int]:
    """Return how many targets of each kind a draft has."""
    row = DraftTargetRow
    found = sa.select(row.kind, sa.func.count()).where(row.draft_id == draft).group_by(row.kind)
    return {TargetKind(kind): count for kind, count in session.execute(found)}


def targets_of_draft(
    session: Session,
    draft: uuid.UUID,
    *,
    kinds: Sequence[TargetKind] = tuple(TargetKind),
    after: int = 0,
    limit: int = 100,
) -> tuple[DraftTarget, ...]:
    """Return one page of a draft's targets, in the order they came; ``after`` is the number of the last one seen."""
    row = DraftTargetRow
    chosen = sa.select(row).where(
        row.draft_id == draft, row.id > after, row.kind.in_([kind.value for kind in kinds])
    )
    found = session.execute(chosen.order_by(row.id).limit(limit)).scalars()
    return tuple(DraftTarget(one.id, Source(one.source), target_of_row(one)) for one in found)


def all_targets(session: Session, draft: uuid.UUID) -> Iterator[Target]:
    """Yield every target of a draft, a few thousand in memory at a time."""
    chosen = sa.select(DraftTargetRow).where(DraftTargetRow.draft_id == draft).order_by(DraftTargetRow.id)
    options = {"yield_per": _ROWS_AT_ONCE}
    for row in session.execute(chosen, execution_options=options).scalars():
        yield target_of_row(row)


def note_filed(session: Session, draft: uuid.UUID, *, at: datetime) -> None:
    """Forget everything in a draft but that it was filed, so that nobody who sends it twice believes it was not."""
    session.execute(sa.delete(DraftTargetRow).where(DraftTargetRow.draft_id == draft))
    left: dict[str, object] = {"name": None, "answer": {}, "sources": [], "filed_at": at}
    session.execute(sa.update(DraftRow).where(DraftRow.id == draft).values(left))


def _row(session: Session, draft: uuid.UUID, visitor: str, at: datetime, *, lock: bool) -> DraftRow:
    row = session.get(DraftRow, draft, populate_existing=True, with_for_update=lock)
    if row is None or row.visitor != visitor or row.expires_at <= at:
        raise NotFoundError(
            "this choice was not kept: it is kept for a day, in the browser where it was begun",
            remedy="begin again",
        )
    if row.filed_at is not None:
        raise filed_before()
    return row


def _total(session: Session, draft: uuid.UUID) -> int:
    chosen = sa.select(sa.func.count()).select_from(DraftTargetRow).where(DraftTargetRow.draft_id == draft)
    return session.execute(chosen).scalar_one()


def _inserted(session: Session, rows: Sequence[Mapping[str, object]]) -> Sequence[object]:
    new = insert(DraftTargetRow).on_conflict_do_nothing(index_elements=["draft_id", "kind", "digest"])
    return session.execute(new.returning(DraftTargetRow.id), list(rows)).all()


def _draft(row: DraftRow) -> Draft:
    looked = tuple(
        Looked(Source(one["source"]), one["place"], one["found"], one["problem"], one["remedy"])
        for one in row.sources
    )
    return Draft(row.id, row.name, dict(row.answer), looked, row.expires_at)


def _target_row(draft: uuid.UUID, source: Source, target: Target) -> dict[str, object]:
    return {"draft_id": draft, "source": source.value, **columns_of(target)}
