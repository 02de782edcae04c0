"""Every form a dataset takes loses exactly the refused rows, in all its files at once, and keeps everything else."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.apply.datasets_in_forms import FORMS, FREE, LINKS, Form, add, write_tar
from tests.unit.apply.worlds import NOW, request, row, synced

from byleave.apply.forms.lance_table import delete_rows
from byleave.apply.modes import Mode
from byleave.apply.report import Report
from byleave.apply.run import apply_ruleset
from byleave.apply.shard import Unchecked
from byleave.consent import Regime, TargetKind
from byleave.datasets import OWN_FOLDER
from byleave.errors import FormatError, InputError
from byleave.storage.outputs import OUTPUT_NOTE

FORM_NAMES = {form.name: form for form in FORMS}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    synced(folder, [row(1, TargetKind.HOST, "a.example"), row(2, TargetKind.DIGEST, bytes(32))])
    return folder


@pytest.fixture(params=FORMS, ids=lambda form: form.name)
def form(request: pytest.FixtureRequest) -> Form:
    chosen: Form = request.param
    return chosen


def applied(home: Path, source: Path, out: Path, **others: Any) -> Report:
    asked = {"unchecked": Unchecked.KEEP} | others
    return apply_ruleset(request(home, source, output=out, **asked), NOW)


def listed(out: Path, name: str = "removed.parquet") -> list[tuple[str, int]]:
    table = pq.read_table(out / OWN_FOLDER / name)
    return list(zip(table["file"].to_pylist(), table["row"].to_pylist(), strict=True))


def data_files(folder: Path) -> dict[str, bytes]:
    ours = {OWN_FOLDER, OUTPUT_NOTE}
    paths = [path for path in folder.rglob("*") if path.is_file() and not ours & set(path.parts)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


class TestEveryForm:
    """What holds for all forms alike."""

    def test_refused_rows_go_and_the_others_stay_in_order(
        self, home: Path, form: Form, tmp_path: Path
    ) -> None:
        form.make(tmp_path / "data")
        before = data_files(tmp_path / "data")
        report = applied(home, tmp_path / "data", tmp_path / "out")
        assert form.read(tmp_path / "out") == FREE
        assert (report.rows, report.kept) == (len(LINKS), len(FREE))
        assert report.left_out == ()
        assert {file.name for file in report.files} == set(data_files(tmp_path / "data"))
        assert {name for name, _ in listed(tmp_path / "out")} <= set(form.rows)
        assert len(listed(tmp_path / "out")) == report.removed == len(LINKS) - len(FREE)
        assert data_files(tmp_path / "data") == before
        assert sum(file.rows for file in report.files) == len(LINKS)

    def test_applying_twice_changes_nothing_more(self, home: Path, form: Form, tmp_path: Path) -> None:
        form.make(tmp_path / "data")
        applied(home, tmp_path / "data", tmp_path / "once")
        report = applied(home, tmp_path / "once", tmp_path / "twice")
        assert report.removed == 0
        assert form.read(tmp_path / "twice") == form.read(tmp_path / "once")
        if form.name not in {"lance", "saved"}:  # whose versions carry a name of their own
            assert data_files(tmp_path / "twice") == data_files(tmp_path / "once")

    def test_a_mask_lists_the_same_rows_and_writes_no_data(
        self, home: Path, form: Form, tmp_path: Path
    ) -> None:
        form.make(tmp_path / "data")
        applied(home, tmp_path / "data", tmp_path / "out")
        applied(home, tmp_path / "data", tmp_path / "mask", mode=Mode.MASK)
        assert listed(tmp_path / "mask", "mask.parquet") == listed(tmp_path / "out")
        assert data_files(tmp_path / "mask") == {}

    def test_nothing_is_annotated(self, home: Path, form: Form, tmp_path: Path) -> None:
        form.make(tmp_path / "data")
        with pytest.raises(InputError, match="cannot be annotated"):
            applied(home, tmp_path / "data", tmp_path / "out", mode=Mode.ANNOTATE)
        assert not (tmp_path / "out").exists()

    def test_where_silence_means_no_nothing_is_left_and_the_form_still_holds(
        self, home: Path, form: Form, tmp_path: Path
    ) -> None:
        form.make(tmp_path / "data")
        assert applied(home, tmp_path / "data", tmp_path / "out", regime=Regime.OPT_IN).kept == 0
        assert form.read(tmp_path / "out") == []

    def test_in_research_everything_stays(self, home: Path, form: Form, tmp_path: Path) -> None:
        form.make(tmp_path / "data")
        applied(home, tmp_path / "data", tmp_path / "out", regime=Regime.RESEARCH)
        assert form.read(tmp_path / "out") == LINKS


class TestWorkers:
    """Units are shared and taken up again as files are."""

    def test_two_processes_write_the_same_bytes_as_one(self, home: Path, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        for form in ("img2dataset", "clip-retrieval", "txt"):
            FORM_NAMES[form].make(tmp_path / "data" / form)
        applied(home, tmp_path / "data", tmp_path / "alone")
        applied(home, tmp_path / "data", tmp_path / "together", workers=2)
        assert data_files(tmp_path / "together") == data_files(tmp_path / "alone")

    def test_a_unit_that_is_finished_is_not_written_again(self, home: Path, tmp_path: Path) -> None:
        FORM_NAMES["clip-retrieval"].make(tmp_path / "data")
        asked = request(home, tmp_path / "data", output=tmp_path / "out", unchecked=Unchecked.KEEP)

        def stop(step: str, done: int, total: int) -> None:
            if step == "apply" and done == total:
                raise StopAsyncIteration

        with pytest.raises(StopAsyncIteration):
            apply_ruleset(asked, NOW, stop)
        unit = next(tmp_path.glob(".out.apply-*/shards/000000-*")) / "out" / "metadata" / "metadata_0.parquet"
        before = unit.stat().st_ino
        apply_ruleset(asked, NOW)
        assert (tmp_path / "out" / "metadata" / "metadata_0.parquet").stat().st_ino == before
        assert FORM_NAMES["clip-retrieval"].read(tmp_path / "out") == FREE


def cut(path: Path, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])


def cut_all(folder: Path) -> None:
    for path in folder.iterdir():
        cut(path, 10)


def pack(path: Path, *names: str) -> None:
    with tarfile.open(path, "w") as tar:
        for name in names:
            add(tar, name, b'{"url": "http://b.example/"}')


def put(name: str, content: bytes) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_bytes(content)


def rename_column(path: Path, old: str, new: str) -> None:
    table = pq.read_table(path)
    pq.write_table(table.rename_columns([new if name == old else name for name in table.schema.names]), path)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


DAMAGES: list[tuple[str, Callable[[Path], Any], str]] = [
    ("img2dataset", lambda d: cut(d / "00000.tar", 20_000), "ends early|without its end mark"),
    ("img2dataset", lambda d: cut(d / "00000.tar", 0), "without its end mark"),
    ("img2dataset", lambda d: cut(d / "00000.parquet", 900), "cannot be read as Parquet"),
    ("img2dataset", lambda d: rename_column(d / "00000.parquet", "key", "other"), "no column 'key'"),
    ("img2dataset", lambda d: rename_column(d / "00000.parquet", "url", "link"), "no column named url"),
    ("img2dataset", lambda d: rename_column(d / "00000.parquet", "caption", "url"), "2 columns named 'url'"),
    ("img2dataset", lambda d: rename_column(d / "00000.parquet", "caption", "key"), "2 columns named 'key'"),
    ("img2dataset", lambda d: edit(d / "00000_stats.json", '"count": 24', '"count": 2'), "counts 2"),
    ("img2dataset", lambda d: cut(d / "00000_stats.json", 30), "no statistics"),
    ("img2dataset", lambda d: write_tar(d / "00000.tar", [0, 0]), "two files of one kind"),
    ("img2dataset", lambda d: write_tar(d / "00000.tar", [0, 1, 0]), "one key twice"),
    ("tar", lambda d: write_tar(d / "a.tar", [0, 1, 0]), "one key twice"),
    ("tar", lambda d: pack(d / "a.tar", "1.json", "2.json", "2.jpg", "1.jpg"), "one key twice"),
    ("tar", lambda d: pack(d / "a.tar", "1.json", "2.jpg", "x/1.jpg", "1.jpg"), "one key twice"),
    ("tar", lambda d: (d / "a.tar").write_bytes((d / "a.tar").read_bytes()[:1536] + b"x" * 512), "is damaged at byte|without"),
    ("tar", lambda d: (d / "a.tar").write_bytes((d / "a.tar").read_bytes() * 2), "goes on behind|two files of"),
    ("clip-retrieval", lambda d: np.save(d / "img_emb" / "img_emb_0.npy", np.zeros((9, 4))), "9 embeddings where"),
    ("clip-retrieval", lambda d: cut(d / "text_emb" / "text_emb_1.npy", 200), "no array of numbers"),
    ("clip-retrieval", lambda d: np.save(d / "img_emb" / "img_emb_0.npy", np.array([{}] * 10)), "no array of numbers"),
    ("jsonl", put("links.jsonl", b'{"url": "http://b.example/"}\n{"url"'), r"links\.jsonl line 2: no JSON"),
    ("jsonl", put("links.jsonl", b'{"url": "http://b.example/"}\n{"url": 3}\n'), "line 2: 'url' holds int"),
    ("jsonl", put("links.jsonl", b'{"url": "http://a.example/", "url": "http://b.example/"}\n'), "stands there twice"),
    ("jsonl", put("links.jsonl", b'{"url": "http://b.example/"}\n\0\0\n'), "line 2: no JSON"),
    ("jsonl", put("links.jsonl", b'{"url": "http://b.example/"}\n"\xff"\n'), "line 2: no JSON in UTF-8"),
    ("jsonl", put("links.jsonl", b'{"url": "http://b.example/"}\n' + b"[" * 100_000 + b"\n"), "line 2: no JSON"),
    ("csv", put("links.csv", b'url,caption\nhttp://b.example/,"open\n'), "cannot be read as CSV"),
    ("csv", put("links.csv", b"url,caption\nhttp://b.example/,1,2\n"), "line 2: 3 values under 2"),
    ("csv", put("links.csv", b"url\nhttp://b.example/" + b"a" * 10_000_000 + b"\n"), "cannot be read as CSV"),
    ("txt", lambda d: cut(d / "links.txt.gz", 60), "cannot be read"),
    ("txt", put("more.txt", b"http://b.example/1\rhttp://a.example/2\n"), r"more\.txt line 1: a line break"),
    ("saved", lambda d: cut(d / "train" / "data-00001-of-00002.arrow", 900), "cannot be read as Arrow|validate|Invalid"),
    ("saved", lambda d: (d / "train" / "data-00001-of-00002.arrow").unlink(), "is not there"),
    ("saved", lambda d: cut(d / "train" / "state.json", 10), "no JSON"),
    ("mds", lambda d: cut(d / "shard.00001.mds", 500), "does not fit its length"),
    ("mds", lambda d: (d / "shard.00001.mds").unlink(), "is not there"),
    ("mds", lambda d: edit(d / "index.json", '"samples": 5', '"samples": 6'), "does not fit its length"),
    ("mds", lambda d: edit(d / "index.json", '"hashes": {"sha1"', '"hashes": ["sha1"], "digests": {"sha1"'), "does not describe"),
    ("mds", lambda d: edit(d / "index.json", '["int", "str"]', '["int", "pkl"]'), "holds pkl, not text"),
    ("lance", lambda d: cut_all(d / "links.lance" / "_versions"), "no Lance table"),
]  # fmt: skip


class TestDamage:
    """Whatever is damaged is named, and nothing is written."""

    @pytest.mark.parametrize(("name", "damage", "says"), DAMAGES, ids=range(len(DAMAGES)))
    def test_what_cannot_be_read_is_named_and_there_is_no_output(
        self, home: Path, tmp_path: Path, name: str, damage: Callable[[Path], Any], says: str
    ) -> None:
        FORM_NAMES[name].make(tmp_path / "data")
        damage(tmp_path / "data")
        with pytest.raises(FormatError, match=says) as caught:
            applied(home, tmp_path / "data", tmp_path / "out")
        assert caught.value.remedy
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(
        "name", ["links.jsonl", "links.csv", "links.tsv", "links.txt", "links.jsonl.gz", "a.tar"]
    )
    def test_an_empty_file_is_named(self, home: Path, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(FormatError, match=r"empty|without its end mark"):
            applied(home, tmp_path / name, tmp_path / "out")

    @pytest.mark.parametrize(
        ("name", "content"), [("x.jsonl", b'{"link": "x"}\n'), ("x.csv", b"link\nx\n"), ("x.tsv", b"a\tb\n")]
    )
    def test_a_list_without_links_is_refused_alone_and_left_out_of_a_folder(
        self, home: Path, tmp_path: Path, name: str, content: bytes
    ) -> None:
        FORM_NAMES["jsonl"].make(tmp_path / "data")
        (tmp_path / "data" / name).write_bytes(content)
        (tmp_path / "data" / "README.txt").write_text("About these links.\n")
        report = applied(home, tmp_path / "data", tmp_path / "out")
        assert report.left_out == ("README.txt", name)
        with pytest.raises(FormatError, match="no field is called url"):
            applied(home, tmp_path / "data" / name, tmp_path / "alone")


class TestOddRows:
    """A row that cannot be read counts as a no; a row that stays keeps its bytes."""

    @pytest.mark.parametrize(
        "link", ["", "http://b\\u0000.example/", "http://b.example/\\ud800", "b.example"]
    )
    def test_a_link_that_cannot_be_read_counts_as_a_no(self, home: Path, tmp_path: Path, link: str) -> None:
        lines = [
            '{"url":"http://b.example/1"}\n',
            f'{{"url":"{link}"}}\n',
            '{"url":null}\n',
            ' {"url" : "http://b.example/2"}',
        ]
        (tmp_path / "x.jsonl").write_text("".join(lines))
        report = applied(home, tmp_path / "x.jsonl", tmp_path / "out")
        assert (tmp_path / "out" / "x.jsonl").read_text() == lines[0] + lines[3]
        assert report.tally.totals["unreadable"] == 2

    def test_bytes_that_are_no_text_count_as_a_no_in_a_list(self, home: Path, tmp_path: Path) -> None:
        lines = [
            b"\xef\xbb\xbfhttp://b.example/1\r\n",
            b"\r\n",
            b"http://b.example/\xff\n",
            b"http://A.example./x\n",
        ]
        (tmp_path / "x.txt").write_bytes(b"".join(lines))
        applied(home, tmp_path / "x.txt", tmp_path / "out")
        assert (tmp_path / "out" / "x.txt").read_bytes() == lines[0] + lines[1]

    def test_a_link_in_the_tar_that_its_row_does_not_have_is_refused(
        self, home: Path, tmp_path: Path
    ) -> None:
        FORM_NAMES["img2dataset"].make(tmp_path / "data")
        path = tmp_path / "data" / "00000.tar"
        content = path.read_bytes()
        path.write_bytes(content.replace(b'http://b.example/1"', b'http://a.example/1"', 1))
        with pytest.raises(FormatError, match="another link than its row"):
            applied(home, tmp_path / "data", tmp_path / "out")

    def test_a_picture_without_a_link_is_known_by_its_bytes(self, tmp_path: Path) -> None:
        import hashlib

        synced(tmp_path, [row(1, TargetKind.DIGEST, hashlib.sha256(b"mine").digest())])
        with tarfile.open(tmp_path / "x.tar", "w") as tar:
            for name, content in (
                ("a.jpg", b"mine"),
                ("b.jpg", b"theirs"),
                ("c.txt", b"words alone"),
                ("LICENCE", b"-"),
            ):
                add(tar, name, content)
        report = apply_ruleset(request(tmp_path, tmp_path / "x.tar", unchecked=Unchecked.KEEP), NOW)
        with tarfile.open(tmp_path / "out" / "x.tar") as tar:
            assert tar.getnames() == ["b.jpg"]
        assert (report.rows, report.kept) == (3, 1)

    def test_an_index_or_a_state_of_something_else_is_left_out(self, home: Path, tmp_path: Path) -> None:
        FORM_NAMES["jsonl"].make(tmp_path / "data")
        (tmp_path / "data" / "index.json").write_text(json.dumps({"pages": []}))
        (tmp_path / "data" / "state.json").write_text("[]")
        assert applied(home, tmp_path / "data", tmp_path / "out").left_out == ("index.json", "state.json")


def test_a_mask_becomes_deletions_of_a_lance_table(home: Path, tmp_path: Path) -> None:
    import lance

    FORM_NAMES["lance"].make(tmp_path / "data")
    applied(home, tmp_path / "data", tmp_path / "mask", mode=Mode.MASK)
    table = tmp_path / "data" / "links.lance"
    assert delete_rows(table, "links.lance", tmp_path / "mask" / OWN_FOLDER / "mask.parquet") == len(
        LINKS
    ) - len(FREE)
    assert FORM_NAMES["lance"].read(tmp_path / "data") == FREE
    assert len(lance.dataset(str(table)).versions()) == 2
    assert applied(home, tmp_path / "data", tmp_path / "out").removed == 0
    with pytest.raises(InputError, match="another version"):
        delete_rows(table, "links.lance", tmp_path / "mask" / OWN_FOLDER / "mask.parquet")


def test_dictionaries_of_links_are_read_beside_a_tar(home: Path, tmp_path: Path) -> None:
    FORM_NAMES["img2dataset"].make(tmp_path / "data")
    path = tmp_path / "data" / "00000.parquet"
    table = pq.read_table(path)
    place = table.schema.get_field_index("url")
    pq.write_table(table.set_column(place, "url", table["url"].dictionary_encode()), path)
    applied(home, tmp_path / "data", tmp_path / "out")
    assert pa.types.is_dictionary(pq.read_schema(tmp_path / "out" / "00000.parquet").field("url").type)
    assert FORM_NAMES["img2dataset"].read(tmp_path / "out") == FREE
