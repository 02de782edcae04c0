"""Entries parted while they come: sorted from any number of files they are those that went in, in order."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byleave.apply import item_rows, parting
from byleave.apply.item_rows import first_place, rows_of, sorted_sources
from byleave.apply.parting import (
    ENTRY_BYTES,
    HEAD_BYTES,
    NARROW_BYTES,
    PARTITION_ROWS,
    PARTITIONS,
    Parting,
    Reader,
    Source,
)
from byleave.errors import ConflictError, InputError
from byleave.release.items import ItemRow
from byleave.urls.bulk.sha256 import Words


def written(path: Path, items: list[bytes], stays: list[bool], steps: int = 1) -> None:
    """Note items as a run does, some at a time."""
    words, flags = np.frombuffer(b"".join(items), np.uint64).reshape(-1, 2), np.array(stays, np.bool_)
    with path.open("wb") as file:
        noting, row = Parting(file, NARROW_BYTES), 0
        for some, kept in zip(np.array_split(words, steps), np.array_split(flags, steps), strict=True):
            row = noting.add(some, kept, row)
        noting.finish()
    assert row == sum(stays)


def rows_in(sources: Iterable[Source], aside: Path) -> list[bytes]:
    return [row.tobytes() for some in sorted_sources(sources, aside) for row in rows_of(some)]


@given(
    parts=st.lists(st.lists(st.integers(0, 40), max_size=30), max_size=6),
    alone=st.sampled_from([0, 9, 2**16]),
    at_once=st.sampled_from([16, 2**16]),
    gathered=st.sampled_from([16, 2**20]),
    most_open=st.sampled_from([0, 2]),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_what_stays_of_some_parts_comes_back_in_order_however_it_is_read(
    parts: list[list[int]],
    alone: int,
    at_once: int,
    gathered: int,
    most_open: int,
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder, sources, expected = tmp_path_factory.mktemp("parts"), list[Source](), list[bytes]()
    for part, names in enumerate(parts):
        items = [random.Random(name).randbytes(16) for name in names]
        stays = data.draw(st.lists(st.booleans(), min_size=len(items), max_size=len(items)))
        written(folder / str(part), items, stays, steps=data.draw(st.integers(1, 4)))
        kept = [item for item, stay in zip(items, stays, strict=True) if stay]
        expected += [ItemRow.of(item, part, row).data for row, item in enumerate(kept)]
        sources.append(Source.of(folder / str(part), first_place(part, len(kept))))
        assert len(sources[-1]) == len(kept)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(item_rows, "ALONE_ROWS", alone)
        patch.setattr(item_rows, "SORTED_ROWS", at_once)
        patch.setattr(item_rows, "GATHERED_ROWS", gathered)
        patch.setattr(parting, "MOST_OPEN", most_open)
        assert rows_in(sources, folder / "aside") == sorted(expected)
    assert not (folder / "aside").exists()


def test_more_rows_of_one_id_than_a_partition_holds_are_written_chunk_by_chunk(tmp_path: Path) -> None:
    rows = 3 * PARTITION_ROWS + 5
    items = [bytes(16)] * rows + [b"\xff" * 16] * 9
    written(tmp_path / "0", items, [True] * len(items), steps=2)
    source = Source.of(tmp_path / "0", first_place(7, len(items)))
    assert source.ends[:, -1].tolist() == [PARTITION_ROWS] * 3 + [14]
    expected = [ItemRow.of(item, 7, row).data for row, item in enumerate(items)]
    assert rows_in([source], tmp_path / "aside") == expected


@pytest.mark.parametrize(
    ("first", "width"),
    [(0, NARROW_BYTES), (2**32 - 40, NARROW_BYTES), (2**32 - 40, ENTRY_BYTES), (2**39, ENTRY_BYTES)],
)
def test_places_up_to_the_last_one_come_back(first: int, width: int, tmp_path: Path) -> None:
    items = [random.Random(row).randbytes(16) for row in range(40)]
    words = np.frombuffer(b"".join(items), np.uint64).reshape(-1, 2)
    with (tmp_path / "0").open("wb") as file:
        noting = Parting(file, width)
        noting.add(words, np.ones(40, np.bool_), first)
        noting.finish()
    assert (tmp_path / "0").stat().st_size == HEAD_BYTES + 40 * width
    source = Source.of(tmp_path / "0", first_place(9, first + 40))
    expected = [ItemRow.of(item, 9, first + row).data for row, item in enumerate(items)]
    assert rows_in([source], tmp_path / "aside") == sorted(expected)


def test_a_row_beyond_those_that_a_narrow_entry_names_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "0").open("wb") as file, pytest.raises(InputError, match="cannot be bound"):
        Parting(file, NARROW_BYTES).add(np.zeros((2, 2), np.uint64), np.ones(2, np.bool_), 2**32 - 1)


def test_small_parts_between_large_ones_are_put_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of one id then come in another order than that of their places."""
    monkeypatch.setattr(item_rows, "ALONE_ROWS", 100)
    expected, sources = [], list[Source]()
    for part, rows in enumerate([50, 500, 60, 600, 70]):
        items = [random.Random(row % 55).randbytes(16) for row in range(rows)]
        written(tmp_path / str(part), items, [True] * rows)
        expected += [ItemRow.of(item, part, row).data for row, item in enumerate(items)]
        sources.append(Source.of(tmp_path / str(part), first_place(part, rows)))
    together: list[int] = []
    add = Parting.add_entries

    def noted(self: Parting, entries: Words) -> None:
        together.append(len(entries))
        add(self, entries)

    monkeypatch.setattr(Parting, "add_entries", noted)
    assert rows_in(sources, tmp_path / "aside") == sorted(expected)
    assert together == [50, 60, 70]


