"""Each list states the rules it was made under, beyond doubt: figures, and digests of tables and lists."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from tests.functional.publish.test_publishing import NOW, account, filed

from byleave.consent import DENY_FROM
from byleave.fingerprints.calibration import calibration_bytes
from byleave.publish import publish
from byleave.publish.policy import policy
from byleave.registry.database import Database
from byleave.registry.negative import BUILT_IN, add_pictures
from byleave.registry.permissions import OPERATOR
from byleave.registry.targets import url_target
from byleave.registry.thresholds import THRESHOLDS, HoldReason
from byleave.release.standing import REASONS
from byleave.settings import Limits, Settings

pytestmark = pytest.mark.functional

NOTHING = hashlib.sha256(b"").hexdigest()


def stated(database: Database, settings: Settings) -> dict[str, Any]:
    filed(database, account(database, "ann"), url_target("https://example.com/a.jpg"))
    release = publish(database, settings, who=OPERATOR, at=NOW).release
    found: dict[str, Any] = json.loads((release.folder / "policy.json").read_bytes())
    for name, digest in found["tables"].items():
        (file,) = release.folder.glob(f"{name}.*")
        assert hashlib.sha256(file.read_bytes()).hexdigest() == digest
    return found


def test_a_list_states_limits_thresholds_tables_and_calibration(database: Database, tmp_path: Path) -> None:
    found = stated(database, Settings(home=tmp_path))
    assert found["limits"]["picture_bytes"] == Limits().picture_bytes
    assert found["review_from"] == asdict(THRESHOLDS)
    assert set(found["tables"]) == {"platforms", "public_suffix_list"}
    assert found["deny_from_evidence"] == {kind.value: int(level) for kind, level in DENY_FROM.items()}
    assert found["picture"]["same_work_radius"] == found["calibration"]["figures"]["same_work"]["radius"]
    assert found["picture"]["review_radius"] == found["calibration"]["figures"]["review"]["radius"]
    assert found["calibration"]["sha256"] == hashlib.sha256(calibration_bytes()).hexdigest()


def test_an_empty_negative_list_is_stated_and_another_shows(database: Database, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert stated(database, settings)["negative_lists"] == {BUILT_IN: NOTHING}
    values = [bytes([2]) * 32, bytes([1]) * 32]
    with database.transaction() as session:
        add_pictures(session, values, "logos", who=OPERATOR, at=NOW)
    digest = hashlib.sha256(b"".join(sorted(values))).hexdigest()
    assert stated(database, settings)["negative_lists"] == {BUILT_IN: NOTHING, "logos": digest}


def test_every_reason_to_hold_has_its_own_number_in_the_list() -> None:
    assert {reason.value for reason in HoldReason} <= set(REASONS)


def test_whatever_lists_there_are_go_by_their_names() -> None:
    said = policy(Limits(), {"held": 2}, {"sounds": bytes(32), "pictures": bytes([1]) * 32})
    assert said["negative_lists"] == {"pictures": "01" * 32, "sounds": "00" * 32}
    assert said["outcomes"] == {"held": 2}
