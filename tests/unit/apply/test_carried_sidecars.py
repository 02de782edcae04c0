"""Fingerprints go through a run: what stands beside the rows of an output is what would be made of it, row for row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.apply.pictured import (
    BROKEN,
    LIMITS,
    fingerprinted,
    image_cells,
    picture,
    picture_row,
    reposted,
    tar_shard,
)
from tests.unit.apply.worlds import NOW, links_file, request, row, synced

from byleave.apply.modes import Mode
from byleave.apply.report import Report
from byleave.apply.run import apply_ruleset
from byleave.apply.shard import Unchecked
from byleave.apply.sidecars.carrying import carry_over
from byleave.apply.sidecars.file import (
    ROWS_OF_A_GROUP,
    SCHEMA,
    SIDECAR_FOLDER,
    SidecarRow,
    SidecarWriter,
    read_facts,
)
from byleave.apply.sources import find_input
from byleave.consent import Regime, TargetKind
from byleave.errors import VerificationError
from byleave.fingerprints import PictureFingerprint
from byleave.media.fingerprinting import Fingerprinter
from byleave.storage.outputs import Written, read_output_note

CLAIMED, OTHER = 3, 8
PICTURES = [picture(OTHER), reposted(CLAIMED), BROKEN, picture(CLAIMED), None, picture(OTHER + 1)]


@pytest.fixture(scope="module")
def printer() -> Iterator[Fingerprinter]:
    with Fingerprinter(LIMITS) as one:
        yield one


def applied(world: Path, **others: Any) -> Report:
    asked = {"fingerprints": world / "prints", "unchecked": Unchecked.KEEP} | others
    return apply_ruleset(request(world, world / "data", **asked), NOW)


def every_file(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def carried(folder: Path) -> dict[str, bytes]:
    return every_file(folder / SIDECAR_FOLDER)


def pairs(folder: Path) -> None:
    for place in range(3):
        tar_shard(folder, f"{place:05d}", PICTURES)


def tars_alone(folder: Path) -> None:
    for place in range(2):
        tar_shard(folder, f"{place:05d}", [one for one in PICTURES if one is not None], parquet=False)


def cells(folder: Path) -> None:
    image_cells(folder / "train" / "0.parquet", PICTURES)


@pytest.fixture(params=[pairs, tars_alone, cells])
def form(request: pytest.FixtureRequest, tmp_path: Path, printer: Fingerprinter) -> Path:
    """A dataset in one of the forms that hold their pictures, fingerprinted."""
    synced(tmp_path, [picture_row(1, CLAIMED)])
    request.param(tmp_path / "data")
    fingerprinted(tmp_path / "data", tmp_path / "prints", printer)
    return tmp_path


def test_it_is_what_would_be_made_of_the_output(form: Path, printer: Fingerprinter) -> None:
    assert applied(form).removed > 0
    fingerprinted(form / "out", form / "again", printer)
    assert carried(form / "out") == every_file(form / "again")
    made = fingerprinted(form / "out", form / "out" / SIDECAR_FOLDER, printer)
    assert all(one.before for one in made.values()), "so nothing is decoded again"


def test_applying_twice_is_applying_once(form: Path) -> None:
    first = applied(form)
    asked = {"output": form / "twice", "fingerprints": form / "out", "unchecked": Unchecked.KEEP}
    second = apply_ruleset(request(form, form / "out", **asked), NOW)
    assert (second.removed, second.kept) == (0, first.kept)
    stand = [read_facts(form / "out" / SIDECAR_FOLDER / name) for name in carried(form / "out")]
    assert second.tally.totals["by_fingerprint"] == sum(facts.fingerprinted for facts in stand) > 0
    once, twice = (
        {name: content for name, content in every_file(form / out).items() if "byleave/re" not in name}
        for out in ("out", "twice")
    )
    note = once.pop("_byleave.json"), twice.pop("_byleave.json")
    assert once == twice
    assert note[0] != note[1], "the reports differ"


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shards=st.lists(st.lists(st.integers(-1, 4), max_size=7), min_size=1, max_size=3),
    claims=st.sets(st.integers(0, 4), min_size=1),
)
def test_whatever_goes_each_row_keeps_what_stood_beside_it(
    shards: list[list[int]],
    claims: set[int],
    tmp_path_factory: pytest.TempPathFactory,
    printer: Fingerprinter,
) -> None:
    world = tmp_path_factory.mktemp("world")
    synced(world, [picture_row(seed + 1, seed) for seed in sorted(claims)])
    for place, seeds in enumerate([*shards, [0, 1, 2]]):
        tar_shard(world / "data", f"{place:05d}", [picture(seed) if seed >= 0 else None for seed in seeds])
    fingerprinted(world / "data", world / "prints", printer)
    applied(world)
    for place, seeds in enumerate(shards):
        stays = [seed for seed in seeds if seed not in claims]
        table = pq.read_table(world / "out" / SIDECAR_FOLDER / f"{place:05d}.parquet")
        digests = [hashlib.sha256(picture(seed)).digest() if seed >= 0 else None for seed in stays]
        assert table["sha256"].to_pylist() == digests
        assert table["key"].equals(pq.read_table(world / "out" / f"{place:05d}.parquet")["key"])


@pytest.fixture
def world(tmp_path: Path, printer: Fingerprinter) -> Path:
    synced(tmp_path, [picture_row(1, CLAIMED)])
    pairs(tmp_path / "data")
    fingerprinted(tmp_path / "data", tmp_path / "prints", printer)
    return tmp_path


def test_every_way_to_work_writes_the_same_files(world: Path) -> None:
    class Killed(BaseException):
        pass

    def at_the_second(step: str, done: int, total: int) -> None:
        if step == "apply" and done > len(PICTURES):
            raise Killed

    applied(world)
    applied(world, output=world / "out2", workers=2)
    broken = {"output": world / "out3", "fingerprints": world / "prints", "unchecked": Unchecked.KEEP}
    with pytest.raises(Killed):
        apply_ruleset(request(world, world / "data", **broken), NOW, at_the_second)
    apply_ruleset(request(world, world / "data", **broken), NOW)
    one, two, three = (every_file(world / out) for out in ("out", "out2", "out3"))
    assert one == two == three
    assert len(carried(world / "out")) == 3


def test_the_note_and_the_report_name_them(world: Path) -> None:
    applied(world)
    note = {file.name: file for file in read_output_note((world / "out" / "_byleave.json").read_bytes(), "")}
    for name, content in carried(world / "out").items():
        told = note[f"{SIDECAR_FOLDER}/{name}"]
        assert (told.size, told.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert note.keys() == every_file(world / "out").keys() - {"_byleave.json"}
    report = json.loads((world / "out" / "_byleave" / "report.json").read_bytes())
    assert report["fingerprints"]["written"] == SIDECAR_FOLDER
    found = find_input(str(world / "out"), world / "home", with_version=False)
    assert {part.name for part in found.parts} == {f"{place:05d}.parquet" for place in range(3)}
    assert found.left_out == ()


def test_where_no_row_goes_every_row_keeps_its_own(tmp_path: Path, printer: Fingerprinter) -> None:
    synced(tmp_path, [picture_row(1, CLAIMED)])
    cells(tmp_path / "data")
    fingerprinted(tmp_path / "data", tmp_path / "prints", printer)
    before = pq.read_table(tmp_path / "prints" / "train" / "0.parquet")
    for name, others in (
        ("annotated", {"mode": Mode.ANNOTATE}),
        ("researched", {"regime": Regime.RESEARCH}),
    ):
        applied(tmp_path, output=tmp_path / name, **others)
        assert pq.read_table(tmp_path / name / SIDECAR_FOLDER / "train" / "0.parquet").equals(before)
        fingerprinted(tmp_path / name, tmp_path / f"{name} again", printer)
        assert carried(tmp_path / name) == every_file(tmp_path / f"{name} again")


def test_a_mask_writes_none(world: Path) -> None:
    applied(world, mode=Mode.MASK)
    assert not (world / "out" / SIDECAR_FOLDER).exists()
    report = json.loads((world / "out" / "_byleave" / "report.json").read_bytes())
    assert report["fingerprints"]["written"] is None


def test_a_shard_that_loses_nothing_keeps_its_own_under_a_newer_list(
    world: Path, printer: Fingerprinter
) -> None:
    applied(world)
    (world / "out").rename(world / "data2")
    links = pq.read_table(world / "data2" / "00001.parquet")["url"].to_pylist()
    synced(world, [picture_row(1, CLAIMED), row(2, TargetKind.URL, links[0])], 2)
    asked = {"since": 1, "fingerprints": world / "data2", "unchecked": Unchecked.KEEP}
    apply_ruleset(request(world, world / "data2", **asked), NOW)
    before, after = carried(world / "data2"), carried(world / "out")
    assert {name for name in before if before[name] != after[name]} == {"00001.parquet"}
    fingerprinted(world / "out", world / "again", printer)
    assert after == every_file(world / "again")


def test_pictures_beside_a_list_are_not_named_by_an_output_that_has_the_list_alone(
    tmp_path: Path, printer: Fingerprinter
) -> None:
    synced(tmp_path, [picture_row(1, CLAIMED)])
    links = [f"https://pictures.example/{place}" for place in range(2)]
    links_file(tmp_path / "data" / "0.parquet", links, key=["a", "b"])
    (tmp_path / "data" / "0").mkdir()
    for name, seed in (("a", CLAIMED), ("b", OTHER)):
        (tmp_path / "data" / "0" / f"{name}.jpg").write_bytes(picture(seed))
    fingerprinted(tmp_path / "data", tmp_path / "prints", printer)
    applied(tmp_path)
    facts = read_facts(tmp_path / "out" / SIDECAR_FOLDER / "0.parquet")
    assert ([file.name for file in facts.files], facts.rows) == (["0.parquet"], 1)
    again = request(tmp_path, tmp_path / "out", output=tmp_path / "twice", fingerprints=tmp_path / "out")
    assert apply_ruleset(again, NOW).kept == 1


def test_one_that_tells_of_more_rows_than_the_shard_has_is_refused(world: Path) -> None:
    sidecar = world / "prints" / "00000.parquet"
    with pytest.raises(VerificationError, match=r"tells of 6 rows, and 00000\.parquet has 5"):
        carry_over(sidecar, np.zeros(0, np.int64), 5, world / "out", [])


def rows_of_a_sidecar(count: int, dim: int) -> Sequence[SidecarRow]:
    seen = PictureFingerprint(bytes(32), bytes(range(32)), 70)
    vectors = np.arange(count * dim, dtype=np.float16).reshape(count, dim)
    return [
        SidecarRow(str(n), n.to_bytes(16), n.to_bytes(32), seen, None, vectors[n])
        if n % 3
        else SidecarRow(None, None, None, None, "no_picture")
        for n in range(count)
    ]


def test_many_rows_with_vectors_are_carried_in_the_groups_in_which_they_would_be_made(tmp_path: Path) -> None:
    rows = rows_of_a_sidecar(ROWS_OF_A_GROUP + 900, 2)
    gone = np.arange(5, len(rows), 100)
    left = np.delete(np.arange(len(rows)), gone).tolist()
    for name, wanted in (("whole", range(len(rows))), ("made", left)):
        with SidecarWriter(tmp_path / f"{name}.parquet", 2) as writer:
            for place in wanted:
                writer.add(rows[place])
            writer.finish("0.tar", (), "a model")
    written = carry_over(tmp_path / "whole.parquet", gone, len(rows), tmp_path / "out", [])
    path = tmp_path / "out" / written.name
    assert path.read_bytes() == (tmp_path / "made.parquet").read_bytes()
    assert written == Written.of(path, written.name)
    assert pq.read_metadata(path).row_group(0).num_rows == ROWS_OF_A_GROUP
    assert pq.read_schema(path).field("vector").type == pa.list_(pa.float16(), 2)
    assert read_facts(path).reasons == {"no_picture": sum(1 for place in left if not place % 3)}
    assert pq.read_schema(path).names[:-1] == SCHEMA.names
