"""Errors on the command line: a code, the problem and a remedy, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.functional.cli.commands import byleave
from tests.unit.release.making import KEY, OTHER, released

pytestmark = pytest.mark.functional

WRONG = [
    (["verify", "nowhere", "--key", str(KEY.verifier)], 2),
    (["verify", "nowhere"], 2),
    (["verify", "nowhere", "--key", "no key"], 2),
    (["sync", "nowhere", "--to", "held"], 2),
    (["search"], 2),
    (["fingerprint", "nowhere.jpg"], 2),
    (["claim", "add", "--as", "ann@example.com", "--preference", "maybe", "--url", "example.com/a"], 2),
    (["claim", "add", "--as", "ann@example.com", "--preference", "deny", "--url", "ftp://a"], 2),
    (["claim", "add", "--as", "ann@example.com", "--preference", "deny", "--domain", "flickr.com"], 3),
    (["claim", "show", "not hex"], 2),
    (["ingest", "nowhere", "--dataset", "pictures"], 2),
]


@pytest.mark.parametrize(("words", "code"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_an_error_leaves_with_its_code_and_says_what_to_do(
    tmp_path: Path, words: list[str], code: int
) -> None:
    home = tmp_path / "home"
    told = byleave(*words, home=home)
    assert told.returncode == code, told.stderr
    problem, remedy = told.stderr.splitlines()[-2:]
    assert problem.startswith("error: ")
    assert remedy.startswith("hint: ")
    assert "Traceback" not in told.stderr
    assert told.stdout == ""
    assert not home.exists() or not any(home.glob("*postgres*"))


@pytest.mark.parametrize("given", ["9f3c5a1d", "a-folder", "attestation.dsse.json"])
def test_whoever_names_no_receipt_is_told_where_one_comes_from(tmp_path: Path, given: str) -> None:
    (tmp_path / "a-folder").mkdir()
    (tmp_path / "attestation.dsse.json").write_text('{"payload":"","payloadType":"","signatures":[]}')
    asked = ("prove-absent", given, "attestation.dsse.json", "--proofs", "proofs", "--key", KEY.verifier)
    told = byleave(*asked, home=tmp_path / "home")
    assert told.returncode == 2, told.stderr
    assert given in told.stderr
    assert "byleave claim receipt ID --out FILE" in " ".join(told.stderr.split())


def test_each_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    (tmp_path / "policy").write_text(f"log {KEY.verifier}\n")
    key = ("--key", KEY.verifier)
    for words in (
        ("attest", "prove", "text", "--bound", "b", "--ruleset", "r", *key, "--to", "t"),
        ("audit-attestation", "a", "text", "--receipt", "r", "--policy", "policy", *key, "--ruleset", "r"),
        ("attest", "sign", "out", "--key", "text", "--ruleset", "r"),
        ("pledge", "--to", "p", "--key", "text", "--registry", "r", "--dataset", "d", "--regime", "opt_in", "--use", "tdm", "--max-lag", "3"),
    ):  # fmt: skip
        told = byleave(*words, home=tmp_path / "home")
        assert told.returncode == 2, told.stderr
        assert "error: text " in told.stderr


def test_whoever_hands_in_to_no_address_or_with_no_key_is_told(tmp_path: Path) -> None:
    (tmp_path / "said").write_text('{"payload":"","payloadType":"x","signatures":[{"sig":""}]}')
    (tmp_path / "key").write_bytes(b"\xff")
    for registry, key, problem in (
        ("registry.example", "key", "registry.example is no web address"),
        ("http://127.0.0.1:9", "key", "key holds no key"),
        ("http://127.0.0.1:9", "nowhere", "nowhere does not exist"),
    ):
        told = byleave("attest", "submit", "said", "--to", registry, "--token", key, home=tmp_path / "home")
        assert (told.returncode, f"error: {problem}" in " ".join(told.stderr.split())) == (2, True), (
            told.stderr
        )


def test_a_file_in_the_place_of_a_folder_is_left_and_told(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("mine")
    released(tmp_path / "source")
    told = byleave("sync", "source", "--to", "list", "--key", KEY.verifier, home=tmp_path / "home")
    assert (told.returncode, "error: list is there already" in told.stderr) == (4, True)
    assert (tmp_path / "list").read_text() == "mine"


def test_with_json_an_error_is_one_object(tmp_path: Path) -> None:
    told = byleave("verify", tmp_path / "nowhere", "--key", KEY.verifier, "--json", home=tmp_path)
    assert told.returncode == 2
    answer = json.loads(told.stderr)
    assert set(answer) == {"ok", "error", "remedy", "exit_code"}
    assert (answer["ok"], answer["exit_code"]) == (False, 2)


def test_a_damaged_list_leaves_with_code_5(tmp_path: Path) -> None:
    folder = released(tmp_path / "source").folder
    assert byleave("verify", folder, "--key", KEY.verifier, home=tmp_path).returncode == 0
    (folder / "policy.json").write_text("{}")
    assert byleave("verify", folder, "--key", KEY.verifier, home=tmp_path).returncode == 5


def test_a_key_that_is_given_counts_for_a_synced_folder_too(tmp_path: Path) -> None:
    released(tmp_path / "source")
    held = tmp_path / "held"
    assert (
        byleave("sync", tmp_path / "source", "--to", held, "--key", KEY.verifier, home=tmp_path).returncode
        == 0
    )
    assert byleave("verify", held, home=tmp_path).returncode == 0
    assert byleave("verify", held, "--key", KEY.verifier, home=tmp_path).returncode == 0
    assert byleave("verify", held, "--key", OTHER.verifier, home=tmp_path).returncode == 5


def test_a_place_that_cannot_be_written_is_told_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    released(tmp_path / "source")
    told = byleave(
        "sync", tmp_path / "source", "--to", tmp_path / "file" / "held", "--key", KEY.verifier, home=tmp_path
    )
    assert told.returncode == 6
    assert "Traceback" not in told.stderr
    assert "hint: " in told.stderr


def test_a_misspelt_setting_is_an_error(tmp_path: Path) -> None:
    told = byleave("claim", "list", home=tmp_path, settings={"BYLEAVE_DATBASE_URL": "x"})
    assert told.returncode == 2
    assert "BYLEAVE_DATBASE_URL" in told.stderr
