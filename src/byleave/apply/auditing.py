"""Decide again about the rows that a lottery opened: whoever has the list can see whether a trainer did what he says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from byleave.apply.deciding import Decider
from byleave.apply.forms.applying import wants_digests
from byleave.apply.output_rows import OutputRows
from byleave.apply.redeciding import batch_of, covering_targets, redecider, seen_of
from byleave.consent import TargetKind
from byleave.errors import VerificationError
from byleave.log import Policy, WitnessedCheckpoint
from byleave.release.attestations import Attestation
from byleave.release.commitments import Commitments
from byleave.release.file_lists import file_sha256
from byleave.release.items import ItemRow
from byleave.release.openings import Opened, Openings, check_order
from byleave.release.receipts import Receipt
from byleave.release.statements import Signed
from byleave.storage.outputs import OUTPUT_NOTE
from byleave.urls.canonical import canonical_urls
from byleave.urls.names import ID_BYTES, item_id_of_bytes, item_id_of_url

SHARE = 0.01
"""The share of rows kept against the list for which the chance of missing all of them is told."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A row that should not be there, and why."""

    row: Opened
    reason: str


@dataclass(frozen=True, slots=True)
class Audited:
    """What the rows opened show.

    breaches
        Rows kept against the list, or bound to another item than stands there.
    compared
        Whether the rows were held to the output itself as well.
    printed
        How many were opened with a fingerprint, and decided by it too.
    given
        Whether the checkpoint of the draw is one that whoever audits gave out.
    stated
        How many were opened with a digest or a picture.
    bound
        Whether what they state was bound with them. Else only the output shows whether it is what was signed.
    """

    opened: int
    kept: int
    breaches: tuple[Breach, ...]
    witnessed: WitnessedCheckpoint
    compared: bool
    printed: int = 0
    given: bool = False
    stated: int = 0
    bound: bool = False

    def missed(self, share: float = SHARE) -> float:
        """Return the chance that a draw like this meets none, if this share of the rows kept were breaches."""
        return 0.0 if self.opened == self.kept else math.pow(1.0 - share, self.opened)


def audit_openings(
    openings: Openings,
    signed: Signed[Attestation],
    receipt: Receipt,
    policy: Policy,
    folders: Sequence[Path],
    *,
    coverages: Sequence[Path] = (),
    output: Path | None = None,
    checkpoint: str | None = None,
) -> Audited:
    """Check openings and decide about each row again, under the list and the choices that the attestation states.

    Parameters
    ----------
    receipt
        That of the attestation: it shows that the items were bound before anybody could know the draw.
    checkpoint
        The one that whoever audits gave out for the draw. Without it whoever opened may have taken, of many, one that suited.

    Raises
    ------
    VerificationError
        If the openings do not hold, the draw is not after the attestation or by another checkpoint than the one given, or the synced folder
        holds another list than was applied.
    """
    attestation, commitments = signed.said, _commitments_of(signed.said)
    witnessed, rows = openings.check(signed.sha256, commitments, policy)
    check_order(receipt, signed.sha256, policy, witnessed)
    _check_draw(openings, checkpoint)
    _check_rows(commitments, attestation)
    decider = redecider(attestation, folders, coverages)
    breaches = _shown_by_the_draw(decider, openings, rows, attestation, commitments)
    if output is not None:
        breaches += _not_there(rows, output, attestation, decider)
    return Audited(
        len(rows),
        commitments.kept.size,
        tuple(breaches),
        witnessed,
        compared=output is not None,
        printed=sum(row.picture is not None and row.picture.fingerprint is not None for row, _ in rows),
        given=checkpoint is not None,
        stated=sum(row.digest is not None or row.picture is not None for row, _ in rows),
        bound=commitments.values is not None,
    )


def _commitments_of(attestation: Attestation) -> Commitments:
    if attestation.commitments is None:
        raise VerificationError(
            "the attestation binds no entries, so none can be drawn",
            remedy="ask for one signed with --bound, see `byleave attest bind`",
        )
    return attestation.commitments


def _check_draw(openings: Openings, checkpoint: str | None) -> None:
    if checkpoint is not None and openings.note != checkpoint:
        raise VerificationError(
            "these entries were drawn by another checkpoint than yours",
            remedy="ask whoever signed to open what yours draws: `byleave attest open --checkpoint`",
        )


