"""`byleave verify` holds a published list against its rows and its log, and says plainly what holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.functional.cli.commands import byleave
from tests.logs import claim_entries, write_log
from tests.unit.release.making import KEY, LOGGED_POLICY, NOW, rules_entry
from tests.unit.release.making import released as made

from byleave.errors import VerificationError
from byleave.release import Release, sync
from byleave.release.redaction import redact

pytestmark = pytest.mark.functional

REGISTERED = [(number, "register") for number in range(3)]


def log_of(folder: Path, *said: tuple[int, str]) -> Path:
    write_log(folder, [rules_entry(), *claim_entries(*said)], KEY)
    return folder


def released(folder: Path, number: int) -> Release:
    return made(folder, number, policy=LOGGED_POLICY)


def test_a_complete_list_says_what_holds(tmp_path: Path) -> None:
    folder = released(tmp_path / "releases", 4).folder
    log = log_of(tmp_path / "log", *REGISTERED, (7, "register"))
    told = byleave("verify", folder, "--key", KEY.verifier, "--log", log, home=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "holds: its 3 rows give the root that it was published with" in told.stderr
    assert "holds: all 5 entries of the log registry.example/test give its signed root" in told.stderr
    assert "holds: every one of them is in the list, and no other" in told.stderr
    assert "does not hold" not in told.stderr


def test_a_list_that_dropped_a_claim_and_kept_another_is_told_and_leaves_with_5(tmp_path: Path) -> None:
    released(tmp_path / "releases", 6)
    log = log_of(tmp_path / "log", *REGISTERED, (2, "withdraw"), (7, "register"))
    words = ["verify", tmp_path / "releases", "--key", KEY.verifier, "--log", log]
    told = byleave(*words, home=tmp_path)
    assert told.returncode == VerificationError.exit_code
    assert f"does not hold: claim {'07' * 16} is not in the list" in told.stderr
    assert f"does not hold: claim {'02' * 16} is in the list, and the log says otherwise" in told.stderr
    data = json.loads(byleave(*words, "--json", home=tmp_path).stdout)
    assert (data["ok"], data["missing"], data["unexpected"]) == (False, ["07" * 16], ["02" * 16])


def test_a_synced_folder_remembers_whom_to_trust_for_the_log_too(tmp_path: Path) -> None:
    released(tmp_path / "releases", 4)
    log = log_of(tmp_path / "log", *REGISTERED)
    sync(str(tmp_path / "releases"), tmp_path / "held", keys=[KEY.verifier])
    told = byleave("verify", tmp_path / "held", "--log", log, home=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "every one of them is in the list" in told.stderr


def test_rows_that_were_taken_out_are_counted_and_excused(tmp_path: Path) -> None:
    release = redact(released(tmp_path / "releases", 4), [bytes([1]) * 16], at=NOW, key=KEY)
    log = log_of(tmp_path / "log", *REGISTERED)
    words = ["verify", release.folder, "--key", KEY.verifier]
    assert "--rows checks that the others are as published" in byleave(*words, home=tmp_path).stderr
    told = byleave(*words, "--log", log, home=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "holds: 2 rows, and the hashes of 1 that were taken out later" in told.stderr
    assert f"holds: claim {'01' * 16} is not in the list any more" in told.stderr


def test_a_list_under_rules_that_the_log_does_not_name_is_told(tmp_path: Path) -> None:
    folder = made(tmp_path / "releases", 4, policy={**LOGGED_POLICY, "limits": {"picture_bytes": 1}}).folder
    log = log_of(tmp_path / "log", *REGISTERED)
    told = byleave("verify", folder, "--key", KEY.verifier, "--log", log, home=tmp_path)
    assert told.returncode == VerificationError.exit_code
    assert "does not hold: the rules it states are not those the log names" in told.stderr
