"""A newer list over what an older one left gives what the newer list over the whole gives, and copies what loses nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.apply.datasets_in_forms import FORMS
from tests.unit.apply.drawn_files import OPTIONS
from tests.unit.apply.worlds import NOW, links_file, request, row, synced

from byleave.apply.forms.tar_shards import TarShard
from byleave.apply.report import Report, report_object
from byleave.apply.run import apply_ruleset
from byleave.apply.shard import Decided, Plan, decide_batch
from byleave.consent import Preference, TargetKind
from byleave.datasets import OWN_FOLDER
from byleave.errors import FormatError, InputError, NotFoundError
from byleave.storage.outputs import OUTPUT_NOTE

FIRST = row(1, TargetKind.HOST, "a.example")
SECOND = row(2, TargetKind.URL, "http://b.example/1")
TEXTS = pa.schema({"url": pa.string(), "host": pa.string()})


@pytest.fixture
def world(tmp_path: Path) -> Path:
    for name, hosts in (("x", "abc"), ("y", "acd")):
        links = [f"http://{hosts[n % 3]}.example/{n}" for n in range(30)]
        links_file(tmp_path / "data" / f"{name}.parquet", links)
    FORMS[0].make(tmp_path / "data" / "shards")
    synced(tmp_path, [FIRST])
    apply_ruleset(request(tmp_path, tmp_path / "data", output=tmp_path / "one"), NOW)
    synced(tmp_path, [FIRST, SECOND], number=2)
    return tmp_path


def again(world: Path, since: int = 1, **others: Any) -> Report:
    return apply_ruleset(request(world, world / "one", since=since, **others), NOW)


def data_files(folder: Path) -> dict[str, bytes]:
    ours = {OWN_FOLDER, OUTPUT_NOTE}
    paths = [path for path in folder.rglob("*") if path.is_file() and not ours & set(path.parts)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize("workers", [1, 2])
def test_the_outcome_is_that_of_the_whole_and_the_list_names_what_is_new(world: Path, workers: int) -> None:
    report = again(world, workers=workers)
    apply_ruleset(request(world, world / "data", output=world / "whole"), NOW)
    assert {name: pq.read_table(world / "out" / name) for name in ("x.parquet", "y.parquet")} == {
        name: pq.read_table(world / "whole" / name) for name in ("x.parquet", "y.parquet")
    }
    assert FORMS[0].read(world / "out" / "shards") == FORMS[0].read(world / "whole" / "shards")
    listed = pq.read_table(world / "out" / OWN_FOLDER / "removed.parquet")
    assert listed["file"].to_pylist() == ["shards/00000.parquet", "x.parquet"]
    assert report.removed == 2
    request_told = report_object(report)["request"]
    assert isinstance(request_told, dict)
    assert request_told["since"] == 1


def test_files_that_lose_nothing_are_copied(world: Path) -> None:
    again(world)
    before, after = data_files(world / "one"), data_files(world / "out")
    assert {name for name in before if before[name] != after[name]} == {
        "x.parquet", "shards/00000.tar", "shards/00000.parquet", "shards/00000_stats.json",
    }  # fmt: skip


def test_shards_that_lose_nothing_are_not_written_again(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced(world, [FIRST], number=3)
    written: list[Path] = []
    monkeypatch.setattr(TarShard, "write", lambda _shard, _stays, out: written.append(out))
    assert again(world).removed == 0
    assert written == []
    assert data_files(world / "out") == data_files(world / "one")


def test_every_row_is_decided_once(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []

    def noting(plan: Plan, batch: pa.RecordBatch, *others: Any) -> Decided:
        rows.append(batch.num_rows)
        return decide_batch(plan, batch, *others)

    for place in ("byleave.apply.shard", "byleave.apply.forms.applying"):
        monkeypatch.setattr(f"{place}.decide_batch", noting)
    report = again(world)
    assert report.removed == 2
    assert sum(rows) == report.rows


@settings(deadline=None, max_examples=25)
@given(
    hosts=st.lists(st.sampled_from("abcdef"), max_size=60),
    refused=st.tuples(st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60))),
    options=OPTIONS,
    codec=st.sampled_from(["zstd", "brotli", "lz4"]),
)
def test_whatever_the_lists_say_the_outcome_is_that_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory,
    hosts: list[str],
    refused: tuple[set[int], set[int]],
    options: dict[str, Any],
    codec: str,
) -> None:
    world = tmp_path_factory.mktemp("since")
    table = pa.table({"url": [f"http://{host}.example/{n}" for n, host in enumerate(hosts)], "host": hosts})
    (world / "data").mkdir()
    pq.write_table(table.cast(TEXTS), world / "data" / "x.parquet", **options | {"compression": codec})
    rows = [FIRST]
    for number, links in enumerate(refused, 1):
        rows += [row(100 * number + n, TargetKind.URL, f"http://b.example/{n}") for n in sorted(links)]
        synced(world, rows, number=number)
        if number == 1:
            apply_ruleset(request(world, world / "data", output=world / "one"), NOW)
    report = again(world)
    apply_ruleset(request(world, world / "data", output=world / "whole"), NOW)
    outputs = [pq.read_table(world / name / "x.parquet") for name in ("out", "whole")]
    assert outputs[0] == outputs[1]
    assert report.kept == outputs[0].num_rows


def test_a_withdrawn_claim_brings_nothing_back(world: Path) -> None:
    synced(world, [row(3, TargetKind.HOST, "a.example", Preference.ALLOW)], number=3)
    report = again(world)
    assert report.removed == 0
    assert data_files(world / "out") == data_files(world / "one")


class TestRefusals:
    """A folder that is not what an earlier run left is refused."""

    def test_another_list_is_named(self, world: Path) -> None:
        with pytest.raises(InputError, match=r"list no\. 1") as caught:
            again(world, since=2)
        assert "--since 1" in caught.value.remedy

    def test_a_folder_without_a_report_is_named(self, world: Path) -> None:
        (world / "one" / OWN_FOLDER / "report.json").unlink()
        with pytest.raises(NotFoundError, match="no report"):
            again(world)

    @pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"release": 3}'])
    def test_a_report_that_is_none_is_named(self, world: Path, content: bytes) -> None:
        (world / "one" / OWN_FOLDER / "report.json").write_bytes(content)
        with pytest.raises(FormatError, match="no report of a run"):
            again(world)

    def test_a_run_that_took_nothing_out_is_no_beginning(self, world: Path) -> None:
        path = world / "one" / OWN_FOLDER / "report.json"
        path.write_text(path.read_text().replace('"mode": "filter"', '"mode": "mask"'))
        with pytest.raises(InputError, match="is not what an earlier run"):
            again(world)

    def test_without_saying_so_an_output_is_a_dataset_like_any_other(self, world: Path) -> None:
        report = apply_ruleset(replace(request(world, world / "one"), output=world / "plain"), NOW)
        assert (report.run.since, report.left_out) == (None, ())
