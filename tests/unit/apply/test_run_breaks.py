"""What hinders a run ends in an error without output, and a run that broke off goes on."""

from __future__ import annotations

import hashlib
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.unit.apply.pictured import picture, tar_shard
from tests.unit.apply.worlds import NOW, URLS, kept_rows, links_file, request, row, synced

from byleave.apply.forms.lines import LineFormat, LineList
from byleave.apply.inputs import InputFile, reading_parquet
from byleave.apply.run import apply_ruleset
from byleave.apply.shard import Unchecked
from byleave.apply.sidecars.shards import read_picture
from byleave.apply.sources import dataset_version
from byleave.consent import TargetKind
from byleave.datasets import source_digest
from byleave.errors import (
    ConflictError,
    FormatError,
    InputError,
    NotFoundError,
    UnavailableError,
    VerificationError,
)
from byleave.settings import Limits


class TestRefusals:
    """What does not verify, does not exist or would be overwritten ends in an error and no output."""

    @pytest.fixture
    def world(self, tmp_path: Path) -> Path:
        synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
        links_file(tmp_path / "links.parquet", URLS)
        return tmp_path

    def test_a_tampered_release_is_an_error(self, world: Path) -> None:
        manifest = world / "synced" / "releases" / "1" / "manifest.json"
        manifest.write_bytes(manifest.read_bytes().replace(b"1", b"2", 1))
        with pytest.raises(VerificationError):
            apply_ruleset(request(world, world / "links.parquet"), NOW)
        assert not (world / "out").exists()

    def test_a_folder_that_was_never_synced_is_an_error(self, world: Path) -> None:
        with pytest.raises(NotFoundError, match="no synced registry"):
            apply_ruleset(request(world, world / "links.parquet", ruleset=world / "elsewhere"), NOW)

    def test_an_output_that_is_there_is_not_touched(self, world: Path) -> None:
        (world / "out").mkdir()
        (world / "out" / "mine").write_text("keep me")
        with pytest.raises(ConflictError, match="is there already"):
            apply_ruleset(request(world, world / "links.parquet"), NOW)
        assert [path.name for path in (world / "out").iterdir()] == ["mine"]

    def test_an_output_inside_the_input_is_refused(self, world: Path) -> None:
        links_file(world / "data" / "links.parquet", URLS)
        for output in (world / "data" / "clean", world / "data" / "below" / "clean"):
            with pytest.raises(ConflictError, match="lies inside"):
                apply_ruleset(request(world, world / "data", output=output), NOW)
        assert [path.name for path in (world / "data").iterdir()] == ["links.parquet"]

    def test_an_empty_output_folder_is_filled(self, world: Path) -> None:
        (world / "out").mkdir()
        assert apply_ruleset(request(world, world / "links.parquet"), NOW).kept == 2

    def test_an_input_that_is_not_there_is_an_error(self, world: Path) -> None:
        with pytest.raises(NotFoundError, match="neither a file"):
            apply_ruleset(request(world, "no-such-thing"), NOW)

    def test_lists_and_reports_of_an_earlier_run_are_no_part_of_the_dataset(self, world: Path) -> None:
        first = apply_ruleset(request(world, world / "links.parquet"), NOW)
        again = apply_ruleset(replace(request(world, world / "out"), output=world / "again"), NOW)
        assert (again.rows, again.removed, again.left_out) == (first.kept, 0, ())


