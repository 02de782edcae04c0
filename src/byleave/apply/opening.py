"""What the keeper of an output does for others to check it: bind its items, open what a lottery draws, and read rows by their places."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from byleave.apply.attesting import read_report, releases_of
from byleave.apply.binding import COVERING, FACTS, NewBound, covering_kinds, open_kept
from byleave.apply.committing import ItemTree
from byleave.apply.coverages import open_coverages, tables_of
from byleave.apply.covering import CoverageTables
from byleave.apply.deciding import Decider
from byleave.apply.forms.applying import wants_digests
from byleave.apply.forms.units import DECIDING, Unit
from byleave.apply.inputs import Columns, InputFile, columns_of, open_parquet
from byleave.apply.item_rows import Piece
from byleave.apply.matching import Matcher, read_digests
from byleave.apply.near import exact_pairs
from byleave.apply.noting import FirstRows, first_rows
from byleave.apply.redeciding import covering_targets
from byleave.apply.registries import open_registries
from byleave.apply.ruleset import Ruleset
from byleave.apply.sources import Input, found_below
from byleave.consent import TargetKind
from byleave.errors import FormatError, InputError, NotFoundError, VerificationError, as_format_error
from byleave.log import Policy
from byleave.log.lottery import drawn, lottery_seed
from byleave.release.attestations import Attestation
from byleave.release.commitments import Commitment, Commitments
from byleave.release.items import LEAF_ROWS, ItemRow, Leaf
from byleave.release.keys import verify_ed25519
from byleave.release.openings import Opened, Openings
from byleave.release.statements import Signed
from byleave.storage import OWN_FOLDER
from byleave.urls.names import ID_BYTES

REMOVED_LIST: Final = f"{OWN_FOLDER}/removed.parquet"

Part = tuple[str, Iterator[tuple[pa.RecordBatch, Columns]]]


@dataclass(frozen=True, slots=True)
class Bound:
    """The trees of one run, in a folder that its keeper holds back: whoever has it can ask for every item."""

    commitments: Commitments
    kept: ItemTree
    covering: ItemTree | None

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
        covering = commitments.covering.tree if commitments.covering is not None else None
        return cls(
            commitments,
            _as_bound(open_kept(folder, commitments.salt), commitments.kept, folder),
            _as_bound(ItemTree(folder / COVERING, commitments.salt), covering, folder) if covering else None,
        )

    def tree_for(self, kind: TargetKind) -> ItemTree | None:
        """Return the tree in which targets of a kind are looked up, or ``None`` if they cannot be."""
        if kind is TargetKind.URL:
            return self.kept
        return self.covering if self.commitments.tree_for(kind) is not None else None

    def check(self, attestation: Attestation) -> None:
        """Make sure that an attestation names these trees.

        Raises
        ------
        VerificationError
            If it names none, or others.
        """
        if attestation.commitments is None:
            raise VerificationError(
                "the attestation binds no entries",
                remedy="sign the output again with `byleave attest sign OUTPUT --bound FOLDER`, naming this folder",
            )
        if attestation.commitments != self.commitments:
            raise VerificationError(
                "the attestation binds other entries than this folder",
                remedy="name the folder that `byleave apply --bind` or `byleave attest bind` wrote for that run",
            )


def _as_bound(tree: ItemTree, commitment: Commitment, folder: Path) -> ItemTree:
    if tree.commitment != commitment:
        raise VerificationError(f"what {folder} holds is not what was bound", remedy="bind the items again")
    return tree


def bind_output(
    output: Path, folders: Sequence[Path], coverages: Sequence[Path], folder: Path
) -> Commitments:
    """Bind the items of an output under the lists in synced folders and the coverage files that were applied; see :func:`bind_items`.

    Raises
    ------
    VerificationError
        If the report of the run names other lists.
    InputError
        If it names more coverage files.
    """
    registries = open_registries(folders)
    opened = open_coverages(coverages, registries)
    with as_format_error(
        f"the report in {output} does not say which lists were applied", remedy="apply again"
    ):
        told = releases_of(read_report(output))
        named = {one["manifest_sha256"]: f"list no. {one['number']} of {one['origin']}" for one in told}
    if named.keys() != {one.release.manifest_digest.hex() for one in registries.members}:
        applied = ", ".join(named.values())
        raise VerificationError(
            f"{applied} was applied, and other lists are named", remedy="name the lists that were applied"
        )
    used = sum(bool(one.get("coverage")) for one in told)
    if used > len(opened):
        raise InputError(
            f"{used} coverage files were applied, and {len(opened)} are named: what pictures cover would be left out",
            remedy="name every coverage file of that run with --coverage",
        )
    tables = tables_of(opened, registries.ruleset, ())
    compared = len(opened) == len(registries.members)
    return bind_items(output, registries.ruleset, folder, coverage=tables, compared=compared)


def bind_items(
    output: Path,
    ruleset: Ruleset,
    folder: Path,
    salt: bytes | None = None,
    *,
    coverage: CoverageTables | None = None,
    compared: bool = False,
) -> Commitments:
    """Sort what an output holds and what was taken out of it into trees, below a new folder; return their roots.

    Reads the links as they stand in the output, so that nothing can be bound that is not there. ``compared`` says that ``coverage`` is of
    all registries.

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
    bound, first = NewBound.beside(folder, salt), FirstRows(ruleset)
    kept = _kept(output, ruleset, coverage, first)
    commitments = bound.write(bound.note(kept), removed, first, covering_kinds(compared=compared))
    bound.publish()
    return commitments