def _check_rows(commitments: Commitments, attestation: Attestation) -> None:
    for name, tree in (("kept", commitments.kept), ("removed", commitments.removed)):
        if tree.size != attestation.rows[name]:
            raise VerificationError(
                f"the attestation counts {attestation.rows[name]:,} rows {name} and binds {tree.size:,}",
                remedy="ask whoever signed it to bind all rows, and to sign again",
            )


def _shown_by_the_draw(
    decider: Decider,
    openings: Openings,
    rows: Sequence[tuple[Opened, ItemRow]],
    attestation: Attestation,
    commitments: Commitments,
) -> list[Breach]:
    """Find what the rows opened show to whoever does not have the output."""
    unlike = openings.check_values(commitments, rows)
    breaches = [*_wrongly_bound(rows, unlike), *_against_the_list(decider, rows)]
    if attestation.coverage_sha256 is None:
        breaches += _not_opened(commitments, rows)
    return [*breaches, *_said_to_cover_nothing(decider, openings, rows, commitments)]


def _wrongly_bound(rows: Sequence[tuple[Opened, ItemRow]], unlike: Sequence[Opened]) -> list[Breach]:
    links = [row for row, bound in rows if _item(row) != bound.item]
    return [
        *(Breach(row, "the link that is shown is not the one that was bound") for row in links),
        *(Breach(row, "what is shown of its file or picture is not what was bound") for row in unlike),
    ]


def _item(row: Opened) -> bytes | None:
    if row.link is not None:
        canonical = canonical_urls([row.link])[0]
        return item_id_of_url(canonical) if canonical else bytes(16)
    return item_id_of_bytes(row.bytes_digest) if row.bytes_digest is not None else bytes(16)


def _not_opened(commitments: Commitments, rows: Sequence[tuple[Opened, ItemRow]]) -> list[Breach]:
    """Find rows opened without the fingerprint by which all kept are said to have been compared. A coverage would compare without it."""
    if commitments.covering is None or TargetKind.PICTURE not in commitments.covering.kinds:
        return []
    return [
        Breach(row, "its picture is said to have been compared, and is not opened")
        for row, _ in rows
        if row.picture is None or row.picture.fingerprint is None or row.picture.digest is None
    ]


def _against_the_list(decider: Decider, rows: Sequence[tuple[Opened, ItemRow]]) -> list[Breach]:
    if not rows:
        return []
    opened = [row for row, _ in rows]
    keep = decider.decide(batch_of(opened), seen_of(opened)).keep.to_pylist()
    return [
        Breach(row, "the list says no to it") for (row, _), stays in zip(rows, keep, strict=True) if not stays
    ]


def _said_to_cover_nothing(
    decider: Decider, openings: Openings, rows: Sequence[tuple[Opened, ItemRow]], commitments: Commitments
) -> list[Breach]:
    """Hold the two trees together: a target that covers a row drawn must stand in the other one, with this row or one before it."""
    if commitments.covering is None:
        return []
    first = openings.first_rows(commitments)
    covering = covering_targets(decider, [row for row, _ in rows], commitments.covering.kinds)
    wrong = dict.fromkeys(
        at for at, digest in covering if not _covers(first.get(digest[:ID_BYTES]), rows[at][1])
    )
    return [
        Breach(rows[at][0], "something on the list covers it, and was bound as covering nothing before it")
        for at in wrong
    ]


def _covers(first: ItemRow | None, row: ItemRow) -> bool:
    return first is not None and (first.part, first.row) <= (row.part, row.row)


def _not_there(
    rows: Sequence[tuple[Opened, ItemRow]], output: Path, attestation: Attestation, decider: Decider
) -> list[Breach]:
    wanted = {row.place: bound for row, bound in rows}
    stands, kept = OutputRows(output), attestation.rows["kept"]
    counted = stands.count()
    if counted != kept:
        raise VerificationError(
            f"the output has {counted:,} rows, and {kept:,} were bound",
            remedy="keep this: rows that are not bound could never be drawn",
        )
    _check_note(output, attestation)
    there = dict(stands.at(wanted, digests=wants_digests(decider.ruleset)))
    return [
        Breach(row, "the output holds another row there") for row, _ in rows if there.get(row.place) != row
    ]


def _check_note(output: Path, attestation: Attestation) -> None:
    """See that the note on the output is the one that was signed: by it fingerprints are told from any others."""
    named = {file.name: file.sha256 for file in attestation.outputs}
    if (output / OUTPUT_NOTE).is_file() and file_sha256(output / OUTPUT_NOTE) != named.get(OUTPUT_NOTE):
        raise VerificationError(
            f"{output / OUTPUT_NOTE} is not the one that the attestation names",
            remedy="name the output that was signed",
        )
