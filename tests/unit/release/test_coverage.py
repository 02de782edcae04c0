"""A coverage file is whole and signed, or refused."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from tests.unit.release.making import KEY, NOW, OTHER

from byleave.errors import ByleaveError, ConflictError, FormatError, NotFoundError
from byleave.release import Covers, open_coverage
from byleave.release.coverage import write_coverage

COVERS = Covers("pictures", "ab" * 32, 7, bytes(range(32)), "pdq-512/1")
MATCHES = pa.table(
    {
        "sample_key": pa.array([b"k" * 16], pa.binary(16)),
        "item_id": pa.array([b"i" * 16], pa.binary(16)),
        "claim": pa.array([b"c" * 16], pa.binary(16)),
        "method": ["pdq"],
        "distance": pa.array([3], pa.uint8()),
        "threshold": pa.array([31], pa.uint8()),
        "band": ["same_work"],
    }
)
CHECKED = b"a" * 16 + b"i" * 16


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "pictures.coverage"
    write_coverage(path, COVERS, MATCHES, CHECKED, made_at=NOW, key=KEY)
    return path


def repacked(path: Path, contents: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def contents_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_what_was_written_is_read_again(path: Path) -> None:
    coverage = open_coverage(path, [KEY.verifier])
    assert coverage.covers == COVERS
    assert coverage.matches().equals(MATCHES)
    assert coverage.checked().tobytes() == CHECKED
    assert coverage.checked().shape == (2,)
    assert coverage.signed.members["counts"] == {"checked": 2, "matches": 1}


def test_equal_findings_give_equal_bytes(path: Path, tmp_path: Path) -> None:
    again = write_coverage(tmp_path / "again", COVERS, MATCHES, CHECKED, made_at=NOW, key=KEY)
    assert again.path.read_bytes() == path.read_bytes()


def test_a_file_that_is_there_is_not_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(ConflictError):
        write_coverage(path, COVERS, MATCHES, b"", made_at=NOW, key=KEY)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["manifest.json", "manifest.note", "matches.parquet", "checked.bin"])
def test_every_member_is_needed_unchanged_and_once(path: Path, name: str) -> None:
    whole = contents_of(path)
    flipped = bytes([whole[name][0] ^ 1]) + whole[name][1:]
    without = {member: content for member, content in whole.items() if member != name}
    for altered in (
        {**whole, name: flipped},
        {**whole, name: whole[name] + b"x"},
        without,
        {**whole, "extra": b""},
    ):
        repacked(path, altered)
        with pytest.raises(ByleaveError):
            open_coverage(path, [KEY.verifier])


def test_no_byte_of_the_file_can_be_changed_into_other_findings(path: Path) -> None:
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        try:
            coverage = open_coverage(path, [KEY.verifier])
        except ByleaveError:
            continue
        # Bytes of the ZIP's own tables, such as a date, may change without touching what is signed.
        assert coverage.covers == COVERS
        assert coverage.matches().equals(MATCHES)
        assert coverage.checked().tobytes() == CHECKED


def test_a_file_cut_short_anywhere_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for size in range(0, len(whole), 11):
        path.write_bytes(whole[:size])
        with pytest.raises(ByleaveError):
            open_coverage(path, [KEY.verifier])


def test_compressed_members_are_refused_for_they_could_be_bombs(path: Path) -> None:
    repacked(path, contents_of(path), zipfile.ZIP_DEFLATED)
    with pytest.raises(FormatError, match="compressed"):
        open_coverage(path, [KEY.verifier])


def test_item_ids_of_another_length_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="16 bytes"):
        write_coverage(tmp_path / "odd", COVERS, MATCHES, b"a" * 17, made_at=NOW, key=KEY)


def test_another_key_or_none_is_refused(path: Path) -> None:
    for keys in ([], [OTHER.verifier]):
        with pytest.raises(ByleaveError):
            open_coverage(path, keys)


def test_the_note_of_another_dataset_does_not_vouch(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_coverage(other, replace(COVERS, dataset="others"), MATCHES, CHECKED, made_at=NOW, key=KEY)
    repacked(path, {**contents_of(path), "manifest.note": contents_of(other)["manifest.note"]})
    with pytest.raises(ByleaveError):
        open_coverage(path, [KEY.verifier])


def test_no_file_and_no_zip_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        open_coverage(tmp_path / "nowhere", [KEY.verifier])
    (tmp_path / "text").write_bytes(hashlib.sha256(b"").digest())
    with pytest.raises(FormatError):
        open_coverage(tmp_path / "text", [KEY.verifier])


def test_it_is_verified_without_arrow_or_numpy(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from byleave.log import VerifierKey; from byleave.release import open_coverage;"
        "open_coverage(Path(sys.argv[1]), [VerifierKey.parse(sys.argv[2])]);"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path), str(KEY.verifier)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "byleave.release" in done.stdout.split()
    assert {"pyarrow", "numpy", "numba"}.isdisjoint(done.stdout.split())
