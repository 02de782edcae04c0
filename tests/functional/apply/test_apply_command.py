"""`byleave apply` as a trainer runs it: in a process of its own, killed and started again."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.functional.cli.commands import byleave
from tests.unit.apply.worlds import links_file, row, synced

from byleave.consent import TargetKind

pytestmark = pytest.mark.functional

COMMAND = "import typer; from byleave.cli.apply import apply; from byleave.errors import ByleaveError"
RUN = f"""{COMMAND}
import sys
app = typer.Typer()
app.command()(apply)
try:
    app(standalone_mode=False)
except ByleaveError as error:
    sys.stderr.write(str(error))
    sys.exit(error.exit_code)
"""
KILLED = """
import os, sys, time
from datetime import UTC, datetime
from pathlib import Path
from byleave.apply.request import ApplyRequest
from byleave.apply.run import apply_ruleset
from byleave.consent import Regime, Use

asked = ApplyRequest(Path("synced"), "data", Path("out"), Regime.OPT_OUT, (Use.TDM,), Path("home"))
for line in sys.stdin:
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        apply_ruleset(asked, datetime.now(UTC))
        os._exit(0)
    done, status = 0, 0
    while not done and time.monotonic() - begun < float(line):
        done, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.002)
    if not done:
        os.kill(child, 9)
        _, status = os.waitpid(child, 0)
    print(status, time.monotonic() - begun, flush=True)
"""
"""Applies once per line in a child that it kills after so many seconds; the imports are done once, so that kills hit the work."""

HEAVY = ("fastapi", "sqlalchemy", "psycopg", "lancedb", "openvino", "ray", "obstore")
WORDS = ("--ruleset", "synced", "--input", "in.parquet", "--use", "train_gen", "--output", "out")
FILES = 12
KILLS = 20


@pytest.fixture
def world(tmp_path: Path) -> Path:
    synced(tmp_path, [row(1, TargetKind.HOST, "a.example"), row(2, TargetKind.PREFIX, "b.example/p/")])
    for place in range(FILES):
        urls = [f"http://{'abcd'[n % 4]}.example/{'pq'[n % 2]}/{place}-{n}" for n in range(3000)]
        links_file(tmp_path / "data" / f"{place:02d}.parquet", urls)
    return tmp_path


def command(world: Path, *others: str, output: str = "out", code: str = RUN) -> list[str]:
    words = [
        "--ruleset",
        "synced",
        "--input",
        "data",
        "--output",
        output,
        "--regime",
        "opt_out",
        "--use",
        "tdm",
    ]
    return [sys.executable, "-c", code, *words, *others]


def run(world: Path, *others: str, output: str = "out", code: str = RUN) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(world, *others, output=output, code=code),
        cwd=world,
        capture_output=True,
        text=True,
        check=False,
    )


def contents(folder: Path) -> dict[str, bytes]:
    """Read all files; the moment of the run, which differs between two runs, is taken out of the reports."""
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    report = json.loads(found.pop("_byleave/report.json"))
    found.pop("_byleave/report.html")
    report.pop("at")
    for registry in report["registries"]:
        registry.pop("age_seconds")
    note = json.loads(found.pop("_byleave.json"))
    files = [file for file in note["files"] if not file["name"].startswith("_byleave/report.")]
    return found | {"report": json.dumps(report).encode(), "note": json.dumps(files).encode()}


class TestCommand:
    """Words to people, data to programs, an exit code to scripts."""

    def test_it_writes_the_dataset_and_says_what_it_did(self, world: Path) -> None:
        done = run(world)
        assert done.returncode == 0, done.stderr
        assert "kept 27,000 of 36,000 rows" in done.stdout + done.stderr
        assert pq.read_table(world / "out" / "03.parquet").num_rows == 2250
        assert pq.read_table(world / "out" / "_byleave" / "removed.parquet").num_rows == 9000

    def test_the_report_goes_to_programs_as_json(self, world: Path) -> None:
        done = run(world, "--json")
        assert json.loads(done.stdout) == json.loads((world / "out" / "_byleave" / "report.json").read_text())

    @pytest.mark.parametrize(
        ("others", "code"),
        [
            (["--regime", "perhaps"], 2),
            (["--use", "fun"], 2),
            (["--coverage", "none.zip"], 2),
            (["--unchecked", "x"], 2),
        ],
    )
    def test_a_wrong_word_is_an_error_and_no_output(self, world: Path, others: list[str], code: int) -> None:
        done = run(world, *others)
        assert (done.returncode, (world / "out").exists()) == (code, False)
        assert "hint: " in done.stderr

    def test_a_tampered_registry_is_an_error_and_no_output(self, world: Path) -> None:
        claims = world / "synced" / "releases" / "1" / "claims.parquet"
        claims.write_bytes(claims.read_bytes() + b"x")
        done = run(world)
        assert (done.returncode, (world / "out").exists()) == (5, False)

    def test_it_loads_neither_database_nor_web_framework(self, world: Path) -> None:
        code = RUN + f"\nprint('loaded:', *[name for name in {HEAVY!r} if name in sys.modules])"
        done = run(world, code=code)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == "loaded:"


def test_killed_at_random_points_and_started_again_it_writes_the_same_bytes(world: Path) -> None:
    assert run(world, output="whole").returncode == 0
    expected = contents(world / "whole")
    with subprocess.Popen(
        [sys.executable, "-c", KILLED], cwd=world, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as children:
        orders, answers = children.stdin, children.stdout
        assert orders is not None
        assert answers is not None

        def run_for(seconds: float) -> tuple[int, float]:
            print(seconds, file=orders, flush=True)
            status, took = answers.readline().split()
            return int(status), float(took)

        status, usual = run_for(60.0)
        assert (status, contents(world / "out")) == (0, expected)
        shutil.rmtree(world / "out")
        randomness = random.Random(20)
        killed = 0
        while killed < KILLS:
            status, _ = run_for(randomness.uniform(0.0, 0.6) * usual)
            killed += status != 0
            if (world / "out").exists():
                assert contents(world / "out") == expected
                shutil.rmtree(world / "out")
        assert run_for(60.0)[0] == 0
        orders.close()
    assert contents(world / "out") == expected
    assert [path.name for path in world.iterdir() if path.name.startswith(".out")] == []


def test_the_whole_command_takes_out_what_was_refused_and_says_so(tmp_path: Path) -> None:
    synced(tmp_path, [row(1, TargetKind.HOST, "b.example")])
    links_file(tmp_path / "in.parquet", ["https://b.example/1", "https://c.example/2", "no link"])
    done = byleave("apply", *WORDS, "--regime", "opt_out", "--json", home=tmp_path / "home")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["rows"]["input"], report["rows"]["kept"], report["unreadable"]["links"]) == (3, 1, 1)
    assert pq.read_table(tmp_path / "out/in.parquet").column("row").to_pylist() == [1]
    assert pq.read_table(tmp_path / "out/_byleave/removed.parquet").column("row").to_pylist() == [0, 2]
    again = byleave("apply", *WORDS, "--regime", "opt_in", home=tmp_path / "home")
    assert again.returncode != 0
    assert "out is there already" in again.stderr
    assert "Traceback" not in again.stderr


def test_a_word_that_is_no_regime_is_refused_with_the_words_that_are(tmp_path: Path) -> None:
    links_file(tmp_path / "in.parquet", ["https://b.example/1"])
    done = byleave("apply", *WORDS, "--regime", "maybe", home=tmp_path / "home")
    assert done.returncode != 0
    assert "opt_out" in done.stderr
    assert not (tmp_path / "out").exists()
