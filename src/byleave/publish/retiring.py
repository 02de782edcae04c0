"""Retire old lists: what was withdrawn or erased since must not stay readable for ever in lists that nobody needs any more."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.publish.folders import releases_folder
from byleave.registry.permissions import Act, Who, require
from byleave.registry.tables import ReleaseRow
from byleave.release.deltas import DELTAS, INDEX, Index, delta_name
from byleave.release.manifest import MANIFEST, NOTE
from byleave.release.standing import STANDING
from byleave.settings import Settings
from byleave.storage import alone_in, staged_folder, write_atomically

LIST_LIFE: Final = timedelta(days=90)
"""How long a list is handed out after a newer one took its place."""

RETIRED: Final = "retired"


def retire_old(session: Session, settings: Settings, *, who: Who, at: datetime) -> tuple[int, ...]:
    """Take lists away that a newer one replaced more than :data:`LIST_LIFE` ago, and return their numbers.

    Of each its signed manifest stays, below ``retired``: it names digests and nobody, and links the lists before and after it. The
    newest list always stays, however old. Running it twice is harmless, and so is being killed in between.

    Raises
    ------
    ConflictError
        If another process is at work in the folder of releases.
    """
    require(who, Act.PUBLISH)
    folder = releases_folder(settings)
    chosen = sa.select(ReleaseRow.number, ReleaseRow.published_at).order_by(ReleaseRow.number)
    rows = session.execute(chosen).all()
    old = [row.number for row, newer in pairwise(rows) if newer.published_at < at - LIST_LIFE]
    standing = [number for number in old if (folder / str(number)).is_dir()]
    if not standing:
        return ()
    with alone_in(folder):
        for number in standing:
            _retire(folder, number)
        write_atomically(folder / INDEX, Index.of_folder(folder).to_bytes())
    return tuple(standing)


def is_retired(folder: Path, number: int) -> bool:
    """Whether a list was retired, below the folder of releases it belonged to."""
    return (folder / RETIRED / str(number)).is_dir() and not (folder / str(number)).is_dir()


def _retire(folder: Path, number: int) -> None:
    kept = folder / RETIRED / str(number)
    kept.parent.mkdir(exist_ok=True)
    with staged_folder(kept, replace=True) as staging:
        for name in (MANIFEST, NOTE):
            shutil.copyfile(folder / str(number) / name, staging / name)
    if (folder / DELTAS).is_dir():
        for step in Index.of_folder(folder).deltas:
            if number in step:
                shutil.rmtree(folder / delta_name(*step))
    shutil.rmtree(folder / STANDING / str(number), ignore_errors=True)
    shutil.rmtree(folder / str(number))
