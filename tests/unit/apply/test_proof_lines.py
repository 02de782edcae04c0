"""Many proofs of absence as lines: each as the proof alone is written."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from byleave.apply.proof_lines import Frame, proof_lines
from byleave.release.items import LEAF_ROWS, ROW_BYTES, Absence, Leaf

ITEMS = st.binary(min_size=16, max_size=16)
LARGEST = 2**53 - 1
"""The highest place a proof can tell of: whole numbers in canonical JSON end there."""


@st.composite
def leaves(draw: st.DrawFn) -> Leaf:
    index = draw(st.one_of(st.integers(0, LARGEST), st.sampled_from([0, 9, 10, 99, 100, LARGEST])))
    rows = draw(st.integers(1, LEAF_ROWS))
    some = draw(st.binary(min_size=1, max_size=ROW_BYTES))
    data = (some * (ROW_BYTES * rows))[: ROW_BYTES * rows]
    hashes = draw(st.integers(0, 49))
    return Leaf(index, data, (draw(st.binary(min_size=1, max_size=32)) * (32 * hashes))[: 32 * hashes])


@st.composite
def asked(draw: st.DrawFn, every: list[Leaf]) -> tuple[bytes, int, int]:
    begin = draw(st.integers(0, len(every)))
    end = draw(st.integers(begin, min(begin + 2, len(every))))
    shown = [row.item for leaf in every[begin:end] for row in leaf.rows]
    return draw(st.one_of(ITEMS, st.sampled_from(shown)) if shown else ITEMS), begin, end


@given(
    data=st.data(),
    every=st.lists(leaves(), max_size=5),
    attestation=st.binary(min_size=32, max_size=32),
    covering=st.booleans(),
)
def test_each_line_is_the_proof_as_it_is_written_alone(
    data: st.DataObject, every: list[Leaf], attestation: bytes, *, covering: bool
) -> None:
    some = data.draw(st.lists(asked(every), max_size=4))
    items = [item for item, _, _ in some]
    begins, ends = (np.array([one[place] for one in some], np.int64) for place in (1, 2))
    proofs = [Absence(attestation, item, tuple(every[begin:end]), covering) for item, begin, end in some]
    made = proof_lines(Frame.of(attestation, covering=covering), items, every, begins, ends)
    assert made == [(proof.to_bytes(), proof.has_item) for proof in proofs]
