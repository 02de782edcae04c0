"""Write the attestation of a finished run: what its report says, the digests of what went in and came out, and the log of that moment.

Reads the report and the note that the run left, and hashes nothing again: what is signed is what was written then. Loads neither the
kernel nor Arrow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from byleave.apply.finished import (
    REMEDY,
    read_note,
    read_report,
    refuse_touched,
    registry_keys,
    releases_of,
)
from byleave.errors import (
    ConflictError,
    FormatError,
    InputError,
    VerificationError,
    as_format_error,
)
from byleave.log import JSON, Policy
from byleave.log.envelopes import MAX_ENVELOPE_BYTES
from byleave.release.attestations import FOUND, Attestation, ListApplied, NamedList
from byleave.release.attested import ATTESTATION_PATH
from byleave.release.commitments import Commitments
from byleave.release.file_lists import REPORT, noted_files
from byleave.release.fulfilling import Doing, refuse_broken
from byleave.release.keys import SigningKey
from byleave.release.pledges import Pledge
from byleave.release.statements import (
    MOST_FILES,
    FileDigest,
    Signed,
    open_statement,
    sha256_of,
    sign_statement,
)
from byleave.release.terms_said import count, minimum_of, moment, regime_and_uses, word
from byleave.storage import read_at_most, write_atomically
from byleave.storage.outputs import OUTPUT_NOTE

LIMIT: Final = "It says what the signer says: that a model was trained on this output and on nothing else is not shown by it."
"""What an attestation does not show, beside the limits that the report states."""


@dataclass(frozen=True, slots=True)
class AttestRequest:
    """What is to be signed, and by whom, with the newest checkpoint (a note) of each registry's log, as it was signed, in any order.

    organisation
        Who says it; without one, the name of the key.
    dataset
        What the dataset is called; without one, as in the report.
    pledge
        File of the pledge that this fulfils, signed by the same key.
    """

    output: Path
    key: SigningKey
    notes: tuple[str, ...]
    organisation: str | None = None
    dataset: str | None = None
    pledge: Path | None = None
    commitments: Commitments | None = None


def write_attestation(request: AttestRequest, at: datetime) -> Attestation:
    """Sign what a finished run did and put the attestation into its output.

    Raises
    ------
    NotFoundError, FormatError
        If the folder holds no report of a run, or it cannot be read.
    ConflictError
        If there is an attestation already.
    VerificationError
        If the output is not as the run left it, the log of a registry is not at hand, or is not its own, or the pledge is another's, or the run did less than was pledged.
    """
    refuse_signed(request.output)
    said = read_report(request.output)
    refuse_touched(request.output)
    try:
        attestation = _attestation(request, said, at)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(
            f"{request.output / REPORT} lacks what an attestation states: {str(error)[:200]}", remedy=REMEDY
        ) from error
    # Whoever reads it is stricter than whoever writes it, so it is read before it is signed.
    Attestation.parse(attestation.statement())
    for one in attestation.applied_lists:
        one.check_log(Policy.of_keys(registry_keys(said)))
    write_atomically(request.output / ATTESTATION_PATH, sign_statement(attestation.statement(), request.key))
    return attestation


def refuse_signed(output: Path) -> None:
    """Refuse an output that was signed before: the earlier statement may be known elsewhere."""
    if (output / ATTESTATION_PATH).exists():
        raise ConflictError(
            f"{output / ATTESTATION_PATH} is there already",
            remedy="submit that one; to sign anew, move it away first",
        )


def _attestation(request: AttestRequest, said: Mapping[str, Any], at: datetime) -> Attestation:
    asked, applied = said["request"], _lists(said, request.notes)
    regime, uses = regime_and_uses(asked)
    dataset = request.dataset or said["input"]["dataset"]
    if not dataset:
        raise InputError(
            "what is the dataset called? The report knows only a path", remedy="pass --dataset NAME"
        )
    own = request.output
    inputs = tuple(FileDigest(file["name"], sha256_of(file["sha256"])) for file in said["input"]["files"])
    outputs = _outputs(own)
    attestation = Attestation(
        organisation=request.organisation or request.key.verifier.name,
        dataset=word({"dataset": dataset}, "dataset"),
        made_at=at,
        applied_at=moment(said, "at"),
        byleave=word(said, "byleave"),
        applied=applied[0],
        others=applied[1:],
        regime=regime,
        uses=uses,
        mode=word(asked, "mode"),
        minimum=minimum_of(asked.get("minimum_evidence")),
        request=asked,
        rows={name: count(said["rows"], name) for name in ("input", "kept", "removed")},
        found={name: said[name] for name in FOUND if name in said} | _other_lists(said),
        inputs=inputs if len(inputs) <= MOST_FILES else _alone(outputs, REPORT),
        outputs=outputs if len(outputs) <= MOST_FILES else _alone(outputs, OUTPUT_NOTE),
        limits=(*map(str, said["limits"]), LIMIT),
        commitments=request.commitments,
    )
    if request.pledge is None:
        return attestation
    pledge = open_pledge(request.pledge, request.key)
    refuse_broken(pledge.said, Doing.of(attestation, inputs))
    return replace(attestation, pledge=pledge.sha256)


def _lists(said: Mapping[str, Any], notes: Sequence[str]) -> tuple[ListApplied, ...]:
    """Return the list of each registry with the checkpoint of its log."""
    by_origin = {note.partition("\n")[0]: note for note in notes}
    named = [NamedList.parse(one) for one in releases_of(said)]
    if lacking := [one.origin for one in named if one.origin not in by_origin]:
        raise VerificationError(
            f"the log of {lacking[0]}, whose list was applied, is not at hand",
            remedy="name the synced folder of every registry with --ruleset, or every log with --log",
        )
    return tuple(ListApplied(one, by_origin[one.origin]) for one in named)


def _outputs(folder: Path) -> tuple[FileDigest, ...]:
    """Return the note on an output and every file that it names."""
    content = read_note(folder)
    note = FileDigest(OUTPUT_NOTE, hashlib.sha256(content).digest())
    return (note, *noted_files(content, str(folder / OUTPUT_NOTE)))


def _alone(files: Sequence[FileDigest], name: str) -> tuple[FileDigest, ...]:
    return tuple(file for file in files if file.name == name)


def _other_lists(said: Mapping[str, Any]) -> dict[str, JSON]:
    """Return which lists of other registries were applied together with the first."""
    others = releases_of(said)[1:]
    named = ("number", "origin", "published_at", "manifest_sha256")
    return {"other_lists": [{name: one[name] for name in named} for one in others]} if others else {}


def open_pledge(path: Path, key: SigningKey) -> Signed[Pledge]:
    """Read the pledge that is fulfilled, signed by the same key.

    Raises
    ------
    NotFoundError, FormatError
        If there is none.
    VerificationError
        If it is another's.
    """
    remedy = "name the file that `byleave pledge` wrote"
    content = read_at_most(path, MAX_ENVELOPE_BYTES, remedy=remedy)
    with as_format_error(f"{path} is no pledge", remedy=remedy):
        return open_statement(content, [key.verifier]).read(Pledge.parse)
