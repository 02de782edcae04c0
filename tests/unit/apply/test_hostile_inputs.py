"""Files made to break us end in an error with a remedy, or in a row that counts as unreadable; never in a traceback or lost rows."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.apply.datasets_in_forms import write_tar
from tests.unit.apply.worlds import NOW, links_file, request, row, synced

from byleave.apply.modes import Mode
from byleave.apply.report import Report
from byleave.apply.run import apply_ruleset
from byleave.consent import TargetKind
from byleave.datasets import OWN_FOLDER
from byleave.errors import FormatError

PLAIN = "http://b.example/fine"


@pytest.fixture
def world(tmp_path: Path) -> Path:
    synced(tmp_path, [row(1, TargetKind.HOST, "a.example"), row(2, TargetKind.PREFIX, "c.example/p")])
    return tmp_path


def apply_to(world: Path, name: str = "in.parquet") -> Report:
    return apply_ruleset(request(world, world / name), NOW)


class TestDamagedFiles:
    """What is no whole Parquet file is named, and nothing is written."""

    def refusal(self, world: Path) -> str:
        """Return what a run says that must be refused and leave nothing behind."""
        with pytest.raises(FormatError) as caught:
            apply_to(world)
        assert caught.value.remedy
        assert not (world / "out").exists()
        return caught.value.problem

    @pytest.mark.parametrize(
        "content", [b"", b"PAR1", b"PAR1PAR1", b"hello" * 100, b"PAR1" + bytes(500) + b"PAR1"]
    )
    def test_what_is_no_parquet_is_named(self, world: Path, content: bytes) -> None:
        (world / "in.parquet").write_bytes(content)
        assert "in.parquet cannot be read" in self.refusal(world)

    def test_a_truncated_file_is_named(self, world: Path) -> None:
        path = links_file(world / "in.parquet", [PLAIN] * 1000)
        path.write_bytes(path.read_bytes()[:-30])
        assert "in.parquet cannot be read" in self.refusal(world)

    def test_a_page_with_a_wrong_checksum_is_named(self, world: Path) -> None:
        table = pa.table({"url": [f"{PLAIN}/{n}" for n in range(5000)]})
        pq.write_table(
            table, world / "in.parquet", compression="none", use_dictionary=False, write_page_checksum=True
        )
        content = bytearray((world / "in.parquet").read_bytes())
        content[content.index(b"/2500")] ^= 1
        (world / "in.parquet").write_bytes(content)
        assert "in.parquet cannot be read" in self.refusal(world)

    def test_a_page_that_cannot_be_unpacked_is_named(self, world: Path) -> None:
        path = links_file(world / "in.parquet", [f"{PLAIN}/{n}" for n in range(5000)])
        content = bytearray(path.read_bytes())
        content[60:2000] = b"\xff" * 1940
        path.write_bytes(content)
        assert "in.parquet cannot be read" in self.refusal(world)

    def test_a_bad_file_in_a_folder_spoils_the_run_and_not_the_file_beside_it(self, world: Path) -> None:
        links_file(world / "data" / "a.parquet", [PLAIN])
        (world / "data" / "b.parquet").write_bytes(b"junk")
        with pytest.raises(FormatError, match=r"b\.parquet"):
            apply_to(world, "data")
        assert not (world / "out").exists()

    def test_every_flipped_byte_is_refused_or_keeps_every_row_accounted_for(self, world: Path) -> None:
        path = links_file(world / "in.parquet", [PLAIN, "http://a.example/", None] * 20)
        whole = path.read_bytes()
        for number, place in enumerate(range(4, len(whole), max(1, len(whole) // 60))):
            content = bytearray(whole)
            content[place] ^= 0x41
            path.write_bytes(content)
            try:
                report = apply_ruleset(request(world, path, output=world / f"out{number}"), NOW)
            except FormatError:
                assert not (world / f"out{number}").exists()
            else:
                assert report.kept + report.removed == report.rows


class TestDamagedShards:
    """A tar that was cut off anywhere is named, and nothing is written."""

    @pytest.mark.parametrize("cut", [100, 512, 700, 3000, 5 * 512, -1500])
    def test_a_tar_cut_off_in_a_header_or_in_a_file_is_named(self, world: Path, cut: int) -> None:
        write_tar(world / "in.tar", range(4))
        whole = (world / "in.tar").read_bytes()
        (world / "in.tar").write_bytes(whole.rstrip(b"\0")[:cut])
        with pytest.raises(FormatError, match=r"in\.tar") as caught:
            apply_to(world, "in.tar")
        assert caught.value.remedy
        assert not (world / "out").exists()


class TestColumns:
    """A file without a column to decide by is refused by name."""

    @pytest.mark.parametrize(
        ("table", "says"),
        [
            (pa.table({"caption": ["x"]}), "has no column named url"),
            (pa.table({"URL": [1, 2]}), "int64, not text"),
            (pa.table({"url": [["http://a.example/"]]}), "not text"),
            (pa.table({"url": [PLAIN], "sha256": [3.5]}), "double, not text"),
            (pa.table({}), "has no column named url"),
        ],
    )
    def test_a_missing_or_wrong_column_is_named(self, world: Path, table: pa.Table, says: str) -> None:
        pq.write_table(table, world / "in.parquet")
        with pytest.raises(FormatError, match=says):
            apply_to(world)

    @pytest.mark.parametrize("mode", list(Mode))
    @pytest.mark.parametrize("name", ["url", "sha256"])
    def test_a_column_that_decides_and_stands_there_twice_is_named(
        self, world: Path, name: str, mode: Mode
    ) -> None:
        names = [name, "url" if name == "sha256" else "text", name]
        table = pa.table([[PLAIN], [PLAIN], ["http://a.example/"]], names=names)
        pq.write_table(table, world / "in.parquet")
        with pytest.raises(FormatError, match=rf"in\.parquet has 2 columns named '{name}'") as caught:
            apply_ruleset(request(world, world / "in.parquet", mode=mode), NOW)
        assert "rename" in caught.value.remedy
        assert not list(world.glob(".out*"))

    @pytest.mark.parametrize("mode", list(Mode))
    def test_a_column_that_decides_nothing_may_stand_there_twice(self, world: Path, mode: Mode) -> None:
        table = pa.table([["x", "y"], ["http://a.example/", PLAIN], [1, 2]], names=["text", "url", "text"])
        pq.write_table(table, world / "in.parquet")
        assert apply_ruleset(request(world, world / "in.parquet", mode=mode), NOW).removed == 1
        if mode is Mode.FILTER:
            assert pq.ParquetFile(world / "out" / "in.parquet").read().column(2).to_pylist() == [2]

    def test_columns_that_differ_in_case_alone_do_not_hide_each_other(self, world: Path) -> None:
        pq.write_table(pa.table({"URL": ["http://a.example/"], "url": [PLAIN]}), world / "in.parquet")
        assert apply_to(world).removed == 1

    def test_a_dictionary_of_links_is_read(self, world: Path) -> None:
        urls = pa.array(["http://a.example/", PLAIN, None] * 100).dictionary_encode()
        pq.write_table(pa.table({"url": urls}), world / "in.parquet")
        report = apply_to(world)
        assert (report.kept, report.removed) == (100, 200)
        assert pq.read_table(world / "out" / "in.parquet").schema.field("url").type == urls.type


class TestLinks:
    """A link that cannot be read counts as a no; its neighbours are decided as ever, and its bytes are kept where it stays."""

    @pytest.mark.parametrize(
        "raw",
        [
            b"http://b.example/" + b"a" * 10_000_000,
            b"http://b.example/\xff\xfe",
            b"http://b.example/\xed\xa0\x80",
            b"http://\xc3\x28/",
            b"\0" * 50,
            b"http://b\0.example/",
            b"javascript:alert(1)",
            b"http://",
            b"http://[::1",
            b"http://a.example:99999/",
            b"",
        ],
    )
    def test_a_link_that_cannot_be_read_counts_as_a_no(self, world: Path, raw: bytes) -> None:
        links = pa.array(
            [b"http://b.example/1", raw, b"http://a.example/2", b"http://b.example/3"], pa.binary()
        )
        array = pa.Array.from_buffers(pa.string(), 4, links.buffers())
        pq.write_table(pa.table({"url": array, "row": [0, 1, 2, 3]}), world / "in.parquet")
        report = apply_to(world)
        assert pq.read_table(world / "out" / "in.parquet", columns=["row"])["row"].to_pylist() == [0, 3]
        assert report.tally.totals["unreadable"] == 1

    @pytest.mark.parametrize(
        "raw",
        [
            "http://A.EXAMPLE/",
            "http://user:pass@a.example/",
            "http://a.example:8080/",
            "http://a.example./",
            "http:\\\\a.example\\x",
            " \thttp://a.ex\nample/ ",
            "http://%61.example/",
            "http://ａ.example/",
            "http://c.example/x/../p/y",
            "http://c.example/%70",
            "http://c.example/p?#",
            "https://www.c.example//../p/",
        ],
    )
    def test_odd_spelling_hides_nothing(self, world: Path, raw: str) -> None:
        links_file(world / "in.parquet", [PLAIN, raw])
        assert apply_to(world).removed == 1

    def test_markup_in_a_host_or_a_file_name_stays_text_in_the_page(self, world: Path) -> None:
        links_file(
            world / "data" / "<script>alert(1)<" / "x.parquet", ["http://a.example/<b>", "http://a.example/"]
        )
        apply_to(world, "data")
        assert "<script" not in (world / "out" / OWN_FOLDER / "report.html").read_text()
