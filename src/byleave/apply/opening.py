"""What the keeper of an output does for others to check it: bind its items, open what a lottery draws, and read rows by their places."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from byleave.apply.binding import FACTS, KEPT, NewBound
from byleave.apply.committing import ItemTree
from byleave.apply.forms.units import DECIDING, Unit
from byleave.apply.inputs import Columns, InputFile, columns_of, open_parquet
from byleave.apply.item_rows import Piece
from byleave.apply.matching import Matcher, read_digests
from byleave.apply.ruleset import Ruleset
from byleave.apply.sources import Input, found_below
from byleave.errors import FormatError, NotFoundError, VerificationError
from byleave.log import Policy
from byleave.log.lottery import drawn, lottery_seed
from byleave.release.attestations import Attestation, Commitments
from byleave.release.items import LEAF_ROWS, ItemRow
from byleave.release.keys import verify_ed25519
from byleave.release.openings import Opened, Openings
from byleave.release.statements import Signed
from byleave.storage import OWN_FOLDER

REMOVED_LIST: Final = f"{OWN_FOLDER}/removed.parquet"

Part = tuple[str, Iterator[tuple[pa.RecordBatch, Columns]]]


@dataclass(frozen=True, slots=True)
class Bound:
    """The trees of one run, in a folder that its keeper holds back: whoever has it can ask for every item."""

    commitments: Commitments
    kept: ItemTree

    @classmethod
    def open(cls, folder: Path) -> Bound:
        """Open what :func:`bind_items` wrote.

        Raises
        ------
        NotFoundError, FormatError
            If the folder holds no such trees.
        VerificationError
            If they changed since.
        """
        try:
            commitments = Commitments.parse(json.loads((folder / FACTS).read_bytes()))
        except OSError as error:
            raise NotFoundError(
                f"{folder} holds no bound items", remedy="name the folder that `byleave attest bind` wrote"
            ) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise FormatError(f"{folder / FACTS} cannot be read", remedy="bind the items again") from error
        kept = ItemTree(folder / KEPT, commitments.salt)
        if kept.commitment != commitments.kept:
            raise VerificationError(f"{folder / KEPT} is not what was bound", remedy="bind the items again")
        return cls(commitments, kept)


def bind_items(output: Path, ruleset: Ruleset, folder: Path, salt: bytes | None = None) -> Commitments:
    """Sort what an output holds and what was taken out of it into two trees, below a new folder; return their roots.

    Reads the links as they stand in the output, so that nothing can be bound that is not there.

    Raises
    ------
    ConflictError
        If the folder is there already.
    NotFoundError
        If the output lacks the list of what was taken out: nothing was, or another mode than ``filter`` wrote it.
    """
    removed = output / REMOVED_LIST
    if not removed.is_file():
        raise NotFoundError(
            f"{output} holds no {REMOVED_LIST}, so no rows were written whose items could be bound",
            remedy="bind the items of a run under --mode filter and a regime other than research",
        )
    bound = NewBound.beside(folder, salt)
    commitments = bound.write(_kept(output, Matcher(ruleset, None)), removed)
    bound.publish()
    return commitments


def open_drawn(
    output: Path, bound: Bound, signed: Signed[Attestation], note: str, policy: Policy, count: int
) -> Openings:
    """Open the rows that a cosigned checkpoint draws.

    Raises
    ------
    VerificationError
        If the trees are not those of the attestation, or no witness cosigned the checkpoint.
    """
    if signed.said.commitments != bound.commitments:
        raise VerificationError(
            "the attestation binds other items than this folder",
            remedy="name the folder that `byleave apply --bind` or `byleave attest bind` wrote for that run",
        )
    witnessed = policy.open_checkpoint(note, verify_ed25519)
    seed = lottery_seed(signed.sha256, note, witnessed.cosignatures)
    places = drawn(seed, len(bound.kept), count)
    rows = {place: bound.kept.row(place) for place in places}
    opened = dict(rows_at(found_below([output]), rows))
    leaves = sorted({place // LEAF_ROWS for place in places})
    return Openings(
        signed.sha256,
        note,
        count,
        tuple(opened[place] for place in places),
        tuple(bound.kept.leaf(index) for index in leaves),
    )


def rows_at(output: Input, rows: Mapping[int, ItemRow]) -> Iterator[tuple[int, Opened]]:
    """Yield what stands in an output at some rows, by the keys of ``rows``; each part is read once.

    Raises
    ------
    VerificationError
        If a part has fewer rows.
    """
    by_part: dict[int, dict[int, int]] = {}
    for place, row in rows.items():
        by_part.setdefault(row.part, {})[row.row] = place
    for at, (name, batches) in enumerate(_parts(output)):
        wanted = by_part.pop(at, {})
        if wanted:
            yield from _picked(name, batches, wanted)
    if by_part:
        raise VerificationError(
            "the output has fewer parts than were bound", remedy="name the output as it was written"
        )


def _picked(
    name: str, batches: Iterable[tuple[pa.RecordBatch, Columns]], wanted: Mapping[int, int]
) -> Iterator[tuple[int, Opened]]:
    first, found = 0, 0
    for batch, columns in batches:
        inside = [row for row in wanted if first <= row < first + batch.num_rows]
        for row in inside:
            link, digest = _said(batch.slice(row - first, 1), columns)
            yield wanted[row], Opened(wanted[row], name, link, digest)
        first, found = first + batch.num_rows, found + len(inside)
    if found < len(wanted):
        raise VerificationError(
            f"{name} has fewer rows than were bound", remedy="name the output as it was written"
        )


def _said(row: pa.RecordBatch, columns: Columns) -> tuple[str | None, bytes | None]:
    link = row.column(columns.link)[0].as_py() if columns.link else None
    if isinstance(link, bytes):
        link = link.decode("utf-8", "replace")
    if columns.digest is None:
        return link, None
    values, known, _ = read_digests(row.column(columns.digest))
    return link, values[0].tobytes() if known[0] else None


def _kept(output: Path, matcher: Matcher) -> Iterator[Piece]:
    for place, (_, batches) in enumerate(_parts(found_below([output]))):
        for batch, columns in batches:
            link = batch.column(columns.link) if columns.link else None
            digest = batch.column(columns.digest) if columns.digest else None
            yield place, matcher.match(link, digest, batch.num_rows).items


def rows_in(part: InputFile | Unit) -> int:
    """Count the rows of one part."""
    if isinstance(part, InputFile):
        with open_parquet(part.path) as file:
            return int(file.metadata.num_rows)
    return part.count()


def _parts(output: Input) -> Iterator[Part]:
    for part in output.parts:
        if isinstance(part, InputFile):
            yield part.name, _parquet(part)
        else:
            yield part.name, ((rows.batch, DECIDING) for rows in part.rows(digests=False))


def _parquet(part: InputFile) -> Iterator[tuple[pa.RecordBatch, Columns]]:
    with open_parquet(part.path) as file:
        columns = columns_of(file.schema_arrow, part.name)
        for batch in file.iter_batches(columns=columns.names(), use_threads=False):
            yield batch, columns
