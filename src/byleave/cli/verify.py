"""`byleave verify`: check receipts, lists, deltas, coverage files, checkpoints, logs and signed statements, offline and light."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from byleave.cli.checked import Asked, Found, log_keeps
from byleave.cli.output import print_json, say
from byleave.cli.verify_lists import check_coverage, check_delta, check_release, is_delta
from byleave.cli.verify_statements import check_statement

if TYPE_CHECKING:
    from byleave.release.promises import Answer
    from byleave.release.receipts import Receipt

EXIT_NOT_IN_FORCE = 8
"""A receipt holds and the operator kept the promise, but the list does not put the claim in force."""

_MAX_BYTES = 2_000_000
_NAME_BYTES = 256
_RECEIPT = b"c2sp.org/tlog-proof@"
_ZIP = b"PK\x03\x04"


def verify(
    path: Path = typer.Argument(
        help="Receipt, attestation, pledge, checkpoint, key history or coverage file; or folder of a release, of releases, a delta, a synced folder, or a log"
    ),
    key: list[str] = typer.Option([], help="Verifier key to trust; a synced folder remembers its own"),
    policy: Path | None = typer.Option(
        None, help="Policy file (C2SP tlog-policy): logs to trust and witnesses they need"
    ),
    history: Path | None = typer.Option(
        None,
        help="Key history of the registry, which links earlier keys to the present one; found by itself in its folders",
    ),
    release: Path | None = typer.Option(
        None,
        help="Folder of releases, or synced folder: it must honour a receipt, or hold the list an attestation names",
    ),
    log: str | None = typer.Option(
        None,
        help="Folder or web address of the log: it must have kept all that a receipt or checkpoint held; a list must hold all that it asks for",
    ),
    output: Path | None = typer.Option(
        None,
        help="For an attestation: folder of data it must be about; found by itself where it stands in one",
    ),
    rows: bool = typer.Option(
        False, "--rows", help="For a list: read its rows, too, which must give the root it was published with"
    ),
    json_: bool = typer.Option(False, "--json", help="Print what was checked as JSON"),
) -> None:
    """Check signature, sizes and digests; anything that does not hold is an error.

    With --log, a list is held against the whole log: a claim that it dropped in silence, or kept though it was withdrawn, makes it
    leave with 5.

    With --release, a receipt that holds leaves with 0 when the list puts the claim in force, with 8 when it says honestly why not, and
    with 5 when the operator broke the promise.
    """
    asked = replace(_asked(path, key, policy, history, release, log, rows=rows), output=output)
    found = _checker(path)(asked)
    if json_:
        print_json({"ok": found.exit_code in {0, EXIT_NOT_IN_FORCE}, **found.data})
    else:
        say(found.sentence)
    if found.exit_code:
        raise typer.Exit(found.exit_code)


def _asked(
    path: Path,
    key: list[str],
    policy: Path | None,
    history: Path | None,
    release: Path | None,
    log: str | None,
    *,
    rows: bool,
) -> Asked:
    from byleave.errors import InputError
    from byleave.log import Policy, VerifierKey
    from byleave.release.key_history import HISTORY, KeyHistory
    from byleave.release.sync import read_current

    beside = [folder / HISTORY for folder in (path, release) if folder and (folder / HISTORY).is_file()]
    chains = [history] if history else beside
    chain = KeyHistory.parse(_content(chains[-1])) if chains else KeyHistory()
    keys = tuple(VerifierKey.parse(one) for one in key)
    rules = Policy.parse(_content(policy)) if policy else None
    if rules:
        keys += tuple(log.key for log in rules.logs if log.key.checkable and log.key not in keys)
    if not keys:
        held = read_current(release or path)
        keys = held.keys if held else ()
    if not keys:
        raise InputError(
            "whose signature should be trusted?", remedy="pass --key with the registry's verifier key"
        )
    keys = chain.trusted(keys)
    return Asked(path, keys, rules or Policy.of_keys(keys), chain, release, log, rows)


def _checker(path: Path) -> Callable[[Asked], Found]:
    from byleave.log.envelopes import looks_like_envelope
    from byleave.release.log_reading import CHECKPOINT
    from byleave.release.manifest import MANIFEST
    from byleave.release.sync import CURRENT

    if path.is_dir():
        is_log = (
            (path / CHECKPOINT).exists() and not (path / CURRENT).exists() and not (path / MANIFEST).exists()
        )
        if is_log:
            return _log
        return check_delta if is_delta(path) else check_release
    head = _content(path, cut=True)
    if head.startswith(_RECEIPT):
        return _receipt
    if head.startswith(_ZIP):
        return check_coverage
    if looks_like_envelope(head):
        return check_statement
    return _history if head.partition(b"\n")[0].endswith(b"/keys") else _checkpoint


def _receipt(asked: Asked) -> Found:
    from byleave.release.receipts import Receipt

    receipt = Receipt.parse(_content(asked.path))
    witnessed = receipt.verify(asked.policy)
    asked.history.check(witnessed.checkpoint, witnessed.signers)
    log_keeps(asked, witnessed.checkpoint)
    event = receipt.event
    data: dict[str, Any] = {
        "kind": "receipt",
        "claim": event.claim.hex(),
        "operation": event.operation,
        "index": receipt.proof.index,
        "recorded_at": event.recorded_at,
        "log": witnessed.checkpoint.origin,
        "size": witnessed.checkpoint.size,
        "witnesses": [one.key.name for one in witnessed.cosignatures],
    }
    statement = receipt.record.get("statement_sha256")
    if statement is not None:
        data["statement_sha256"] = statement
    what = f"claim {event.claim.hex()}" if statement is None else f"the signed statement {statement}"
    said = (
        f"holds: {event.operation} of {what}, {event.recorded_at:%Y-%m-%d %H:%M} UTC, "
        f"entry {receipt.proof.index} of the log {witnessed.checkpoint.origin}"
    )
    if asked.release is None or statement is not None:
        return Found(said, data)
    told = _answer(asked, receipt, asked.release)
    data["release"] = {
        "number": told.number,
        "outcome": told.outcome.value,
        "row": told.row,
        "at": told.at,
        "why": told.why,
    }
    return Found(f"{said}\n{told.sentence}", data, _exit_code(told))


def _answer(asked: Asked, receipt: Receipt, folder: Path) -> Answer:
    from byleave.release import open_latest, open_synced
    from byleave.release.promises import answer
    from byleave.release.standing import open_standing
    from byleave.release.sync import CURRENT, RELEASES

    if (folder / CURRENT).exists():
        release = open_synced(folder, asked.keys)
        return answer(receipt, release, open_standing(folder / RELEASES, release, asked.keys))
    release = open_latest(folder, asked.keys)
    return answer(receipt, release, open_standing(folder, release, asked.keys))


def _exit_code(told: Answer) -> int:
    from byleave.errors import VerificationError
    from byleave.release.promises import Outcome

    if told.outcome is Outcome.MISSING:
        return VerificationError.exit_code
    return 0 if told.outcome is Outcome.IN_LIST else EXIT_NOT_IN_FORCE


def _checkpoint(asked: Asked) -> Found:
    from byleave.log.lines import text_of
    from byleave.log.notes import MAX_NOTE_BYTES
    from byleave.release.keys import verify_ed25519

    note = text_of(_content(asked.path), limit=MAX_NOTE_BYTES, what="the checkpoint")
    witnessed = asked.policy.open_checkpoint(note, verify_ed25519)
    checkpoint = witnessed.checkpoint
    asked.history.check(checkpoint, witnessed.signers)
    now = log_keeps(asked, checkpoint)
    data = {
        "kind": "checkpoint",
        "log": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "witnesses": [one.key.name for one in witnessed.cosignatures],
        "kept_in": now.size if now else None,
    }
    said = f"holds: {checkpoint.size} entries of the log {checkpoint.origin}"
    return Found(f"{said}, all of them kept in the log of {now.size} entries now" if now else said, data)


def _log(asked: Asked) -> Found:
    from byleave.release.log_reading import audit, open_place, read_checkpoint

    with open_place(str(asked.path)) as place:
        witnessed = read_checkpoint(place, asked.policy)
        checkpoint = witnessed.checkpoint
        asked.history.check(checkpoint, witnessed.signers)
        audit(place, checkpoint)
    data = {"kind": "log", "log": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()}
    return Found(
        f"holds: all {checkpoint.size} entries of the log {checkpoint.origin} give its signed root", data
    )


def _history(asked: Asked) -> Found:
    from byleave.release.key_history import KeyHistory

    chain = KeyHistory.parse(_content(asked.path))
    keys = [str(key) for key in chain.trusted(asked.keys)]
    said = f"holds: {len(chain.rotations)} changes of keys; with the key you trust come {len(keys) - len(asked.keys)} others"
    return Found(said, {"kind": "keys", "changes": len(chain.rotations), "keys": keys})


def _content(path: Path, *, cut: bool = False) -> bytes:
    from byleave.errors import InputError, NotFoundError
    from byleave.storage import open_plain

    try:
        with open_plain(path, remedy="check the name") as file:
            content = file.read(_MAX_BYTES + 1) if not cut else file.read(_NAME_BYTES)
    except OSError as error:
        raise NotFoundError(f"{path} cannot be read: {error.strerror}", remedy="check the name") from error
    if len(content) > _MAX_BYTES:
        raise InputError(f"{path} is too long", remedy="name the file that the registry handed out")
    return content
