"""A list held against a receipt: every answer has its case, and what breaks the promise is told from what keeps it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.release.making import KEY, NOW, OTHER, released, rows

from byleave.consent import TargetKind
from byleave.errors import FormatError, NotFoundError, VerificationError
from byleave.log import JSON, Checkpoint, ClaimEvent, TlogProof, commitment, sign_checkpoint
from byleave.release import Release
from byleave.release.promises import Answer, Outcome, answer
from byleave.release.receipts import Receipt, ReceiptTarget
from byleave.release.redaction import redact
from byleave.release.standing import INDEX, STANDING, Entry, Standing, open_standing, write_standing

SALT = bytes(32)
TRUSTED = [KEY.verifier]
LISTED = rows()[0].statement
DAY = timedelta(days=1)


def receipt(
    number: int = 1, operation: str = "register", *, at: datetime = NOW - 3 * DAY, **members: JSON
) -> Receipt:
    record: dict[str, JSON] = {
        "claim": LISTED.claim.hex(),
        "op": operation,
        "state": "effective",
        "at": at.isoformat(),
    }
    record |= members
    event = ClaimEvent(number, LISTED.claim, operation, commitment(SALT, record), at)
    note = sign_checkpoint(Checkpoint(KEY.verifier.name, 9, bytes(32)), KEY.verifier, KEY.private.sign)
    targets = (ReceiptTarget(TargetKind.URL, LISTED.digest),) if operation == "register" else ()
    return Receipt(TlogProof(number - 1, (), note), event, record, targets)


def entry(standing: Standing = Standing.EFFECTIVE, *, number: int = 1, reason: str = "") -> Entry:
    row = 0 if standing in {Standing.EFFECTIVE, Standing.FILED} else None
    return Entry(LISTED.claim, number, row, NOW - DAY, standing, reason)


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return released(tmp_path)


def asked(release: Release, shown: Receipt, *entries: Entry) -> Answer:
    folder = release.folder.parent
    blocks = [one.to_bytes() for one in sorted(entries, key=lambda one: one.claim)]
    write_standing(folder, release, blocks, key=KEY)
    return answer(shown, release, open_standing(folder, release, TRUSTED))


@pytest.mark.parametrize(
    ("standing", "outcome", "words"),
    [
        (Standing.EFFECTIVE, Outcome.IN_LIST, "in list 7 at row 0"),
        (Standing.FILED, Outcome.NOT_CONFIRMED, "not confirmed yet: in list 7 at row 0"),
        (Standing.HELD, Outcome.HELD, "held since 2026-11-21 for a picture too flat to be told from others"),
    ],
)
def test_a_claim_stands_as_it_was_filed(
    release: Release, standing: Standing, outcome: Outcome, words: str
) -> None:
    shown = receipt(state=standing.name.lower())
    found = asked(release, shown, entry(standing, reason="flat" if standing is Standing.HELD else ""))
    assert found.outcome is outcome
    assert found.sentence.startswith(words)


@pytest.mark.parametrize(
    "standing", [Standing.WITHDRAWN, Standing.REJECTED, Standing.ERASED, Standing.HELD, Standing.FILED]
)
def test_what_happened_later_explains_why_it_is_not_in_force(release: Release, standing: Standing) -> None:
    found = asked(release, receipt(), entry(standing, number=5))
    assert found.outcome not in {Outcome.MISSING, Outcome.IN_LIST}


@pytest.mark.parametrize("standing", set(Standing) - {Standing.EFFECTIVE})
def test_a_list_that_says_otherwise_without_an_event_breaks_the_promise(
    release: Release, standing: Standing
) -> None:
    found = asked(release, receipt(), entry(standing))
    assert found.outcome is Outcome.MISSING
    assert "it should say effective" in found.why


def test_a_list_that_does_not_know_the_claim_breaks_the_promise(release: Release) -> None:
    found = asked(release, receipt(), replace(entry(), claim=bytes([9]) * 16))
    assert found.sentence.startswith("missing: the operator broke its promise")


def test_a_list_that_leaves_out_a_target_breaks_the_promise(release: Release) -> None:
    shown = receipt()
    more = replace(shown, targets=(*shown.targets, ReceiptTarget(TargetKind.URL, bytes(32))))
    found = asked(release, more, entry())
    assert (found.outcome, found.why) == (Outcome.MISSING, "1 of its 2 targets are not in the list")


def test_a_list_that_passes_over_a_later_event_breaks_the_promise(release: Release) -> None:
    assert asked(release, receipt(4, "withdraw"), entry(number=1)).outcome is Outcome.MISSING


def test_a_withdrawn_claim_that_stays_listed_breaks_the_promise(release: Release) -> None:
    assert asked(release, receipt(4, "withdraw"), entry(number=4)).outcome is Outcome.MISSING


def test_a_withdrawal_that_was_honoured_is_told(release: Release) -> None:
    assert asked(release, receipt(4, "withdraw"), entry(Standing.WITHDRAWN, number=4)).sentence == (
        "withdrawn since 2026-11-21"
    )


def test_a_claim_that_ran_out_is_told_and_one_that_did_not_is_missed(release: Release) -> None:
    shown = receipt(expires_at=(NOW - timedelta(hours=1)).isoformat())
    assert asked(release, shown, entry(Standing.EXPIRED)).outcome is Outcome.EXPIRED
    running = receipt(expires_at=(NOW + DAY).isoformat())
    assert asked(release, running).outcome is Outcome.MISSING


def test_an_event_after_the_list_has_a_day(release: Release) -> None:
    soon = asked(release, receipt(8, at=NOW - timedelta(hours=23)), entry())
    assert (soon.outcome, soon.at) == (Outcome.NOT_DUE, NOW + timedelta(hours=1))
    late = asked(release, receipt(8, at=NOW - timedelta(hours=25)), entry())
    assert late.outcome is Outcome.MISSING


def test_every_claim_is_found_and_no_other(release: Release) -> None:
    folder = release.folder.parent
    entries = [replace(entry(), claim=bytes([0, n]) * 8, number=n) for n in range(0, 200, 2)]
    write_standing(folder, release, [b"".join(one.to_bytes() for one in entries)], key=KEY)
    found = open_standing(folder, release, TRUSTED)
    assert [found.find(one.claim) for one in entries] == [
        replace(one, since=one.since.replace(microsecond=0)) for one in entries
    ]
    for other in (b"\0" * 15 + b"\1", bytes([0, 1]) * 8, b"\xff" * 16):
        assert found.find(other) is None


def test_an_index_out_of_order_is_not_written(release: Release) -> None:
    blocks = [replace(entry(), claim=bytes([n]) * 16).to_bytes() for n in (2, 1)]
    with pytest.raises(FormatError, match="out of order"):
        write_standing(release.folder.parent, release, blocks, key=KEY)
    assert not (release.folder.parent / STANDING / "7").exists()


def test_an_index_of_another_hand_or_another_list_is_refused(release: Release, tmp_path: Path) -> None:
    folder = release.folder.parent
    with pytest.raises(NotFoundError, match="does not say where"):
        open_standing(folder, release, TRUSTED)
    write_standing(folder, release, [entry().to_bytes()], key=OTHER)
    with pytest.raises(VerificationError):
        open_standing(folder, release, TRUSTED)
    other = released(tmp_path / "other", count=2)
    write_standing(tmp_path / "other", other, [entry().to_bytes()], key=KEY)
    with pytest.raises(VerificationError, match="another release"):
        open_standing(tmp_path / "other", release, TRUSTED)


@pytest.mark.parametrize("content", [b"", bytes(48), b"x" * 47])
def test_an_index_that_was_changed_is_refused(release: Release, content: bytes) -> None:
    folder = release.folder.parent
    write_standing(folder, release, [entry().to_bytes()], key=KEY)
    (folder / STANDING / "7" / INDEX).write_bytes(content)
    with pytest.raises(VerificationError):
        open_standing(folder, release, TRUSTED)


def test_an_entry_that_has_no_meaning_is_told() -> None:
    for place, value in ((40, 99), (41, 99), (32, 0x7F)):
        record = bytearray(entry().to_bytes())
        record[place] = value
        with pytest.raises(FormatError):
            Entry.parse(bytes(record))


def test_rows_that_the_registry_took_out_are_told_from_rows_that_it_dropped(tmp_path: Path) -> None:
    release = released(tmp_path)
    row = release.claims()["claim"].to_pylist().index(LISTED.claim)
    taken = redact(release, [LISTED.claim], at=NOW, key=KEY)
    stands = Entry(LISTED.claim, 1, row, NOW - DAY, Standing.EFFECTIVE)
    found = asked(taken, receipt(), stands)
    assert (found.outcome, found.at) == (Outcome.REDACTED, NOW)
    assert found.sentence.startswith("redacted: its rows were taken out of list 7 on 2026-11-22")
    other = redact(released(tmp_path / "other"), [rows()[1].statement.claim], at=NOW, key=KEY)
    assert asked(other, receipt(), stands).outcome is Outcome.IN_LIST
