"""Laws of inclusion and consistency proofs, over trees of every small size and some large ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.checks import accepts
from tests.logs import Tiles, flipped, leaves

from byleave.errors import InputError, VerificationError
from byleave.log import (
    consistency_proof,
    hash_reader,
    inclusion_proof,
    leaf_hash,
    root_of,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from byleave.log.merkle import EMPTY_ROOT

HASHES = leaves(1200)
TILES = Tiles(HASHES)
SIZES = st.integers(1, len(HASHES))


def read_leaves(level: int, index: int) -> bytes:
    return root_of(HASHES[index << level : (index + 1) << level])


@st.composite
def place(draw: st.DrawFn) -> tuple[int, int]:
    size = draw(SIZES)
    return draw(st.integers(0, size - 1)), size


@st.composite
def growth(draw: st.DrawFn) -> tuple[int, int]:
    new = draw(SIZES)
    return draw(st.integers(1, new)), new


@pytest.mark.parametrize("size", range(1, 20))
def test_every_leaf_of_every_small_tree_is_shown_by_its_proof(size: int) -> None:
    root = root_of(HASHES[:size])
    for index in range(size):
        proof = inclusion_proof(index, size, read_leaves)
        assert accepts(verify_inclusion, index, size, HASHES[index], proof, root)


@pytest.mark.parametrize("new", range(1, 20))
def test_every_small_tree_is_shown_to_grow_from_every_smaller_one(new: int) -> None:
    for old in range(1, new + 1):
        proof = consistency_proof(old, new, read_leaves)
        assert accepts(verify_consistency, old, new, root_of(HASHES[:old]), root_of(HASHES[:new]), proof)


@given(place())
def test_a_proof_made_from_tiles_shows_its_leaf(at: tuple[int, int]) -> None:
    index, size = at
    proof = inclusion_proof(index, size, hash_reader(size, TILES.read))
    assert proof == inclusion_proof(index, size, read_leaves)
    verify_inclusion(index, size, HASHES[index], proof, root_of(HASHES[:size]))


@given(place(), st.data())
def test_one_flipped_bit_in_proof_leaf_root_or_index_shows_nothing(
    at: tuple[int, int], data: st.DataObject
) -> None:
    index, size = at
    proof, root = inclusion_proof(index, size, read_leaves), root_of(HASHES[:size])
    parts = [HASHES[index], root, *proof]
    which = data.draw(st.integers(-1, len(parts) - 1))
    bit = data.draw(st.integers(0, 255))
    if which < 0:
        index ^= 1 << bit % 16
    else:
        parts[which] = flipped(parts[which], bit)
    leaf, root, *hashes = parts
    with pytest.raises(VerificationError):
        verify_inclusion(index, size, leaf, hashes, root)


@given(growth(), st.data())
def test_one_flipped_bit_in_roots_or_proof_shows_no_growth(
    sizes: tuple[int, int], data: st.DataObject
) -> None:
    old, new = sizes
    parts = [
        root_of(HASHES[:old]),
        root_of(HASHES[:new]),
        *consistency_proof(old, new, hash_reader(new, TILES.read)),
    ]
    verify_consistency(old, new, parts[0], parts[1], parts[2:])
    which = data.draw(st.integers(0, len(parts) - 1))
    parts[which] = flipped(parts[which], data.draw(st.integers(0, 255)))
    with pytest.raises(VerificationError):
        verify_consistency(old, new, parts[0], parts[1], parts[2:])


@given(place(), st.integers(0, 2**64))
def test_a_proof_of_another_length_shows_nothing(at: tuple[int, int], cut: int) -> None:
    index, size = at
    proof, root = inclusion_proof(index, size, read_leaves), root_of(HASHES[:size])
    spot = cut % (len(proof) + 1)
    wrong = [(*proof[:spot], root, *proof[spot:]), (*proof, b""), (*proof, bytes(31))]
    if proof:
        wrong += [proof[:-1], proof[1:], (proof[0][:-1], *proof[1:]), (proof[0] + b"\0", *proof[1:])]
    for one in wrong:
        with pytest.raises(VerificationError):
            verify_inclusion(index, size, HASHES[index], one, root)


@given(growth())
def test_an_inner_node_never_passes_for_an_entry(sizes: tuple[int, int]) -> None:
    index, size = sizes[0] - 1, sizes[1]
    proof, root = inclusion_proof(index, size, read_leaves), root_of(HASHES[:size])
    if proof:
        pair = (HASHES[index], proof[0]) if index % 2 == 0 else (proof[0], HASHES[index])
        with pytest.raises(VerificationError):
            verify_inclusion(index >> 1, (size + 1) >> 1, leaf_hash(b"".join(pair)), proof[1:], root)


def test_growth_from_an_empty_log_proves_nothing() -> None:
    assert consistency_proof(0, 7, read_leaves) == ()
    with pytest.raises(VerificationError, match="sizes"):
        verify_consistency(0, 7, EMPTY_ROOT, root_of(HASHES[:7]), ())


@given(st.integers(-(2**70), 2**70), st.integers(-(2**70), 2**70))
def test_impossible_places_are_refused(index: int, size: int) -> None:
    if not 0 <= index < size:
        with pytest.raises(VerificationError):
            verify_inclusion(index, size, bytes(32), (), bytes(32))
        with pytest.raises(InputError):
            inclusion_proof(index, size, read_leaves)
        if index != size:
            with pytest.raises(VerificationError):
                verify_consistency(index, size, bytes(32), bytes(32), ())
            with pytest.raises(InputError):
                consistency_proof(max(index, size, 1), min(index, size, 0), read_leaves)
    with pytest.raises(InputError):
        tree_root(-1 - abs(size), read_leaves)


@given(st.integers(0, len(HASHES)))
def test_the_root_follows_from_tiles_alone(size: int) -> None:
    assert tree_root(size, hash_reader(size, TILES.read)) == root_of(HASHES[:size])


def test_a_proof_reads_a_number_of_tiles_that_grows_with_the_logarithm() -> None:
    TILES.reads = 0
    inclusion_proof(700, 1200, hash_reader(1200, TILES.read))
    assert TILES.reads <= 3  # One tile with the leaf, the last one, and the one above them.


def test_a_proof_in_the_largest_log_has_63_hashes() -> None:
    calls: list[int] = []

    def read(level: int, _index: int) -> bytes:
        calls.append(level)
        return bytes(32)

    assert len(inclusion_proof(0, 2**63 - 1, read)) == 63
    assert len(calls) <= 126
