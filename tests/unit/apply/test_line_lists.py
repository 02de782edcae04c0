"""Laws of lists by lines: what stays and what goes make up the file, in order and byte by byte."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byleave.apply.forms.lines import LineList, line_format
from byleave.apply.inputs import InputFile

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
