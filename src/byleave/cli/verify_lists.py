"""The part of `byleave verify` that checks published lists, deltas and coverage files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from byleave.cli.checked import Asked, Found

if TYPE_CHECKING:
    from byleave.log import VerifierKey
    from byleave.release import Release
    from byleave.release.completeness import Completeness

SHOWN_CLAIMS = 10


def check_release(asked: Asked) -> Found:
    """Check a list; with ``rows`` or ``log`` also that its rows are those that were signed, with ``log`` that no claim was dropped."""
    release = _opened(asked)
    found = _signed(
        {"kind": "release", "number": release.number, "published_at": release.published_at.isoformat()},
        release.signed.sha256,
        release.signed.signers,
    )
    if not (asked.rows or asked.log):
        return Found("\n".join([found.sentence, *_hints(release)]), found.data)
    said = [found.sentence, _rows(release)]
    data = {**found.data, "rows": release.rows, "redacted": release.redacted}
    if asked.log is None:
        return Found("\n".join(said), data)
    replayed = _replayed(asked, release, asked.log)
    return Found("\n".join([*said, replayed.sentence]), data | replayed.data, replayed.exit_code)


def check_coverage(asked: Asked) -> Found:
    """Check a coverage file."""
    from byleave.release import open_coverage

    coverage = open_coverage(asked.path, asked.keys)
    data = {
        "kind": "coverage",
        "dataset": coverage.covers.dataset,
        "release": coverage.covers.release_number,
    }
    return _signed(data, coverage.signed.sha256, coverage.signed.signers)


def is_delta(folder: Path) -> bool:
    """Whether a folder is meant to be a delta."""
    from byleave.release.deltas import ADDITIONS

    return (folder / ADDITIONS).is_file()


def check_delta(asked: Asked) -> Found:
    """Check a delta."""
    from byleave.release.deltas import open_delta

    delta = open_delta(asked.path, asked.keys)
    data = {"kind": "delta", "from": delta.start.number, "to": delta.target.number, "rows": delta.target_rows}
    return _signed(data, delta.signed.sha256, delta.signed.signers)


def _opened(asked: Asked) -> Release:
    from byleave.release import open_latest, open_release, open_synced
    from byleave.release.reading import LATEST
    from byleave.release.sync import CURRENT

    if (asked.path / CURRENT).exists():
        return open_synced(asked.path, asked.keys)
    if (asked.path / LATEST).exists():
        return open_latest(asked.path, asked.keys)
    return open_release(asked.path, asked.keys)


def _hints(release: Release) -> list[str]:
    if not release.redacted:
        return []
    return [
        f"of its {release.rows} rows {release.redacted} taken out later, as signed; --rows checks that the others are as published"
    ]


def _rows(release: Release) -> str:
    from byleave.release.redaction import verify_rows

    verify_rows(release)
    if release.redacted:
        return (
            f"holds: {release.rows - release.redacted} rows, and the hashes of {release.redacted} that were taken out later, "
            "give the root that it was published with"
        )
    return f"holds: its {release.rows} rows give the root that it was published with"


def _replayed(asked: Asked, release: Release, log: str) -> Found:
    from byleave.errors import VerificationError
    from byleave.release.auditing import audit
    from byleave.release.log_reading import open_place, read_checkpoint

    with open_place(log) as place:
        witnessed = read_checkpoint(place, asked.policy)
        checkpoint = witnessed.checkpoint
        asked.history.check(checkpoint, witnessed.signers)
        audited = audit(release, place, checkpoint)
    found = audited.completeness
    said = [f"holds: all {checkpoint.size} entries of the log {checkpoint.origin} give its signed root"]
    said += _completeness(release, found)
    said.append(
        "holds: the rules it states are those the log names"
        if audited.rules_are_logged
        else "does not hold: the rules it states are not those the log names"
    )
    data = {
        "log": checkpoint.origin,
        "size": checkpoint.size,
        "live": found.live,
        "missing": [claim.hex() for claim in found.missing],
        "unexpected": [claim.hex() for claim in found.unexpected],
        "complete": found.holds,
        "rules_logged": audited.rules_are_logged,
    }
    return Found("\n".join(said), data, 0 if audited.holds else VerificationError.exit_code)


def _completeness(release: Release, found: Completeness) -> list[str]:
    number = release.number
    said = [f"by the log's first {number} entries, {found.live} claims belong into list no. {number}"]
    if found.unexpected:
        said.append(f"does not hold: {_claims(found.unexpected)} in the list, and the log says otherwise")
    if len(found.missing) > found.excused:
        said.append(
            f"does not hold: {_claims(found.missing)} not in the list; rows taken out later, as signed: {found.excused}"
        )
    elif found.missing:
        said.append(
            f"holds: {_claims(found.missing)} not in the list any more; rows taken out later, as signed: {found.excused}"
        )
    if found.holds and not found.missing:
        said.append("holds: every one of them is in the list, and no other")
    return said


def _claims(ids: tuple[bytes, ...]) -> str:
    shown = ", ".join(one.hex() for one in ids[:SHOWN_CLAIMS])
    more = f" and {len(ids) - SHOWN_CLAIMS} more" if len(ids) > SHOWN_CLAIMS else ""
    return f"claim {shown} is" if len(ids) == 1 else f"claims {shown}{more} are"


def _signed(data: dict[str, Any], sha256: bytes, signers: tuple[VerifierKey, ...]) -> Found:
    names = [signer.name for signer in signers]
    said = ", ".join(f"{name} {value}" for name, value in data.items())
    return Found(
        f"holds: {said}, signed by {', '.join(names)}",
        {**data, "manifest_sha256": sha256.hex(), "signed_by": names},
    )
