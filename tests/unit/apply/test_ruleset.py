"""A compiled ruleset holds what the release says, for this machine and this release, or it is refused."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numba import typeof
from tests.unit.apply.worlds import KEY, NOW, compile_table, row, ruleset_of, synced

from byleave.apply.compiling import compile_synced
from byleave.apply.matching import Matcher
from byleave.apply.row_keys import empty_ruleset
from byleave.apply.ruleset import KINDS, load_ruleset, ruleset_path
from byleave.apply.run import open_ruleset
from byleave.apply.sections import map_sections, write_sections
from byleave.apply.tables import find_many, new_table, read_only
from byleave.consent import ClaimState, Preference, TargetKind
from byleave.errors import ByleaveError, FormatError, NotFoundError, VerificationError
from byleave.fingerprints import ClaimedPicture
from byleave.processes import Processes
from byleave.release import sync
from byleave.release.rows import table
from byleave.release.writing import write_release

PICTURE = ClaimedPicture((bytes(32), bytes([7]) * 32), 90)


class TestStatements:
    """What was said comes back as it was said."""

    def test_every_row_comes_back(self, tmp_path: Path) -> None:
        rows = [
            row(1, TargetKind.URL, "http://a.example/"),
            row(2, TargetKind.URL, "http://a.example/", Preference.ALLOW, disputed=True),
            row(3, TargetKind.PREFIX, "b.example/p", expires_at=NOW + timedelta(days=3)),
            row(4, TargetKind.HOST, "c.example", effective_at=None, state=ClaimState.FILED),
            row(5, TargetKind.DOMAIN, "d.example", stale=True),
            row(6, TargetKind.DIGEST, bytes(32)),
            row(7, TargetKind.PICTURE, PICTURE.to_text(), ticked=PICTURE.to_text()),
        ]
        ruleset = ruleset_of(rows, tmp_path)
        found = [said for target in range(ruleset.targets) for said in ruleset.statements(target)]
        assert sorted(found, key=lambda said: said.claim) == [one.statement for one in rows]

    def test_only_ticked_pictures_show_their_values(self, tmp_path: Path) -> None:
        hidden = ClaimedPicture((bytes([9]) * 32,), 80).to_text()
        rows = [
            row(1, TargetKind.PICTURE, PICTURE.to_text(), ticked=PICTURE.to_text()),
            row(2, TargetKind.PICTURE, hidden),
        ]
        ruleset = ruleset_of(rows, tmp_path)
        assert {value.tobytes() for value in ruleset.picture_values} == set(PICTURE.variants)
        assert {ruleset.claims_of(int(t))[0] for t in ruleset.picture_targets} == {(1).to_bytes(16)}

    def test_an_empty_release_covers_nothing(self, tmp_path: Path) -> None:
        ruleset = ruleset_of([], tmp_path)
        matched = Matcher(ruleset, None).match(pa.array(["http://a.example/"]), None, 1)
        assert (ruleset.targets, len(matched.rows)) == (0, 0)

    @pytest.mark.parametrize("kind", KINDS)
    def test_one_row_of_any_kind_is_found(self, kind: TargetKind, tmp_path: Path) -> None:
        value: str | bytes = bytes(32) if kind.value in {"digest", "text", "sound"} else "http://a.example/b"
        if kind in {TargetKind.HOST, TargetKind.DOMAIN}:
            value = "a.example"
        ruleset = ruleset_of([row(1, kind, value)], tmp_path)
        assert [ruleset.kind_of(target) for target in range(ruleset.targets)] == [kind]


class TestTables:
    """Open addressing finds every key and no other, under any secret."""

    @pytest.mark.parametrize("size", [0, 1, 2, 3, 1000])
    def test_every_key_is_found_and_no_other(self, size: int) -> None:
        generator = np.random.default_rng(size)
        keys = generator.integers(0, 2**63, (size + 50, 4)).astype(np.uint64)
        secret = np.array([1, 2], np.uint64)
        places = np.empty(size + 50, np.int64)
        find_many(new_table(keys[:size], secret), new_table(keys[:1], secret).slots[:2], keys[:0], places[:0])
        view = keys.view()
        view.flags.writeable = False
        secret.flags.writeable = False
        find_many(new_table(keys[:size], secret), secret, view, places)
        assert places.tolist() == [*range(size), *[-1] * 50]

    def test_keys_that_differ_in_their_last_bit_are_told_apart(self) -> None:
        keys = np.zeros((1, 4), np.uint64)
        near = np.array([[0, 0, 0, 1 << 63]], np.uint64)
        secret = np.array([3, 4], np.uint64)
        near.flags.writeable = secret.flags.writeable = False
        places = np.empty(1, np.int64)
        find_many(new_table(keys, secret), secret, near, places)
        assert places[0] == -1

    @pytest.mark.parametrize("step", [0, 1 << 32])
    def test_keys_that_crowd_one_line_are_found_behind_it(self, step: int) -> None:
        # Under a secret of zeros a second word of one leaves the first as it is: all begin in the first line, with one tag or with many.
        secret = np.zeros(2, np.uint64)
        numbers = np.arange(1, 61, dtype=np.uint64)
        keys = np.stack([numbers * np.uint64(step), numbers**0, numbers, numbers], axis=1)
        places = np.empty(60, np.int64)
        find_many(new_table(keys[:40], secret), read_only(secret), read_only(keys), places)
        assert places.tolist() == [*range(40), *[-1] * 20]

    @pytest.mark.parametrize("there", [[], [1], [0], [1, 0, 2]])
    def test_a_tag_of_zero_is_not_taken_for_a_free_slot(self, there: list[int]) -> None:
        # Under a secret of zeros a key of zeros gets this tag; under others one key in four thousand millions does.
        secret, keys = np.zeros(2, np.uint64), np.repeat(np.array(there, np.uint64), 4).reshape(-1, 4)
        places = np.empty(1, np.int64)
        table, wanted = new_table(keys, secret), read_only(np.zeros((1, 4), np.uint64))
        find_many(table, read_only(secret), wanted, places)
        assert places.tolist() == [there.index(0) if 0 in there else -1]


class TestFile:
    """A file that is damaged, foreign or of another release is refused, and the remedy is to compile again."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        return synced(
            tmp_path, [row(1, TargetKind.HOST, "a.example"), row(2, TargetKind.URL, "http://b.example/")]
        )

    def test_a_compiled_release_opens(self, home: Path) -> None:
        release, ruleset = open_ruleset(home)
        assert (release.number, ruleset.targets) == (1, 2)

    def test_the_file_is_readable_by_its_owner_only(self, home: Path) -> None:
        assert ruleset_path(home, 1).stat().st_mode & 0o077 == 0

    def test_every_compilation_draws_its_own_secret(self, home: Path) -> None:
        secrets = [map_sections(compile_synced(home))[1]["secret"].tobytes() for _ in range(2)]
        assert secrets[0] != secrets[1]

    def test_a_missing_file_is_an_error(self, home: Path) -> None:
        ruleset_path(home, 1).unlink()
        with pytest.raises(NotFoundError, match="byleave sync"):
            open_ruleset(home)

    @pytest.mark.parametrize("content", [b"", b"BYLVRULE", b"not a ruleset" * 20])
    def test_another_file_is_refused(self, home: Path, content: bytes) -> None:
        ruleset_path(home, 1).write_bytes(content)
        with pytest.raises(FormatError, match="not a compiled ruleset"):
            open_ruleset(home)

    def test_another_format_version_is_refused(self, home: Path) -> None:
        content = bytearray(ruleset_path(home, 1).read_bytes())
        content[8] = 9
        ruleset_path(home, 1).write_bytes(content)
        with pytest.raises(FormatError, match="format version 9") as caught:
            open_ruleset(home)
        assert "compile it again" in caught.value.remedy

    def test_any_flipped_byte_is_refused(self, home: Path) -> None:
        whole = ruleset_path(home, 1).read_bytes()
        _, arrays = map_sections(ruleset_path(home, 1))
        expected = {name: array.tobytes() for name, array in arrays.items()}
        for place in range(0, len(whole), 97):
            content = bytearray(whole)
            content[place] ^= 0x10
            ruleset_path(home, 1).write_bytes(content)
            try:
                _, arrays = map_sections(ruleset_path(home, 1))
            except ByleaveError:
                continue
            # Only the padding between sections is not covered by a checksum.
            assert {name: array.tobytes() for name, array in arrays.items()} == expected

    def test_a_file_cut_short_is_refused(self, home: Path) -> None:
        content = ruleset_path(home, 1).read_bytes()
        ruleset_path(home, 1).write_bytes(content[: len(content) - 8])
        with pytest.raises(VerificationError):
            open_ruleset(home)

    def test_the_ruleset_of_another_release_is_refused(self, home: Path) -> None:
        path = ruleset_path(home, 1)
        with pytest.raises(VerificationError, match="another release"):
            load_ruleset(path, 2, bytes(32))

    def test_a_new_release_replaces_the_ruleset(self, home: Path) -> None:
        releases = home.parent / "releases"
        write_release(
            releases, [row(3, TargetKind.HOST, "c.example")], number=3, published_at=NOW, policy={}, key=KEY
        )
        sync(str(releases), home)
        assert compile_synced(home) == ruleset_path(home, 3)
        assert [path.name for path in home.glob("ruleset-*")] == ["ruleset-3.bin"]

    def test_a_tampered_release_is_not_compiled(self, home: Path) -> None:
        claims = home / "releases" / "1" / "claims.parquet"
        claims.write_bytes(claims.read_bytes()[:-1] + b"x")
        with pytest.raises(VerificationError):
            compile_synced(home)

    def test_a_table_that_would_never_end_a_search_is_refused(self, tmp_path: Path) -> None:
        compile_table(table([row(1, TargetKind.HOST, "a.example")]), tmp_path / "r")
        _, mapped = map_sections(tmp_path / "r")
        arrays = dict(mapped)
        arrays["slots.host"] = np.full(2, 5, np.uint64)
        write_sections(tmp_path / "r", {"number": 1, "manifest_sha256": "00"}, arrays)
        with pytest.raises(VerificationError, match="table"):
            load_ruleset(tmp_path / "r", 1, b"\0")


