"""A list of links becomes one claim with one event, whole or not at all, and sending it again changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from byleave.consent import ClaimState, Evidence, Preference, Preferences, TargetKind, Use
from byleave.errors import InputError
from byleave.log import targets_root
from byleave.publish.lists import HandedList, ListFile, file_handed_list, hand_in
from byleave.registry.accounts import account_of
from byleave.registry.changing import NewAnswer, change_claim, withdraw_claim
from byleave.registry.claims import TargetCount, claim_by_id, claims_of, targets_of
from byleave.registry.database import Database
from byleave.registry.events import last_number
from byleave.registry.filing import Filing, NewClaim
from byleave.registry.handing_in import State, handed_in_of, rejects_of
from byleave.registry.permissions import Role, Who
from byleave.registry.tables import ClaimEventRow, TargetRow
from byleave.settings import Settings

pytestmark = pytest.mark.functional

NOW = datetime(2026, 11, 22, tzinfo=UTC)
NO = Preferences.same(Preference.DENY, [Use.TRAIN_GEN])
YES = Preferences.same(Preference.ALLOW, [Use.TRAIN_GEN])


@pytest.fixture
def ann(database: Database) -> Who:
    with database.transaction() as session:
        return Who(Role.CLAIMANT, account_of(session, "ann@example.org", NOW))


def hand(database: Database, folder: Path, content: str, ann: Who, said: Preferences = NO) -> HandedList:
    path = folder / "list.csv"
    path.write_text(content)
    assert ann.account
    filing = Filing(NewClaim(said, ()), ann.account)
    file = ListFile.look(path, "list.csv", 10_000_000)
    handed = hand_in(database, file, filing, who=ann, at=NOW)
    return file_handed_list(database, Settings(home=folder), handed, path, filing, who=ann, at=NOW)


LIST = (
    "url,prefix,sha256\n"
    + "".join(f"https://a.example/{n},,\n" for n in range(2500))
    + f",b.example/ann,\nftp://x,,\n,,{'ab' * 32}\n"
)


def test_a_list_becomes_one_claim_with_one_event(database: Database, tmp_path: Path, ann: Who) -> None:
    done = hand(database, tmp_path, LIST, ann)
    assert done.acknowledged
    claim = done.acknowledged.claim
    assert (claim.state, claim.number, claim.target_count) == (ClaimState.EFFECTIVE, 1, 2502)
    assert claim.counts == (
        TargetCount(TargetKind.DIGEST, Evidence.E0, 1),
        TargetCount(TargetKind.PREFIX, Evidence.E0, 1),
        TargetCount(TargetKind.URL, Evidence.E0, 2500),
    )
    assert (done.handed.accepted, done.handed.rejected, done.handed.state) == (2502, 1, State.FILED)
    with database.transaction() as session:
        stored = session.execute(
            sa.select(
                TargetRow.digest, TargetRow.kind, TargetRow.scope_host_digest, TargetRow.value
            ).order_by(TargetRow.id)
        ).all()
        record, salt = session.execute(sa.select(ClaimEventRow.record, ClaimEventRow.salt)).one()
        (reject,) = rejects_of(session, done.handed.id, who=ann)
        shown = claim_by_id(session, claim.id, who=ann, most=10)
        pages = targets_of(session, claim.id, who=ann, limit=2000)
        rest = targets_of(session, claim.id, who=ann, after=pages[-1][0], limit=2000)
    assert record
    assert salt
    assert record["targets_root"] == targets_root(salt, [row.digest for row in stored]).hex()
    assert record["targets"] == 2502
    assert {row.scope_host_digest is None for row in stored if row.kind == "prefix"} == {False}
    assert stored[0].value == "a.example/0"
    assert (reject.line, reject.value) == (2503, "ftp://x")
    assert (len(shown.targets), shown.counts) == (10, claim.counts)
    assert shown.targets[0].value == "a.example/0"
    assert len({number for number, _ in pages + rest}) == 2502
    assert done.acknowledged.receipt.targets == ()


def test_the_same_list_with_the_same_answer_is_filed_once(
    database: Database, tmp_path: Path, ann: Who
) -> None:
    first = hand(database, tmp_path, LIST, ann)
    again = hand(database, tmp_path, LIST, ann)
    assert again.again
    assert again.handed.claim == first.handed.claim
    other = hand(database, tmp_path, LIST, ann, YES)
    assert not other.again
    with database.transaction() as session:
        assert last_number(session) == 2
        assert len(claims_of(session, first.handed.account, who=ann, most=0)) == 2
        assert len(handed_in_of(session, first.handed.account, who=ann)) == 2


def test_of_a_list_with_nothing_to_use_nothing_is_filed_and_the_reasons_are_kept(
    database: Database, tmp_path: Path, ann: Who
) -> None:
    with pytest.raises(InputError):
        hand(database, tmp_path, "url\nftp://x\nftp://y\n", ann)
    assert ann.account
    with database.transaction() as session:
        (handed,) = handed_in_of(session, ann.account, who=ann)
        assert (handed.state, handed.rejected, handed.claim) == (State.FAILED, 2, None)
        assert [one.line for one in rejects_of(session, handed.id, who=ann)] == [0, 2, 3]
        assert last_number(session) == 0
        assert session.scalar(sa.select(sa.func.count()).select_from(TargetRow)) == 0


def test_a_short_list_has_its_targets_in_its_receipt(database: Database, tmp_path: Path, ann: Who) -> None:
    done = hand(database, tmp_path, "https://a.example/1\nhttps://a.example/2\n", ann)
    assert done.acknowledged
    assert len(done.acknowledged.receipt.targets) == 2


def test_a_long_claim_is_changed_and_withdrawn_by_one_event_each(
    database: Database, tmp_path: Path, ann: Who
) -> None:
    claim = hand(database, tmp_path, LIST, ann).handed.claim
    assert claim
    with database.transaction() as session:
        changed = change_claim(session, claim, NewAnswer(YES), who=ann, at=NOW)
        assert (changed.state, changed.number) == (ClaimState.FILED, 2)
        back = change_claim(session, claim, NewAnswer(NO), who=ann, at=NOW)
        assert (back.state, back.target_count) == (ClaimState.EFFECTIVE, 2502)
        assert withdraw_claim(session, claim, who=ann, at=NOW).number == 4
