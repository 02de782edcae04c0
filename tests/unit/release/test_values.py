"""What is bound of rows beside their links: each entry tells one row from every other, and no changed way leads to the root."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.stated import DIGESTS, prints

from byleave.errors import VerificationError
from byleave.log import canonical_json
from byleave.log.merkle import leaf_hash, root_of
from byleave.log.proofs import inclusion_proof
from byleave.release.commitments import Commitment, Commitments
from byleave.release.items import ItemRow
from byleave.release.openings import Opened, OpenedPicture, Openings
from byleave.release.values import EntryLeaf, OpenedPart, PartRoot, States, entry_of

SALT = bytes(range(16))
PICTURES = st.none() | st.builds(
    OpenedPicture, DIGESTS, prints(st.text(min_size=1, max_size=20)), st.none() | st.text(max_size=9)
)
STATED = st.tuples(DIGESTS, PICTURES)
MANY = [Opened(place, "a", None, bytes([place]) * 32) for place in range(42)]


def read_of(hashes: list[bytes]) -> Callable[[int, int], bytes]:
    return lambda level, at: root_of(hashes[at << level : (at + 1) << level])


class Parts:
    """The trees over some parts, each a list of rows, made by the plain functions of the log."""

    def __init__(self, *parts: list[Opened]) -> None:
        self.entries = [[row.entry for row in part] for part in parts]
        self.hashes = [
            [leaf_hash(b"".join(part[at : at + 16])) for at in range(0, len(part), 16)]
            for part in self.entries
        ]
        self.roots = [
            PartRoot(len(part), root_of(hashes) if any(map(any, part)) else None)
            for part, hashes in zip(self.entries, self.hashes, strict=True)
        ]
        self.leaves = [root.leaf(SALT) for root in self.roots]
        self.commitment = Commitment(root_of(self.leaves), len(parts))

    def leaf(self, part: int, index: int) -> EntryLeaf:
        way = inclusion_proof(index, len(self.hashes[part]), read_of(self.hashes[part]))
        return EntryLeaf(index, tuple(self.entries[part][16 * index : 16 * index + 16]), way)

    def opened(self, part: int, *leaves: int) -> OpenedPart:
        way = inclusion_proof(part, len(self.leaves), read_of(self.leaves))
        return OpenedPart(part, self.roots[part], way, tuple(self.leaf(part, index) for index in leaves))

    def unlike(self, shown: list[tuple[Opened, int, int]], *opened: OpenedPart) -> list[Opened]:
        """Return the rows, each with its part and row, that show something else than these parts bind."""
        empty = Commitment(bytes(32), 0)
        openings = Openings(bytes(32), "", 0, (), (), (), opened)
        assert Openings.parse(openings.to_bytes()) == openings
        rows = [(row, ItemRow.of(bytes(16), part, at)) for row, part, at in shown]
        return openings.check_values(Commitments(SALT, empty, empty, None, self.commitment), rows)


@given(STATED, STATED)
def test_rows_have_one_entry_only_where_they_state_the_same(
    one: tuple[bytes | None, OpenedPicture | None], other: tuple[bytes | None, OpenedPicture | None]
) -> None:
    assert (entry_of(*one) == entry_of(*other)) == (one == other)
    assert len(entry_of(*one)) == 33


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((bytes(32), None), (None, None)),
        ((None, OpenedPicture(None, None, None)), (None, None)),
        ((None, OpenedPicture(None, None, "")), (None, OpenedPicture(None, None, None))),
        ((b"d" * 32, None), (None, OpenedPicture(b"d" * 32, None, None))),
        ((b"d" * 32, OpenedPicture(None, None, None)), (None, OpenedPicture(b"d" * 32, None, None))),
        ((b"d" * 32, None), (None, OpenedPicture(None, None, "d" * 32))),
    ],
)
def test_what_is_not_there_is_never_taken_for_what_is_empty_or_elsewhere(
    one: tuple[bytes | None, OpenedPicture | None], other: tuple[bytes | None, OpenedPicture | None]
) -> None:
    assert entry_of(*one) != entry_of(*other)


def test_a_row_that_states_a_digest_alone_has_it_in_its_entry() -> None:
    assert entry_of(b"d" * 32, None) == bytes([States.DIGEST]) + b"d" * 32
    assert entry_of(None, None) == bytes(33)


@given(st.lists(st.lists(STATED, max_size=36), min_size=1, max_size=5), st.data())
def test_every_row_leads_to_the_root_as_it_is_and_not_otherwise(
    stated: list[list[tuple[bytes | None, OpenedPicture | None]]], data: st.DataObject
) -> None:
    rows = [[Opened(0, "a", None, *one) for one in part] for part in stated]
    places = [(part, at) for part, some in enumerate(rows) for at in range(len(some))]
    if not places:
        return
    part, at = data.draw(st.sampled_from(places))
    parts, row = Parts(*rows), rows[part][at]
    leaves = () if parts.roots[part].root is None else (at // 16,)
    opened = parts.opened(part, *leaves)
    assert parts.unlike([(row, part, at)], opened) == []
    other = replace(row, digest=data.draw(st.binary(min_size=32, max_size=32)))
    assert parts.unlike([(other, part, at)], opened) == ([other] if other != row else [])


class TestForged:
    """Ways that do not lead to the root."""

    parts = Parts(MANY, [], MANY[:18], [Opened(0, "a", None, None)] * 3)

    def assert_refused(
        self, opened: OpenedPart, match: str, row: tuple[Opened, int, int] = (MANY[18], 0, 18)
    ) -> None:
        with pytest.raises(VerificationError, match=match):
            self.parts.unlike([row], opened)

    def test_entries_were_changed_or_are_missing(self) -> None:
        opened = self.parts.opened(0, 1)
        leaf = opened.leaves[0]
        other = replace(leaf, entries=(leaf.entries[1], leaf.entries[0], *leaf.entries[2:]))
        self.assert_refused(replace(opened, leaves=(other,)), "not stand in the tree")
        self.assert_refused(replace(opened, leaves=(replace(leaf, entries=leaf.entries[:-1]),)), "too few")
        self.assert_refused(replace(opened, leaves=(replace(leaf, index=0),)), "not stand in the tree")
        self.assert_refused(replace(opened, leaves=(replace(leaf, index=9),)), "too few")

    def test_a_part_has_another_root_another_size_or_another_place(self) -> None:
        opened, other = self.parts.opened(0, 1), self.parts.opened(2, 1)
        self.assert_refused(replace(opened, root=other.root), "not stand in the tree")
        self.assert_refused(replace(opened, root=replace(opened.root, rows=48)), "not stand in the tree")
        self.assert_refused(replace(opened, place=2), "not stand in the tree")
        self.assert_refused(replace(opened, place=7), "not stand in the tree")

    def test_a_row_of_a_part_that_states_something_is_shown_as_one_of_a_part_that_does_not(self) -> None:
        opened = self.parts.opened(0, 1)
        nothing = replace(opened, root=PartRoot(42, None), leaves=())
        self.assert_refused(nothing, "not stand in the tree", (Opened(18, "a", None, None), 0, 18))

    def test_the_way_is_missing(self) -> None:
        self.assert_refused(self.parts.opened(0, 0), "row 18 of part 0 states is not shown")
        self.assert_refused(
            self.parts.opened(0, 2), "row 42 of part 0 states is not shown", (MANY[18], 0, 42)
        )
        self.assert_refused(self.parts.opened(2, 1), "row 18 of part 0 states is not shown")
        self.assert_refused(self.parts.opened(3), "row 3 of part 3 states is not shown", (MANY[18], 3, 3))

    def test_a_part_that_states_nothing_needs_no_leaf_and_takes_none(self) -> None:
        opened, row = self.parts.opened(3), Opened(2, "a", None, None)
        assert self.parts.unlike([(row, 3, 2)], opened) == []
        shown = replace(row, digest=bytes(32))
        assert self.parts.unlike([(shown, 3, 2)], opened) == [shown]
        leaf = EntryLeaf(0, (shown.entry,), ())
        self.assert_refused(replace(opened, leaves=(leaf,)), "too few or too many", (shown, 3, 2))


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": 2**40},
        {"root": "00"},
        {"path": ["00" * 32] * 64},
        {"leaves": [{"index": 0, "entries": [], "path": []}]},
        {"leaves": [{"index": 0, "entries": ["00" * 33] * 17, "path": []}]},
        {"leaves": [{"index": 0, "entries": ["00" * 32], "path": []}]},
        {"part": -1},
    ],
)
def test_what_is_no_opened_part_is_not_read_as_one(wrong: dict[str, object]) -> None:
    said = json.loads(canonical_json(Parts(MANY).opened(0, 0).members()))
    assert OpenedPart.parse(said) == Parts(MANY).opened(0, 0)
    with pytest.raises(ValueError, match=r"is a|has|so many"):
        OpenedPart.parse(said | wrong)
