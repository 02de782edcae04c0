"""What `byleave verify` was asked to check, and what it found: shared by the modules that check one kind of file each."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from byleave.log import Checkpoint, Policy, VerifierKey
    from byleave.release.key_history import KeyHistory


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller wants checked, and whom she trusts. ``rows`` asks for the rows of a list to be read, too.

    ``output`` is the folder of data that an attestation must be about.
    """

    path: Path
    keys: tuple[VerifierKey, ...]
    policy: Policy
    history: KeyHistory
    release: Path | None
    log: str | None
    rows: bool = False
    output: Path | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What holds, in words and as data, and with which code to leave."""

    sentence: str
    data: dict[str, Any] = field(default_factory=dict)
    exit_code: int = 0


def log_keeps(asked: Asked, *old: Checkpoint) -> Checkpoint | None:
    """Check that the log, if one is named, keeps all that the one of ``old`` held which is of this log."""
    from byleave.release.log_reading import check_growth, open_place, read_checkpoint

    if asked.log is None:
        return None
    with open_place(asked.log) as place:
        now = read_checkpoint(place, asked.policy)
        asked.history.check(now.checkpoint, now.signers)
        of_it = (one for one in old if one.origin == now.checkpoint.origin)
        check_growth(place, next(of_it, old[0]), now.checkpoint)
    return now.checkpoint