def open_drawn(
    output: Path,
    bound: Bound,
    signed: Signed[Attestation],
    note: str,
    policy: Policy,
    count: int,
    decider: Decider,
) -> Openings:
    """Open the rows that a cosigned checkpoint draws; ``decider`` is :func:`byleave.apply.redeciding.redecider` of the attestation.

    Raises
    ------
    VerificationError
        If the trees are not those of the attestation, or no witness cosigned the checkpoint.
    """
    bound.check(signed.said)
    witnessed = policy.open_checkpoint(note, verify_ed25519)
    seed = lottery_seed(signed.sha256, note, witnessed.cosignatures)
    places = drawn(seed, len(bound.kept), count)
    rows = {place: bound.kept.row(place) for place in places}
    read = dict(rows_at(found_below([output]), rows, digests=wants_digests(decider.ruleset)))
    opened = [read[place] for place in places]
    leaves = sorted({place // LEAF_ROWS for place in places})
    return Openings(
        signed.sha256,
        note,
        count,
        tuple(opened),
        tuple(bound.kept.leaf(index) for index in leaves),
        tuple(_covering_leaves(bound, decider, opened)),
    )


def _covering_leaves(bound: Bound, decider: Decider, opened: Sequence[Opened]) -> Iterator[Leaf]:
    """Yield the leaves in which those targets stand that cover one of some rows."""
    if bound.covering is None or bound.commitments.covering is None:
        return
    targets = covering_targets(decider, opened, bound.commitments.covering.kinds)
    leaves = {place for _, digest in targets for place in bound.covering.leaves_with(digest[:ID_BYTES])}
    yield from map(bound.covering.leaf, sorted(leaves))


def rows_at(output: Input, rows: Mapping[int, ItemRow], *, digests: bool) -> Iterator[tuple[int, Opened]]:
    """Yield what stands in an output at some rows, by the keys of ``rows``; each part is read once.

    ``digests`` says whether files at hand are hashed as well.

    Raises
    ------
    VerificationError
        If a part has fewer rows.
    """
    by_part: dict[int, dict[int, int]] = {}
    for place, row in rows.items():
        by_part.setdefault(row.part, {})[row.row] = place
    for at, (name, batches) in enumerate(_parts(output, digests=digests)):
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


def _kept(
    output: Path, ruleset: Ruleset, coverage: CoverageTables | None, first: FirstRows
) -> Iterator[Piece]:
    matcher = Matcher(ruleset, coverage)
    for place, (_, batches) in enumerate(_parts(found_below([output]), digests=wants_digests(ruleset))):
        row = 0
        for batch, columns in batches:
            link = batch.column(columns.link) if columns.link else None
            digest = batch.column(columns.digest) if columns.digest else None
            matched = matcher.match(link, digest, batch.num_rows)
            pairs = exact_pairs(matched.rows + row, matched.targets, ruleset, coverage)
            first.add(first_rows(*pairs, ruleset), place)
            row += batch.num_rows
            yield place, matched.items


def rows_in(part: InputFile | Unit) -> int:
    """Count the rows of one part."""
    if isinstance(part, InputFile):
        with open_parquet(part.path) as file:
            return int(file.metadata.num_rows)
    return part.count()


def _parts(output: Input, *, digests: bool) -> Iterator[Part]:
    for part in output.parts:
        if isinstance(part, InputFile):
            yield part.name, _parquet(part)
        else:
            yield part.name, ((rows.batch, DECIDING) for rows in part.rows(digests=digests))


def _parquet(part: InputFile) -> Iterator[tuple[pa.RecordBatch, Columns]]:
    with open_parquet(part.path) as file:
        columns = columns_of(file.schema_arrow, part.name)
        for batch in file.iter_batches(columns=columns.names(), use_threads=False):
            yield batch, columns
