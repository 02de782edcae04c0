"""Ask a witness to cosign our log, keep its cosignature with the checkpoint, and say whom visitors may believe."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime

from byleave.errors import ConflictError, FormatError, UnavailableError, VerificationError
from byleave.fetch import Client, FetchLimits
from byleave.log import (
    Cosignature,
    Policy,
    VerifierKey,
    add_cosignatures,
    consistency_proof,
    hash_reader,
    open_cosignatures,
)
from byleave.log.lines import read_decimal
from byleave.log.policy import MAX_POLICY_BYTES
from byleave.log.witness import AddCheckpoint
from byleave.publish.folders import log_folder
from byleave.publish.keys import signing_key
from byleave.publish.log_files import LogFiles
from byleave.publish.sequencer import Sequenced, integrate, newest_checkpoint, sequencing
from byleave.registry.database import Database
from byleave.registry.tables import CheckpointRow
from byleave.release.keys import verify_ed25519
from byleave.settings import Settings

POLICY_FILE = "tlog.policy"
"""In the home: the operator's policy, which names this log and its witnesses."""

_LIMITS = FetchLimits(body_bytes=1_000_000)
_ATTEMPTS = 3
_OK, _CONFLICT = 200, 409


def own_policy(settings: Settings) -> str | None:
    """Return the operator's policy as text, or ``None`` where there is none.

    Raises
    ------
    FormatError
        If it is no policy, or does not name the key that signs this log.
    """
    path = settings.home / POLICY_FILE
    try:
        with path.open("rb") as file:
            content = file.read(MAX_POLICY_BYTES + 1)
    except FileNotFoundError:
        return None
    policy = Policy.parse(content)
    if signing_key(settings).verifier not in [log.key for log in policy.logs]:
        raise FormatError(
            f"{path} does not name the key that signs this log",
            remedy="add a line `log KEY` with the key that `byleave keys show` prints",
        )
    return content.decode(errors="replace")


def ask_witness(
    database: Database, settings: Settings, url: str, witness: VerifierKey, *, at: datetime
) -> tuple[Sequenced, Cosignature]:
    """Have a witness cosign the newest checkpoint; return the log with it and the cosignature, both stored and published.

    Filing goes on while the witness thinks.

    Raises
    ------
    ConflictError
        If there is nothing to cosign.
    VerificationError
        If the witness holds another past of this log, or answers with something else than its cosignature.
    UnavailableError
        If it cannot be reached or refuses.
    """
    log = integrate(database, settings, at=at)
    if log is None:
        raise ConflictError("the log is empty: there is nothing to cosign", remedy="file a claim first")
    answer = _cosigned(settings, log, url)
    with sequencing(database) as session:
        row = session.get_one(CheckpointRow, log.checkpoint.size)
        row.note = add_cosignatures(row.note, answer, [witness], verify_ed25519)
        found = open_cosignatures(row.note, [witness], verify_ed25519)
        if not found:
            raise VerificationError(
                f"{url} answered without a cosignature of {witness.name!r}", remedy="check the key you trust"
            )
        note = row.note
        session.commit()
        newest = newest_checkpoint(session)
        if newest is not None and newest.size == log.checkpoint.size:
            LogFiles(log_folder(settings)).publish(note)
    return Sequenced(log.checkpoint, note), found[0]


def _cosigned(settings: Settings, log: Sequenced, url: str) -> str:
    """Send the checkpoint from the size that the witness holds, which it tells when we guess wrong."""
    read = hash_reader(log.checkpoint.size, LogFiles(log_folder(settings)).read)
    old = 0
    with closing(Client(_LIMITS, private_addresses=True)) as client:  # named by the operator herself
        for _ in range(_ATTEMPTS):
            request = AddCheckpoint(old, consistency_proof(old, log.checkpoint.size, read), log.note)
            posted = client.post(f"{url.rstrip('/')}/add-checkpoint", request.to_bytes())
            said = posted.body.decode(errors="replace").strip()
            if posted.status == _OK:
                return posted.body.decode(errors="replace")
            if posted.status != _CONFLICT:
                raise UnavailableError(
                    f"{url} does not cosign: {posted.status} {said[:200]}",
                    remedy="ask its operator to witness this log, under the key that `byleave keys show` prints",
                )
            held = read_decimal(said, what="the size that the witness holds")
            if held > log.checkpoint.size or held == old:
                raise VerificationError(
                    f"{url} holds another past of this log, of {held} entries",
                    remedy="compare its checkpoint with your own: two pasts are a fork, or a restored backup",
                )
            old = held
    raise UnavailableError(f"{url} keeps changing what it holds", remedy="try again")
