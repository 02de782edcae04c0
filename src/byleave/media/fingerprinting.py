"""Fingerprints of many pictures, read in a limited child process, a few at a time.

A child costs about a second to start, so it serves many pictures here and is replaced seldom: it may read a dataset that one person holds
anyway, not files that strangers hand in one by one. What crashes it or takes too long is found by asking again picture by picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from byleave.errors import ByleaveError
from byleave.fingerprints import PictureFingerprint
from byleave.media.framing import FINGERPRINT, Facts
from byleave.media.isolated import Child, checked_count
from byleave.media.picture import WORKING_SIDE, Unusable, UnusableKind
from byleave.settings import Limits

TOGETHER = 16
"""Most pictures of one message."""

TOGETHER_BYTES = 2 * 1024 * 1024
"""Most bytes of several pictures of one message; a larger one travels alone."""

PICTURES_PER_CHILD = 50_000
COPY_BYTES = WORKING_SIDE * WORKING_SIDE * 3


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprinted:
    """A picture that could be read. ``rgb`` is its working copy, uint8 (rows, columns, 3), where it was asked for."""

    fingerprint: PictureFingerprint
    rgb: NDArray[np.uint8] | None = field(default=None, repr=False)


Outcome = Fingerprinted | Unusable


class Fingerprinter:
    """One child process and its work. For one thread; as context manager it ends the child."""

    def __init__(self, limits: Limits, *, with_pixels: bool = False) -> None:
        self._limits = limits
        self._with_pixels = with_pixels
        self._child: Child | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """End the child; the next picture starts another."""
        if self._child is not None:
            self._child.end()
        self._child = None

    def read(self, encoded: Sequence[bytes]) -> list[Outcome]:
        """Fingerprint pictures, in their order. Nothing about a file raises.

        Raises
        ------
        UnavailableError
            When no child starts.
        """
        outcomes: list[Outcome] = []
        together: list[bytes] = []
        size = 0
        for one in encoded:
            if together and (len(together) == TOGETHER or size + len(one) > self._most_bytes):
                outcomes += self._ask(together)
                together, size = [], 0
            together.append(one)
            size += len(one)
        return outcomes + self._ask(together)

    @property
    def _most_bytes(self) -> int:
        return min(TOGETHER_BYTES, self._limits.picture_bytes)

    def _ask(self, encoded: list[bytes]) -> list[Outcome]:
        if len(encoded) == 1 and len(encoded[0]) > self._limits.picture_bytes:
            return [Unusable(UnusableKind.TOO_LARGE, f"more than {self._limits.picture_bytes} bytes")]
        if not encoded:
            return []
        child = self._started()
        answer = child.ask_together(
            {"do": FINGERPRINT, "pixels": self._with_pixels}, encoded, len(encoded) * COPY_BYTES
        )
        if isinstance(answer, Unusable):
            self.end()
            return [answer] if len(encoded) == 1 else [self._ask([one])[0] for one in encoded]
        try:
            return self._outcomes(*answer, len(encoded))
        except (KeyError, ValueError, TypeError, IndexError, ByleaveError):
            self.end()
            return [Unusable(UnusableKind.CRASHED, "the decoder gave an impossible answer")] * len(encoded)

    def _started(self) -> Child:
        if self._child is not None and self._child.pictures >= PICTURES_PER_CHILD:
            self.end()
        if self._child is None:
            fresh = Child(self._limits)
            fresh.wait_until_ready()
            self._child = fresh
        return self._child

    def _outcomes(self, facts: Facts, parts: list[bytes], count: int) -> list[Outcome]:
        if len(facts["found"]) != count:
            raise ValueError("another number of answers than questions")
        copies = iter(parts)
        return [self._outcome(found, copies) for found in facts["found"]]

    def _outcome(self, found: Facts, copies: Iterator[bytes]) -> Outcome:
        if "unusable" in found:
            return Unusable(UnusableKind(found["unusable"]), "")
        rgb = None
        if self._with_pixels:
            rows, columns, channels = (checked_count(side, WORKING_SIDE) for side in found["shape"])
            rgb = np.frombuffer(next(copies, b""), np.uint8).reshape(rows, columns, channels)
        seen = PictureFingerprint(
            bytes.fromhex(found["plain"]),
            bytes.fromhex(found["trimmed"]),
            checked_count(found["quality"], 100, least=0),
        )
        return Fingerprinted(seen, rgb)
