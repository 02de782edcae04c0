"""A tree that grows leaf by leaf and hands out its tiles as they fill up, in memory that does not grow with the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Self

from byleave.errors import InputError
from byleave.log.lines import HASH_BYTES
from byleave.log.merkle import EMPTY_ROOT, root_of
from byleave.log.tiles import TILE_LEVELS, TILE_WIDTH, TileAt, TileReader, decode_tile, partial_tiles


class GrowingTree:
    """The right edge of a log's tree: at most 255 hashes for each level of tiles, whatever the log's size.

    Not safe for two threads at once; a log has one sequencer.
    """

    def __init__(self) -> None:
        self._size = 0
        self._levels: list[list[bytes]] = [[]]

    @classmethod
    def at(cls, size: int, read_tile: TileReader) -> Self:
        """Take up a log where it stands, from the partial tiles of its size.

        The tiles are taken as they are: compare :meth:`root` with the last checkpoint before adding anything.

        Raises
        ------
        FormatError
            If a tile has another length than its width asks for.
        """
        tree = cls()
        tree._size = size
        for place in partial_tiles(size):
            tree._level(place.level).extend(decode_tile(read_tile(place), place.width))
        return tree

    @property
    def size(self) -> int:
        """Number of leaves so far."""
        return self._size

    def append(self, leaf: bytes) -> tuple[tuple[TileAt, bytes], ...]:
        """Add one 32-byte leaf hash; return the full tiles it completes, lowest level first: mostly none.

        Raises
        ------
        InputError
            If it is no 32-byte hash.
        """
        if len(leaf) != HASH_BYTES:
            raise InputError(
                f"a leaf hash has {HASH_BYTES} bytes, not {len(leaf)}", remedy="hash the entry first"
            )
        self._size += 1
        full: list[tuple[TileAt, bytes]] = []
        value, level = leaf, 0
        while True:
            hashes = self._level(level)
            hashes.append(value)
            if len(hashes) < TILE_WIDTH:
                return tuple(full)
            column = (self._size >> (TILE_LEVELS * (level + 1))) - 1
            full.append((TileAt(level, column), b"".join(hashes)))
            value = root_of(hashes)
            hashes.clear()
            level += 1

    def extend(self, leaves: Iterable[bytes]) -> Iterator[tuple[TileAt, bytes]]:
        """Add leaf hashes and yield the full tiles as they fill up. Nothing is added before the first is taken."""
        for leaf in leaves:
            yield from self.append(leaf)

    def partial_tiles(self) -> tuple[tuple[TileAt, bytes], ...]:
        """Return the partial tiles of the present size, lowest level first: with the full ones, all that the size needs."""
        return tuple((place, b"".join(self._levels[place.level])) for place in partial_tiles(self._size))

    def root(self) -> bytes:
        """Return the root of the present size."""
        below: list[bytes] = []
        for hashes in self._levels:
            if hashes or below:
                below = [root_of([*hashes, *below])]
        return below[0] if below else EMPTY_ROOT

    def _level(self, level: int) -> list[bytes]:
        while len(self._levels) <= level:
            self._levels.append([])
        return self._levels[level]
