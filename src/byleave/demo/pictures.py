"""Where the pictures come from: the first choice, or the second with the reason said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from byleave.demo import openclipart, openmoji
from byleave.demo.drawings import Collection
from byleave.errors import ByleaveError


def collect(folder: Path, *, first: Callable[[Path], Collection] = openclipart.collect) -> Collection:
    """Return the Open Clip Art drawings; where they cannot be had for any reason, OpenMoji's, and say so.

    ``folder`` keeps the downloaded package for the next time.
    """
    try:
        return first(folder)
    except (ByleaveError, OSError) as error:
        reason = error.problem if isinstance(error, ByleaveError) else str(error)
        return replace(
            openmoji.collect(),
            remarks=(
                f"The pictures of {openclipart.PACKAGE} cannot be had here ({reason}).",
                f"Those of {openmoji.PACKAGE} are shown instead: fewer, and all by one maker.",
            ),
        )
