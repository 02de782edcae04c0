"""The public log: what is acknowledged is in it, its files follow from the registry, and it has one past."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, InternalError, ProgrammingError
from tests.functional.publish.filing import NO, NOW, acknowledged, files_below, link, trusted

from byleave.errors import ConflictError, VerificationError
from byleave.log import Checkpoint, Policy, open_checkpoint
from byleave.publish.folders import keys_folder, log_folder
from byleave.publish.keys import NEXT_KEY_FILE, key_history, known_keys, rotate, show_keys, signing_key
from byleave.publish.rebuild import rebuild
from byleave.publish.receipts import (
    erase_with_receipt,
    file_with_receipt,
    receipt_of,
    withdraw_with_receipt,
)
from byleave.publish.sequencer import integrate, sequence, sequencing
from byleave.registry.accounts import account_of
from byleave.registry.backup import backup, restore
from byleave.registry.claims import claim_by_id
from byleave.registry.database import Database
from byleave.registry.erasure import erase_claim
from byleave.registry.events import last_number
from byleave.registry.filing import Filing, NewClaim, file_claims
from byleave.registry.permissions import OPERATOR, Role, Who
from byleave.registry.tables import CheckpointRow, ClaimEventRow, ClaimRow, TargetRow
from byleave.release.key_history import HISTORY, KeyHistory
from byleave.release.keys import verify_ed25519
from byleave.release.log_reading import audit, check_growth, open_place, read_checkpoint
from byleave.release.receipts import Receipt
from byleave.settings import Settings

pytestmark = pytest.mark.functional


@pytest.fixture
def settings(registry_settings: Settings, tmp_path: Path) -> Settings:
    return replace(registry_settings, home=tmp_path / "home")


def published(settings: Settings) -> Checkpoint:
    note = (log_folder(settings) / "checkpoint").read_text()
    return open_checkpoint(note, known_keys(settings), verify_ed25519)[0]


def audited(settings: Settings) -> Checkpoint:
    """Check the published files alone, as a stranger would, and return their checkpoint."""
    with open_place(str(log_folder(settings))) as place:
        checkpoint = read_checkpoint(place, trusted(settings)).checkpoint
        audit(place, checkpoint)
    return checkpoint


def test_a_receipt_holds_by_itself_and_says_what_was_filed(database: Database, settings: Settings) -> None:
    (filed,) = acknowledged(database, settings, link(1), link(2))
    receipt = Receipt.parse(filed.receipt.to_text().encode())
    assert receipt.verify(trusted(settings)).checkpoint == published(settings)
    assert receipt.event.claim == filed.claim.id
    assert receipt.record["state"] == "effective"
    assert [target.digest for target in receipt.targets] == [link(1).digest, link(2).digest]


def test_a_batch_across_tiles_gives_every_claim_its_receipt(database: Database, settings: Settings) -> None:
    acknowledged(database, settings, count=200)
    filed = acknowledged(database, settings, count=330)
    assert [one.claim.number for one in filed] == list(range(201, 531))
    assert audited(settings).size == 530
    for one in filed:
        Receipt.parse(one.receipt.to_text().encode()).verify(trusted(settings))
    names = files_below(log_folder(settings))
    assert "tile/0/000.p/200" not in names, "a full tile takes the place of partial ones"
    assert {"checkpoint", "tile/0/001", "tile/0/002.p/18", "tile/1/000.p/2", "tile/entries/002.p/18"} <= set(
        names
    )


def test_a_receipt_given_out_later_holds_too_and_an_old_one_still_grows_into_the_log(
    database: Database, settings: Settings
) -> None:
    (first,) = acknowledged(database, settings)
    old = published(settings)
    acknowledged(database, settings, count=300)
    later = Receipt.parse(receipt_of(database, settings, first.claim.id, who=OPERATOR, at=NOW).encode())
    assert later.verify(trusted(settings)).checkpoint.size == 301
    with open_place(str(log_folder(settings))) as place:
        check_growth(place, old, published(settings))
        forked = replace(old, root=bytes(32))
        with pytest.raises(VerificationError):
            check_growth(place, forked, published(settings))


def test_withdrawing_and_erasing_have_receipts(database: Database, settings: Settings) -> None:
    (filed,) = acknowledged(database, settings)
    withdrawn = withdraw_with_receipt(database, settings, filed.claim.id, who=OPERATOR, at=NOW)
    erased = erase_with_receipt(database, settings, filed.claim.id, who=OPERATOR, at=NOW)
    for number, (done, operation) in enumerate(((withdrawn, "withdraw"), (erased, "erase")), 2):
        receipt = Receipt.parse(done.receipt.to_text().encode())
        receipt.verify(trusted(settings))
        assert (receipt.event.operation, receipt.event.number) == (operation, number)


def test_erasing_destroys_all_that_was_said_and_the_log_stays_as_it_was(
    database: Database, settings: Settings
) -> None:
    with database.transaction() as session:
        account = account_of(session, "ann@example.com", NOW)
        her = Who(Role.CLAIMANT, account)
    new = NewClaim(NO, (link(1),), terms="secret terms", contact="me@example.com", publish_values=True)
    filed = file_with_receipt(database, settings, new, who=her, account=account, at=NOW)
    before = published(settings)
    erased = erase_with_receipt(database, settings, filed.claim.id, who=her, at=NOW)
    assert (erased.claim.account, erased.claim.targets, erased.claim.terms) == (None, (), None)
    with database.transaction() as session:
        registered, left = session.execute(sa.select(ClaimEventRow).order_by(ClaimEventRow.number)).scalars()
        assert (registered.salt, registered.record) == (None, None)
        assert left.record == {
            "at": "2026-11-22T12:00:00+00:00",
            "claim": filed.claim.id.hex(),
            "op": "erase",
            "v": 1,
        }
        assert session.execute(sa.select(sa.func.count()).select_from(TargetRow)).scalar_one() == 0
        kept = session.execute(sa.select(ClaimRow)).scalar_one()
        assert (kept.terms, kept.contact, kept.account_id, kept.train_gen) == (None, None, None, 0)
        with pytest.raises(ConflictError, match="erased already"):
            erase_claim(session, filed.claim.id, who=OPERATOR, at=NOW)
    with open_place(str(log_folder(settings))) as place:
        check_growth(place, before, audited(settings))
    assert rebuild(database, settings, at=NOW).differed == ()
    filed.receipt.verify(trusted(settings))


def test_a_stranger_erases_nothing(database: Database, settings: Settings) -> None:
    (filed,) = acknowledged(database, settings)
    with database.transaction() as session:
        bob = Who(Role.CLAIMANT, account_of(session, "bob@example.com", NOW))
        with pytest.raises(Exception, match="nothing is filed here"):
            erase_claim(session, filed.claim.id, who=bob, at=NOW)
        assert claim_by_id(session, filed.claim.id, who=OPERATOR).targets == filed.claim.targets


def test_what_was_filed_without_the_log_is_taken_up_by_whoever_comes_next(
    database: Database, settings: Settings
) -> None:
    with database.transaction() as session:
        account = account_of(session, "ann@example.com", NOW)
        file_claims(
            session, [Filing(NewClaim(NO, (link(n),)), account) for n in range(7)], who=OPERATOR, at=NOW
        )
    assert not log_folder(settings).exists()
    acknowledged(database, settings)
    assert audited(settings).size == 8


def test_files_follow_from_the_registry_byte_for_byte(database: Database, settings: Settings) -> None:
    for count in (1, 254, 1, 1, 300):
        acknowledged(database, settings, count=count)
    log = log_folder(settings)
    before = files_below(log)
    shutil.rmtree(log)
    found = rebuild(database, settings, at=NOW)
    after = files_below(log)
    assert found.size == 557
    assert after == {name: content for name, content in before.items() if name in after}
    assert len(after) == found.files + 1
    victim = log / "tile/0/001"
    victim.write_bytes(bytes(8192))
    (log / "tile/entries/000").unlink()
    assert set(rebuild(database, settings, at=NOW).differed) == {"tile/0/001", "tile/entries/000"}
    assert files_below(log) == after


@pytest.mark.parametrize("damage", ["missing", "empty", "wrong"])
def test_a_damaged_edge_is_made_again_and_never_hashed(
    database: Database, settings: Settings, damage: str
) -> None:
    acknowledged(database, settings, count=3)
    tile = log_folder(settings) / "tile/0/000.p/3"
    if damage == "missing":
        tile.unlink()
    else:
        tile.write_bytes(b"" if damage == "empty" else bytes(96))
    (filed,) = acknowledged(database, settings)
    filed.receipt.verify(trusted(settings))
    assert audited(settings).size == 4


def test_a_checkpoint_file_that_a_disk_damaged_is_refused_and_made_again_on_request(
    database: Database, settings: Settings
) -> None:
    acknowledged(database, settings, count=3)
    path = log_folder(settings) / "checkpoint"
    good = path.read_bytes()
    path.write_bytes(good[:20])
    with pytest.raises(Exception, match="signed note"):
        acknowledged(database, settings)
    rebuild(database, settings, at=NOW)
    assert path.read_bytes() == good


def test_a_restored_backup_does_not_go_on_under_the_published_log(
    database: Database, settings: Settings, registry_settings: Settings, tmp_path: Path
) -> None:
    acknowledged(database, settings, count=2)
    backup(registry_settings, tmp_path / "backup", NOW)
    acknowledged(database, settings)
    ahead = (log_folder(settings) / "checkpoint").read_bytes()
    restore(registry_settings, tmp_path / "backup", replace=True)
    for act in (lambda: acknowledged(database, settings), lambda: rebuild(database, settings, at=NOW)):
        with pytest.raises(ConflictError, match="3 entries and this registry has signed for 2") as refused:
            act()
        assert "restore a backup" in refused.value.remedy
    with database.transaction() as session:
        assert last_number(session) == 2, "refused before anything was filed"
    assert (log_folder(settings) / "checkpoint").read_bytes() == ahead


def test_a_backup_carries_the_checkpoints_and_its_log_can_be_published_anew(
    database: Database, settings: Settings, registry_settings: Settings, tmp_path: Path
) -> None:
    acknowledged(database, settings, count=5)
    signed = published(settings)
    before = files_below(log_folder(settings))
    backup(registry_settings, tmp_path / "backup", NOW)
    shutil.rmtree(log_folder(settings))
    restore(registry_settings, tmp_path / "backup", replace=True)
    integrate(database, settings, at=NOW)
    assert published(settings) == signed
    assert files_below(log_folder(settings)) == before


def test_a_log_that_another_registry_signed_is_refused(database: Database, settings: Settings) -> None:
    acknowledged(database, settings)
    with database.transaction() as session:
        session.execute(sa.text("ALTER TABLE checkpoints DISABLE TRIGGER checkpoints_one_root"))
        session.execute(sa.update(CheckpointRow).values(root=bytes(32)))
        session.execute(sa.text("ALTER TABLE checkpoints ENABLE TRIGGER checkpoints_one_root"))
    with pytest.raises(ConflictError, match="is not the one that this registry signed"):
        acknowledged(database, settings)


def test_events_that_do_not_lead_to_what_was_signed_are_refused(
    database: Database, settings: Settings
) -> None:
    acknowledged(database, settings, count=2)
    with database.transaction() as session:
        session.execute(sa.text("ALTER TABLE claim_events DISABLE TRIGGER claim_events_append_only"))
        session.execute(sa.update(ClaimEventRow).where(ClaimEventRow.number == 1).values(operation="update"))
        session.execute(sa.text("ALTER TABLE claim_events ENABLE TRIGGER claim_events_append_only"))
    shutil.rmtree(log_folder(settings))
    with pytest.raises(VerificationError, match="do not lead to the checkpoint"):
        integrate(database, settings, at=NOW)
    assert not (log_folder(settings) / "checkpoint").exists()


def test_the_database_itself_keeps_one_root_for_a_size(database: Database, settings: Settings) -> None:
    acknowledged(database, settings)
    other = CheckpointRow(size=1, root=bytes(32), note="", signed_at=NOW)
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.add(other)
    for change in (
        sa.update(CheckpointRow).values(root=bytes(32)),
        sa.update(CheckpointRow).values(note="other\n\n- sig\n"),
        sa.delete(CheckpointRow),
    ):
        with (
            pytest.raises((IntegrityError, InternalError, ProgrammingError)),
            database.transaction() as session,
        ):
            session.execute(change)


def rotated(database: Database, settings: Settings) -> None:
    with sequencing(database) as session:
        sequence(session, settings, at=NOW)
        rotate(session, settings, at=NOW)


def test_after_a_change_of_keys_old_receipts_hold_and_new_checkpoints_are_of_the_new_key(
    database: Database, settings: Settings
) -> None:
    (before,) = acknowledged(database, settings)
    old = show_keys(settings).signing
    rotated(database, settings)
    new = show_keys(settings).signing
    (after,) = acknowledged(database, settings)
    before.receipt.verify(Policy.of_keys([old]))
    after.receipt.verify(Policy.of_keys([new]))
    with pytest.raises(VerificationError):
        after.receipt.verify(Policy.of_keys([old]))
    history = KeyHistory.parse((log_folder(settings) / HISTORY).read_bytes())
    for known in (old, new):
        both = Policy.of_keys(history.trusted([known]))
        for filed in (before, after):
            witnessed = filed.receipt.verify(both)
            history.check(witnessed.checkpoint, witnessed.signers)
    again = Receipt.parse(receipt_of(database, settings, before.claim.id, who=OPERATOR, at=NOW).encode())
    again.verify(Policy.of_keys([new]))


def test_an_old_key_signs_no_larger_log(database: Database, settings: Settings) -> None:
    acknowledged(database, settings)
    old = signing_key(settings)
    rotated(database, settings)
    history = key_history(settings)
    with pytest.raises(VerificationError, match="laid down before"):
        history.check(Checkpoint(settings.origin, 2, bytes(32)), [old.verifier])
    history.check(Checkpoint(settings.origin, 2, bytes(32)), [signing_key(settings).verifier])


def test_the_newest_checkpoint_gains_the_new_signature_and_keeps_its_root(
    database: Database, settings: Settings
) -> None:
    acknowledged(database, settings)
    before = published(settings)
    rotated(database, settings)
    rotated(database, settings)
    note = (log_folder(settings) / "checkpoint").read_text()
    checkpoint, signers = open_checkpoint(note, known_keys(settings), verify_ed25519)
    assert checkpoint == before
    assert len(signers) == 3


@pytest.fixture
def killed(database: Database, settings: Settings) -> None:
    """Leave a rotation as a kill would: announced, and its key not in force yet."""
    acknowledged(database, settings)
    current = (keys_folder(settings) / "registry.key").read_bytes()
    rotated(database, settings)
    (keys_folder(settings) / "registry.key").replace(keys_folder(settings) / NEXT_KEY_FILE)
    (keys_folder(settings) / "registry.key").write_bytes(current)


@pytest.mark.usefixtures("killed")
def test_a_change_of_keys_that_was_killed_is_finished_by_whoever_signs_next(
    database: Database, settings: Settings
) -> None:
    announced = key_history(settings).rotations[-1].new
    (filed,) = acknowledged(database, settings)
    filed.receipt.verify(Policy.of_keys([announced]))
    assert not (keys_folder(settings) / NEXT_KEY_FILE).exists()


def test_an_empty_registry_has_no_checkpoint(database: Database, settings: Settings) -> None:
    assert integrate(database, settings, at=NOW) is None
    assert acknowledged(database, settings, count=0) == ()
    assert not (log_folder(settings) / "checkpoint").exists()
