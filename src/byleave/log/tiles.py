"""Names and contents of the static files that carry a log (C2SP tlog-tiles): tiles of 256 hashes and bundles of 256 entries.

Level 0 holds leaf hashes; each hash of a higher level is the root of one full tile below. The last tile of a level may be partial;
a partial tile is never hashed into the level above.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from byleave.errors import FormatError, InputError
from byleave.log.lines import HASH_BYTES, MAX_SIZE
from byleave.log.merkle import node_hash
from byleave.log.proofs import HashReader

TILE_WIDTH = 256
TILE_LEVELS = 8
"""Levels of the tree that one tile spans: ``2**8 == TILE_WIDTH``."""

MAX_ENTRY_BYTES = 65_535
"""What a 16-bit length can say."""

_KEPT_TILES = 64
_LEVEL = r"(?P<level>entries|[0-9]|[1-5][0-9]|6[0-3])"
_INDEX = r"(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})"
_WIDTH = r"(?:\.p/(?P<width>[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5]))?"
_PATH = re.compile(f"tile/{_LEVEL}/{_INDEX}{_WIDTH}")
_REMEDY = "ask for tile/<level>/<index> or tile/entries/<index>, with .p/<width> for a partial one"


@dataclass(frozen=True, slots=True, order=True)
class TileAt:
    """The place of one tile of hashes: level 0..63, index within the level, width 1..256."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Relative path, as ``tile/0/x001/x234/067.p/12``."""
        return f"tile/{self.level}/{_path_of(self.index, self.width)}"


@dataclass(frozen=True, slots=True, order=True)
class BundleAt:
    """The place of one bundle of entries: index, width 1..256. It holds the entries ``start`` up to, not including, ``end``."""

    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Relative path, as ``tile/entries/x001/x234/067.p/12``."""
        return f"tile/entries/{_path_of(self.index, self.width)}"

    @property
    def start(self) -> int:
        """Index of its first entry."""
        return self.index * TILE_WIDTH

    @property
    def end(self) -> int:
        """Index after its last entry."""
        return self.start + self.width


TileReader = Callable[[TileAt], bytes]
"""Returns the content of a tile; one that is wider than asked for will do, because tiles only ever grow at their end."""


def parse_path(path: str) -> TileAt | BundleAt:
    """Read a relative path of a tile or bundle; every place has exactly one path.

    Raises
    ------
    FormatError
        If it is neither.
    """
    found = _PATH.fullmatch(path)
    if found is None:
        raise FormatError(f"{path[:80]!r} is no path of a tile", remedy=_REMEDY)
    index = int(found["index"].replace("x", "").replace("/", ""))
    width = int(found["width"] or TILE_WIDTH)
    level = found["level"]
    place = BundleAt(index, width) if level == "entries" else TileAt(int(level), index, width)
    if index > MAX_SIZE // TILE_WIDTH or place.path != path:
        raise FormatError(f"{path[:80]!r} is no path of a tile", remedy=_REMEDY)
    return place


def tiles_between(old_size: int, new_size: int) -> Iterator[TileAt]:
    """Name the tiles that a log must write, and a mirror must fetch, to grow from one size to another.

    Per level, from the tile that holds the first new hash to the last, at the widths of the new size. From size 0 these are
    all tiles of a log.
    """
    _check_sizes(old_size, new_size)
    level = 0
    while new := new_size >> (TILE_LEVELS * level):
        old = old_size >> (TILE_LEVELS * level)
        for index, width in _columns(old, new):
            yield TileAt(level, index, width)
        level += 1


def bundles_between(old_size: int, new_size: int) -> Iterator[BundleAt]:
    """Name the entry bundles that growing from one size to another needs, in order."""
    _check_sizes(old_size, new_size)
    for index, width in _columns(old_size, new_size):
        yield BundleAt(index, width)


def partial_tiles(size: int) -> Iterator[TileAt]:
    """Name the partial tiles at the right edge of a log of that size, lowest level first."""
    _check_sizes(0, size)
    level = 0
    while count := size >> (TILE_LEVELS * level):
        if width := count % TILE_WIDTH:
            yield TileAt(level, count // TILE_WIDTH, width)
        level += 1


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Write up to 256 entries, each behind its length as two bytes, big-endian.

    Raises
    ------
    InputError
        For an entry of 65,536 bytes or more, or for no or too many entries.
    """
    if not 0 < len(entries) <= TILE_WIDTH:
        raise InputError(f"a bundle cannot hold {len(entries)} entries", remedy="give 1 to 256")
    longest = max(map(len, entries))
    if longest > MAX_ENTRY_BYTES:
        raise InputError(
            f"an entry has {longest} bytes", remedy=f"a log entry has at most {MAX_ENTRY_BYTES} bytes"
        )
    return b"".join(len(entry).to_bytes(2) + entry for entry in entries)


