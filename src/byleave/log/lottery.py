"""Which leaves of a tree a lottery draws: by a seed that nobody knew when the tree was signed.

The seed is made of what was signed and of what a witness wrote below a later checkpoint of the log. Ed25519 signatures of a witness cannot
be foretold without its key, and anybody can make the draw again. A witness signs anew for whoever asks, though, so the draw is nobody's choice only
where whoever audits names the checkpoint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from byleave.errors import InputError, VerificationError
from byleave.log.cosignatures import Cosignature
from byleave.log.notes import split_note

SEED_LABEL: Final = b"byleave/lottery/1\0"
MOST_DRAWN: Final = 100_000
_WORD_BYTES: Final = 8
_WORDS: Final = 2 ** (8 * _WORD_BYTES)


def lottery_seed(signed: bytes, note: str, cosignatures: Sequence[Cosignature]) -> bytes:
    """Return the 32-byte seed that a cosigned checkpoint gives for what was signed before it.

    ``signed`` is the SHA-256 of the statement, ``note`` the checkpoint with its signatures, and ``cosignatures`` those below it that were
    checked. It is SHA-256 over a label, ``signed``, and the bytes of each cosignature in the order of their keys.

    Raises
    ------
    VerificationError
        If there is no cosignature: the log's operator alone could try one checkpoint after the other.
    """
    if not cosignatures:
        raise VerificationError(
            "no witness has cosigned this checkpoint, so nobody but the log's operator vouches for the draw",
            remedy="take a checkpoint that a witness has cosigned, and name that witness in the policy",
        )
    wanted = {(one.key.name, one.key.key_id) for one in cosignatures}
    _, lines = split_note(note)
    found = {(line.name, line.key_id): line.signature for line in lines if (line.name, line.key_id) in wanted}
    written = b"".join(found[key] for key in sorted(found))
    return hashlib.sha256(SEED_LABEL + signed + written).digest()


def drawn(seed: bytes, size: int, count: int) -> tuple[int, ...]:
    """Return ``count`` different places below ``size``, rising; all of them where there are not more.

    Draw ``j`` is the first 8 bytes of SHA-256 over the seed and ``j`` as 8 bytes, both with the higher byte first, modulo ``size``.
    Words from the last whole multiple of ``size`` on are passed over, so that no place is likelier than another, and so are repeats.

    Raises
    ------
    InputError
        If nothing or more than :data:`MOST_DRAWN` is asked for.
    """
    if not 1 <= count <= MOST_DRAWN:
        raise InputError(
            f"a lottery cannot draw {count} entries", remedy=f"ask for 1 to {MOST_DRAWN:,} of them"
        )
    if size <= count:
        return tuple(range(size))
    found: set[int] = set()
    limit, draw = _WORDS - _WORDS % size, 0
    while len(found) < count:
        word = int.from_bytes(hashlib.sha256(seed + draw.to_bytes(_WORD_BYTES)).digest()[:_WORD_BYTES])
        if word < limit:
            found.add(word % size)
        draw += 1
    return tuple(sorted(found))
