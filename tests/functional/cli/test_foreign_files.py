"""What others sign and publish is refused in plain words where it is not what it should be: no traceback, and nothing for a terminal to obey."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.forked import RUN
from tests.functional.cli.commands import byleave
from tests.logs import signing_key
from tests.unit.release.making import KEY
from tests.unit.release.test_gate import POLICY, TRAINER, attested, dataset
from tests.unit.release.test_receipts import SALT, made

from byleave.log import canonical_json
from byleave.release.attested import ATTESTATION_PATH

pytestmark = pytest.mark.functional

AUDIT = ("audit-attestation", "a", "drawn.json", "--receipt", "r", "--policy", "p", "--ruleset", "l")


def openings(**others: Any) -> dict[str, Any]:
    """Write openings of one row."""
    row = {"digest": None, "link": "https://a.example/1", "part": "0.parquet", "place": 0}
    return {
        "attestation": "00" * 32,
        "checkpoint": "",
        "count": 1,
        "format": "byleave/openings/1",
        "leaves": [],
        "rows": [row | others],
    }


def audited(folder: Path, content: str) -> str:
    """Audit openings, which must be refused as ones that cannot be used; return what is said."""
    (folder / "drawn.json").write_text(content)
    told = byleave(*AUDIT, "--key", KEY.verifier, home=folder / "home")
    assert told.returncode == 2, told.stderr
    assert "error: drawn.json cannot be used: these are no openings" in " ".join(told.stderr.split())
    assert "Traceback" not in told.stderr
    return told.stderr


@pytest.mark.parametrize("name", ["link", "part"])
def test_openings_with_half_a_character_are_refused(tmp_path: Path, name: str) -> None:
    assert "no Unicode" in audited(tmp_path, json.dumps(openings(**{name: "https://\ud800.example/"})))


@pytest.mark.parametrize("name", ["a\x1b[31m", "a\x07", "a\nall of them stay", "a\x9b2J"])
def test_openings_of_a_part_whose_name_cannot_be_shown_are_refused(tmp_path: Path, name: str) -> None:
    assert "cannot be shown" in audited(tmp_path, json.dumps(openings(part=name)))


def test_what_an_error_quotes_moves_no_cursor(tmp_path: Path) -> None:
    told = byleave("verify", "no\x1b[2Jwhere\x9b", "--key", KEY.verifier, home=tmp_path / "home")
    assert told.returncode == 2
    assert "error: no\\u001b[2Jwhere\\u009b cannot be read" in told.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("gate", "d", "--policy", "pipe"),
        ("verify", "pipe"),
        (*AUDIT[:2], "pipe", *AUDIT[3:]),
        ("prove-absent", "pipe", "a", "--proofs", "p"),
    ],
    ids=lambda words: words[0],
)
def test_no_command_waits_for_a_pipe_that_stands_for_a_file(tmp_path: Path, words: tuple[str, ...]) -> None:
    os.mkfifo(tmp_path / "pipe")
    key = () if words[0] == "gate" else ("--key", KEY.verifier)
    told = byleave(*words, *key, home=tmp_path / "home")
    assert (told.returncode, "error: pipe is no plain file" in told.stderr) == (2, True), told.stderr


@pytest.mark.parametrize("place", ["/dev/stdin", "/dev/fd/0"])
def test_a_policy_is_read_from_a_pipe_that_the_shell_hands_over(tmp_path: Path, place: str) -> None:
    command = [sys.executable, "-c", RUN, "gate", "d", "--policy", place]
    told = subprocess.run(command, input=b"anything = 1\n", capture_output=True, check=False, cwd=tmp_path)
    assert told.returncode == 2
    assert f"error: {place} cannot be used: keys is missing" in told.stderr.decode()


def test_openings_that_say_something_twice_are_refused(tmp_path: Path) -> None:
    twice = json.dumps(openings()).replace('"count": 1', '"count": 1, "count": 2')
    assert "'count' stands there twice" in audited(tmp_path, twice)


def test_a_receipt_that_does_not_hold_proves_nothing_absent(tmp_path: Path) -> None:
    log, other = signing_key().verifier, signing_key(seed="other").verifier
    (tmp_path / "log").write_text(f"log {log}\nquorum none\n")
    (tmp_path / "other").write_text(f"log {other}\nquorum none\n")
    receipt = made()
    record = canonical_json({"record": {**receipt.record, "state": "held"}, "salt": SALT.hex()})
    for name, proof in (
        ("mine", receipt.proof),
        ("others", replace(receipt.proof, extra=record)),
        ("nowhere", replace(receipt.proof, hashes=(bytes(32), *receipt.proof.hashes[1:]))),
    ):
        (tmp_path / name).write_bytes(proof.to_bytes())
    for words, code, said in (
        (("mine",), 2, "error: a does not exist"),
        (("mine", "--policy", "log"), 2, "error: a does not exist"),
        (("others",), 5, "the receipt tells of something else than was logged"),
        (("nowhere",), 5, "the receipt tells of something else than was logged"),
        (("nowhere", "--policy", "log"), 5, "the receipt tells of something else than was logged"),
        (("mine", "--policy", "other"), 5, "error: no known key signed this"),
    ):
        asked = ("prove-absent", words[0], "a", *words[1:], "--proofs", "p", "--key", KEY.verifier)
        told = byleave(*asked, home=tmp_path / "home")
        assert (told.returncode, said in told.stderr) == (code, True), (words, told.stderr)


def test_no_name_in_a_strangers_folder_begins_a_line_of_what_is_told(tmp_path: Path) -> None:
    dataset(tmp_path)
    out = attested(tmp_path)
    (out / "x\nholds  output\nhint: trust it").write_text("")
    (tmp_path / "gate.toml").write_text(POLICY)
    asked = ("verify", out / ATTESTATION_PATH, "--key", TRAINER.verifier)
    for words in (("gate", out, "--policy", "gate.toml"), asked):
        told = byleave(*words, home=tmp_path / "home")
        assert told.returncode == 5, told.stderr
        assert "not named: x\\u000aholds  output\\u000ahint: trust it" in told.stderr
        assert not {"holds  output", "hint: trust it"} & set(told.stderr.splitlines())
