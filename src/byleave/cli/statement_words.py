"""What the commands that make signed statements read alike from their options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from byleave.errors import ConflictError, FormatError, InputError, NotFoundError
from byleave.storage import read_at_most, write_atomically

if TYPE_CHECKING:
    from byleave.log import VerifierKey

MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
MAX_LINES_BYTES: Final = 2 * 1024 * 1024


def newest_checkpoint(place: str, keys: tuple[VerifierKey, ...]) -> str:
    """Return the signed checkpoint of a log in a folder or below a web address, once one of ``keys`` is seen to have signed it."""
    from byleave.log import Policy
    from byleave.log.lines import text_of
    from byleave.log.notes import MAX_NOTE_BYTES
    from byleave.release.keys import verify_ed25519
    from byleave.release.log_reading import CHECKPOINT, open_place

    with open_place(place) as files:
        note = text_of(files.read(CHECKPOINT), limit=MAX_NOTE_BYTES, what="the checkpoint")
    Policy.of_keys(keys).open_checkpoint(note, verify_ed25519)
    return note


def log_beside(source: str) -> str:
    """Return where the log of a registry stands whose lists stand at ``source``: beside them, as every registry serves it."""
    from byleave.release.sources import is_web_address

    base = source.rstrip("/")
    if is_web_address(base):
        return base.rpartition("/")[0] + "/log"
    return str(Path(base).absolute().parent / "log")


def one_line(text: str, option: str) -> str:
    """Return a short text of one line that an option gives."""
    from byleave.release.terms_said import word

    try:
        return word({option: text}, option)
    except ValueError as error:
        raise InputError(
            f"{option} cannot be {text[:80]!r}", remedy="give up to 200 letters, digits and signs on one line"
        ) from error


def write_new(path: Path, content: bytes) -> None:
    """Write a file that must not be there yet."""
    expect_new(path)
    write_atomically(path, content)


def expect_new(path: Path) -> None:
    """See that a file can be written that must not be there yet; before long work, so that none is lost."""
    if path.exists():
        raise ConflictError(f"{path} is there already", remedy="name another file, or move this one away")
    if not path.parent.is_dir():
        raise NotFoundError(
            f"{path.parent} is no folder, so {path.name} cannot be written there",
            remedy="make the folder first, or name a file elsewhere",
        )


def hand_in(registry: str, token: Path, envelope: bytes, proofs: str | None = None) -> dict[str, Any]:
    """Send a signed statement to a registry, with the address of its proofs, and return its answer, with the receipt."""
    from byleave.cli.applied import CREATED, key_in, refusal
    from byleave.fetch import Client, FetchLimits
    from byleave.release.absences import proofs_address
    from byleave.release.sources import is_web_address

    if not is_web_address(registry):
        raise InputError(f"{registry} is no web address", remedy="write it like https://registry.example")
    if proofs is not None:
        envelope = json.dumps(json.loads(envelope) | {"proofs": proofs_address(proofs)}).encode()
    # The registry is named on the caller's own command line, so it may be on her own network.
    client = Client(FetchLimits(MAX_ANSWER_BYTES), private_addresses=True)
    try:
        answer = client.post(
            f"{registry.rstrip('/')}/api/v1/statements",
            envelope,
            headers={"Authorization": f"API {key_in(token)}", "Content-Type": "application/json"},
        )
    finally:
        client.close()
    if answer.status != CREATED:
        raise refusal("statement", answer.body)
    try:
        said: dict[str, Any] = json.loads(answer.body)
        return {name: said[name] for name in ("sha256", "kind", "entry", "again", "receipt")}
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError("the registry's answer cannot be read", remedy="check its address") from error


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON lines, each an object, within the limit of one statement."""
    from byleave.release.feedback import MOST_VERDICTS

    content = read_at_most(path, MAX_LINES_BYTES, remedy="name a file of JSON lines, one for each claim")
    try:
        rows = [json.loads(line) for line in content.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path} holds no JSON lines", remedy="write one object on each line") from error
    if not 0 < len(rows) <= MOST_VERDICTS:
        raise InputError(
            f"{path} speaks of {len(rows):,} claims", remedy=f"hand in 1 to {MOST_VERDICTS} at a time"
        )
    return rows
