"""What the keeper of an output does for others to check it: bind its items, and open what a lottery draws."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from byleave.apply.binding import COVERING, FACTS, KEPT, VALUES, NewBound, refuse_place
from byleave.apply.coverages import asking, open_coverages, tables_of
from byleave.apply.covering import CoverageTables
from byleave.apply.deciding import Decider
from byleave.apply.finished import read_report, releases_of
from byleave.apply.forms.applying import wants_digests
from byleave.apply.item_rows import Piece
from byleave.apply.item_tree import ItemTree
from byleave.apply.judging import Terms
from byleave.apply.matching import Matcher
from byleave.apply.near import exact_pairs
from byleave.apply.noting import FirstRows, first_rows
from byleave.apply.output_rows import OutputRows
from byleave.apply.redeciding import covering_targets
from byleave.apply.registries import open_registries
from byleave.apply.ruleset import Ruleset
from byleave.apply.speaking import SpokenOf, count_unseen
from byleave.apply.values import PartTree, commit_parts, open_parts, read_parts
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
from byleave.release.terms_said import cut_off_of, minimum_of, moment, regime_and_uses
from byleave.release.values import OpenedPart, PartRoot
from byleave.storage import OWN_FOLDER
from byleave.urls.names import ID_BYTES

REMOVED_LIST: Final = f"{OWN_FOLDER}/removed.parquet"


@dataclass(frozen=True, slots=True)
class Bound:
    """The trees of one run, in a folder that its keeper holds back: whoever has it can ask for every item."""

    commitments: Commitments
    kept: ItemTree
    covering: ItemTree | None
    parts: tuple[PartRoot, ...] = ()

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
            _as_bound(ItemTree(folder / KEPT, commitments.salt), commitments.kept, folder),
            _as_bound(ItemTree(folder / COVERING, commitments.salt), covering, folder) if covering else None,
            _parts_as_bound(folder, commitments),
        )

    def tree_for(self, kind: TargetKind) -> ItemTree | None:
        """Return the tree in which targets of a kind are looked up, or ``None`` if they cannot be."""
        if kind is TargetKind.URL:
            return self.kept
        return self.covering if self.commitments.tree_for(kind) is not None else None

    def speaks_of(self, kind: TargetKind, items: npt.NDArray[np.bytes_]) -> npt.NDArray[np.bool_]:
        """Say of some targets, S16 (n,), the first halves of their digests, which were compared with every row kept, so that there is a proof to give: bool (n,)."""
        tree = self.tree_for(kind)
        if tree is None or kind is TargetKind.URL:
            return np.full(len(items), tree is not None)
        return np.isin(items, tree.not_compared(), invert=True)

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


def _parts_as_bound(folder: Path, commitments: Commitments) -> tuple[PartRoot, ...]:
    """Return the roots over what rows state, if any does."""
    parts = read_parts(folder / VALUES) if commitments.values is not None else []
    if commit_parts(parts, commitments.salt) != commitments.values:
        raise VerificationError(f"what {folder} holds is not what was bound", remedy="bind the items again")
    return tuple(parts)


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
    report = read_report(output)
    with as_format_error(
        f"the report in {output} does not say which lists were applied", remedy="apply again"
    ):
        told = releases_of(report)
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
    with as_format_error(f"the report in {output} does not say what was asked for", remedy="apply again"):
        terms = _terms_of(report)
    tables = tables_of(opened, registries.ruleset, asking(registries, terms) if opened else ())
    compared = len(opened) == len(registries.members)
    return bind_items(output, registries.ruleset, folder, coverage=tables, compared=compared)


def _terms_of(report: Mapping[str, Any]) -> Terms:
    asked = report["request"]
    standard = replace(minimum_of(asked["minimum_evidence"]), as_of=cut_off_of(asked))
    return Terms(regime_and_uses(asked)[1], moment(report, "at"), asked["with_pending"] is True, standard)


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

    Reads the links as they stand in the output, and the fingerprints that it states beside them, so that nothing can be bound that is not
    there. ``compared`` says that ``coverage`` is of all registries.

    Raises
    ------
    ConflictError
        If the folder is there already, or would lie inside the output.
    NotFoundError
        If the output lacks the list of what was taken out: nothing was, or another mode than ``filter`` wrote it.
    """
    removed = output / REMOVED_LIST
    if not removed.is_file():
        raise NotFoundError(
            f"{output} holds no {REMOVED_LIST}, so no rows were written whose items could be bound",
            remedy="bind the items of a run under --mode filter and a regime other than research",
        )
    refuse_place(folder, output)
    kept = _KeptRows(output, ruleset, coverage)
    with NewBound.beside(folder, salt) as bound:
        tree = bound.keep(kept.pieces())
        spoken = SpokenOf.of(ruleset, kept.unseen, by_coverage=compared)
        commitments = bound.write(tree, removed, kept.first, spoken, kept.parts)
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
    trees = _part_trees(bound, rows.values())
    read = dict(OutputRows(output).at(rows, digests=wants_digests(decider.ruleset), trees=trees))
    opened = [read[place] for place in places]
    leaves = sorted({place // LEAF_ROWS for place in places})
    return Openings(
        signed.sha256,
        note,
        count,
        tuple(opened),
        tuple(bound.kept.leaves(leaves)),
        tuple(_covering_leaves(bound, decider, opened)),
        tuple(_opened_parts(bound, trees)),
    )


def _part_trees(bound: Bound, rows: Iterable[ItemRow]) -> dict[int, PartTree]:
    """Return a tree for every part with some rows that are opened, if what they state was bound."""
    by_part = dict[int, list[int]]()
    for one in rows if bound.parts else ():
        by_part.setdefault(one.part, []).append(one.row)
    return {part: PartTree(found) for part, found in by_part.items()}


def _opened_parts(bound: Bound, trees: Mapping[int, PartTree]) -> Iterator[OpenedPart]:
    for place, tree in trees.items():
        if place >= len(bound.parts) or tree.root() != bound.parts[place]:
            raise VerificationError(
                "the output states something else than was bound", remedy="name the output that was bound"
            )
    yield from open_parts(
        bound.parts, bound.commitments.salt, {place: tree.leaves() for place, tree in trees.items()}
    )


def _covering_leaves(bound: Bound, decider: Decider, opened: Sequence[Opened]) -> Iterator[Leaf]:
    """Yield the leaves in which those targets stand that cover one of some rows."""
    if bound.covering is None or bound.commitments.covering is None:
        return
    targets = covering_targets(decider, opened, bound.commitments.covering.kinds)
    leaves = {place for _, digest in targets for place in bound.covering.leaves_with(digest[:ID_BYTES])}
    yield from bound.covering.leaves(sorted(leaves))


class _KeptRows:
    """Reads what an output holds for binding it: item ids are yielded, and what covers rows, what they lack and what they state is noted meanwhile."""

    def __init__(self, output: Path, ruleset: Ruleset, coverage: CoverageTables | None) -> None:
        self._rows = OutputRows(output)
        self._ruleset = ruleset
        self._coverage = coverage
        self.first = FirstRows(ruleset)
        self.unseen: Counter[str] = Counter()
        self.parts: list[PartRoot] = []

    def pieces(self) -> Iterator[Piece]:
        matcher = Matcher(self._ruleset, self._coverage)
        parts = self._rows.parts(digests=wants_digests(self._ruleset))
        for place, (_, standing) in enumerate(parts):
            row, tree = 0, PartTree()
            for rows in standing:
                matched = rows.match(matcher)
                stays = np.ones(len(matched.named), bool)
                tree.add(matched.stated, matched.seen, stays)
                pairs = exact_pairs(matched.rows + row, matched.targets, self._ruleset, self._coverage)
                self.first.add(first_rows(*pairs, self._ruleset), place)
                self.unseen.update(count_unseen(matched, stays))
                row += rows.batch.num_rows
                yield place, matched.items
            self.parts.append(tree.root())
