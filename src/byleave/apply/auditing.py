"""Decide again about the rows that a lottery opened: whoever has the list can see whether a trainer did what he says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from byleave.apply.deciding import Choices, Decider
from byleave.apply.opening import rows_at, rows_in
from byleave.apply.shard import Unchecked
from byleave.apply.sources import found_below
from byleave.errors import VerificationError, as_format_error
from byleave.log import Policy, WitnessedCheckpoint
from byleave.release.attestations import Attestation
from byleave.release.items import ItemRow
from byleave.release.openings import Opened, Openings
from byleave.release.receipts import Receipt
from byleave.release.statements import Signed
from byleave.urls.canonical import canonical_urls
from byleave.urls.names import item_id_of_bytes, item_id_of_url

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
    """

    opened: int
    kept: int
    breaches: tuple[Breach, ...]
    witnessed: WitnessedCheckpoint
    compared: bool

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
) -> Audited:
    """Check openings and decide about each row again, under the list and the choices that the attestation states.

    ``receipt`` is that of the attestation: it shows that the items were bound before anybody could know the draw.

    Raises
    ------
    VerificationError
        If the openings do not hold, the draw is not after the attestation, or the synced folder holds another list than was applied.
    """
    attestation = signed.said
    if attestation.commitments is None:
        raise VerificationError(
            "the attestation binds no items, so none can be drawn",
            remedy="ask for one signed with --bound, see `byleave attest bind`",
        )
    witnessed, rows = openings.check(signed.sha256, attestation.commitments, policy)
    _check_order(receipt, signed, policy, witnessed)
    _check_rows(attestation)
    decider = Decider(folders, _choices(attestation, coverages), attestation.applied_at)
    _check_list(decider, attestation)
    breaches = [*_wrongly_bound(rows), *_against_the_list(decider, rows)]
    if output is not None:
        breaches += _not_there(rows, output, attestation.commitments.kept.size)
    return Audited(
        len(rows), attestation.commitments.kept.size, tuple(breaches), witnessed, output is not None
    )


def _check_order(
    receipt: Receipt, signed: Signed[Attestation], policy: Policy, draw: WitnessedCheckpoint
) -> None:
    if receipt.record.get("statement_sha256") != signed.sha256.hex():
        raise VerificationError(
            "the receipt is for something else than this attestation",
            remedy="name the receipt that `byleave attest submit` wrote for it",
        )
    held = receipt.verify(Policy(policy.logs)).checkpoint
    if draw.checkpoint.origin != held.origin or draw.checkpoint.size <= receipt.proof.index:
        raise VerificationError(
            "the checkpoint of the draw is not one after the attestation was logged",
            remedy="draw by a later checkpoint of the same log",
        )


def _check_rows(attestation: Attestation) -> None:
    commitments = attestation.commitments
    for name, tree in (("kept", commitments.kept), ("removed", commitments.removed)) if commitments else ():
        if tree.size != attestation.rows[name]:
            raise VerificationError(
                f"the attestation counts {attestation.rows[name]:,} rows {name} and binds {tree.size:,}",
                remedy="ask whoever signed it to bind all rows, and to sign again",
            )


def _choices(attestation: Attestation, coverages: Sequence[Path]) -> Choices:
    return Choices(
        attestation.regime,
        attestation.uses,
        Unchecked.KEEP,
        bool(attestation.request.get("with_pending")),
        tuple(coverages),
        attestation.minimum,
    )


def _check_list(decider: Decider, attestation: Attestation) -> None:
    """See that the lists given are those that were applied, all of them and no others: any other would decide otherwise."""
    applied = attestation.applied.name
    wanted = {applied.manifest_digest: (applied.number, attestation.applied.origin), **_others(attestation)}
    given = {release.manifest_digest: (release.number, release.origin) for release in decider.releases}
    if lacking := wanted.keys() - given.keys():
        number, origin = wanted[min(lacking)]
        held = ", ".join(f"no. {held} of {of}" for held, of in sorted(given.values()))
        raise VerificationError(
            f"list no. {number} of {origin} was applied, and the folder holds {held}",
            remedy=f"sync list no. {number} into a folder of its own, see `byleave sync --help`",
        )
    if further := given.keys() - wanted.keys():
        number, origin = given[min(further)]
        raise VerificationError(
            f"list no. {number} of {origin} was not applied, as the attestation says", remedy="leave it out"
        )


def _others(attestation: Attestation) -> dict[bytes, tuple[int, str]]:
    """Return the lists of other registries that were applied together with the first, by the digests of their manifests."""
    with as_format_error(
        "the attestation does not say which other lists were applied", remedy="ask whoever signed it"
    ):
        told: Any = attestation.found.get("other_lists", [])
        return {
            bytes.fromhex(one["manifest_sha256"]): (int(one["number"]), str(one["origin"])) for one in told
        }


def _wrongly_bound(rows: Sequence[tuple[Opened, ItemRow]]) -> list[Breach]:
    return [
        Breach(row, "the link that is shown is not the one that was bound")
        for row, bound in rows
        if _item(row) != bound.item
    ]


def _item(row: Opened) -> bytes | None:
    if row.link is not None:
        canonical = canonical_urls([row.link])[0]
        return item_id_of_url(canonical) if canonical else bytes(16)
    return item_id_of_bytes(row.digest) if row.digest is not None else bytes(16)


def _against_the_list(decider: Decider, rows: Sequence[tuple[Opened, ItemRow]]) -> list[Breach]:
    if not rows:
        return []
    batch = pa.record_batch(
        {
            "url": pa.array([row.link for row, _ in rows], pa.string()),
            "sha256": pa.array([row.digest for row, _ in rows], pa.binary()),
        }
    )
    keep = decider.decide(batch).keep.to_pylist()
    return [
        Breach(row, "the list says no to it") for (row, _), stays in zip(rows, keep, strict=True) if not stays
    ]


def _not_there(rows: Sequence[tuple[Opened, ItemRow]], output: Path, kept: int) -> list[Breach]:
    wanted = {row.place: bound for row, bound in rows}
    found = found_below([output])
    counted = sum(rows_in(part) for part in found.parts)
    if counted != kept:
        raise VerificationError(
            f"the output has {counted:,} rows, and {kept:,} were bound",
            remedy="keep this: rows that are not bound could never be drawn",
        )
    there = dict(rows_at(found, wanted))
    return [
        Breach(row, "the output holds another row there") for row, _ in rows if there.get(row.place) != row
    ]