def decode_bundle(data: bytes, width: int) -> tuple[bytes, ...]:
    """Read the first ``width`` entries of a bundle, which may hold more of them, up to 256.

    Raises
    ------
    FormatError
        If it holds fewer, or does not end with an entry.
    """
    entries: list[bytes] = []
    at = 0
    while at < len(data):
        start = at + 2
        at = start + int.from_bytes(data[at:start])
        entries.append(data[start:at])
        if len(entries) > TILE_WIDTH or at > len(data):
            raise FormatError("an entry bundle is damaged", remedy="fetch it again, whole")
    if len(entries) < width:
        raise FormatError(
            f"an entry bundle has {len(entries)} entries, not {width}", remedy="fetch it again, whole"
        )
    return tuple(entries[:width])


def decode_tile(data: bytes, width: int) -> list[bytes]:
    """Return the first ``width`` hashes of a tile, which may hold more of them, up to 256."""
    if len(data) % HASH_BYTES or not width * HASH_BYTES <= len(data) <= TILE_WIDTH * HASH_BYTES:
        raise FormatError(
            f"a tile of {width} hashes has {len(data)} bytes", remedy="fetch the tile again, whole"
        )
    return [data[at : at + HASH_BYTES] for at in range(0, width * HASH_BYTES, HASH_BYTES)]


def hash_reader(size: int, read_tile: TileReader) -> HashReader:
    """Return a reader of subtree hashes of a log of ``size`` entries that reads nothing but tiles.

    Each tile is read and hashed once while it is among the last 64 used, so that one reader makes the proofs of a whole batch.
    The tiles are taken as they are: check what was made of them against a signed checkpoint.
    """

    @lru_cache(maxsize=_KEPT_TILES)
    def subtrees(place: TileAt) -> list[list[bytes]]:
        """Return the roots of the tile's full subtrees, by height."""
        rows = [decode_tile(read_tile(place), place.width)]
        while len(rows[-1]) > 1:
            pairs = zip(rows[-1][::2], rows[-1][1::2], strict=False)
            rows.append([node_hash(left, right) for left, right in pairs])
        return rows

    def read(level: int, index: int) -> bytes:
        tile_level, height = divmod(level, TILE_LEVELS)
        first = index << height
        count = size >> (TILE_LEVELS * tile_level)
        if not 0 <= first < first + (1 << height) <= count:
            raise InputError(
                f"a log of {size} entries has no full subtree {index} at level {level}",
                remedy="ask within the size of the log",
            )
        column, offset = divmod(first, TILE_WIDTH)
        place = TileAt(tile_level, column, min(TILE_WIDTH, count - column * TILE_WIDTH))
        return subtrees(place)[height][offset >> height]

    return read


def _columns(old: int, new: int) -> Iterator[tuple[int, int]]:
    if old < new:
        for index in range(old // TILE_WIDTH, (new - 1) // TILE_WIDTH + 1):
            yield index, min(TILE_WIDTH, new - index * TILE_WIDTH)


def _check_sizes(old: int, new: int) -> None:
    if not 0 <= old <= new <= MAX_SIZE:
        raise InputError(f"a log of {old} entries does not grow to {new}", remedy="logs only grow")


def _path_of(index: int, width: int) -> str:
    if index < 0 or not 0 < width <= TILE_WIDTH:
        raise InputError(f"there is no tile {index} of width {width}", remedy="widths are 1 to 256")
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    suffix = "" if width == TILE_WIDTH else f".p/{width}"
    return "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:]) + suffix
