"""Pictures people ask about: decoded once, kept in memory for a while so that answers can be paged, never stored."""

from __future__ import annotations

import base64
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from byleave import media
from byleave.errors import InputError, NotFoundError
from byleave.fingerprints import ClaimedPicture
from byleave.media import isolated
from byleave.settings import Limits

LIFE: Final = timedelta(minutes=30)
KEPT: Final = 64
"""Each takes less than 0.8 MB: a working copy of at most 512 by 512 pixels and a small preview."""

PREVIEW_PX: Final = 192


@dataclass(frozen=True, slots=True, eq=False)
class AskedPicture:
    """A picture somebody asks about. Answers as a :class:`byleave.catalog.search.PictureReader`, whatever the bytes."""

    picture: media.Picture
    claimed: ClaimedPicture
    name: str

    def describe(
        self,
        encoded: bytes,  # noqa: ARG002 - read before
        *,
        limits: Limits,  # noqa: ARG002 - held before
        thumbnail_px: int | None = None,  # noqa: ARG002 - no thumbnail is asked of a query
    ) -> media.Picture | media.Unusable:
        """Return what was read from the file."""
        return self.picture

    def claimed_picture(self, encoded: bytes, *, limits: Limits) -> ClaimedPicture | media.Unusable:  # noqa: ARG002 - as above
        """Return what was computed from the file."""
        return self.claimed

    @property
    def preview(self) -> str:
        """A small copy for the page itself, as a ``data:`` address."""
        return "data:image/jpeg;base64," + base64.b64encode(self.picture.thumbnail or b"").decode("ascii")


class AskedPictures:
    """The pictures asked about lately. Each belongs to one visitor and is gone after :data:`LIFE`."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], tuple[datetime, AskedPicture]] = OrderedDict()

    def keep(self, visitor: str, asked: AskedPicture) -> str:
        """Keep a picture and return the name under which this visitor, and nobody else, can ask for it again."""
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._forget_old()
            self._kept[visitor, token] = (self._clock(), asked)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return token

    def find(self, visitor: str, token: str) -> AskedPicture:
        """Return a picture kept for this visitor.

        Raises
        ------
        NotFoundError
            If it is gone, or was somebody else's.
        """
        with self._lock:
            self._forget_old()
            found = self._kept.get((visitor, token))
        if found is None:
            raise NotFoundError(
                "your picture is no longer in our memory: it is kept for half an hour and never stored",
                remedy="choose the picture again",
            )
        return found[1]

    def _forget_old(self) -> None:
        oldest = self._clock() - LIFE
        while self._kept and next(iter(self._kept.values()))[0] < oldest:
            self._kept.popitem(last=False)


def read_asked_picture(encoded: bytes, name: str, limits: Limits) -> AskedPicture:
    """Decode an uploaded file in a limited child process.

    Raises
    ------
    InputError
        If it is no picture we read.
    """
    if not encoded:
        raise InputError(
            "no picture was chosen, or the file is empty", remedy="choose a JPEG, PNG or WebP file"
        )
    picture = isolated.describe(encoded, limits=limits, thumbnail_px=PREVIEW_PX)
    if isinstance(picture, media.Unusable):
        raise _unreadable(picture)
    claimed = isolated.claimed_picture(encoded, limits=limits)
    if isinstance(claimed, media.Unusable):
        raise _unreadable(claimed)
    return AskedPicture(picture, claimed, name[:200])


def _unreadable(fault: media.Unusable) -> InputError:
    return InputError(
        f"this file cannot be read as a picture: {fault.detail}", remedy="choose a JPEG, PNG or WebP file"
    )