class TestDatasetByName:
    """A dataset's name stands for its Parquet sources, as they were when they were ingested."""

    def described(self, tmp_path: Path, *sources: dict[str, Any]) -> Path:
        synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
        folder = tmp_path / "home" / "catalog" / "set"
        folder.mkdir(parents=True)
        digests = [source["digest"] for source in sources]
        content = {"name": "set", "version": dataset_version(digests), "sources": sources}
        (folder / "dataset.json").write_text(json.dumps(content))
        return tmp_path

    def source(self, path: Path, **others: Any) -> dict[str, Any]:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return {"path": str(path), "format": "parquet", "digest": digest, "finished": True} | others

    def test_the_sources_with_links_are_read_and_the_others_left(self, tmp_path: Path) -> None:
        links = links_file(tmp_path / "links.parquet", URLS)
        pictures = {"path": "/nowhere", "format": "folder", "digest": "00" * 32, "finished": True}
        world = self.described(tmp_path, self.source(links), pictures)
        report = apply_ruleset(request(world, "set"), NOW)
        assert (report.dataset, report.kept) == ("set", 2)

    def test_shards_with_pictures_are_applied_to_by_the_name_of_their_dataset(self, tmp_path: Path) -> None:
        tar_shard(tmp_path / "shards", "00000", [picture(3), picture(8)])
        shards = tmp_path / "shards"
        described = {
            "path": str(shards),
            "format": "img2dataset",
            "digest": source_digest(shards),
            "finished": True,
        }
        world = self.described(tmp_path, described)
        report = apply_ruleset(request(world, "set", unchecked=Unchecked.KEEP), NOW)
        assert (report.dataset, report.kept) == ("set", 2)

    def test_a_source_that_changed_is_an_error(self, tmp_path: Path) -> None:
        links = links_file(tmp_path / "links.parquet", URLS)
        world = self.described(tmp_path, self.source(links))
        links_file(links, URLS[:3])
        with pytest.raises(VerificationError, match="has changed"):
            apply_ruleset(request(world, "set"), NOW)

    def test_a_dataset_of_pictures_alone_has_nothing_to_write(self, tmp_path: Path) -> None:
        pictures = {"path": "/nowhere", "format": "folder", "digest": "00" * 32, "finished": True}
        with pytest.raises(InputError, match="pictures alone"):
            apply_ruleset(request(self.described(tmp_path, pictures), "set"), NOW)

    def test_a_dataset_that_is_not_read_in_whole_is_refused(self, tmp_path: Path) -> None:
        links = links_file(tmp_path / "links.parquet", URLS)
        world = self.described(tmp_path, self.source(links, finished=False))
        with pytest.raises(InputError, match="not read in whole"):
            apply_ruleset(request(world, "set"), NOW)


class TestNothingIsLeft:
    """A run that is refused leaves nothing behind, whatever it had begun."""

    @pytest.fixture
    def world(self, tmp_path: Path) -> Path:
        synced(tmp_path, [row(1, TargetKind.DIGEST, bytes(32))])
        for place in range(3):
            links_file(tmp_path / "data" / f"{place}.parquet", ["http://b.example/2"])
        return tmp_path

    @pytest.mark.parametrize("output", ["out", "new/folders/out"])
    def test_before_anything_is_written(self, world: Path, output: str) -> None:
        before = contents(world)
        with pytest.raises(InputError, match="could not be checked"):
            apply_ruleset(request(world, world / "data", output=world / output), NOW)
        assert contents(world) == before
        assert not list(world.glob(".*"))
        assert not (world / "new").exists()

    @pytest.mark.parametrize("workers", [1, 2])
    def test_amid_the_files(self, world: Path, workers: int) -> None:
        last = world / "data" / "2.parquet"
        with last.open("r+b") as file:
            file.seek(4)
            file.write(bytes(24))
        asked = request(world, world / "data", unchecked=Unchecked.KEEP, workers=workers)
        with pytest.raises(FormatError, match=r"2\.parquet"):
            apply_ruleset(asked, NOW)
        assert not list(world.glob(".*"))

    def test_but_folders_that_somebody_else_uses(self, world: Path) -> None:
        def use(step: str, done: int, total: int) -> None:
            (world / "new" / "mine").touch()

        with pytest.raises(InputError, match="could not be checked"):
            apply_ruleset(request(world, world / "data", output=world / "new" / "out"), NOW, use)
        assert [path.name for path in (world / "new").iterdir()] == ["mine"]


