"""What a claim is called in lists and reports: the id that its registry gave it, and the registry it is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from byleave.apply.merging import place_of
from byleave.apply.ruleset import Ruleset
from byleave.apply.tables import Ints, read_only
from byleave.compiled import compiled_lean, compiled_within
from byleave.urls.bulk.sha256 import U64, Word, Words
from byleave.urls.bulk.wide import fetch, swapped_word

AHEAD = 16
"""Rows that are asked for from memory before they are needed."""


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
    """The names of many claims: ids as their registries gave them, in hex digits, and registries or nulls as a dictionary."""

    claims: pa.Array
    origins: pa.Array

    def keys(self, *, several: bool) -> pa.Array:
        """Return the text for each under which rows are counted, see :meth:`ClaimName.key`."""
        if not several:
            return self.claims
        return pc.binary_join_element_wise(self.claims, self.origins.dictionary_decode(), " ")


def claim_names(ruleset: Ruleset, rows: Ints) -> ClaimNames:
    """Name the claims of some statements of a ruleset, int64 (n,)."""
    if ruleset.filed_as is None:
        origins = coded(np.zeros(len(rows), np.int32), ruleset.origins[:1] or (None,))
        return ClaimNames(_hex(ruleset.records, rows), origins)
    places = place_of(ruleset.rows["claim"][rows]).astype(np.int32)
    return ClaimNames(_hex(ruleset.filed_as.view(np.uint64), rows), coded(places, ruleset.origins))


def coded(places: npt.NDArray[np.int32], words: Sequence[str | None]) -> pa.DictionaryArray:
    """Return a column that has some of ``words`` by their places, int32 (n,)."""
    known, indices = _known(tuple(words))
    present = None
    if indices is not None:
        places = indices[places]
        there = places >= 0
        present = None if there.all() else pa.array(there).buffers()[1]
    column = pa.Array.from_buffers(pa.int32(), len(places), [present, pa.py_buffer(places)])
    return pa.DictionaryArray.from_arrays(column, known, safe=False)


@lru_cache(maxsize=64)
def _known(words: tuple[str | None, ...]) -> tuple[pa.Array, npt.NDArray[np.int32] | None]:
    """Return the words that are there as a column, and where in it each is, -1 for none; ``None`` where all are there."""
    known = pa.array([word for word in words if word is not None], pa.string())
    if len(known) == len(words):
        return known, None
    there = np.array([word is not None for word in words])
    return known, np.where(there, np.cumsum(there) - 1, -1).astype(np.int32)


def claim_ids(ruleset: Ruleset, rows: Ints) -> list[Words]:
    """Return numbers, uint64 (n,) each, by which the claims of some statements sort as their keys do, the most important last."""
    halves = np.empty((2, len(rows)), np.uint64)
    ids = ruleset.records if ruleset.filed_as is None else ruleset.filed_as.view(np.uint64)
    _write_halves(read_only(ids), read_only(rows), halves)
    places = [place_of(ruleset.rows["claim"][rows]).astype(np.uint64)] if ruleset.is_union else []
    return [*places, halves[1], halves[0]]


def names_behind(ruleset: Ruleset, rows: Ints) -> dict[str, ClaimName]:
    """Return what the claims of some statements are called, by their ids in the ruleset in hex digits."""
    names = claim_names(ruleset, rows)
    named = zip(names.claims.to_pylist(), names.origins.to_pylist(), strict=True)
    ids = (claim.tobytes().hex() for claim in ruleset.rows["claim"][rows])
    return {claim: ClaimName(*name) for claim, name in zip(ids, named, strict=True)}


@compiled_within
def _digits(number: Word) -> Word:
    """Write the four lowest bytes of a word as eight hex digits, the lowest byte first."""
    spread = number & U64(0xFFFFFFFF)
    spread = (spread | (spread << U64(16))) & U64(0x0000FFFF0000FFFF)
    spread = (spread | (spread << U64(8))) & U64(0x00FF00FF00FF00FF)
    halves = ((spread >> U64(4)) & U64(0x000F000F000F000F)) | ((spread & U64(0x000F000F000F000F)) << U64(8))
    letters = ((halves + U64(0x0606060606060606)) >> U64(4)) & U64(0x0101010101010101)
    return U64(halves + U64(0x3030303030303030) + letters * U64(0x27))


@compiled_lean
def _write_hex(ids: Words, rows: Ints, texts: Words) -> None:
    """Write the first sixteen bytes of some rows as hex digits, uint64 (n, 4)."""
    for i in range(rows.shape[0]):
        fetch(ids, rows[min(i + AHEAD, rows.shape[0] - 1)] * ids.shape[1])
        for word in range(2):
            number = ids[rows[i], word]
            texts[i, 2 * word] = _digits(number)
            texts[i, 2 * word + 1] = _digits(number >> U64(32))


@compiled_lean
def _write_halves(ids: Words, rows: Ints, halves: Words) -> None:
    """Write the first sixteen bytes of some rows as numbers, the first byte highest."""
    for i in range(rows.shape[0]):
        fetch(ids, rows[min(i + AHEAD, rows.shape[0] - 1)] * ids.shape[1])
        for word in range(2):
            halves[word, i] = swapped_word(ids[rows[i], word])


def _hex(ids: Words, rows: Ints) -> pa.Array:
    """Write ids, the first sixteen bytes of some rows of words, as hex digits."""
    texts = np.empty((len(rows), 4), np.uint64)
    _write_hex(read_only(ids), read_only(rows), texts)
    offsets = np.arange(len(rows) + 1, dtype=np.int32) * np.int32(32)
    return pa.StringArray.from_buffers(len(rows), pa.py_buffer(offsets), pa.py_buffer(texts))
