"""Each list states the rules it was made under, beyond doubt: figures, and digests of tables and lists."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.functional.publish.test_publishing import NOW, account, filed

from byleave.consent import DENY_FROM
from byleave.fingerprints.calibration import calibration_bytes
from byleave.publish import publish
from byleave.publish.policy import policy, rules
from byleave.registry.database import Database
from byleave.registry.events import open_events
from byleave.registry.negative import BUILT_IN, add_pictures
from byleave.registry.permissions import OPERATOR
from byleave.registry.tables import ClaimEventRow
from byleave.registry.targets import url_target
from byleave.registry.thresholds import THRESHOLDS, HoldReason
from byleave.release.policy import Logged, policy_is_logged
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
    stated = rules(Limits(), {"sounds": bytes(32), "pictures": bytes([1]) * 32})
    said = policy(stated, {"held": 2}, Logged(1, bytes(16), bytes(32)))
    assert said["negative_lists"] == {"pictures": "01" * 32, "sounds": "00" * 32}
    assert said["outcomes"] == {"held": 2}


def logged_rules(database: Database) -> list[int]:
    with database.transaction() as session:
        chosen = sa.select(ClaimEventRow.number).where(ClaimEventRow.operation == "policy")
        return list(session.execute(chosen.order_by(ClaimEventRow.number)).scalars())


def test_rules_are_logged_when_they_change_and_not_again(database: Database, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    first = stated(database, settings)
    again = stated(database, settings)
    assert first["logged"] == again["logged"]
    assert logged_rules(database) == [first["logged"]["number"]]
    with database.transaction() as session:
        add_pictures(session, [bytes([3]) * 32], "logos", who=OPERATOR, at=NOW)
    changed = stated(database, settings)
    assert logged_rules(database) == [first["logged"]["number"], changed["logged"]["number"]]


def test_a_list_under_other_rules_than_those_logged_is_found_out(database: Database, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    filed(database, account(database, "ann"), url_target("https://example.com/a.jpg"))
    release = publish(database, settings, who=OPERATOR, at=NOW).release
    with database.transaction() as session:
        (number,) = logged_rules(database)
        newest = open_events(session, [number])[0].event
    assert policy_is_logged(release, newest)
    assert not policy_is_logged(release, None)
    path = release.folder / "policy.json"
    path.chmod(0o600)
    said = json.loads(path.read_bytes())
    said["limits"]["picture_bytes"] += 1
    path.write_text(json.dumps(said))
    assert not policy_is_logged(release, newest)
