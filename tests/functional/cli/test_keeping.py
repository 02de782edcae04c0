"""What an operator does by hand: negative list, held claims, retention, a person's data."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from tests.functional.cli.commands import byleave

from byleave.registry.database import Database
from byleave.settings import Settings

pytestmark = pytest.mark.functional
MARA = "mara@example.org"


def told(home: Path, *words: object) -> str:
    done = byleave(*words, home=home)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_operator_keeps_the_registry_by_hand(
    registry_settings: Settings, database: Database, tmp_path: Path
) -> None:
    home = registry_settings.home
    values = tmp_path / "old-masters.csv"
    values.write_text("pdq,name\n" + "ab" * 32 + ",The Sea\n")
    assert byleave("negative", "add", values, "--name", "old masters", home=home).returncode == 2, (
        "a header is no value"
    )
    values.write_text("# public domain\n" + "ab" * 32 + ",The Sea\n")
    told(home, "negative", "add", values, "--name", "old masters")
    parts = {part["name"]: part["pictures"] for part in json.loads(told(home, "negative", "list", "--json"))}
    assert parts["old masters"] == 1
    assert parts["built-in/1"] > 50
    assert byleave("negative", "remove", "built-in/1", home=home).returncode == 3
    told(home, "negative", "remove", "old masters")

    plain = tmp_path / "plain.png"
    Image.new("RGB", (300, 200), "#456").save(plain)
    claims = [
        told(home, "claim", "add", "--image", plain, "--preference", "deny", "--as", MARA).strip()
        for _ in range(2)
    ]
    held = json.loads(told(home, "review", "list", "--json"))
    assert [(one["claim"], one["reason"]) for one in held["claims"]] == [(claim, "flat") for claim in claims]
    told(home, "review", "release", claims[0], "--reason", "It is hers.")
    assert byleave("review", "release", claims[0], "--reason", "Again.", home=home).returncode == 4
    told(home, "review", "reject", claims[1], "--reason", "It is nobody's.")
    assert json.loads(told(home, "review", "list", "--json"))["waiting"] == 0

    assert json.loads(told(home, "retention", "--json"))["retired_lists"] == []
    assert "Links to sign in" in told(home, "retention", "--list")

    archive = tmp_path / "mara.zip"
    told(home, "account", "export", MARA, "--out", archive)
    with zipfile.ZipFile(archive) as everything:
        assert {row["state"] for row in json.loads(everything.read("claims.json"))} == {
            "effective",
            "rejected",
        }
    assert byleave("account", "export", MARA, "--out", archive, home=home).returncode == 2
    assert byleave("account", "erase", MARA, home=home).returncode == 2
    told(home, "account", "erase", MARA, "--yes")
    assert byleave("account", "erase", MARA, "--yes", home=home).returncode == 2
