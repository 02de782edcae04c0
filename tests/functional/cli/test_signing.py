"""A run is signed as it ends, and what would hinder that is told before it begins."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.functional.cli.commands import byleave
from tests.logs import write_log
from tests.unit.apply.worlds import KEY, links_file, row, synced

from byleave.consent import TargetKind

pytestmark = pytest.mark.functional


@pytest.fixture
def world(tmp_path: Path) -> Path:
    synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
    write_log(tmp_path / "log", [b"x", b"y"], KEY)
    links_file(tmp_path / "links.parquet", ["http://a.example/1", "http://b.example/2"])
    return tmp_path


def test_a_run_is_signed_as_it_ends_or_never_begins(world: Path) -> None:
    home = world / "home"
    verifier = byleave("keys", "make", "a.example", "--to", world / "key", home=home).stdout.strip()
    run = (
        "apply",
        "--ruleset",
        world / "synced",
        "--input",
        world / "links.parquet",
        "--output",
        world / "out",
    )
    terms = ("--regime", "opt_out", "--use", "train_gen", "--dataset", "links")
    for hindered in (
        ("--sign-with", world / "nokey"),
        ("--sign-with", world / "key", "--log", world / "nolog"),
        ("--sign-with", world / "key", "--pledge", world / "nopledge"),
        ("--sign-with", world / "key", "--pledge", world / "links.parquet"),
    ):
        told = byleave(*run, *terms, *hindered, home=home)
        assert told.returncode == 2, told.stderr
        assert not (world / "out").exists()
    told = byleave(*run, *terms[:-2], "--sign-with", world / "key", home=home)
    assert told.returncode == 2
    assert "pass --dataset" in told.stderr
    assert not (world / "out").exists()
    told = byleave(*run, *terms, "--sign-with", world / "key", home=home)
    assert told.returncode == 0, told.stderr
    signed = world / "out" / "_byleave" / "attestation.dsse.json"
    checked = byleave("verify", signed, "--key", verifier, home=home)
    assert checked.returncode == 0, checked.stderr
    drafts = ("report", "art53", world / "out", "--to", world / "drafts")
    assert byleave(*drafts, home=home).returncode == 0
    assert "| b.example | 1 |" in (world / "drafts" / "art53.md").read_text()
    assert byleave(*drafts, home=home).returncode == 4, "a draft that somebody filled in is not written over"


def test_a_run_that_breaks_its_pledge_never_begins_and_one_that_did_is_not_signed(world: Path) -> None:
    home, pledge, key = world / "home", world / "pledge.json", world / "key"
    verifier = byleave("keys", "make", "a.example", "--to", key, home=home).stdout.strip()
    facts = ("--registry", KEY.verifier.name, "--dataset", "links", "--max-lag", 3650, "--use", "train_gen")
    said = byleave("pledge", "--to", pledge, "--key", key, *facts, "--regime", "opt_in", home=home)
    assert said.returncode == 0, said.stderr
    run = ("apply", "--ruleset", world / "synced", "--input", world / "links.parquet", "--use", "train_gen")
    strict, lax = ("--regime", "opt_in"), ("--regime", "opt_out")
    signing = ("--sign-with", key, "--dataset", "links", "--pledge", pledge)
    told = byleave(*run, *lax, "--output", world / "out", *signing, home=home)
    assert told.returncode == 5
    assert "opt_in was pledged, this is opt_out" in told.stderr
    assert not (world / "out").exists()
    assert byleave(*run, *lax, "--output", world / "out", home=home).returncode == 0
    sign = ("attest", "sign", world / "out", "--key", key, "--dataset", "links", "--pledge", pledge)
    told = byleave(*sign, "--ruleset", world / "synced", home=home)
    assert told.returncode == 5
    assert "opt_in was pledged, this is opt_out" in told.stderr
    assert not (world / "out" / "_byleave" / "attestation.dsse.json").exists()
    told = byleave(*run, *lax, "--output", world / "none", "--pledge", pledge, home=home)
    assert told.returncode == 2
    assert "pass --sign-with" in told.stderr
    told = byleave(*run, *strict, "--output", world / "kept", *signing, home=home)
    assert told.returncode == 0, told.stderr
    policy = world / "policy.toml"
    keys = f'keys = ["{verifier}"]\nregistry_keys = ["{KEY.verifier}"]\n'
    policy.write_text(
        f'{keys}regimes = ["opt_in"]\nuses = ["train_gen"]\nmax_age = "3650d"\nmost_unchecked = "any"\n'
    )
    told = byleave("gate", world / "kept", "--policy", policy, "--pledge", pledge, home=home)
    assert told.returncode == 0, told.stderr
    assert "holds  pledge       fulfils the pledge" in told.stderr


def test_a_file_that_cannot_be_used_is_named(world: Path) -> None:
    home, wrong = world / "home", world / "links.parquet"
    (world / "empty.toml").write_bytes(b"")
    for words, named in (
        (
            ("attest", "submit", wrong, "--to", "http://127.0.0.1:9", "--token", wrong),
            "links.parquet cannot be handed in",
        ),
        (("gate", world, "--policy", wrong), "links.parquet cannot be used: it is not UTF-8 text"),
        (("gate", world, "--policy", world / "empty.toml"), "empty.toml cannot be used: keys is missing"),
    ):
        told = byleave(*words, home=home)
        assert told.returncode == 2
        assert named in told.stderr
