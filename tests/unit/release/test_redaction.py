"""A row can be taken out of a list that stands, by its registry alone, and everything else still verifies."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.release.making import KEY, NOW, OTHER, released, rows

from byleave.errors import ByleaveError, NotFoundError, VerificationError
from byleave.log import leaf_hash, root_of
from byleave.release import open_release, sync
from byleave.release.delta_writing import keep_deltas
from byleave.release.deltas import Index
from byleave.release.leaves import LEAF_BYTES, RowTree, row_hashes
from byleave.release.redaction import redact, verify_rows
from byleave.release.rows import table

TRUSTED = [KEY.verifier]


def claim(number: int) -> bytes:
    return bytes([number]) * 16


@settings(max_examples=20)
@given(first=st.sets(st.integers(0, 29), min_size=1), second=st.sets(st.integers(0, 29)))
def test_whatever_is_taken_out_the_rest_still_gives_the_published_root(
    tmp_path_factory: pytest.TempPathFactory, first: set[int], second: set[int]
) -> None:
    release = released(tmp_path_factory.mktemp("releases"), count=30)
    verify_rows(release)
    taken = redact(release, [claim(n) for n in first], at=NOW, key=KEY)
    if second - first:
        taken = redact(taken, [claim(n) for n in second], at=NOW, key=KEY)
        first = first | second
    verify_rows(taken)
    assert taken.manifest_digest == release.manifest_digest
    assert taken.redacted == len(first)
    assert set(taken.claims()["claim"].to_pylist()) == {claim(n) for n in range(30)} - {
        claim(n) for n in first
    }
    left = b"".join(path.read_bytes() for path in taken.folder.rglob("*") if path.is_file())
    gone = [row.statement.digest for row in rows(30) if row.statement.claim[0] in first]
    assert not any(digest in left for digest in gone)


def test_a_claim_that_is_not_there_cannot_be_taken_out_and_nothing_changes(tmp_path: Path) -> None:
    release = released(tmp_path)
    with pytest.raises(NotFoundError):
        redact(release, [claim(99)], at=NOW, key=KEY)
    assert open_release(release.folder, TRUSTED).redaction is None


def test_nobody_else_can_take_rows_out(tmp_path: Path) -> None:
    mine, theirs = released(tmp_path / "mine", count=9), released(tmp_path / "theirs", count=9, key=OTHER)
    redact(theirs, [claim(3)], at=NOW, key=OTHER)
    for name in ("redaction.json", "redaction.note", "redacted.bin", "claims.parquet", "digests/url.sha256"):
        shutil.copyfile(theirs.folder / name, mine.folder / name)
    with pytest.raises(VerificationError):
        open_release(mine.folder, TRUSTED)


@pytest.mark.parametrize("name", ["redaction.json", "redaction.note", "redacted.bin", "claims.parquet"])
def test_damage_to_a_redacted_list_is_refused(tmp_path: Path, name: str) -> None:
    release = redact(released(tmp_path, count=9), [claim(3)], at=NOW, key=KEY)
    content = bytearray((release.folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (release.folder / name).write_bytes(content)
    with pytest.raises(ByleaveError):
        open_release(release.folder, TRUSTED)


def test_a_redaction_of_another_list_is_refused(tmp_path: Path) -> None:
    here, there = released(tmp_path, 7, count=9), released(tmp_path, 8, count=9)
    redact(here, [claim(3)], at=NOW, key=KEY)
    for path in here.folder.glob("redact*"):
        shutil.copyfile(path, there.folder / path.name)
    with pytest.raises(VerificationError):
        open_release(there.folder, TRUSTED)


def test_a_redacted_list_travels_and_its_deltas_go(tmp_path: Path) -> None:
    source = tmp_path / "releases"
    first, second = released(source, 1, count=5), released(source, 2, count=9)
    keep_deltas(source, second, [first.number], KEY)
    redact(second, [claim(3)], at=NOW, key=KEY)
    assert Index.parse((source / "index.json").read_bytes()).deltas == ()
    held = sync(str(source), tmp_path / "synced", keys=TRUSTED)
    assert held.redacted == 1
    verify_rows(held)


def test_a_row_that_was_exchanged_does_not_give_the_root(tmp_path: Path) -> None:
    one, other = released(tmp_path / "one", count=9), released(tmp_path / "other", count=8)
    shutil.copyfile(other.folder / "claims.parquet", one.folder / "claims.parquet")
    with pytest.raises(VerificationError):
        verify_rows(one)


def micros(at: datetime) -> bytes:
    return int(at.timestamp() * 1_000_000).to_bytes(8)


def test_a_leaf_is_what_the_reference_says() -> None:
    (batch,) = table(rows(2)[1:]).to_batches()
    (row,) = batch.to_pylist()
    extras = json.dumps({"terms": row["terms"], "value": row["value"]}, separators=(",", ":")).encode()
    leaf = b"".join(
        [
            b"\1",
            row["salt"],
            row["claim"],
            row["claimant"],
            b"\1",
            row["digest"],
            bytes([3, 0, 2, 0, 0, 0]),
            bytes([0, 2, 1 + 4 + 8]),
            micros(row["filed_at"]),
            micros(row["effective_at"]),
            micros(row["expires_at"]),
            row["number"].to_bytes(8),
            hashlib.sha256(extras).digest(),
        ]
    )
    assert len(leaf) == LEAF_BYTES
    assert row_hashes(batch) == [leaf_hash(leaf)]


@pytest.mark.parametrize("count", [0, 1, 2, 65_535, 65_536, 65_537, 131_072, 200_001])
def test_the_tree_of_rows_is_the_tree_of_the_log(count: int) -> None:
    leaves = [n.to_bytes(32) for n in range(count)]
    tree = RowTree()
    at = 0
    while at < count:
        step = random.Random(at).randint(1, 70_000)
        tree.extend(leaves[at : at + step])
        at += step
    assert (tree.count, tree.root()) == (count, root_of(leaves))