class TestRelease:
    """Values this version does not know are refused, never read as silence."""

    @pytest.mark.parametrize(
        ("name", "value"),
        [("kind", "smell"), ("train_gen", 4), ("evidence", 6), ("state", "dreamt"), ("scope_host", None)],
        ids=["kind", "preference", "evidence level", "state", "prefix without its host"],
    )
    def test_what_is_unknown_or_missing_is_refused(self, name: str, value: object, tmp_path: Path) -> None:
        rows = table([row(1, TargetKind.PREFIX, "a.example/b")])
        place = rows.schema.get_field_index(name)
        changed = rows.set_column(
            place,
            rows.schema.field(name).with_nullable(True),
            pa.array([value], rows.schema.field(name).type),
        )
        with pytest.raises(FormatError) as caught:
            compile_table(changed, tmp_path / "r")
        assert list(tmp_path.iterdir()) == []
        assert "update Byleave" in caught.value.remedy


def test_the_loop_over_links_is_compiled_once_for_lists_from_files_and_for_none(tmp_path: Path) -> None:
    mapped = ruleset_of([row(1, TargetKind.HOST, "a.example")], tmp_path)
    types = {typeof(one.kernel_tables()) for one in (mapped, empty_ruleset())}  # type: ignore[no-untyped-call]  # numba's
    assert len(types) == 1


