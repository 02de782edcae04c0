"""Words of a closed list, as they are written on a command line."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from byleave.errors import InputError

Word = TypeVar("Word", bound=StrEnum)


def word_of(words: type[Word], text: str, option: str) -> Word:
    """Return the member of an enumeration that an option names.

    Raises
    ------
    InputError
        If it names none.
    """
    known = [str(word) for word in words]
    if text not in known:
        raise InputError(f"{option} cannot be {text!r}", remedy="use one of: " + ", ".join(known))
    return words(text)
