"""The two verifiers, ours in Python and the one in the browser, say the same of the same receipts, lists and cosignatures."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from tests.browser.test_verify import module_of
from tests.logs import claim_entries, cosigned, flipped, witness_key, write_log
from tests.unit.release.making import KEY, NOW, POLICY, rows

from byleave.consent import TargetKind
from byleave.errors import ByleaveError
from byleave.log import JSON, Checkpoint, ClaimEvent, Policy, TileAt, commitment, hash_reader, targets_root
from byleave.release import Release, open_release
from byleave.release.keys import verify_ed25519
from byleave.release.promises import Outcome, answer
from byleave.release.receipts import Receipt, ReceiptTarget, make_receipt
from byleave.release.redaction import redact
from byleave.release.standing import REASONS, Entry, Standing, open_standing, write_standing
from byleave.release.writing import write_release

pytestmark = pytest.mark.browser

SALT = bytes(range(32))
SAID = rows()[0].statement
BEFORE = NOW - timedelta(days=3)
NUMBER = 7

CHECK = """
async ([module, receipt, trust, files]) => {
  const { check } = await import(module.replace("tlog.js", "receipt_check.js"));
  const { Broken, fromBase64 } = await import(module);
  const get = async (name) => (name in files ? fromBase64(files[name]) : null);
  const steps = [];
  try {
    const { holds, words } = await check(receipt, trust, { log: "log", releases: "releases" }, get, (step) => steps.push(step));
    return { holds, words, steps };
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    return { holds: false, words: error.message, steps };
  }
}
"""

OPEN = """
async ([module, note, policies]) => {
  const { openCheckpoint, parseTrust } = await import(module.replace("tlog.js", "tlog_policy.js"));
  const { Broken } = await import(module);
  const found = [];
  for (const policy of policies) {
    try {
      const { seen } = await openCheckpoint(note, await parseTrust(policy));
      found.push(seen.map(({ name, time }) => `${name} ${time}`).sort());
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      found.push(null);
    }
  }
  return found;
}
"""

WORDS = {
    Outcome.IN_LIST: "is in list 7 at row",
    Outcome.NOT_CONFIRMED: "not confirmed yet",
    Outcome.HELD: "is held since",
    Outcome.WITHDRAWN: "is taken back since",
    Outcome.REJECTED: "is turned down since",
    Outcome.ERASED: "is erased since",
    Outcome.EXPIRED: "is run out since",
    Outcome.REDACTED: "was redacted",
    Outcome.NOT_DUE: "No list has it yet",
    Outcome.MISSING: "broke its promise",
}


@dataclass(frozen=True, slots=True)
class World:
    """A log, a list and a receipt that were made for one case."""

    folder: Path
    receipt: Receipt
    release: Release

    def files(self) -> dict[str, str]:
        return {
            path.relative_to(self.folder).as_posix(): base64.b64encode(path.read_bytes()).decode()
            for path in self.folder.rglob("*")
            if path.is_file()
        }

    def outcome(self) -> Outcome:
        folder = self.folder / "releases"
        release = open_release(folder / str(NUMBER), [KEY.verifier])
        return answer(self.receipt, release, open_standing(folder, release, [KEY.verifier])).outcome


def world(
    folder: Path,
    *,
    state: str = "effective",
    operation: str = "register",
    number: int = 1,
    stands: Entry | None,
    digest: bytes = SAID.digest,
    redacted: bool = False,
    shared: bool = False,
    at: datetime = BEFORE,
    **members: JSON,
) -> World:
    """Make one case; the receipt is for claim event ``number``, and the list says of the claim what ``stands`` says.

    ``shared`` has somebody else name the same target, so that its digest stays in the list without the claim.
    """
    record: dict[str, JSON] = {"v": 1, "claim": SAID.claim.hex(), "op": operation, "at": at.isoformat()}
    targets = (ReceiptTarget(TargetKind.URL, digest),) if operation == "register" else ()
    if targets:
        record |= {"state": state, "targets_root": targets_root(SALT, [digest]).hex()}
    record |= members
    event = ClaimEvent(number, SAID.claim, operation, commitment(SALT, record), at)
    entries = claim_entries(*((one, "register") for one in range(10)))
    entries[number - 1] = event.entry()
    checkpoint = write_log(folder / "log", entries, KEY)
    note = (folder / "log" / "checkpoint").read_text()
    read = hash_reader(checkpoint.size, lambda tile: _tile(folder / "log", tile))
    receipt = make_receipt(event, record, SALT, targets, checkpoint=checkpoint, note=note, read=read)
    others = [replace(rows()[0], statement=replace(SAID, claim=bytes([99]) * 16))] if shared else []
    release = write_release(
        folder / "releases", [*rows(), *others], number=NUMBER, published_at=NOW, policy=POLICY, key=KEY
    )
    if stands is not None and stands.row is not None:
        stands = replace(stands, row=release.claims()["claim"].to_pylist().index(SAID.claim))
    write_standing(folder / "releases", release, [stands.to_bytes()] if stands else [], key=KEY)
    if redacted:
        release = redact(release, [SAID.claim], at=NOW, key=KEY)
    return World(folder, receipt, release)


def _tile(folder: Path, tile: TileAt) -> bytes:
    return (folder / tile.path).read_bytes()


def stands(standing: Standing, *, number: int = 1, reason: str = "") -> Entry:
    row = 0 if standing in {Standing.EFFECTIVE, Standing.FILED} else None
    return Entry(SAID.claim, number, row, BEFORE, standing, reason)


GONE = [Standing.WITHDRAWN, Standing.REJECTED, Standing.ERASED, Standing.EXPIRED]
CASES: dict[str, tuple[Outcome, dict[str, Any]]] = {
    "in list": (Outcome.IN_LIST, {"stands": stands(Standing.EFFECTIVE)}),
    "not confirmed": (Outcome.NOT_CONFIRMED, {"state": "filed", "stands": stands(Standing.FILED)}),
    **{
        f"held for {reason}": (Outcome.HELD, {"stands": stands(Standing.HELD, number=5, reason=reason)})
        for reason in REASONS[1:]
    },
    **{f"{one.name.lower()} later": (Outcome[one.name], {"stands": stands(one, number=6)}) for one in GONE},
    "withdrawn as the receipt says": (
        Outcome.WITHDRAWN,
        {"operation": "withdraw", "stands": stands(Standing.WITHDRAWN)},
    ),
    "expired as the receipt says": (
        Outcome.EXPIRED,
        {"operation": "expire", "stands": stands(Standing.EXPIRED)},
    ),
    "held as the receipt says": (Outcome.HELD, {"operation": "hold", "stands": stands(Standing.HELD)}),
    "redacted": (Outcome.REDACTED, {"stands": stands(Standing.EFFECTIVE), "redacted": True}),
    "redacted, and another's claim names the same link": (
        Outcome.REDACTED,
        {"stands": stands(Standing.EFFECTIVE), "redacted": True, "shared": True},
    ),
    "redacted, and the receipt names no targets": (
        Outcome.REDACTED,
        {
            "operation": "update",
            "stands": stands(Standing.EFFECTIVE),
            "redacted": True,
            "state": "effective",
        },
    ),
    "not due yet": (Outcome.NOT_DUE, {"number": 9, "stands": None, "at": NOW - timedelta(hours=1)}),
    "due and not listed": (Outcome.MISSING, {"number": 9, "stands": None}),
    "not known": (Outcome.MISSING, {"stands": None}),
    "passed over": (Outcome.MISSING, {"number": 4, "stands": stands(Standing.EFFECTIVE, number=3)}),
    "held without a word": (Outcome.MISSING, {"stands": stands(Standing.HELD)}),
    "listed though withdrawn": (
        Outcome.MISSING,
        {"operation": "withdraw", "stands": stands(Standing.EFFECTIVE)},
    ),
    "a target is missing": (Outcome.MISSING, {"stands": stands(Standing.EFFECTIVE), "digest": bytes(32)}),
    "redacted, and another's target is missing": (
        Outcome.REDACTED,
        {"stands": stands(Standing.EFFECTIVE), "digest": bytes(32), "redacted": True},
    ),
    "run out by its own date": (
        Outcome.EXPIRED,
        {"stands": stands(Standing.EXPIRED), "expires_at": NOW.isoformat()},
    ),
}


def test_both_verifiers_say_the_same_of_every_outcome(page: Page, tmp_path: Path) -> None:
    module = module_of(page)
    for name, (outcome, made) in CASES.items():
        one = world(tmp_path / name, **made)
        found = page.evaluate(CHECK, [module, one.receipt.to_text(), str(KEY.verifier), one.files()])
        assert one.outcome() is outcome, name
        assert WORDS[outcome] in found["words"], (name, found)
        assert found["holds"] is (outcome is not Outcome.MISSING), (name, found)


def policy_text(quorum: str, *names: str) -> str:
    lines = [f"log {KEY.verifier}"]
    lines += [f"witness {name.partition('.')[0]} {witness_key(name)}" for name in names]
    return "\n".join([*lines, f"quorum {quorum}", ""])


WITNESSES = ("ann.example", "bob.example", "cem.example")
GROUPS = "group two 2 ann bob cem\n"
POLICIES = [
    str(KEY.verifier),
    policy_text("none", *WITNESSES),
    policy_text("ann", *WITNESSES),
    policy_text("cem", *WITNESSES),
    policy_text("two", *WITNESSES).replace("quorum", GROUPS + "quorum"),
    policy_text("all", *WITNESSES).replace("quorum", "group all all ann bob cem\nquorum"),
    policy_text("any", *WITNESSES).replace("quorum", "group any any bob cem\nquorum"),
    policy_text("deep", *WITNESSES).replace(
        "quorum", "group low any bob cem\ngroup deep all ann low\nquorum"
    ),
    policy_text("none").replace("quorum none", ""),
    policy_text("nobody"),
    policy_text("ann", *WITNESSES).replace("quorum", "quorum none\nquorum"),
    policy_text("ann", *WITNESSES).replace("witness bob", "witness ann"),
    policy_text("ann", *WITNESSES).replace("witness bob", "onlooker bob"),
    policy_text("ann", *WITNESSES).replace("quorum", "group g 4 ann bob cem\nquorum"),
    policy_text("ann", *WITNESSES).replace("quorum", "group g any zoe\nquorum"),
    policy_text("ann", *WITNESSES).replace(f"log {KEY.verifier}", f"log {witness_key('ann.example')}"),
    policy_text("ann", "ann.example").replace(str(witness_key("ann.example")), str(KEY.verifier)),
    "quorum none\n",
]


def in_python(note: str, policy: str) -> list[str] | None:
    try:
        read = Policy.parse(policy.encode()) if " " in policy else Policy.of_keys([KEY.verifier])
        found = read.open_checkpoint(note, verify_ed25519)
    except ByleaveError:
        return None
    return sorted(f"{one.key.name} {int(one.time.timestamp())}" for one in found.cosignatures)


def test_both_verifiers_judge_every_policy_alike(page: Page, tmp_path: Path) -> None:
    module = module_of(page)
    write_log(tmp_path, claim_entries((1, "register"), (2, "register")), KEY)
    note = (tmp_path / "checkpoint").read_text()
    later = NOW + timedelta(seconds=9)
    last = note.rstrip("\n").rpartition(" ")
    blob = base64.b64decode(cosigned(note, "ann.example").rstrip("\n").rpartition(" ")[2])
    broken = base64.b64encode(flipped(blob, 12 * 8)).decode()
    notes = [
        note,
        cosigned(note, "ann.example"),
        cosigned(note, "zoe.example"),
        cosigned(note, "ann.example", "cem.example"),
        cosigned(note, "ann.example", "ann.example"),
        cosigned(cosigned(note, "ann.example"), "ann.example", now=later),
        cosigned(note, *WITNESSES),
        f"{note}\u2014 ann.example {broken}\n",
        note.replace("\n2\n", "\n3\n"),
        f"{last[0]} {'A' * len(last[2])}\n",
    ]
    some = 0
    for one in notes:
        found = page.evaluate(OPEN, [module, one, POLICIES])
        wanted = [in_python(one, policy) for policy in POLICIES]
        assert found == wanted, one
        some += sum(item is not None for item in wanted)
    assert some > 20


def test_cosignatures_are_told_step_by_step_and_a_missing_quorum_condemns(page: Page, tmp_path: Path) -> None:
    module = module_of(page)
    one = world(tmp_path, stands=stands(Standing.EFFECTIVE))
    checkpoint = tmp_path / "log" / "checkpoint"
    checkpoint.write_text(cosigned(checkpoint.read_text(), "ann.example"))
    seen = replace(one.receipt.proof, checkpoint=checkpoint.read_text())
    receipt = replace(one.receipt, proof=seen).to_text()
    asked = [module, receipt, policy_text("ann", *WITNESSES), one.files()]
    found = page.evaluate(CHECK, asked)
    assert found["holds"] is True, found
    assert any(
        "ann.example saw the log of 10 entries on 2026-11-22 12:30 UTC" in step for step in found["steps"]
    )
    asked[2] = policy_text("bob", *WITNESSES)
    found = page.evaluate(CHECK, asked)
    assert found["holds"] is False
    assert "have not cosigned this head of the log; found here: ann.example" in found["words"]
    unwitnessed = page.evaluate(
        CHECK, [module, one.receipt.to_text(), policy_text("none", "bob.example"), one.files()]
    )
    assert any("No witness you know has cosigned" in step for step in unwitnessed["steps"])


def test_the_head_of_a_log_with_another_root_is_a_fork(page: Page, tmp_path: Path) -> None:
    one = world(tmp_path, stands=stands(Standing.EFFECTIVE))
    write_log(tmp_path / "log", claim_entries(*((number, "register") for number in range(20))), KEY)
    forked = Checkpoint.parse((tmp_path / "log" / "checkpoint").read_text().rpartition("\n\n")[0] + "\n")
    assert forked.size == 20
    found = page.evaluate(CHECK, [module_of(page), one.receipt.to_text(), str(KEY.verifier), one.files()])
    assert (found["holds"], found["words"]) == (False, "the log's past was changed")
