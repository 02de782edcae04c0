"""Look up, among the proofs that an organisation serves, what became of the targets of a choice; whatever is fetched is checked before it is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from byleave.errors import ByleaveError, NotFoundError, UnavailableError
from byleave.fetch import Client, same_host
from byleave.registry.targets import Target
from byleave.release.absences import Absences
from byleave.release.attestations import Attestation
from byleave.release.items import ItemRow
from byleave.release.statements import Signed

MOST_TARGETS: Final = 25
"""Targets looked up at once: each may stand in a file of its own, and one host is asked no oftener than 30 times a minute."""

MOST_SECONDS: Final = 20.0
MOST_FILE_BYTES: Final = 4 * 1024 * 1024
"""Several times what a file of about 64 proofs has."""

_NOT_FOUND: Final = 404


class Stands(StrEnum):
    """What is known of one target of a choice."""

    ABSENT = "absent"
    KEPT = "kept"
    NO_PROOF = "no_proof"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class TargetChecked:
    """One target.

    why
        Why it could not be checked.
    row
        Where a link was kept, or the first entry kept that something else covers, in the order that the statement binds.
    """

    target: Target
    stands: Stands
    why: str | None = None
    row: ItemRow | None = None


def check_absences(
    client: Client,
    address: str,
    signed: Signed[Attestation],
    targets: Sequence[Target],
    clock: Callable[[], float] = time.monotonic,
) -> tuple[TargetChecked, ...]:
    """Look up some targets; what cannot be had or does not hold is told of each, and never raised."""
    until = clock() + MOST_SECONDS
    try:
        absences = Absences(_Served(client, address, until, clock), signed)
    except ByleaveError as error:
        return tuple(TargetChecked(target, Stands.UNCHECKED, error.problem) for target in targets)
    # Those whose proofs stand in one file are looked up together.
    checked = {one.digest: _look(absences, one) for one in sorted(targets, key=lambda one: one.digest)}
    return tuple(checked[target.digest] for target in targets)


def _look(absences: Absences, target: Target) -> TargetChecked:
    try:
        shown = absences.find(target.kind, target.digest)
    except ByleaveError as error:
        return TargetChecked(target, Stands.UNCHECKED, error.problem)
    if shown is None:
        return TargetChecked(target, Stands.NO_PROOF)
    if shown.kept is not None:
        return TargetChecked(target, Stands.KEPT, row=shown.kept)
    return TargetChecked(target, Stands.ABSENT)


class _Served:
    """A folder that a stranger named: asked by the guarded client, on its own host alone, and not for long."""

    def __init__(self, client: Client, address: str, until: float, clock: Callable[[], float]) -> None:
        self._client = client
        self._address = address
        self._until = until
        self._clock = clock

    def read(self, name: str) -> bytes:
        if self._clock() > self._until:
            raise UnavailableError("it took too long to ask for all of them", remedy="try later")
        looked = self._client.look(f"{self._address}/{name}", follow=same_host, body_bytes=MOST_FILE_BYTES)
        if looked.status == _NOT_FOUND:
            raise NotFoundError(f"{name} is not served there", remedy="ask the organisation")
        if not looked.ok:
            raise UnavailableError(f"the server answers {looked.status}", remedy="try later")
        return looked.body
