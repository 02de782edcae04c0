"""A list compiles to the same bytes however its rows are cut, and a compilation that ends early leaves nothing that could be taken for one."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tests.unit.apply.worlds import compile_table, row, synced

from byleave.apply.compiling import compile_synced
from byleave.apply.ruleset import KINDS, load_ruleset, ruleset_path
from byleave.apply.sections import Room, map_sections, new_sections
from byleave.consent import TargetKind
from byleave.errors import ConflictError, FormatError
from byleave.fingerprints import ClaimedPicture
from byleave.release.rows import Row, statement, table
from byleave.storage import alone_in

VALUES = {
    TargetKind.URL: "https://a{}.example/x.jpg",
    TargetKind.PREFIX: "https://a{}.example/b/c",
    TargetKind.HOST: "a{}.example",
    TargetKind.DOMAIN: "a{}.example",
    TargetKind.PICTURE: "picture {}",
}
KILLED = """
import os, signal, sys
from functools import partial
from pathlib import Path
from byleave.apply import compiling
from byleave.release import open_synced
folder = Path(sys.argv[1])
put = compiling.SectionsFile.put
def put_and_die(file, name, rows, at=0):
    put(file, name, rows, at)
    if name == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
compiling.SectionsFile.put = put_and_die
compiling.compile_synced(folder)
"""


def picture(number: int) -> str:
    chance = random.Random(number)
    variants = tuple(chance.randbytes(32) for _ in range(chance.randrange(1, 9)))
    return ClaimedPicture(variants, 90).to_text()


def many_rows() -> list[Row]:
    """Rows of every kind, several on some targets, from several people, some with what was ticked."""
    chance = random.Random(5)
    rows = []
    for number in range(1, 400):
        kind, which = chance.choice(KINDS), chance.randrange(25)
        value = VALUES[kind].format(which) if kind in VALUES else bytes([which]) * 32
        ticked = (
            picture(which + chance.randrange(2))
            if kind is TargetKind.PICTURE and chance.random() < 0.7
            else None
        )
        rows.append(row(number, kind, value, claimant=chance.randrange(1, 9), ticked=ticked))
    return rows


@pytest.mark.parametrize("batch_rows", [1, 2, 7, 100])
def test_the_same_list_gives_the_same_bytes_however_it_is_cut(batch_rows: int, tmp_path: Path) -> None:
    claims = table(many_rows())
    compile_table(claims, tmp_path / "whole", b"k" * 16)
    compile_table(claims, tmp_path / "cut", b"k" * 16, batch_rows=batch_rows)
    assert (tmp_path / "cut").read_bytes() == (tmp_path / "whole").read_bytes()


def test_a_compiled_list_says_what_its_rows_say(tmp_path: Path) -> None:
    claims = table(many_rows())
    compile_table(claims, tmp_path / "r", batch_rows=50)
    ruleset = load_ruleset(tmp_path / "r", 1, b"\0")
    said = [one for target in range(ruleset.targets) for one in ruleset.statements(target)]
    rows = claims.to_pylist()
    assert sorted(said, key=lambda one: one.number) == sorted(
        map(statement, rows), key=lambda one: one.number
    )
    ticked = {
        (one["digest"], variant)
        for one in rows
        if one["value"] is not None
        for variant in ClaimedPicture.parse(one["value"]).variants
    }
    values = [value.tobytes() for value in ruleset.picture_values]
    found = [
        (ruleset.digest_of(int(t)), value) for t, value in zip(ruleset.picture_targets, values, strict=True)
    ]
    assert set(found) == ticked
    assert len(found) == len(ticked)


def test_rows_out_of_order_are_refused(tmp_path: Path) -> None:
    claims = table([row(1, TargetKind.HOST, "a.example"), row(2, TargetKind.HOST, "b.example")])
    turned = claims.take(pa.array([1, 0]))
    for batch_rows in (1, 2):
        with pytest.raises(FormatError, match="out of order") as caught:
            compile_table(turned, tmp_path / "r", batch_rows=batch_rows)
        assert caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_room_that_is_not_taken_does_not_show(tmp_path: Path) -> None:
    rooms = {"long": Room(np.int64, 1000, (3,)), "none": Room(np.uint8, 50), "short": Room(np.uint64, 2)}
    with new_sections(tmp_path / "f", {"number": 1}, rooms) as file:
        file.put("short", np.array([5, 6]))
        file.put("long", np.ones((4, 3)), at=3)
        file.put("long", np.zeros((3, 3)))
        with pytest.raises(ValueError, match="no room"):
            file.put("short", np.array([7]), at=2)
    facts, arrays = map_sections(tmp_path / "f")
    assert facts == {"number": 1}
    assert arrays["long"].tolist() == [[0] * 3] * 3 + [[1] * 3] * 4
    assert arrays["none"].tolist() == []
    assert arrays["short"].tolist() == [5, 6]


@pytest.mark.parametrize("killed_at", ["statements", "slots.host", "slots.prefix_hosts"])
def test_a_killed_compilation_leaves_the_ruleset_that_was_there(killed_at: str, tmp_path: Path) -> None:
    home = synced(
        tmp_path, [row(1, TargetKind.HOST, "a.example"), row(2, TargetKind.URL, "http://b.example/")]
    )
    before = ruleset_path(home, 1).read_bytes()
    killed = subprocess.run([sys.executable, "-c", KILLED, str(home), killed_at], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert ruleset_path(home, 1).read_bytes() == before
    assert len(list(home.glob(".ruleset-*"))) == 1
    compile_synced(home)
    assert list(home.glob(".ruleset-*")) == []
    assert [path.name for path in home.glob("ruleset-*")] == ["ruleset-1.bin"]


def test_two_do_not_compile_in_one_folder_at_once(tmp_path: Path) -> None:
    home = synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
    with alone_in(home), pytest.raises(ConflictError):
        compile_synced(home)
