"""`byleave claim add --list`, `change`, `take-out` and `history`, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.functional.cli.commands import byleave

pytestmark = pytest.mark.functional


def test_a_list_is_filed_changed_narrowed_and_told_about(
    database: object, registry_home: Path, tmp_path: Path
) -> None:
    path, rejects, receipt = tmp_path / "list.txt", tmp_path / "not-used.csv", tmp_path / "a.tlog-proof"
    path.write_text("https://a.example/1.jpg\nhttps://a.example/2.jpg\nnothing\n")
    words = ("claim", "add", "--list", path, "--preference", "deny", "--as", "ann@example.org")
    done = byleave(*words, "--rejects", rejects, "--receipt", receipt, home=registry_home)
    assert done.returncode == 0, done.stderr
    assert "line 3: 'nothing' is not a link" in done.stderr
    assert "2 targets filed as claim event" in done.stderr
    assert rejects.read_text().splitlines()[1].startswith("3,nothing,")
    assert receipt.exists()
    claim = done.stdout.strip()
    again = byleave(*words, "--json", home=registry_home)
    assert json.loads(again.stdout) == {"claim": claim, "accepted": 2, "rejected": 1, "again": True}
    out = byleave("claim", "take-out", claim, "--url", "a.example/1.jpg", home=registry_home)
    assert "it covers 1 targets" in out.stderr
    yes = byleave("claim", "change", claim, "--preference", "allow", "--use", "search", home=registry_home)
    assert yes.returncode == 2
    ask = byleave("claim", "change", claim, "--preference", "conditional", "--use", "tdm", home=registry_home)
    assert ask.returncode == 0, ask.stderr
    told = json.loads(byleave("claim", "history", claim, "--json", home=registry_home).stdout)
    assert len(told) == 3


def test_several_claims_are_changed_and_withdrawn_by_one_command_or_none_is(
    database: object, registry_home: Path, tmp_path: Path
) -> None:
    add = ("claim", "add", "--preference", "deny", "--as", "ann@example.org", "--url")
    first, second = (
        byleave(*add, f"https://a.example/{number}.jpg", home=registry_home).stdout.strip() for number in "12"
    )
    listed = tmp_path / "claims.txt"
    listed.write_text(f"{second}\n\n{first}\n")
    ask = ("--preference", "conditional", "--use", "tdm")
    changed = byleave(
        "claim", "change", first, "--from", listed, *ask, "--receipt", tmp_path / "kept", home=registry_home
    )
    assert changed.returncode == 0, changed.stderr
    assert "2 claims changed" in changed.stderr
    assert {path.stem for path in (tmp_path / "kept").iterdir()} == {first, second}
    stranger = byleave("claim", "withdraw", first, "00" * 16, home=registry_home)
    assert stranger.returncode != 0
    gone = byleave("claim", "withdraw", "--from", listed, "--json", home=registry_home)
    assert [(one["claim"], one["state"]) for one in json.loads(gone.stdout)] == [
        (second, "withdrawn"),
        (first, "withdrawn"),
    ]
    assert byleave("claim", "withdraw", home=registry_home).returncode == 2
