"""Laws of lists by lines: what stays and what goes make up the file, in order and byte by byte."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byleave.apply.forms.lines import LineFormat, LineList, line_format
from byleave.apply.inputs import InputFile
from byleave.errors import FormatError

TEXT = st.text(st.characters(exclude_characters="\r\0", codec="utf-8"), max_size=12)
ROWS = st.lists(st.tuples(TEXT, TEXT, st.booleans()), max_size=12)


def written(name: str, rows: list[tuple[str, str, bool]]) -> bytes:
    """Write rows of a link and a caption as programs write them."""
    if name.endswith("jsonl"):
        return "".join(json.dumps({"url": link, "text": text}) + "\n" for link, text, _ in rows).encode()
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter="\t" if name.endswith("tsv") else ",")
    writer.writerows([("url", "text"), *((link, text) for link, text, _ in rows)])
    return out.getvalue().encode()


@given(ROWS, st.sampled_from(["x.jsonl", "x.csv", "x.tsv"]))
@settings(max_examples=150, deadline=None)
def test_what_stays_is_what_would_have_been_written_of_it(
    rows: list[tuple[str, str, bool]], name: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(written(name, rows) or b"\n")
        format = line_format(path)
        assert format is not None
        listed = LineList(InputFile(path, name), format)
        batches = list(listed.rows(digests=False))
        links = [link or b"" for rows in batches for link in rows.batch.column("url").to_pylist()]
        assert links == [link.encode() for link, _, _ in rows]
        assert listed.count() == len(rows)
        for keeps in (True, False):
            stays = np.array([stay is keeps for _, _, stay in rows], np.bool_)
            listed.write(stays, Path(folder) / f"out-{keeps}")
            expected = written(name, [row for row in rows if row[2] is keeps])
            assert (Path(folder) / f"out-{keeps}" / name).read_bytes() == (
                expected if rows else written(name, []) or b"\n"
            )


@pytest.mark.parametrize(
    ("name", "format"),
    [("A.JSONL", "jsonl"), ("a.ndjson.gz", "jsonl"), ("a.csv.gz", "csv"), ("a.tsv", "tsv"), ("a.txt", "txt"), ("a.json", None)],
)  # fmt: skip
def test_a_format_is_told_by_the_name(name: str, format: str | None) -> None:
    assert line_format(Path(name)) == format


def listed(folder: Path, name: str, content: bytes) -> LineList:
    """Write a list, packed where its name says so."""
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    format = line_format(Path(name))
    assert format is not None
    return LineList(InputFile(folder / name, name), format)


def links_of(unit: LineList) -> list[bytes]:
    """Return the links that decide."""
    return [link for rows in unit.rows(digests=False) for link in rows.batch.column("url").to_pylist()]


A, B, C = (f"http://{host}.example/1".encode() for host in "abc")
JSON_A, JSON_B = (b'{"url": "%s"}' % link for link in (A, B))
BROKEN = [
    ("x.txt", B + b"\r" + A + b"\n", 1),
    ("x.txt", C + b"\n\n" + B + b"\r" + A, 3),
    ("x.txt", B + b"\r\r" + A + b"\r\n", 1),
    ("x.txt", b"\r" + A + b"\n", 1),
    *(("x.txt", C + b"\n" + B + mark.encode() + A + b"\n", 2) for mark in "\v\f\x1c\x1d\x1e\x85\u2028\u2029"),
    ("x.jsonl", JSON_B + b"\r" + JSON_A + b"\n", 1),
    ("x.jsonl", JSON_B + b"\n" + b'{"url": "%s", "of":\r%s\r}' % (B, JSON_A) + b"\n", 2),
    ("x.csv", b"url,text\n" + B + b",x\r" + A + b",x\n", 2),
    ("x.csv", b"url\n" + C + b"\n" + B + b"\r" + A + b"\r\n", 3),
    ("x.csv", b"url\r" + B + b"\r" + A + b"\r", 1),
    ("x.csv", b'text,url\n"x"\r"y",' + B + b"\n", 2),
    ("x.tsv", b"url\ttext\n" + B + b"\tx\r" + A + b"\tx\n", 2),
]


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize(("name", "content", "line"), BROKEN)
def test_a_line_that_some_readers_take_for_two_is_refused_by_its_number(
    tmp_path: Path, name: str, content: bytes, line: int, packed: str
) -> None:
    with pytest.raises(FormatError, match=rf"{name}{packed} line {line}: a line break") as caught:
        links_of(listed(tmp_path, name + packed, content))
    assert "LF or CRLF" in caught.value.remedy


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.txt", B + b"\r\n\r\n" + A + b"\r\n"),
        ("x.txt", B + b"\r\r\n" + A + b"\r"),
        ("x.txt", B + b"\n\x0c\n" + A),
        ("x.jsonl", JSON_B + b"\r\n\r\n" + JSON_A + b"\r\n"),
        ("x.jsonl", b'{"url": "%s", "text": "a\\rb\xe2\x80\xa8c"}\n' % B + JSON_A),
        ("x.csv", b'url,text\r\n%s,"a\rb"\r\n%s,"a\nb"\r\n' % (B, A)),
        ("x.tsv", b"url\r\n" + B + b"\r\n\r\n" + A + b"\r"),
    ],
)
def test_lines_that_all_readers_see_alike_are_read_and_keep_their_bytes(
    tmp_path: Path, name: str, content: bytes
) -> None:
    unit = listed(tmp_path, name, content)
    assert links_of(unit) == [B, A]
    unit.write(np.ones(2, np.bool_), tmp_path / "out")
    assert (tmp_path / "out" / name).read_bytes() == content


@pytest.mark.parametrize("header", ["url,url", "url, url", "sha256,sha256", "URL,x,URL"])
def test_two_columns_of_one_name_are_refused(tmp_path: Path, header: str) -> None:
    (tmp_path / "x.csv").write_text(header + "\n" + "http://b.example/,http://a.example/\n")
    format = line_format(tmp_path / "x.csv")
    assert format is not None
    listed = LineList(InputFile(tmp_path / "x.csv", "x.csv"), format)
    with pytest.raises(FormatError, match=r"x\.csv: 2 columns are called"):
        list(listed.rows(digests=False))
    assert listed.has_links()


def test_a_column_beside_them_may_stand_there_twice(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("url,text,text\nhttp://b.example/,a,b\n")
    listed = LineList(InputFile(tmp_path / "x.csv", "x.csv"), LineFormat.CSV)
    (rows,) = listed.rows(digests=False)
    assert rows.batch.column("url").to_pylist() == [b"http://b.example/"]


def test_a_note_whose_first_line_has_a_break_is_no_list(tmp_path: Path) -> None:
    assert not listed(tmp_path, "README.txt", b"About\rthese links\n").has_links()
