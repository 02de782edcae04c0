"""Decide about rows again as an attestation says it was done: under its lists, its choices and at its moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from byleave.apply.deciding import Choices, Decider
from byleave.apply.shard import Unchecked
from byleave.apply.sidecars.seen import Seen
from byleave.consent import TargetKind
from byleave.errors import VerificationError, as_format_error
from byleave.fingerprints import PDQ_BYTES, PICTURE_VERSION
from byleave.release.attestations import Attestation
from byleave.release.openings import Opened
from byleave.release.terms_said import cut_off_of
from byleave.urls.bulk.sha256 import Bytes
from byleave.urls.names import DIGEST_BYTES

_ASK_AGAIN: Final = "ask whoever signed it for one that says how it was decided"


def redecider(attestation: Attestation, folders: Sequence[Path], coverages: Sequence[Path]) -> Decider:
    """Return what decides again, under the lists in some synced folders.

    Raises
    ------
    VerificationError
        If they are not those that the attestation names, all of them and no others: any other would decide otherwise.
    FormatError
        If its choices cannot be read.
    """
    with as_format_error("the attestation does not say up to when claims counted", remedy=_ASK_AGAIN):
        standard = replace(attestation.minimum, as_of=cut_off_of(attestation.request))
    choices = Choices(
        attestation.regime,
        attestation.uses,
        Unchecked.KEEP,
        bool(attestation.request.get("with_pending")),
        tuple(coverages),
        standard,
    )
    decider = Decider(folders, choices, attestation.applied_at)
    _check_lists(decider, attestation)
    return decider


def _check_lists(decider: Decider, attestation: Attestation) -> None:
    """See that the lists given are those that were applied."""
    wanted = {one.name.manifest_digest: (one.name.number, one.origin) for one in attestation.lists}
    given = {release.manifest_digest: (release.number, release.origin) for release in decider.releases}
    if lacking := wanted.keys() - given.keys():
        number, origin = wanted[min(lacking)]
        held = ", ".join(f"no. {held} of {of}" for held, of in sorted(given.values()))
        raise VerificationError(
            f"list no. {number} of {origin} was applied, and the folder holds {held}",
            remedy=f"fetch that list: `byleave sync SOURCE --to FOLDER --number {number}`",
        )
    if further := given.keys() - wanted.keys():
        number, origin = given[min(further)]
        raise VerificationError(
            f"list no. {number} of {origin} was not applied, as the attestation says", remedy="leave it out"
        )


def batch_of(rows: Sequence[Opened]) -> pa.RecordBatch:
    """Return opened rows as the table that a :class:`Decider` takes."""
    columns: dict[str, Any] = {
        "url": pa.array([row.link for row in rows], pa.string()),
        "sha256": pa.array([row.digest for row in rows], pa.binary()),
    }
    return pa.record_batch(columns)


def seen_of(rows: Sequence[Opened]) -> Seen | None:
    """Return what opened rows say of their pictures, as a :class:`Decider` takes it; ``None`` if none says anything.

    Raises
    ------
    VerificationError
        If a fingerprint is of another version than is compared here.
    """
    pictures = [row.picture for row in rows]
    if not any(pictures):
        return None
    prints = [one.fingerprint if one is not None else None for one in pictures]
    for one in prints:
        if one is not None and one.version != PICTURE_VERSION:
            raise VerificationError(
                f"the openings hold fingerprints of version {one.version[:50]}, and {PICTURE_VERSION} are compared here",
                remedy="use the version of Byleave with which the dataset was fingerprinted",
            )
    digests = [one.digest if one is not None else None for one in pictures]
    return Seen(
        with_digest=np.array([one is not None for one in digests]),
        digests=_values(digests, DIGEST_BYTES),
        with_print=np.array([one is not None for one in prints]),
        plain=_values([one.plain if one is not None else None for one in prints], PDQ_BYTES),
        trimmed=_values([one.trimmed if one is not None else None for one in prints], PDQ_BYTES),
        quality=np.array([one.quality if one is not None else 0 for one in prints], np.uint8),
        reasons=pa.array([one.reason if one is not None else None for one in pictures], pa.string()),
    )


def _values(values: Sequence[bytes | None], size: int) -> Bytes:
    """Return values of one length as uint8 (n, size), zeros where there is none."""
    whole = b"".join(value if value is not None else bytes(size) for value in values)
    return np.frombuffer(whole, np.uint8).reshape(-1, size)


def covering_targets(
    decider: Decider, rows: Sequence[Opened], kinds: tuple[TargetKind, ...]
) -> list[tuple[int, bytes]]:
    """Return which targets of some kinds cover which of some rows: pairs of a row, from 0, and the target's 32-byte digest."""
    if not rows:
        return []
    ruleset = decider.ruleset
    pairs = zip(*(array.tolist() for array in decider.covering(batch_of(rows), seen_of(rows))), strict=True)
    return [(row, ruleset.digest_of(target)) for row, target in pairs if ruleset.kind_of(target) in kinds]
