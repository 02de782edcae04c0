"""Take claims out of lists that stand, where the law or a court asks for it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from byleave.publish.folders import releases_folder
from byleave.publish.keys import known_keys, signing_key
from byleave.registry.permissions import Act, Who, require
from byleave.release import Release, open_release
from byleave.release.redaction import redact
from byleave.settings import Settings


def redact_release(
    settings: Settings, number: int, claims: Collection[bytes], *, who: Who, at: datetime
) -> Release:
    """Take ``claims`` (16-byte ids) out of published list ``number`` and return it as it then stands, all of it verified.

    Raises
    ------
    NotFoundError
        If there is no such list, or it has no row of them.
    """
    require(who, Act.PUBLISH)
    release = open_release(releases_folder(settings) / str(number), known_keys(settings))
    return redact(release, claims, at=at, key=signing_key(settings))
