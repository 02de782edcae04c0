"""Hold a release against the log it was made from, as anybody can: the claims that the log asks for, under the rules that it names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from byleave.errors import VerificationError
from byleave.log import Checkpoint, ClaimEvent
from byleave.release.completeness import Completeness, check_completeness
from byleave.release.log_reading import Place, audited_entries
from byleave.release.policy import OPERATION, policy_is_logged
from byleave.release.reading import Release


@dataclass(frozen=True, slots=True)
class Audit:
    """What the log says of a release: whether it holds all its claims, and whether its rules are those that the log names."""

    completeness: Completeness
    rules_are_logged: bool

    @property
    def holds(self) -> bool:
        """Whether both are so."""
        return self.completeness.holds and self.rules_are_logged


def audit(release: Release, place: Place, checkpoint: Checkpoint) -> Audit:
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
    rules: list[ClaimEvent] = []
    operations = _operations(audited_entries(place, checkpoint), release.number, rules)
    completeness = check_completeness(release, operations)
    return Audit(completeness, policy_is_logged(release, rules[-1] if rules else None))


def _operations(
    entries: Iterator[bytes], number: int, rules: list[ClaimEvent]
) -> Iterator[tuple[bytes, str]]:
    """Yield what was done to claims, and put entries of rules into ``rules``."""
    for place, entry in enumerate(entries, 1):
        if place <= number:
            event = ClaimEvent.parse(place, entry)
            if event.operation == OPERATION:
                rules.append(event)
            else:
                yield event.claim, event.operation
