"""What rows may state beside their links, drawn for properties."""

from __future__ import annotations

from hypothesis import strategies as st

from byleave.fingerprints import PICTURE_VERSION, PictureFingerprint

DIGESTS = st.none() | st.binary(min_size=32, max_size=32)


VERSIONS = st.just(PICTURE_VERSION)


def prints(versions: st.SearchStrategy[str] = VERSIONS) -> st.SearchStrategy[PictureFingerprint | None]:
    """Return fingerprints, or none, of some versions."""
    value = st.binary(min_size=32, max_size=32)
    return st.none() | st.builds(PictureFingerprint, value, value, st.integers(0, 100), versions)
