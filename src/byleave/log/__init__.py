"""The pure parts of the public record: canonical JSON, Merkle trees, claim events and signed notes."""

from byleave.log.canonical import JSON, canonical_json
from byleave.log.events import SALT_BYTES, ClaimEvent, commitment, targets_root
from byleave.log.merkle import leaf_hash, node_hash, root_of
from byleave.log.notes import VerifierKey, open_note, sign_note, signer_names

__all__ = [
    "JSON",
    "SALT_BYTES",
    "ClaimEvent",
    "VerifierKey",
    "canonical_json",
    "commitment",
    "leaf_hash",
    "node_hash",
    "open_note",
    "root_of",
    "sign_note",
    "signer_names",
    "targets_root",
]
