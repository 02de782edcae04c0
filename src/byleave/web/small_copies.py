"""What came of small copies that somebody sent: a preview and the entries that look alike, in memory for an hour at most.

The copies themselves are dropped as soon as they were looked at, and nothing here is ever written to a file. A timer forgets what has
run out, whether or not anybody asks.
"""

from __future__ import annotations

import base64
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from byleave.web.entries import EntryName

LIFE: Final = timedelta(hours=1)
COPY_BYTES: Final = 240 * 1024
"""Most that a browser makes a small copy of: a JPEG with a long side of at most 512 pixels."""

KEPT_BYTES: Final = 64 * 1024 * 1024
"""Of all visitors together; a preview takes about 8 kB. Beyond it the oldest go first."""


@dataclass(frozen=True, slots=True)
class Lookalikes:
    """One picture that was sent, small, and entries that may show it, the likeliest first."""

    name: str
    preview: bytes
    entries: tuple[EntryName, ...]

    @property
    def address(self) -> str:
        """The preview for the page itself, as a ``data:`` address."""
        return "data:image/jpeg;base64," + base64.b64encode(self.preview).decode("ascii")


class SmallCopies:
    """What small copies gave, by the draft they were sent for. Each draft is one browser's, which its own table looks after.

    life
        How long anything is kept; never more than what pages promise, :data:`LIFE`.
    """

    def __init__(self, clock: Callable[[], datetime], life: timedelta = LIFE) -> None:
        self._clock = clock
        self._life = min(life, LIFE)
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, tuple[datetime, uuid.UUID, Lookalikes]] = OrderedDict()
        self._number = 0
        self._bytes = 0
        self._timer: threading.Timer | None = None

    def keep(self, draft: uuid.UUID, found: Lookalikes) -> None:
        """Keep what one copy gave."""
        with self._lock:
            self._forget_old()
            self._number += 1
            self._kept[self._number] = (self._clock(), draft, found)
            self._bytes += len(found.preview)
            while self._bytes > KEPT_BYTES:
                self._forget_oldest()
            self._wake_later()

    def of(self, draft: uuid.UUID) -> dict[int, Lookalikes]:
        """Return what the copies sent for a draft gave, by number, in the order they came."""
        with self._lock:
            self._forget_old()
            return {number: found for number, (_, owner, found) in self._kept.items() if owner == draft}

    def forget(self, draft: uuid.UUID) -> None:
        """Forget everything about a draft now."""
        with self._lock:
            for number in [number for number, (_, owner, _) in self._kept.items() if owner == draft]:
                self._bytes -= len(self._kept.pop(number)[2].preview)

    def __len__(self) -> int:
        with self._lock:
            return len(self._kept)

    def _forget_oldest(self) -> None:
        _, (_, _, found) = self._kept.popitem(last=False)
        self._bytes -= len(found.preview)

    def _forget_old(self) -> None:
        oldest = self._clock() - self._life
        while self._kept and next(iter(self._kept.values()))[0] <= oldest:
            self._forget_oldest()

    def _wake_later(self) -> None:
        if self._timer is not None or not self._kept:
            return
        begun = next(iter(self._kept.values()))[0]
        wait = max(0.0, (begun + self._life - self._clock()).total_seconds())
        self._timer = threading.Timer(wait, self._wake)
        self._timer.daemon = True
        self._timer.start()

    def _wake(self) -> None:
        with self._lock:
            self._timer = None
            self._forget_old()
            self._wake_later()