@pytest.mark.parametrize(("gathered", "times"), [(2**20, 1), (2048, 2)])
def test_hardly_more_rows_than_are_sorted_at_once_come_in_pieces_that_are_hardly_smaller(
    gathered: int, times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is sorted and hashed in small pieces costs more: a run of 20 million rows once had 64 pieces where it needed two."""
    monkeypatch.setattr(item_rows, "SORTED_ROWS", 1024)
    monkeypatch.setattr(item_rows, "GATHERED_ROWS", gathered)
    rows = times * PARTITIONS * 1200
    items = np.random.default_rng(1).integers(0, 2**64, (rows, 2), np.uint64)
    with (tmp_path / "0").open("wb") as file:
        noting = Parting(file, NARROW_BYTES)
        noting.add(items, np.ones(rows, np.bool_), 0)
        noting.finish()
    pieces = [rows_of(some) for some in sorted_sources([Source.of(tmp_path / "0")], tmp_path / "aside")]
    assert len(pieces) == (2 if times == 1 else 4) * PARTITIONS
    assert max(map(len, pieces)) <= 1024
    found = [row.tobytes() for rows in pieces for row in rows]
    assert (len(found), found) == (rows, sorted(found))


@pytest.mark.parametrize(
    "size",
    [1, HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 19, HEAD_BYTES + 40 * 20 - 1, HEAD_BYTES + 40 * 20 + 1],
)
def test_a_file_that_is_cut_off_is_refused(size: int, tmp_path: Path) -> None:
    path = tmp_path / "0.items"
    written(path, [bytes([n]) * 16 for n in range(40)], [True] * 40)
    path.write_bytes((path.read_bytes() + b"\0")[:size])
    with pytest.raises(ConflictError, match="cut off"):
        Source.of(path)


def test_ids_as_earlier_versions_noted_them_are_refused(tmp_path: Path) -> None:
    (tmp_path / "0.items").write_bytes(random.Random(1).randbytes(16 * 5000))
    with pytest.raises(ConflictError, match="another version wrote them"):
        Source.of(tmp_path / "0.items")


def test_a_file_that_is_cut_off_while_it_is_read_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "0", [bytes([n]) * 16 for n in range(40)], [True] * 40)
    source = Source.of(tmp_path / "0")
    (tmp_path / "0").write_bytes((tmp_path / "0").read_bytes()[:-1])
    with pytest.raises(ConflictError, match="cut off"):
        rows_in([source], tmp_path / "aside")


def test_a_chunk_with_more_rows_than_a_partition_has_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_rows, "SORTED_ROWS", 16)
    monkeypatch.setattr(item_rows, "GATHERED_ROWS", 16)
    monkeypatch.setattr(item_rows, "ALONE_ROWS", 0)
    rows = 4 * PARTITION_ROWS
    head = np.array([NARROW_BYTES, rows, *[0] * (PARTITIONS - 1)], np.uint32)
    (tmp_path / "0").write_bytes(head.tobytes() + bytes(rows * NARROW_BYTES))
    with pytest.raises(ConflictError, match="another version wrote them"):
        rows_in([Source.of(tmp_path / "0")], tmp_path / "aside")


def test_entries_that_change_between_two_readings_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_rows, "SORTED_ROWS", 16)
    monkeypatch.setattr(item_rows, "GATHERED_ROWS", 16)
    monkeypatch.setattr(item_rows, "ALONE_ROWS", 0)
    rows = 2 * PARTITION_ROWS
    items = [b"\0" + random.Random(row).randbytes(15) for row in range(rows)]
    written(tmp_path / "0", items, [True] * rows)
    source, pieces, times = Source.of(tmp_path / "0"), Reader.pieces, []

    def changed(self: Reader, partitions: range, room: Words) -> Iterator[Words]:
        times.append(partitions)
        for some in pieces(self, partitions, room):
            if len(times) == 2:
                some[:, 0] |= np.uint64(0xFF << 48)
            yield some

    monkeypatch.setattr(Reader, "pieces", changed)
    with pytest.raises(ConflictError, match="changed while they were sorted"):
        rows_in([source], tmp_path / "aside")
