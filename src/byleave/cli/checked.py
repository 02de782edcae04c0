"""What `byleave verify` was asked to check, and what it found: shared by the modules that check one kind of file each."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from byleave.log import Policy, VerifierKey
    from byleave.release.key_history import KeyHistory


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller wants checked, and whom she trusts. ``rows`` asks for the rows of a list to be read, too."""

    path: Path
    keys: tuple[VerifierKey, ...]
    policy: Policy
    history: KeyHistory
    release: Path | None
    log: str | None
    rows: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What holds, in words and as data, and with which code to leave."""

    sentence: str
    data: dict[str, Any] = field(default_factory=dict)
    exit_code: int = 0
