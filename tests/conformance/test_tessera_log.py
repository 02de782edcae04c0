"""Our log against the test log of transparency-dev/tessera: every checkpoint, tile and entry bundle, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from byleave.errors import VerificationError
from byleave.log import (
    Checkpoint,
    GrowingTree,
    TileAt,
    VerifierKey,
    bundles_between,
    consistency_proof,
    decode_bundle,
    encode_bundle,
    hash_reader,
    inclusion_proof,
    leaf_hash,
    open_checkpoint,
    sign_checkpoint,
    tiles_between,
    tree_root,
    verify_growth,
    verify_inclusion,
)
from byleave.release.keys import SigningKey, verify_ed25519

LOG = Path(__file__).parents[3] / "shared" / "vectors" / "tessera-log" / "log"
ORIGIN = "example.com/log/testdata"
PUBLIC = f"{ORIGIN}+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
# Published together with the log, for tests.
PRIVATE = f"PRIVATE+KEY+{ORIGIN}+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg"
WORDS = "one two three four five six seven eit nain ten ileven twelf threeten fourten fivten"
ENTRIES = [word.encode() for word in WORDS.split()]
SIZES = range(len(ENTRIES) + 1)

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(not LOG.is_dir(), reason=f"the published log is not at {LOG}"),
]


def grown_to(size: int) -> GrowingTree:
    tree = GrowingTree()
    assert list(tree.extend(map(leaf_hash, ENTRIES[:size]))) == []
    return tree


def published(size: int) -> Checkpoint:
    note = (LOG / f"checkpoint.{size}").read_text()
    checkpoint, signers = open_checkpoint(note, [VerifierKey.parse(PUBLIC)], verify_ed25519)
    assert signers == (VerifierKey.parse(PUBLIC),)
    return checkpoint


def read_tile(place: TileAt) -> bytes:
    return (LOG / place.path).read_bytes()


@pytest.mark.parametrize("size", SIZES)
def test_our_checkpoint_is_the_published_one(size: int) -> None:
    key = SigningKey.parse(PRIVATE)
    assert str(key.verifier) == PUBLIC
    checkpoint = Checkpoint(ORIGIN, size, grown_to(size).root())
    note = sign_checkpoint(checkpoint, key.verifier, key.private.sign)
    assert note.encode() == (LOG / f"checkpoint.{size}").read_bytes()
    assert published(size) == checkpoint


def test_our_files_are_the_published_ones_and_no_more() -> None:
    ours: dict[str, bytes] = {}
    for size in SIZES[1:]:
        ours |= {place.path: data for place, data in grown_to(size).partial_tiles()}
        for bundle in bundles_between(size - 1, size):
            ours[bundle.path] = encode_bundle(ENTRIES[bundle.start : bundle.end])
        assert {place.path for place in tiles_between(size - 1, size)} <= set(ours)
    theirs = {path.relative_to(LOG).as_posix(): path for path in (LOG / "tile").rglob("*") if path.is_file()}
    assert len(theirs) == 30
    assert ours == {name: path.read_bytes() for name, path in theirs.items()}


@pytest.mark.parametrize("size", SIZES[1:])
def test_a_reader_with_the_public_key_and_the_files_can_check_everything(size: int) -> None:
    checkpoint = published(size)
    read = hash_reader(size, read_tile)
    assert tree_root(size, read) == checkpoint.root
    (bundle,) = bundles_between(0, size)
    entries = decode_bundle((LOG / bundle.path).read_bytes(), size)
    for index, entry in enumerate(entries):
        verify_inclusion(index, size, leaf_hash(entry), inclusion_proof(index, size, read), checkpoint.root)
    for old in range(size + 1):
        verify_growth(published(old), checkpoint, consistency_proof(old, size, read))


def test_a_checkpoint_that_somebody_touched_is_refused() -> None:
    note = (LOG / "checkpoint.15").read_text().replace("\n15\n", "\n14\n")
    with pytest.raises(VerificationError):
        open_checkpoint(note, [VerifierKey.parse(PUBLIC)], verify_ed25519)
