"""The policy of a release and its place in the log: a rule that changes leaves an entry, whoever changes it.

``policy.json`` holds the rules in force, what came of them (``outcomes``), and where in the log the rules stand (``logged``): the
number of the entry, its id and the salt of its commitment. The record behind the commitment names the SHA-256 of the rules alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from byleave.errors import as_format_error
from byleave.log import JSON, ClaimEvent, commitment, read_json
from byleave.release.folders import read_limited
from byleave.release.reading import Release

POLICY: Final = "policy.json"
OPERATION: Final = "policy"
"""The operation of its entries; their id is random and belongs to no claim."""

BESIDE_RULES: Final = ("outcomes", "logged")


def rules_digest(policy: Mapping[str, Any]) -> bytes:
    """Return the SHA-256 of the rules in a policy: JSON with sorted keys, in ASCII, without spaces and without what is beside them."""
    rules = {name: value for name, value in policy.items() if name not in BESIDE_RULES}
    written = json.dumps(rules, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(written.encode()).digest()


def policy_record(digest: bytes) -> Mapping[str, JSON]:
    """Return the record behind the commitment of rules with this digest."""
    return {"v": 1, "op": OPERATION, "rules_sha256": digest.hex()}


@dataclass(frozen=True, slots=True)
class Logged:
    """Where rules stand in the log: the number of the entry, its 16-byte id and the 32-byte salt of its commitment."""

    number: int
    id: bytes
    salt: bytes

    def members(self) -> Mapping[str, JSON]:
        """Return it as ``policy.json`` carries it."""
        return {"number": self.number, "id": self.id.hex(), "salt": self.salt.hex()}

    @classmethod
    def parse(cls, members: Mapping[str, Any]) -> Self:
        """Read it from ``policy.json``."""
        return cls(int(members["number"]), bytes.fromhex(members["id"]), bytes.fromhex(members["salt"]))


def policy_is_logged(release: Release, newest: ClaimEvent | None) -> bool:
    """Whether the rules that a release states are those that the log names last.

    Parameters
    ----------
    newest
        The last entry of a policy among the first N, N being the release's number; ``None`` where there is none.

    Raises
    ------
    FormatError
        If ``policy.json`` cannot be read.
    """
    content = read_limited(release.folder / POLICY)
    with as_format_error("the policy of the release cannot be read", remedy="fetch the list again"):
        policy = read_json(content)
        stated = Logged.parse(policy["logged"]) if "logged" in policy else None
        digest = rules_digest(policy)
    if stated is None or newest is None or stated.number != newest.number or stated.id != newest.claim:
        return False
    return commitment(stated.salt, policy_record(digest)) == newest.commitment
