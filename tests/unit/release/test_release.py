"""A release travels whole, or is refused."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.release.making import KEY, NOW, OTHER, POLICY, released, rows

from byleave.consent import TargetKind
from byleave.errors import ByleaveError, FormatError, NotFoundError, VerificationError
from byleave.log import JSON
from byleave.release import open_latest, open_release
from byleave.release.manifest import sign_manifest
from byleave.release.rows import statement
from byleave.release.writing import write_release
from byleave.urls import table_digests

TRUSTED = [KEY.verifier]


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    written = released(tmp_path)
    release = open_latest(tmp_path, TRUSTED)
    assert (release.number, release.origin, release.published_at) == (7, KEY.verifier.name, NOW)
    assert release.manifest_digest == written.manifest_digest
    found = {statement(row).claim: (statement(row), row) for row in release.claims().to_pylist()}
    assert len(found) == 3
    for row in rows():
        said, plain = found[row.statement.claim]
        assert said == row.statement
        assert (plain["value"], plain["terms"], plain["filed_at"]) == (row.value, row.terms, NOW)


def test_it_carries_its_digests_sorted_its_rules_and_its_tables(tmp_path: Path) -> None:
    folder = released(tmp_path).folder
    digests = (folder / "digests" / "url.sha256").read_bytes()
    assert digests == b"".join(sorted(row.statement.digest for row in rows()))
    assert {path.stem for path in (folder / "digests").iterdir()} == {kind.value for kind in TargetKind}
    assert json.loads((folder / "policy.json").read_bytes()) == POLICY
    for name, table in {
        "platforms": "platforms.toml",
        "public_suffix_list": "public_suffix_list.dat",
    }.items():
        assert hashlib.sha256((folder / table).read_bytes()).hexdigest() == table_digests()[name]


def test_equal_claims_give_equal_bytes_whatever_their_order(tmp_path: Path) -> None:
    shuffled = rows(20)
    random.Random(5).shuffle(shuffled)
    one = released(tmp_path / "one", count=20)
    two = write_release(tmp_path / "two", shuffled, number=7, published_at=NOW, policy=POLICY, key=KEY)
    assert files_of(one.folder) == files_of(two.folder)


@pytest.mark.parametrize("count", [0, 1])
def test_an_empty_list_and_one_of_a_single_claim_are_lists(tmp_path: Path, count: int) -> None:
    assert released(tmp_path, 0, count=count).claims().num_rows == count


def test_a_release_never_changes(tmp_path: Path) -> None:
    before = files_of(released(tmp_path, count=3).folder)
    again = released(tmp_path, count=9)
    assert files_of(again.folder) == before


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes() or b"\0")
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def add_a_byte(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def replace_by_a_link(path: Path) -> None:
    outside = path.parent.parent.parent / f"outside-{path.name}"
    path.replace(outside)
    path.symlink_to(outside)


def replace_by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


NAMES = ["claims.parquet", "digests/url.sha256", "policy.json", "platforms.toml"]
NAMES += ["public_suffix_list.dat", "manifest.json", "manifest.note"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "damage", [flip_a_bit, cut_short, empty, add_a_byte, Path.unlink, replace_by_a_folder]
)
def test_damage_to_any_file_is_refused(tmp_path: Path, name: str, damage: Callable[[Path], None]) -> None:
    folder = released(tmp_path).folder
    damage(folder / name)
    with pytest.raises(ByleaveError):
        open_release(folder, TRUSTED)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("manifest")])
def test_a_link_in_the_place_of_a_file_is_refused_though_its_content_is_right(
    tmp_path: Path, name: str
) -> None:
    folder = released(tmp_path / "a" / "b").folder
    replace_by_a_link(folder / name)
    with pytest.raises(VerificationError):
        open_release(folder, TRUSTED)


def test_a_link_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    folder = released(tmp_path / "a").folder
    (folder / "digests").replace(tmp_path / "digests")
    (folder / "digests").symlink_to(tmp_path / "digests")
    with pytest.raises(VerificationError):
        open_release(folder, TRUSTED)


@pytest.mark.parametrize("name", ["extra", "digests/extra", ".hidden", "digests/sub/extra"])
def test_a_file_that_the_manifest_does_not_name_is_refused(tmp_path: Path, name: str) -> None:
    folder = released(tmp_path).folder
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"")
    with pytest.raises(VerificationError, match="does not name"):
        open_release(folder, TRUSTED)


@pytest.mark.parametrize(
    "member",
    ["counts", "files", "fingerprint_version", "format", "number", "origin", "published_at", "tables"],
)
def test_no_member_of_the_manifest_can_be_changed_or_left_out(tmp_path: Path, member: str) -> None:
    folder = released(tmp_path).folder
    whole = json.loads((folder / "manifest.json").read_bytes())
    changed = {"number": 8, "files": whole["files"][:-1], "format": "byleave/release/2"}.get(
        member, "another"
    )
    for altered in ({**whole, member: changed}, {k: v for k, v in whole.items() if k != member}):
        (folder / "manifest.json").write_bytes(json.dumps(altered).encode())
        with pytest.raises(ByleaveError):
            open_release(folder, TRUSTED)


def test_no_bit_of_the_manifest_or_its_note_can_be_flipped(tmp_path: Path) -> None:
    folder = released(tmp_path).folder
    for name in ("manifest.json", "manifest.note"):
        whole = (folder / name).read_bytes()
        for position in range(0, len(whole) * 8, 61 if name == "manifest.json" else 11):
            changed = bytearray(whole)
            changed[position // 8] ^= 1 << position % 8
            (folder / name).write_bytes(changed)
            with pytest.raises(ByleaveError):
                open_release(folder, TRUSTED)
        (folder / name).write_bytes(whole)
    assert open_release(folder, TRUSTED).number == 7


def test_a_note_of_another_release_does_not_vouch(tmp_path: Path) -> None:
    first, second = released(tmp_path, 7), released(tmp_path, 8, count=4)
    shutil.copy(first.folder / "manifest.note", second.folder / "manifest.note")
    with pytest.raises(VerificationError):
        open_release(second.folder, TRUSTED)


@pytest.mark.parametrize("keys", [[], [OTHER.verifier]])
def test_without_the_right_key_nothing_is_believed(tmp_path: Path, keys: list[object]) -> None:
    folder = released(tmp_path).folder
    with pytest.raises(VerificationError):
        open_release(folder, keys)  # type: ignore[arg-type]  # an empty list has no type of its own


def test_a_manifest_of_another_kind_is_refused_by_its_name(tmp_path: Path) -> None:
    folder = released(tmp_path).folder
    manifest, note = sign_manifest({"number": 7, "files": []}, kind="coverage", subject="7", key=KEY)
    (folder / "manifest.json").write_bytes(manifest)
    (folder / "manifest.note").write_bytes(note)
    with pytest.raises(FormatError, match="not a release"):
        open_release(folder, TRUSTED)


@pytest.mark.parametrize(
    "name",
    [
        "../latest.json",
        "/etc/passwd",
        "digests/../../latest.json",
        "digests//url.sha256",
        "./claims.parquet",
        "",
        "..",
        ".",
        "a\\b",
        "C:\\a",
        "a\x00b",
        "a\nb",
        "a/",
        "ä",
        "digests/..",
        ".hidden",
    ],
)
def test_a_signed_manifest_that_names_a_file_outside_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    folder = released(tmp_path).folder
    members: dict[str, JSON] = json.loads((folder / "manifest.json").read_bytes())
    entry: JSON = {"bytes": 14, "name": name, "sha256": hashlib.sha256(b'{"number": 7}\n').hexdigest()}
    members["files"] = [*members["files"], entry]  # type: ignore[misc]  # it is a list
    manifest, note = sign_manifest(members, kind="release", subject="7", key=KEY)
    (folder / "manifest.json").write_bytes(manifest)
    (folder / "manifest.note").write_bytes(note)
    with pytest.raises(FormatError, match="outside its folder"):
        open_release(folder, TRUSTED)


@pytest.mark.parametrize(
    "content",
    [b"", b"null", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5_000, b" " * 5_000_000],
)
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    folder = released(tmp_path).folder
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(FormatError):
        open_release(folder, TRUSTED)


@pytest.mark.parametrize(
    "content", [b"", b"7", b"{}", b'{"number": "7"}', b'{"number": -1}', b'{"number": true}', b"[" * 99_999]
)
def test_a_latest_file_that_names_no_release_is_refused(tmp_path: Path, content: bytes) -> None:
    released(tmp_path)
    (tmp_path / "latest.json").write_bytes(content)
    with pytest.raises(FormatError):
        open_latest(tmp_path, TRUSTED)


def test_a_folder_without_a_release_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        open_release(tmp_path / "7", TRUSTED)


def test_the_note_says_what_it_signs(tmp_path: Path) -> None:
    release = released(tmp_path)
    lines = (release.folder / "manifest.note").read_text().splitlines()
    assert lines[:3] == [
        "registry.example/test/release",
        "7",
        base64.b64encode(release.manifest_digest).decode(),
    ]
