"""Releases: what people said, as signed and immutable files that travel; and coverage, where copies of it stand.

Light: this package imports without Arrow; :mod:`byleave.release.rows` and :mod:`byleave.release.writing` need the extra ``apply``.
"""

from byleave.release.coverage import Coverage, Covers, open_coverage
from byleave.release.keys import SigningKey, load_key, load_or_make_key
from byleave.release.reading import Release, open_latest, open_release
from byleave.release.sync import open_synced, sync

__all__ = [
    "Coverage",
    "Covers",
    "Release",
    "SigningKey",
    "load_key",
    "load_or_make_key",
    "open_coverage",
    "open_latest",
    "open_release",
    "open_synced",
    "sync",
]
