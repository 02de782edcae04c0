"""What a claim is called in lists and reports: the id that its registry gave it, and the registry it is of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from byleave.apply.merging import place_of
from byleave.apply.ruleset import Ruleset
from byleave.apply.tables import Ints


@dataclass(frozen=True, slots=True)
class ClaimName:
    """The id of a claim in hex digits, and its registry, where the ruleset says which it is of."""

    claim: str
    origin: str | None

    def key(self, *, several: bool) -> str:
        """One text under which rows are counted; the registry stands in it where there are several."""
        return f"{self.claim} {self.origin}" if several else self.claim

    @classmethod
    def of_key(cls, key: str) -> ClaimName:
        """Read :meth:`key`."""
        claim, _, origin = key.partition(" ")
        return cls(claim, origin or None)


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """The names of many claims: ids as their registries gave them, uint8 (n, 16), the same in hex digits, and registries or nulls as a dictionary."""

    ids: npt.NDArray[np.uint8]
    claims: pa.Array
    origins: pa.Array

    def keys(self, *, several: bool) -> pa.Array:
        """Return the text for each under which rows are counted, see :meth:`ClaimName.key`."""
        if not several:
            return self.claims
        return pc.binary_join_element_wise(self.claims, self.origins.dictionary_decode(), " ")


def claim_names(ruleset: Ruleset, rows: Ints) -> ClaimNames:
    """Name the claims of some rows of a ruleset."""
    if ruleset.filed_as is None:
        ids, places = ruleset.rows["claim"][rows], np.zeros(len(rows), np.int32)
        return ClaimNames(ids, _hex(ids), coded(places, ruleset.origins[:1] or [None]))
    ids, places = ruleset.filed_as[rows], place_of(ruleset.rows["claim"][rows]).astype(np.int32)
    return ClaimNames(ids, _hex(ids), coded(places, ruleset.origins))


def coded(places: npt.NDArray[np.int32], words: Sequence[str | None]) -> pa.DictionaryArray:
    """Return a column that has some of ``words`` by their places, int32 (n,)."""
    known = pa.array([word for word in words if word is not None], pa.string())
    if len(known) == len(words):
        return pa.DictionaryArray.from_arrays(pa.array(places), known)
    there = np.array([word is not None for word in words])
    indices = (np.cumsum(there, dtype=np.int32) - 1)[places]
    return pa.DictionaryArray.from_arrays(pa.array(indices, mask=~there[places]), known)


def names_behind(ruleset: Ruleset, targets: Iterable[int]) -> dict[str, ClaimName]:
    """Return, for all claims on some targets, what each is called, by its id in the ruleset in hex digits."""
    found: dict[str, ClaimName] = {}
    for target in targets:
        rows = np.array(ruleset.rows_of(target))
        names = claim_names(ruleset, rows)
        named = zip(names.claims.to_pylist(), names.origins.to_pylist(), strict=True)
        found |= {
            claim.hex(): ClaimName(*name)
            for claim, name in zip(ruleset.claims_of(target), named, strict=True)
        }
    return found


def _hex(claims: npt.NDArray[np.uint8]) -> pa.Array:
    """Write ids, uint8 (n, 16), as hex digits."""
    offsets = np.arange(len(claims) + 1, dtype=np.int32) * np.int32(32)
    texts = np.ascontiguousarray(_PAIRS[claims])
    return pa.StringArray.from_buffers(len(claims), pa.py_buffer(offsets), pa.py_buffer(texts))


_PAIRS = np.frombuffer(bytes(range(256)).hex().encode(), np.uint16)
"""The two digits of each byte."""
