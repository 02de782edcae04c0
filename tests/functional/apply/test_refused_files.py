"""Files that `byleave apply` refuses: by name, with a remedy, and with nothing left behind."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.functional.cli.commands import byleave
from tests.unit.apply.datasets_in_forms import add
from tests.unit.apply.worlds import row, synced

from byleave.consent import TargetKind

pytestmark = pytest.mark.functional

WORDS = ("--ruleset", "synced", "--regime", "opt_out", "--use", "train_gen", "--output", "out")


@pytest.fixture
def world(tmp_path: Path) -> Path:
    synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
    return tmp_path


def refused(world: Path, done: subprocess.CompletedProcess[str], before: set[str]) -> str:
    """Return what a command said that must be refused and leave nothing behind."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name for path in world.iterdir()} == before
    return done.stderr


def apply_to(world: Path, name: str, *others: str) -> str:
    (world / "home").mkdir(exist_ok=True)
    before = {path.name for path in world.iterdir()}
    done = byleave("apply", *WORDS, "--input", name, *others, home=world / "home")
    return refused(world, done, before)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.txt", b"http://b.example/\rhttp://a.example/\n"),
        ("x.jsonl", b'{"url": "http://b.example/"}\r{"url": "http://a.example/"}\n'),
        ("x.csv", b"url\nhttp://b.example/\rhttp://a.example/\n"),
    ],
)
def test_a_line_that_some_readers_take_for_two_is_refused(world: Path, name: str, content: bytes) -> None:
    (world / name).write_bytes(content)
    said = apply_to(world, name)
    assert f"{name} line" in said
    assert "LF or CRLF" in said


@pytest.mark.parametrize("mode", ["filter", "mask"])
def test_a_tar_whose_samples_lie_apart_is_refused(world: Path, mode: str) -> None:
    with tarfile.open(world / "x.tar", "w") as tar:
        for name in ("1.json", "2.json", "2.jpg", "1.jpg"):
            add(tar, name, b'{"url": "http://%s.example/"}' % (b"a" if name[0] == "1" else b"b"))
    said = apply_to(world, "x.tar", "--mode", mode)
    assert "x.tar: holds samples of one key twice, or not side by side: '1'" in said
    assert "side by side" in said.partition("hint:")[2]


@pytest.mark.parametrize("mode", ["filter", "mask", "annotate"])
def test_two_columns_of_links_are_refused(world: Path, mode: str) -> None:
    links = [["http://b.example/"], ["http://a.example/"]]
    pq.write_table(pa.table(links, names=["url", "url"]), world / "x.parquet")
    assert "x.parquet has 2 columns named 'url'" in apply_to(world, "x.parquet", "--mode", mode)


@pytest.mark.parametrize("name", ["url", "text"])
def test_a_comparison_refuses_two_columns_of_what_it_compares(world: Path, name: str) -> None:
    values = [["http://b.example/"], ["x"], ["y"]]
    pq.write_table(pa.table(values, names=["url", name, "text"]), world / "x.parquet")
    before = {path.name for path in world.iterdir()} | {"home"}
    (world / "home").mkdir()
    done = byleave("diff", "x.parquet", "x.parquet", home=world / "home")
    assert f"x.parquet has 2 columns named '{name}'" in refused(world, done, before)
