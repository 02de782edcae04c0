"""Hold a release against the log it was made from, as anybody can: the same rows as were signed, and the claims that the log asks for."""

from __future__ import annotations

from collections.abc import Iterator

from byleave.errors import VerificationError
from byleave.log import Checkpoint, ClaimEvent
from byleave.release.completeness import Completeness, check_completeness
from byleave.release.log_reading import Place, audited_entries
from byleave.release.reading import Release


def audit_completeness(release: Release, place: Place, checkpoint: Checkpoint) -> Completeness:
    """Read all of a log, whose ``checkpoint`` was checked, and compare release N with its first N entries.

    Raises
    ------
    VerificationError
        If the log is another registry's, is shorter than N, or does not give its signed root.
    """
    if checkpoint.origin != release.origin:
        raise VerificationError(
            f"the list is of {release.origin}, and the log of {checkpoint.origin}",
            remedy="name the log of the registry that published the list",
        )
    if checkpoint.size < release.number:
        raise VerificationError(
            f"list no. {release.number} is made of more claim events than the {checkpoint.size} in the log",
            remedy="fetch the log again; if it stays so, ask the registry's operator in public",
        )
    return check_completeness(release, _operations(audited_entries(place, checkpoint), release.number))


def _operations(entries: Iterator[bytes], number: int) -> Iterator[tuple[bytes, str]]:
    for place, entry in enumerate(entries, 1):
        if place <= number:
            event = ClaimEvent.parse(place, entry)
            yield event.claim, event.operation
