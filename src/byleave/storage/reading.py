"""Small files, read whole and never more of them than they may have."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

from byleave.errors import FormatError, InputError, NotFoundError, UnavailableError

_HANDED_OVER = re.compile(r"/dev/(stdin|fd/[0-9]+)|/proc/(self|[0-9]+)/fd/[0-9]+")
"""Where a shell puts what it hands over, such as ``<(...)``: whoever runs the command wants it read, and it may well be a pipe."""


def open_plain(path: Path, *, remedy: str) -> BinaryIO:
    """Open a file for reading; nothing is waited for where a pipe or a device stands in its place.

    Raises
    ------
    InputError
        If it is neither a plain file nor what a shell hands over.
    OSError
        If it cannot be opened, or is a folder.
    """
    handed = _HANDED_OVER.fullmatch(os.path.abspath(path)) is not None  # noqa: PTH100 - a link must not be followed
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (0 if handed else os.O_NONBLOCK))
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not handed and not stat.S_ISREG(mode):
            raise InputError(f"{path} is no plain file", remedy=remedy)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_at_most(path: Path, most: int, *, remedy: str) -> bytes:
    """Read a file of at most ``most`` bytes; ``remedy`` is what to do where that fails.

    Raises
    ------
    NotFoundError
        If it is not there.
    InputError
        If it is a folder, a pipe or a device.
    UnavailableError
        If it cannot be read.
    FormatError
        If it is longer.
    """
    try:
        with open_plain(path, remedy=remedy) as file:
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