def pages_of(path: Path, number: int, digest: bytes) -> tuple[int, int]:
    """Read all of a ruleset; return how much of its file this process has mapped, and its share where others have too, in KiB."""
    ruleset = load_ruleset(path, number, digest)
    for array in (ruleset.records, ruleset.starts, ruleset.tables[TargetKind.URL].keys):
        array.sum()
    mapped = Path("/proc/self/smaps").read_text().partition(f" {path}\n")[2]
    facts = dict(line.split(":") for line in mapped.splitlines()[:20] if ":" in line)
    return int(facts["Rss"].split()[0]), int(facts["Pss"].split()[0])


@pytest.mark.skipif(not Path("/proc/self/smaps").is_file(), reason="only Linux says how memory is shared")
def test_processes_that_map_one_ruleset_share_its_memory(tmp_path: Path) -> None:
    folder = synced(tmp_path, [row(n, TargetKind.URL, f"http://a.example/{n}") for n in range(1, 3000)])
    release = open_ruleset(folder)[0]
    given = ruleset_path(folder, release.number), release.number, release.manifest_digest
    held = load_ruleset(*given)
    for array in (held.records, held.starts, held.tables[TargetKind.URL].keys):
        array.sum()
    with Processes(1) as workers:
        resident, share = workers.submit(pages_of, *given).result()
    assert resident > 100
    assert share < 0.6 * resident
