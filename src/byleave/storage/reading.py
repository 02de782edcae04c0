"""Small files, read whole and never more of them than they may have."""

from __future__ import annotations

from pathlib import Path

from byleave.errors import FormatError, InputError, NotFoundError, UnavailableError


def read_at_most(path: Path, most: int, *, remedy: str) -> bytes:
    """Read a file of at most ``most`` bytes; ``remedy`` is what to do where that fails.

    Raises
    ------
    NotFoundError
        If it is not there.
    InputError
        If it is a folder.
    UnavailableError
        If it cannot be read.
    FormatError
        If it is longer.
    """
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except FileNotFoundError as error:
        raise NotFoundError(f"{path} does not exist", remedy=remedy) from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder, and a file is wanted", remedy=remedy) from error
    except OSError as error:
        raise UnavailableError(f"{path} cannot be read: {error.strerror}", remedy=remedy) from error
    if len(content) > most:
        raise FormatError(f"{path} has more than {most:,} bytes", remedy=remedy)
    return content
