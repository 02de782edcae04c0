"""Compile number loops to machine code, and keep the result in a folder that is ours alone.

numba reads its cache back as executable bytes. That is safe only where nobody else can write, so the folder belongs to the
user who runs us, is open to nobody else and is no symbolic link; otherwise nothing is cached and every process compiles anew.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def cache_folder(parent: Path) -> Path | None:
    """Make ``parent/byleave/numba`` with mode 0700 and return it, or ``None`` where it cannot be ours alone."""
    folder = parent
    try:
        for name in ("byleave", "numba"):
            folder = folder / name
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_ours_alone(folder):
                return None
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def _is_ours_alone(folder: Path) -> bool:
    facts = folder.lstat()
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid() and not facts.st_mode & 0o077


def _user_cache() -> Path | None:
    try:
        return Path.home() / ".cache"
    except RuntimeError:
        return None


def _edition() -> str:
    """Name this edition of the loops by the bytes of all files that hold some: numba watches only the file of the outermost one."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        content = path.read_bytes()
        if b"@compiled" in content:
            digest.update(content)
    return digest.hexdigest()[:16]


_parent = _user_cache()
CACHE_FOLDER = cache_folder(_parent) if _parent is not None else None
"""Where compiled loops are kept between processes, or ``None`` when every process compiles its own."""

if CACHE_FOLDER is not None:
    vars(numba.config)["CACHE_DIR"] = str(CACHE_FOLDER / _edition())


def compiled(function: Function) -> Function:
    """Compile ``function`` on its first call with each set of argument types. It runs without the interpreter lock.

    Arithmetic keeps the order it is written in (no fast-math), so results are the same on every machine.
    """
    return cast(Function, numba.njit(cache=CACHE_FOLDER is not None, nogil=True)(function))


def compiled_lean(function: Function) -> Function:
    """As :func:`compiled`, for loops that make no arrays: they count no references, which costs more than short calls do."""
    options: dict[str, Any] = {"cache": CACHE_FOLDER is not None, "nogil": True, "_nrt": False}
    return cast(Function, numba.njit(**options)(function))


def compiled_within(function: Function) -> Function:
    """As :func:`compiled_lean`, for short loops that are to be written out wherever they are called.

    Their arguments are groups of arrays, and handing over a dozen of these costs more than many a loop does.
    """
    options: dict[str, Any] = {
        "cache": CACHE_FOLDER is not None,
        "nogil": True,
        "_nrt": False,
        "forceinline": True,
    }
    return cast(Function, numba.njit(**options)(function))
