"""`apply` from objects and into objects, with a server that speaks S3: the same bytes as in folders, at once or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.objects import Bucket, bucket
from tests.unit.apply.datasets_in_forms import FORMS, Form
from tests.unit.apply.worlds import NOW, coverage_file, links_file, request, row, synced

from byleave.apply.binding import COVERING, KEPT, REMOVED
from byleave.apply.card import CARD, README
from byleave.apply.noting import NOTES
from byleave.apply.opening import Bound
from byleave.apply.report import Report
from byleave.apply.request import ApplyRequest
from byleave.apply.run import apply_ruleset
from byleave.apply.shard import Unchecked
from byleave.apply.sources import dataset_version
from byleave.consent import TargetKind
from byleave.datasets import source_digest
from byleave.errors import (
    ConflictError,
    FormatError,
    InputError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    VerificationError,
)
from byleave.release import open_synced
from byleave.storage.objects import ObjectFolder
from byleave.storage.outputs import read_output_note

pytestmark = pytest.mark.functional
FILES = 4


@pytest.fixture(scope="module")
def storage() -> Iterator[Bucket]:
    with bucket() as held:
        yield held


@pytest.fixture(autouse=True)
def _environment(storage: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in storage.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    synced(folder, [row(1, TargetKind.HOST, "a.example")])
    for place in range(FILES):
        urls = [f"https://{'abc'[n % 3]}.example/{place}-{n}" for n in range(300)]
        links_file(folder / "data" / f"part-{place}.parquet", urls)
    return folder


@pytest.fixture
def place(request: pytest.FixtureRequest) -> str:
    """Give a name in the bucket that this test alone uses."""
    return hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]


@pytest.fixture
def asked(home: Path, storage: Bucket, place: str) -> ApplyRequest:
    """Ask to apply to the data of this test, in objects."""
    source = storage.upload(home / "data", f"{place}/in")
    return request(home, source, output=ObjectFolder.of(storage.url(f"{place}/out")))


def in_folder(home: Path, source: Path, out: Path, **others: Any) -> dict[str, bytes]:
    apply_ruleset(request(home, source, output=out, **others), NOW)
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


class TestSameBytes:
    """What is written does not depend on where."""

    @pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
    def test_every_form_is_written_as_in_a_folder(
        self, tmp_path: Path, storage: Bucket, place: str, form: Form
    ) -> None:
        synced(tmp_path, [row(1, TargetKind.HOST, "a.example"), row(2, TargetKind.DIGEST, bytes(32))])
        form.make(tmp_path / "data")
        source = storage.upload(tmp_path / "data", f"{place}/in")
        chosen = {"unchecked": Unchecked.KEEP}
        target = ObjectFolder.of(storage.url(f"{place}/out"))
        apply_ruleset(request(tmp_path, source, output=target, **chosen), NOW)
        if form.name == "lance":  # names its files by chance
            assert apply_again(tmp_path, target, storage, place).removed == 0
        else:
            expected = in_folder(tmp_path, tmp_path / "data", tmp_path / "out", **chosen)
            assert storage.contents(f"{place}/out") == expected

    def test_from_a_folder_into_objects_and_back(
        self, home: Path, asked: ApplyRequest, tmp_path: Path
    ) -> None:
        here = request(home, home / "data", output=tmp_path / "out")
        assert apply_ruleset(replace(here, output=asked.output), NOW).removed == FILES * 100
        again = apply_ruleset(replace(here, input=str(asked.output)), NOW)
        assert (again.rows, again.removed, again.left_out) == (FILES * 200, 0, ())

    def test_one_object_is_an_input(
        self, home: Path, asked: ApplyRequest, storage: Bucket, place: str
    ) -> None:
        apply_ruleset(replace(asked, input=f"{asked.input}/part-2.parquet"), NOW)
        names = set(storage.contents(f"{place}/out"))
        assert {name for name in names if not name.startswith("_byleave")} == {"part-2.parquet", CARD}

    def test_what_a_card_says_of_files_goes_along(
        self, home: Path, asked: ApplyRequest, storage: Bucket, place: str
    ) -> None:
        configs = b"configs:\n- config_name: last\n  data_files: part-3.parquet\n"
        storage.put(f"{place}/in/{README}", b"---\n" + b"# long\n" * 20_000 + configs + b"---\n")
        target = ObjectFolder.of(storage.url(f"{place}/again"))
        assert apply_ruleset(asked, NOW).left_out == (README,)
        assert apply_ruleset(replace(asked, input=str(asked.output), output=target), NOW).left_out == ()
        for name in ("out", "again"):
            assert storage.contents(f"{place}/{name}")[CARD].endswith(configs)

    def test_several_processes_write_the_same(
        self, home: Path, asked: ApplyRequest, storage: Bucket, place: str, tmp_path: Path
    ) -> None:
        apply_ruleset(replace(asked, workers=2), NOW)
        assert storage.contents(f"{place}/out") == in_folder(home, home / "data", tmp_path / "out")

    def test_a_coverage_is_held_to_the_bytes_of_the_objects(
        self, home: Path, asked: ApplyRequest, tmp_path: Path
    ) -> None:
        facts: dict[str, Any] = {
            "release_manifest": open_synced(home / "synced").manifest_digest,
            "version": dataset_version([source_digest(home / "data")]),
            "checked": ["https://b.example/0-1"],
        }
        fitting = coverage_file(tmp_path / "fitting.zip", **facts)
        other = coverage_file(tmp_path / "other.zip", **facts | {"version": "0" * 64})
        with pytest.raises(VerificationError, match="another version"):
            apply_ruleset(replace(asked, coverage=other), NOW)
        report = apply_ruleset(replace(asked, coverage=fitting), NOW)
        assert report.dataset_version == facts["version"]


class TestTheNote:
    """An output is what ``_byleave.json`` names, and nothing without it."""

    def test_it_names_every_object_with_size_and_digest(
        self, asked: ApplyRequest, storage: Bucket, place: str
    ) -> None:
        apply_ruleset(asked, NOW)
        held = storage.contents(f"{place}/out")
        note = read_output_note(held.pop("_byleave.json"), "the note")
        assert {(file.name, file.size, file.sha256) for file in note} == {
            (name, len(content), hashlib.sha256(content).hexdigest()) for name, content in held.items()
        }

    def test_until_it_is_there_the_output_is_no_input(
        self, asked: ApplyRequest, storage: Bucket, place: str
    ) -> None:
        interrupted(asked, after=2)
        assert "part-0.parquet" in storage.contents(f"{place}/out")
        reader = replace(
            asked, input=str(asked.output), output=ObjectFolder.of(storage.url(f"{place}/again"))
        )
        with pytest.raises(ConflictError, match="not finished"):
            apply_ruleset(reader, NOW)

    def test_an_object_that_is_not_what_it_says_is_refused(
        self, asked: ApplyRequest, storage: Bucket, place: str
    ) -> None:
        apply_ruleset(asked, NOW)
        reader = replace(
            asked, input=str(asked.output), output=ObjectFolder.of(storage.url(f"{place}/again"))
        )
        content = storage.contents(f"{place}/out")["part-1.parquet"]
        storage.put(f"{place}/out/part-1.parquet", content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
        with pytest.raises(VerificationError, match=r"part-1\.parquet is not what _byleave\.json says"):
            apply_ruleset(reader, NOW)
        assert storage.contents(f"{place}/again") == {}

    def test_objects_it_does_not_name_are_not_there(
        self, asked: ApplyRequest, storage: Bucket, place: str, home: Path
    ) -> None:
        apply_ruleset(asked, NOW)
        storage.put(f"{place}/out/stray.parquet", (home / "data" / "part-0.parquet").read_bytes())
        again = ObjectFolder.of(storage.url(f"{place}/again"))
        assert apply_ruleset(replace(asked, input=str(asked.output), output=again), NOW).rows == FILES * 200


class TestConflicts:
    """Nothing of anybody else is replaced or removed."""

    def test_an_output_is_never_written_over(self, asked: ApplyRequest, storage: Bucket, place: str) -> None:
        apply_ruleset(asked, NOW)
        before = storage.contents(f"{place}/out")
        with pytest.raises(ConflictError, match="is there already"):
            apply_ruleset(asked, NOW + timedelta(hours=1))
        assert storage.contents(f"{place}/out") == before

    def test_a_place_that_holds_anything_is_refused(
        self, asked: ApplyRequest, storage: Bucket, place: str
    ) -> None:
        storage.put(f"{place}/out/mine.txt", b"mine")
        with pytest.raises(ConflictError, match="is not empty"):
            apply_ruleset(asked, NOW)
        assert storage.contents(f"{place}/out") == {"mine.txt": b"mine"}

    def test_whoever_commits_second_is_told_and_replaces_nothing(
        self, asked: ApplyRequest, storage: Bucket, place: str
    ) -> None:
        def meanwhile(step: str, done: int, total: int) -> None:
            if (step, done) == ("apply", total):
                storage.put(f"{place}/out/_byleave.json", b"somebody else's")

        with pytest.raises(ConflictError, match="another run has written"):
            apply_ruleset(asked, NOW, meanwhile)
        assert storage.contents(f"{place}/out")["_byleave.json"] == b"somebody else's"

    def test_a_place_where_another_request_is_at_work_is_left_to_it(
        self, asked: ApplyRequest, storage: Bucket, place: str
    ) -> None:
        interrupted(asked, after=1)
        before = storage.contents(f"{place}/out")
        with pytest.raises(ConflictError, match="another command is writing"):
            apply_ruleset(replace(asked, with_pending=True), NOW)
        assert storage.contents(f"{place}/out") == before

    def test_an_input_that_changes_meanwhile_is_an_error_and_leaves_nothing(
        self, asked: ApplyRequest, storage: Bucket, place: str, home: Path
    ) -> None:
        def meanwhile(step: str, done: int, total: int) -> None:
            if (step, done) == ("apply", 1):
                other = (home / "data" / "part-0.parquet").read_bytes()
                storage.put(f"{place}/in/part-3.parquet", other)

        with pytest.raises(ConflictError, match="changed while it was read"):
            apply_ruleset(asked, NOW, meanwhile)
        assert storage.contents(f"{place}/out") == {}


class TestGoingOn:
    """A run that was ended goes on; one that cannot go on leaves nothing."""

    def test_an_ended_run_goes_on_under_its_moment_and_writes_the_same(
        self, home: Path, asked: ApplyRequest, storage: Bucket, place: str, tmp_path: Path
    ) -> None:
        interrupted(asked, after=2)
        finished = storage.client.head_object(Bucket=storage.name, Key=f"{place}/out/part-0.parquet")
        report = apply_ruleset(asked, NOW + timedelta(minutes=5))
        assert report.run.at == NOW
        assert storage.contents(f"{place}/out") == in_folder(home, home / "data", tmp_path / "out")
        again = storage.client.head_object(Bucket=storage.name, Key=f"{place}/out/part-0.parquet")
        assert again["LastModified"] == finished["LastModified"]

    def test_after_a_day_it_begins_anew(self, asked: ApplyRequest) -> None:
        interrupted(asked, after=2)
        later = NOW + timedelta(hours=25)
        assert apply_ruleset(asked, later).run.at == later

    def test_a_network_that_goes_away_leaves_no_output_and_the_next_run_goes_on(
        self, home: Path, asked: ApplyRequest, storage: Bucket, place: str, tmp_path: Path
    ) -> None:
        def meanwhile(step: str, done: int, total: int) -> None:
            if (step, done) == ("apply", 2):
                storage.stop()

        try:
            with pytest.raises(UnavailableError, match="cannot be reached") as told:
                apply_ruleset(asked, NOW, meanwhile)
        finally:
            storage.start()
        assert "test-secret" not in str(told.value)
        assert "_byleave.json" not in storage.contents(f"{place}/out")
        apply_ruleset(asked, NOW + timedelta(minutes=1))
        assert storage.contents(f"{place}/out") == in_folder(home, home / "data", tmp_path / "out")

    def test_a_damaged_object_is_an_error_and_leaves_nothing(
        self, asked: ApplyRequest, storage: Bucket, place: str
    ) -> None:
        storage.put(f"{place}/in/part-2.parquet", b"PAR1 and no more")
        with pytest.raises(FormatError, match="cannot be read as Parquet"):
            apply_ruleset(asked, NOW)
        assert storage.contents(f"{place}/out") == {}

    def test_a_damaged_archive_is_called_what_it_is_called_among_the_objects(
        self, asked: ApplyRequest, storage: Bucket, place: str
    ) -> None:
        storage.put(f"{place}/in/broken.tar", b"")
        with pytest.raises(FormatError, match=r"^broken\.tar ends without its end mark"):
            apply_ruleset(asked, NOW)

    def test_rows_nobody_spoke_about_are_asked_about_and_leave_nothing(
        self, tmp_path: Path, asked: ApplyRequest, storage: Bucket, place: str
    ) -> None:
        synced(tmp_path, [row(1, TargetKind.DIGEST, bytes(32))])
        with pytest.raises(InputError, match="could not be checked"):
            apply_ruleset(replace(asked, ruleset=tmp_path / "synced"), NOW)
        assert storage.contents(f"{place}/out") == {}


class TestRefusals:
    """Clear words about what is missing."""

    def test_a_bucket_that_is_not_there_is_named(self, asked: ApplyRequest) -> None:
        with pytest.raises(NotFoundError, match="there is no bucket 'no-such-bucket'"):
            apply_ruleset(replace(asked, input="s3://no-such-bucket/in"), NOW)
        with pytest.raises(NotFoundError, match="there is no bucket 'no-such-bucket'"):
            apply_ruleset(replace(asked, output=ObjectFolder.of("s3://no-such-bucket/out")), NOW)

    def test_an_empty_place_is_no_input(self, asked: ApplyRequest, storage: Bucket) -> None:
        with pytest.raises(NotFoundError, match="nothing stands at"):
            apply_ruleset(replace(asked, input=storage.url("nothing/here")), NOW)

    def test_without_credentials_it_says_what_to_set(
        self, asked: ApplyRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9/latest/api/token")
        with pytest.raises(RefusedError, match="nothing says who we are") as told:
            apply_ruleset(replace(asked, input="s3://a-bucket-never-asked-before/in"), NOW)
        assert "AWS_ACCESS_KEY_ID" in told.value.remedy

    @pytest.mark.parametrize("text", ["s3://", "s3:///x", "s3://b/../x", "s3://b//x", "https://b/x"])
    def test_an_address_that_leads_elsewhere_is_refused(self, text: str) -> None:
        with pytest.raises(InputError, match="is no address of objects"):
            ObjectFolder.of(text)


class TestBinding:
    """Entries are bound amid a run into objects too, and no note on them is left there."""

    def test_the_same_entries_are_bound(
        self, asked: ApplyRequest, home: Path, storage: Bucket, place: str, tmp_path: Path
    ) -> None:
        apply_ruleset(replace(asked, bind=tmp_path / "bound"), NOW)
        in_folder(home, home / "data", tmp_path / "out", bind=tmp_path / "here")
        for folder in ("bound", "here"):
            Bound.open(tmp_path / folder)
        for name in (KEPT, REMOVED, COVERING):
            assert (tmp_path / "bound" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()
        assert not [name for name in storage.contents(f"{place}/out") if name.endswith(NOTES)]


def apply_again(home: Path, target: ObjectFolder, storage: Bucket, place: str) -> Report:
    again = ObjectFolder.of(storage.url(f"{place}/again"))
    return apply_ruleset(request(home, str(target), output=again, unchecked=Unchecked.KEEP), NOW)


def interrupted(asked: ApplyRequest, *, after: int) -> None:
    """End a run when so many shards are done, as Ctrl-C does."""

    def end(step: str, done: int, total: int) -> None:
        if (step, done) == ("apply", after):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply_ruleset(asked, NOW, end)
