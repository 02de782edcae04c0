"""Bind the items of a run: three trees in a folder that the keeper of the output holds back, made amid the run or from its output afterwards."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq

from byleave.apply.committing import commit_entries, commit_items
from byleave.apply.desks import Staging
from byleave.apply.forms.lines import LineList
from byleave.apply.forms.units import Unit
from byleave.apply.inputs import InputFile
from byleave.apply.item_rows import Piece, entries_in_order, first_place, sorted_sources
from byleave.apply.noting import ITEMS, TARGETS, FirstRows
from byleave.apply.parting import BEGIN_ANEW, Source
from byleave.apply.ruleset import Ruleset
from byleave.apply.speaking import SpokenOf
from byleave.apply.values import commit_parts, write_parts
from byleave.errors import ConflictError
from byleave.release.commitments import SALT_BYTES, Commitment, Commitments, Covering
from byleave.release.values import PartRoot
from byleave.storage import publish_folder, write_atomically
from byleave.urls.names import ID_BYTES

KEPT, REMOVED, COVERING, FACTS = "kept.entries", "removed.entries", "covering.entries", "commitments.json"
_FOR_ITS_OWNER: Final = 0o700
VALUES: Final = "values.parts"
"""File of the roots over what the rows of each part state; not there where none states anything."""


@dataclass(frozen=True, slots=True)
class NewBound:
    """A folder to be, prepared beside its place under a hidden name."""

    folder: Path
    salt: bytes

    @classmethod
    @contextmanager
    def beside(cls, folder: Path, salt: bytes | None = None) -> Iterator[NewBound]:
        """Prepare it; what was not published when the block ends, or was prepared by a killed run before, is thrown away.

        Raises
        ------
        ConflictError
            If the folder is there already.
        """
        refuse_place(folder)
        bound = cls(folder, salt if salt is not None else secrets.token_bytes(SALT_BYTES))
        shutil.rmtree(bound._aside, ignore_errors=True)
        try:
            bound._aside.mkdir(_FOR_ITS_OWNER, parents=True)
            yield bound
        finally:
            shutil.rmtree(bound._aside, ignore_errors=True)

    @property
    def _aside(self) -> Path:
        return self.folder.with_name(f".{self.folder.name}.new")

    def keep(self, kept: Iterator[Piece]) -> Commitment:
        """Write the tree of rows kept and return its root."""
        return commit_items(kept, self._sorting, self.salt, self._aside / KEPT)

    def keep_noted(self, kept: Iterable[Source]) -> Commitment:
        """Write the tree of rows kept as they were noted, and return its root."""
        return commit_entries(sorted_sources(kept, self._sorting), self.salt, self._aside / KEPT)

    def write(
        self,
        kept: Commitment,
        removed: Path,
        first: FirstRows,
        spoken: SpokenOf,
        parts: Sequence[PartRoot],
    ) -> Commitments:
        """Write the other trees and return all roots.

        Parameters
        ----------
        kept
            That of rows kept, as :meth:`keep` returned it.
        removed
            The list of rows taken out.
        first
            Which targets cover a row kept.
        spoken
            Of which targets it knows.
        parts
            The rows kept of each part, and the roots over what they state.
        """
        removed_tree = commit_items(_removed(removed), self._sorting, self.salt, self._aside / REMOVED)
        first.leave_open(spoken.without_values)
        entries = entries_in_order(*first.rows(spoken.kinds))
        covering = commit_entries([entries], self.salt, self._aside / COVERING)
        values = commit_parts(parts, self.salt)
        if values is not None:
            write_parts(self._aside / VALUES, parts)
        commitments = Commitments(self.salt, kept, removed_tree, Covering(covering, spoken.kinds), values)
        write_atomically(self._aside / FACTS, json.dumps(commitments.members()).encode())
        return commitments

    @property
    def _sorting(self) -> Path:
        return self._aside / "sorting"

    def publish(self) -> None:
        """Let the folder appear, for its owner alone: who reads it knows what an output holds."""
        for path in self._aside.iterdir():
            path.chmod(_FOR_ITS_OWNER & path.stat().st_mode)
        publish_folder(self._aside, self.folder)


def refuse_place(folder: Path, *others: Path) -> None:
    """Refuse to write a new folder where one is, or into one of ``others``, which are read, written or handed on, or around them.

    Raises
    ------
    ConflictError
        If so.
    """
    if folder.exists():
        raise ConflictError(f"{folder} is there already", remedy="name a new folder, or remove this one")
    place = folder.resolve()
    for other in others:
        at = other.resolve()
        if place == at or at in place.parents or place in at.parents:
            raise ConflictError(
                f"{folder} and {other} would lie one in the other",
                remedy="name a new folder that lies beside it",
            )


@contextmanager
def bound_run(
    staging: Staging,
    parts: Sequence[InputFile | Unit],
    kept: Sequence[PartRoot],
    removed: Path,
    folder: Path,
    ruleset: Ruleset,
    spoken: SpokenOf,
) -> Iterator[NewBound]:
    """Bind the items that a run noted while it decided, and give the folder, to be published with the output.

    Parameters
    ----------
    kept
        How many rows of each part stay, and the root over what they state.

    Raises
    ------
    ConflictError
        If what was noted is not of so many rows, or a list is left that nobody could tell from any other file.
    """
    emptied = [
        part.name
        for part, one in zip(parts, kept, strict=True)
        if isinstance(part, LineList) and not one.rows
    ]
    if emptied:
        raise ConflictError(
            f"nothing of {emptied[0]} stays, so it is no list any more, and those after it would be counted in its place",
            remedy="apply without --bind, then run `byleave attest bind`",
        )
    first = FirstRows(ruleset)
    for place, path in enumerate(staging.notes(len(kept), TARGETS)):
        first.add(np.fromfile(path, np.int64).reshape(-1, 2), place)
    with NewBound.beside(folder) as bound:
        bound.write(bound.keep_noted(_noted(staging, kept)), removed, first, spoken, kept)
        yield bound


def _noted(staging: Staging, kept: Sequence[PartRoot]) -> Iterator[Source]:
    """Yield where the entries stand that a run noted, part by part."""
    for place, (path, part) in enumerate(zip(staging.notes(len(kept), ITEMS), kept, strict=True)):
        source = Source.of(path, first_place(place, part.rows))
        if len(source) != part.rows:
            raise ConflictError(
                f"the entries noted for shard {place} are not the {part.rows:,} that stay",
                remedy=BEGIN_ANEW,
            )
        yield source


def _removed(path: Path) -> Iterator[Piece]:
    """Yield the item ids of the list of rows taken out, as one part."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=["item_id"], use_threads=False):
            column = batch.column(0).fill_null(bytes(ID_BYTES))
            size, at = len(column) * ID_BYTES, column.offset * ID_BYTES
            yield 0, np.frombuffer(column.buffers()[1], np.uint8, size, at).reshape(-1, ID_BYTES)
