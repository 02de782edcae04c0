"""Carry claim events from the registry into the tiles and bundles of the log, in memory that does not grow with either."""

from __future__ import annotations

from sqlalchemy.orm import Session

from byleave.errors import FormatError, NotFoundError, VerificationError
from byleave.log import BundleAt, Checkpoint, GrowingTree, encode_bundle, leaf_hash
from byleave.log.tiles import TILE_WIDTH
from byleave.publish.log_files import LogFiles
from byleave.registry.events import events_after


class Growth:
    """A log on its way from the published checkpoint to a larger size.

    Files serve only to go on quickly: if those at the right edge do not give the root of ``published``, which the caller has checked
    against the registry, everything is made again from the registry.
    """

    def __init__(self, session: Session, files: LogFiles, published: Checkpoint | None) -> None:
        self._session = session
        self._files = files
        self._tree = _edge(files, published)

    def to(self, size: int) -> bytes:
        """Write what a log of the first ``size`` events needs and return its root.

        Raises
        ------
        VerificationError
            If an event is missing.
        """
        start = self._tree.size
        bundle: list[bytes] = []
        expected = start - start % TILE_WIDTH
        for event in events_after(self._session, expected, up_to=size):
            expected += 1
            if event.number != expected:
                break
            entry = event.entry()
            bundle.append(entry)
            if event.number > start:
                for place, content in self._tree.append(leaf_hash(entry)):
                    self._files.write(place, content)
            if len(bundle) == TILE_WIDTH:
                self._files.write(BundleAt(event.number // TILE_WIDTH - 1), encode_bundle(bundle))
                bundle.clear()
        if self._tree.size != size:
            raise VerificationError(
                f"claim event {self._tree.size + 1} is missing from the registry",
                remedy="restore the registry from a backup",
            )
        self._write_edge(bundle)
        return self._tree.root()

    def _write_edge(self, bundle: list[bytes]) -> None:
        if bundle:
            place = BundleAt(self._tree.size // TILE_WIDTH, len(bundle))
            self._files.write(place, encode_bundle(bundle))
        for tile, content in self._tree.partial_tiles():
            self._files.write(tile, content)


def _edge(files: LogFiles, published: Checkpoint | None) -> GrowingTree:
    if published is not None:
        try:
            tree = GrowingTree.at(published.size, files.read)
        except (NotFoundError, FormatError):
            return GrowingTree()
        if tree.root() == published.root:
            return tree
    return GrowingTree()