class TestResume:
    """A run that broke off goes on; a run of something else begins anew."""

    def broken(self, world: Path, after: int) -> None:
        """Break a run off after ``after`` files."""

        class StoppedError(Exception):
            pass

        def stop(step: str, done: int, total: int) -> None:
            if done > 6 * after:
                raise StoppedError

        with pytest.raises(StoppedError):
            apply_ruleset(request(world, world / "data"), NOW, stop)

    @pytest.fixture
    def world(self, tmp_path: Path) -> Path:
        synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
        for place in range(3):
            links_file(tmp_path / "data" / f"{place}.parquet", URLS)
        return tmp_path

    def test_finished_files_are_used_and_the_output_is_the_same(self, world: Path) -> None:
        whole = request(world, world / "data", output=world / "whole")
        apply_ruleset(whole, NOW)
        self.broken(world, 2)
        assert not (world / "out").exists()
        steps: list[int] = []
        apply_ruleset(
            request(world, world / "data"), NOW + timedelta(hours=1), lambda s, done, t: steps.append(done)
        )
        assert contents(world / "out") == contents(world / "whole")
        assert [path for path in world.iterdir() if path.name.startswith(".out")] == []

    def test_a_changed_input_begins_anew(self, world: Path) -> None:
        self.broken(world, 2)
        links_file(world / "data" / "0.parquet", URLS[:2])
        apply_ruleset(request(world, world / "data"), NOW)
        assert kept_rows(world / "out", "0.parquet") == [1]

    def test_a_damaged_leftover_is_written_again(self, world: Path) -> None:
        self.broken(world, 2)
        (written,) = world.glob(".out.apply-*/shards/000000-*/out/0.parquet")
        written.write_bytes(b"half")
        apply_ruleset(request(world, world / "data"), NOW)
        assert kept_rows(world / "out", "0.parquet") == [1, 3]

    def test_after_a_day_the_moment_of_the_run_is_stale(self, world: Path) -> None:
        self.broken(world, 2)
        report = apply_ruleset(request(world, world / "data"), NOW + timedelta(days=2))
        assert report.run.at == NOW + timedelta(days=2)

    def test_a_file_that_changes_under_the_run_is_an_error(self, world: Path) -> None:
        def meddle(step: str, done: int, total: int) -> None:
            if done == total:
                links_file(world / "data" / "0.parquet", URLS[:1])

        with pytest.raises(ConflictError, match="changed while it was read"):
            apply_ruleset(request(world, world / "data"), NOW, meddle)
        assert not (world / "out").exists()

    @pytest.mark.parametrize("name", ["links.parquet", "links.csv", "metadata/metadata_0.parquet"])
    def test_a_disk_without_room_is_not_blamed_on_the_input(self, tmp_path: Path, name: str) -> None:
        synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
        links = [f"https://b.example/{hashlib.sha256(b'%d' % at).hexdigest()}" for at in range(5_000)]
        (tmp_path / "data" / "img_emb").mkdir(parents=True)
        if name.startswith("metadata"):
            np.save(tmp_path / "data" / "img_emb" / "img_emb_0.npy", np.zeros((len(links), 1), np.float16))
        if name.endswith(".parquet"):
            links_file(tmp_path / "data" / name, links)
        else:
            (tmp_path / "data" / name).write_text("url\n" + "\n".join(links))
        with files_of_at_most(50_000), pytest.raises(UnavailableError, match="nothing more can be written"):
            apply_ruleset(request(tmp_path, tmp_path / "data"), NOW)
        assert not (tmp_path / "out").exists()
        assert apply_ruleset(request(tmp_path, tmp_path / "data"), NOW).kept == 5_000

    @pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="a file that cannot be read is Linux's")
    def test_a_disk_that_does_not_answer_is_not_blamed_on_the_file(self) -> None:
        memory = Path("/proc/self/mem")  # nothing can be read at its beginning
        with pytest.raises(UnavailableError, match="cannot be read now") as told, reading_parquet(memory):
            pa.OSFile(str(memory)).read_at(1, 0)
        assert "goes on" in told.value.remedy

    @pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="a file that cannot be read is Linux's")
    def test_nor_on_a_list_by_lines_or_a_picture(self) -> None:
        memory = InputFile(Path("/proc/self/mem"), "mem")
        with pytest.raises(UnavailableError, match="/proc/self/mem cannot be read now"):
            LineList(memory, LineFormat.TXT).count()
        with pytest.raises(UnavailableError, match="/proc/self/mem cannot be read now"):
            read_picture(memory.path, Limits())


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let this process write no file beyond a size, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
