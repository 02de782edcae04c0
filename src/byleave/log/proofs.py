"""Inclusion and consistency proofs of RFC 6962 trees: made from a reader of subtree hashes, checked from a few hashes.

Both follow the same walk from the root: the tree splits at the largest power of two below its size, again and again, and every
step leaves one neighbour behind. A proof is the list of those neighbours, from the leaves up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hmac import compare_digest

from byleave.errors import InputError, VerificationError
from byleave.log.lines import HASH_BYTES, MAX_SIZE
from byleave.log.merkle import EMPTY_ROOT, node_hash

HashReader = Callable[[int, int], bytes]
"""``read(level, index)`` returns the 32-byte root of the ``2**level`` leaves from ``index * 2**level`` on, all of them present."""

_REMEDY = "fetch the proof and the checkpoint again, together; if it still fails, keep both and tell others"


def tree_root(size: int, read: HashReader) -> bytes:
    """Return the root of the first ``size`` leaves, with at most one read per set bit of ``size``."""
    if not 0 <= size <= MAX_SIZE:
        raise _impossible(f"a tree cannot have {size} leaves")
    return _range_root(0, size, read) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, read: HashReader) -> tuple[bytes, ...]:
    """Return the hashes that lead from leaf ``index`` to the root of ``size`` leaves: at most 63, from at most 126 reads.

    Raises
    ------
    InputError
        Unless ``0 <= index < size``.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise _impossible(f"a tree of {size} leaves has no leaf {index}")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_range_root(middle, end, read))
            end = middle
        else:
            proof.append(_range_root(start, middle, read))
            start = middle
    return tuple(reversed(proof))


def consistency_proof(old_size: int, new_size: int, read: HashReader) -> tuple[bytes, ...]:
    """Return the hashes that show the first ``old_size`` of ``new_size`` leaves unchanged.

    Empty for equal sizes, and from size 0, where there is nothing to show.

    Raises
    ------
    InputError
        Unless ``0 <= old_size <= new_size``.
    """
    if not 0 <= old_size <= new_size <= MAX_SIZE:
        raise _impossible(f"a log of {old_size} entries does not grow to {new_size}")
    if old_size == 0:
        return ()
    proof: list[bytes] = []
    start, end = 0, new_size
    while end != old_size:
        middle = start + _split(end - start)
        if old_size <= middle:
            proof.append(_range_root(middle, end, read))
            end = middle
        else:
            proof.append(_range_root(start, middle, read))
            start = middle
    if start:
        proof.append(_range_root(start, end, read))
    return tuple(reversed(proof))


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash ``leaf`` stands at ``index`` in the tree of ``size`` leaves with that root.

    Raises
    ------
    VerificationError
        If it does not, or if the proof has another length than this place in a tree of this size asks for.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise _broken("the place in the log lies outside the log")
    on_right: list[bool] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        on_right.append(index >= middle)
        start, end = (middle, end) if index >= middle else (start, middle)
    _check_hashes((leaf, root, *proof), spare=len(proof) - len(on_right))
    value = leaf
    for neighbour, right in zip(proof, reversed(on_right), strict=True):
        value = node_hash(neighbour, value) if right else node_hash(value, neighbour)
    if not compare_digest(value, root):
        raise _broken("the entry is not in the log at that place")


def verify_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree of ``new_size`` leaves begins with the tree of ``old_size`` leaves.

    Raises
    ------
    VerificationError
        If it does not. Also from size 0: an empty log is the beginning of every log, so such a proof shows nothing; callers that
        start from nothing say so themselves.
    """
    if not 0 < old_size <= new_size <= MAX_SIZE:
        raise _broken("the sizes do not describe a log that grew")
    on_right: list[bool] = []
    start, end = 0, new_size
    while end != old_size:
        middle = start + _split(end - start)
        on_right.append(old_size > middle)
        start, end = (middle, end) if old_size > middle else (start, middle)
    # Without a proof the sizes are equal and the two roots are only compared, whatever they are.
    hashed = (old_root, *proof) if proof else ()
    _check_hashes(hashed, spare=len(proof) - len(on_right) - bool(start))
    # Left of every step to the right stands a subtree, so the old tree itself is the seed only if there was no such step.
    seed, *neighbours = proof if start else (old_root, *proof)
    old = new = seed
    for neighbour, right in zip(neighbours, reversed(on_right), strict=True):
        if right:
            old, new = node_hash(neighbour, old), node_hash(neighbour, new)
        else:
            new = node_hash(new, neighbour)
    if not (compare_digest(old, old_root) and compare_digest(new, new_root)):
        raise _broken("the log's past was changed")


def _split(count: int) -> int:
    """Return the largest power of two below ``count``, which is at least 2."""
    return 1 << ((count - 1).bit_length() - 1)


def _range_root(start: int, end: int, read: HashReader) -> bytes:
    """Return the root over leaves ``start..end``, where ``start`` is a multiple of the largest subtree that fits."""
    count = end - start
    if not count & (count - 1):
        level = count.bit_length() - 1
        return read(level, start >> level)
    roots: list[bytes] = []
    while start < end:
        level = (end - start).bit_length() - 1
        roots.append(read(level, start >> level))
        start += 1 << level
    value = roots.pop()
    while roots:
        value = node_hash(roots.pop(), value)
    return value


def _impossible(problem: str) -> InputError:
    return InputError(problem, remedy="ask for a place and sizes that the log has")


def _broken(problem: str) -> VerificationError:
    return VerificationError(problem, remedy=_REMEDY)


def _check_hashes(hashes: Sequence[bytes], *, spare: int) -> None:
    if spare:
        raise _broken("the proof has too many hashes" if spare > 0 else "the proof has too few hashes")
    if any(len(one) != HASH_BYTES for one in hashes):
        raise _broken("a hash in the proof has the wrong length")
