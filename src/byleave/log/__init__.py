"""The pure parts of the public record: canonical JSON, claim events, trees and proofs, tiles, signed notes and who trusts them."""

from byleave.log.canonical import JSON, canonical_json, read_json
from byleave.log.checkpoints import Checkpoint, open_checkpoint, sign_checkpoint, verify_growth
from byleave.log.cosignatures import Cosignature, add_cosignatures, cosign, open_cosignatures
from byleave.log.events import SALT_BYTES, ClaimEvent, commitment, targets_root
from byleave.log.growth import GrowingTree
from byleave.log.merkle import EMPTY_ROOT, leaf_hash, node_hash, root_of
from byleave.log.notes import COSIGNATURE, ED25519, VerifierKey, open_note, sign_note, signer_names
from byleave.log.policy import Policy, WitnessedCheckpoint
from byleave.log.proofs import (
    HashReader,
    consistency_proof,
    inclusion_proof,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from byleave.log.tiles import (
    MAX_ENTRY_BYTES,
    BundleAt,
    TileAt,
    TileReader,
    bundles_between,
    decode_bundle,
    encode_bundle,
    hash_reader,
    parse_path,
    tiles_between,
)
from byleave.log.tlog_proof import TlogProof

__all__ = [
    "COSIGNATURE",
    "ED25519",
    "EMPTY_ROOT",
    "JSON",
    "MAX_ENTRY_BYTES",
    "SALT_BYTES",
    "BundleAt",
    "Checkpoint",
    "ClaimEvent",
    "Cosignature",
    "GrowingTree",
    "HashReader",
    "Policy",
    "TileAt",
    "TileReader",
    "TlogProof",
    "VerifierKey",
    "WitnessedCheckpoint",
    "add_cosignatures",
    "bundles_between",
    "canonical_json",
    "commitment",
    "consistency_proof",
    "cosign",
    "decode_bundle",
    "encode_bundle",
    "hash_reader",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "open_checkpoint",
    "open_cosignatures",
    "open_note",
    "parse_path",
    "read_json",
    "root_of",
    "sign_checkpoint",
    "sign_note",
    "signer_names",
    "targets_root",
    "tiles_between",
    "tree_root",
    "verify_consistency",
    "verify_growth",
    "verify_inclusion",
]
