"""The part of `byleave verify` that checks signed statements: attestations and pledges."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from byleave.cli.checked import Asked, Found, log_keeps

if TYPE_CHECKING:
    from byleave.release.attestations import Attestation
    from byleave.release.statements import Signed, Statement

ATTESTATION = (
    "name the signed statement: an attestation stands in _byleave/attestation.dsse.json of its output"
)


def check_statement(asked: Asked) -> Found:
    """Check a signed statement of any kind that is known."""
    from byleave.errors import FormatError
    from byleave.release.attestations import APPLIED
    from byleave.release.pledges import PLEDGED
    from byleave.release.statements import open_statement

    opened = open_statement(statement_bytes(asked.path), asked.keys)
    kind = opened.said.predicate_type
    if kind == APPLIED:
        return _attestation(asked, opened)
    if kind == PLEDGED:
        return _pledge(opened)
    raise FormatError(
        f"the signature holds, and what is said is of a kind not known here: {kind[:200]}",
        remedy="update Byleave, or ask whoever signed it what it is",
    )


def statement_bytes(path: Path) -> bytes:
    """Read the file of a signed statement, within its limit."""
    from byleave.log.envelopes import MAX_ENVELOPE_BYTES
    from byleave.storage import read_at_most

    return read_at_most(path, MAX_ENVELOPE_BYTES, remedy=ATTESTATION)


def _pledge(opened: Signed[Statement]) -> Found:
    from byleave.release.pledges import Pledge

    pledge = Pledge.parse(opened.said)
    data = _data("pledge", opened) | {
        "organisation": pledge.organisation,
        "dataset": pledge.dataset,
        "regime": pledge.regime.value,
        "uses": [use.value for use in pledge.uses],
        "most_lag_days": pledge.most_lag_days,
        "made_at": pledge.made_at,
    }
    said = (
        f"holds: {pledge.organisation} promises to apply lists of {pledge.registry} to {pledge.dataset} under {pledge.regime.value}, "
        f"none older than {pledge.most_lag_days} days, {_signers(opened)}"
    )
    return Found(said, data)


def _attestation(asked: Asked, opened: Signed[Statement]) -> Found:
    from byleave.release.attestations import Attestation

    said = Attestation.parse(opened.said)
    rows, lists = said.rows, said.lists
    data = _data("attestation", opened) | {
        "organisation": said.organisation,
        "dataset": said.dataset,
        "regime": said.regime.value,
        "uses": [use.value for use in said.uses],
        "number": said.number,
        "registry": said.applied.origin,
        "lists": [{"origin": one.origin, "number": one.name.number} for one in lists],
        "rows": dict(rows),
        "made_at": said.made_at,
    }
    named = " and ".join(f"list no. {one.name.number} of {one.origin}" for one in lists)
    sentences = [
        f"holds: {said.organisation} says that {named} was applied to {said.dataset} under "
        f"{said.regime.value}: {rows['removed']:,} of {rows['input']:,} rows removed, {_signers(opened)}"
    ]
    for check in (_log, _list, _output):
        sentence, more = check(asked, said)
        sentences.append(sentence)
        data |= more
    return Found("\n".join(sentences), data)


def _log(asked: Asked, said: Attestation) -> tuple[str, dict[str, Any]]:
    known = {log.key.name for log in asked.policy.logs}
    unknown = [one.origin for one in said.lists if one.origin not in known]
    if len(unknown) == len(said.lists):
        return f"not checked: the log it names, as no key of {unknown[0]} was given", {"log_checked": False}
    held = [one.check_log(asked.policy) for one in said.applied_lists if one.origin in known]
    for one in held:
        asked.history.check(one.checkpoint, one.signers)
    now = log_keeps(asked, *(one.checkpoint for one in held))
    kept = f", all of them kept in the log of {now.size} entries now" if now else ""
    sentences = [
        f"holds: the log of {one.checkpoint.origin} that it names, {one.checkpoint.size} entries"
        + (kept if now and now.origin == one.checkpoint.origin else "")
        for one in held
    ]
    sentences += [f"not checked: the log of {origin}, as no key of it was given" for origin in unknown]
    return "\n".join(sentences), {
        "log_checked": not unknown,
        "log_size": held[0].checkpoint.size,
        "witnesses": [one.key.name for one in held[0].cosignatures],
    }


def _list(asked: Asked, said: Attestation) -> tuple[str, dict[str, Any]]:
    from byleave.errors import VerificationError
    from byleave.release import open_release
    from byleave.release.sync import RELEASES

    if asked.release is None:
        return "not checked: the list it names; --release FOLDER holds it against one", {
            "list_checked": False
        }
    numbers = dict.fromkeys(str(one.name.number) for one in said.lists)
    places = [folder / number for number in numbers for folder in (asked.release, asked.release / RELEASES)]
    release = open_release(next((one for one in places if one.is_dir()), asked.release), asked.keys)
    if (release.origin, release.name) not in [(one.origin, one.name) for one in said.lists]:
        raise VerificationError(
            f"list no. {release.number} of {release.origin} is not the one that the attestation names",
            remedy="name the folder that holds that list, or do not believe the attestation",
        )
    return f"holds: the list it names is list no. {release.number} as published", {"list_checked": True}


def _output(asked: Asked, said: Attestation) -> tuple[str, dict[str, Any]]:
    from byleave.errors import VerificationError
    from byleave.release.attested import compare_output, output_beside
    from byleave.release.reported import differs_from_report

    folder = asked.output or output_beside(asked.path)
    if folder is None:
        return "not checked: the files it names; --output FOLDER holds it against them", {
            "output_checked": False
        }
    compared = compare_output(said, folder)
    if not compared.same:
        raise VerificationError(
            f"{folder} is not the output it names: {compared.sentence}",
            remedy="take the folder as it was written, whole; do not use this one",
        )
    if differing := differs_from_report(said, folder):
        raise VerificationError(
            f"the report in {folder} says something else of {', '.join(differing)}",
            remedy="do not believe the attestation, and ask whoever signed it",
        )
    words = f"holds: {folder} is the output it names, byte for byte, and its report says the same"
    return words, {"output_checked": True}


def _data(kind: str, opened: Signed[Statement]) -> dict[str, Any]:
    return {
        "kind": kind,
        "sha256": opened.sha256.hex(),
        "signed_by": [str(signer) for signer in opened.signers],
    }


def _signers(opened: Signed[Statement]) -> str:
    return "signed by " + ", ".join(signer.name for signer in opened.signers)
