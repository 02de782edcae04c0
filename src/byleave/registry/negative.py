"""The negative list: pictures that say nothing about whose they are. A claim on one of them is looked at by a person first.

It holds what ships with Byleave (drawn by :mod:`byleave.media.backgrounds`) and what the operator adds, such as public-domain drawings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from byleave.errors import InputError, NotFoundError, RefusedError
from byleave.fingerprints import PDQ_BYTES, SAME_WORK_RADIUS, ClaimedPicture, check_pdq
from byleave.registry.guard_tables import NegativePicture
from byleave.registry.permissions import Act, Who, require

BUILT_IN: Final = "built-in/1"
"""The part that ships with Byleave, by its edition: other pictures are another edition."""

MOST_NAME: Final = 80
_INSERTED_AT_ONCE: Final = 1_000
_VALUE = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class NegativeList:
    """One named part of the negative list, and how many values it has."""

    name: str
    pictures: int


def add_pictures(session: Session, values: Iterable[bytes], name: str, *, who: Who, at: datetime) -> int:
    """Add 32-byte PDQ values under a name and return how many were new.

    Raises
    ------
    InputError
        For no name, one that is too long, or that of the part which ships with Byleave.
    """
    require(who, Act.REVIEW_CLAIM)
    chosen = name.strip()
    if not 0 < len(chosen) <= MOST_NAME or not chosen.isprintable() or chosen == BUILT_IN:
        raise InputError(
            f"{name[:MOST_NAME]!r} cannot name a list",
            remedy=f"use 1 to {MOST_NAME} printable characters, and not {BUILT_IN!r}",
        )
    return _insert(session, values, chosen, at)


def add_built_in(session: Session, at: datetime) -> None:
    """See to it that what ships with Byleave is in the list."""
    there = sa.select(sa.exists().where(NegativePicture.name == BUILT_IN))
    if not session.execute(there).scalar_one():
        _insert(session, built_in(), BUILT_IN, at)


@cache
def built_in() -> tuple[bytes, ...]:
    """Return the values of the pictures that ship with Byleave, plain and trimmed."""
    from byleave.media.backgrounds import backgrounds
    from byleave.media.reading import fingerprint

    seen = [fingerprint(pixels) for _, pixels in backgrounds()]
    return tuple(dict.fromkeys(value for one in seen for value in (one.plain, one.trimmed)))


def negative_list_of(session: Session) -> tuple[NegativeList, ...]:
    """Return the named parts of the list, by name."""
    row = NegativePicture
    chosen = sa.select(row.name, sa.func.count()).group_by(row.name).order_by(row.name)
    return tuple(NegativeList(name, count) for name, count in session.execute(chosen))


def remove_pictures(session: Session, name: str, *, who: Who) -> int:
    """Take a named part out of the list and return how many values it had.

    Raises
    ------
    RefusedError
        For what ships with Byleave.
    NotFoundError
        If nothing has that name.
    """
    require(who, Act.REVIEW_CLAIM)
    if name == BUILT_IN:
        raise RefusedError("what ships with Byleave stays in the list", remedy="remove what you added")
    removed = session.execute(
        sa.delete(NegativePicture).where(NegativePicture.name == name).returning(NegativePicture.id)
    )
    count = len(removed.all())
    if count == 0:
        raise NotFoundError(
            f"the negative list has no part {name[:MOST_NAME]!r}", remedy="see `byleave negative list`"
        )
    return count


def commons(session: Session, pictures: Sequence[ClaimedPicture]) -> Mapping[int, str]:
    """Return, for each picture that is on the list turned or mirrored in any way, its position and the name of the part."""
    from byleave.hamming import (
        HammingIndex,
    )  # compiled loops, which most of what needs this module never runs

    rows = session.execute(
        sa.select(NegativePicture.pdq, NegativePicture.name).order_by(NegativePicture.id)
    ).all()
    if not rows or not pictures:
        return {}
    index = HammingIndex.build(
        np.frombuffer(b"".join(row.pdq for row in rows), np.uint8).reshape(-1, PDQ_BYTES)
    )
    variants = b"".join(variant for picture in pictures for variant in picture.variants)
    owner = np.repeat(np.arange(len(pictures)), [len(picture.variants) for picture in pictures])
    hits = index.search(np.frombuffer(variants, np.uint8).reshape(-1, PDQ_BYTES), SAME_WORK_RADIUS)
    return {
        int(owner[query]): rows[row].name
        for query, row in zip(hits.query[::-1].tolist(), hits.row[::-1].tolist(), strict=True)
    }


def read_values(text: str) -> tuple[bytes, ...]:
    """Read a list of PDQ values, one of 64 hex digits per line; what follows a comma or a space is ignored, and so is ``#``.

    Raises
    ------
    InputError
        Naming the first line that cannot be read.
    """
    found: dict[bytes, None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        word = re.split(r"[,\s]", line.strip().lower(), maxsplit=1)[0]
        if not word or word.startswith("#"):
            continue
        if not _VALUE.fullmatch(word):
            raise InputError(f"line {number} is no PDQ value", remedy="write 64 hex digits on each line")
        found[bytes.fromhex(word)] = None
    return tuple(found)


def _insert(session: Session, values: Iterable[bytes], name: str, at: datetime) -> int:
    distinct = list(dict.fromkeys(values))
    for value in distinct:
        check_pdq(value)
    added = 0
    for start in range(0, len(distinct), _INSERTED_AT_ONCE):
        part = distinct[start : start + _INSERTED_AT_ONCE]
        done = session.execute(
            insert(NegativePicture)
            .values([{"pdq": value, "name": name, "added_at": at} for value in part])
            .on_conflict_do_nothing(index_elements=["pdq"])
            .returning(NegativePicture.id)
        )
        added += len(done.all())
    return added
