"""The keys of this registry: the one that signs now, those that did before, and how one gives way to the next."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from byleave.log import VerifierKey
from byleave.log.notes import signature_line, split_note
from byleave.publish.folders import keys_folder, log_folder, releases_folder
from byleave.publish.log_files import LogFiles
from byleave.registry.tables import CheckpointRow
from byleave.release.key_history import HISTORY, KeyHistory
from byleave.release.keys import KEY_FILE, SigningKey, load_key, load_or_make_key
from byleave.settings import Settings
from byleave.storage import sync_folder, write_atomically

NEXT_KEY_FILE = "registry.key.next"


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """What `byleave keys show` prints: the key that signs, and those that did before it, oldest first."""

    signing: VerifierKey
    earlier: tuple[VerifierKey, ...]


def signing_key(settings: Settings) -> SigningKey:
    """Return the key that signs checkpoints, releases and coverage files, making it on first use."""
    _finish_rotation(settings)
    return load_or_make_key(keys_folder(settings), settings.origin)


def known_keys(settings: Settings) -> tuple[VerifierKey, ...]:
    """Return the signing key and every earlier one: what this registry's own files may be signed with."""
    return key_history(settings).trusted([signing_key(settings).verifier])


def show_keys(settings: Settings) -> KnownKeys:
    """Return the keys without making any.

    Raises
    ------
    NotFoundError
        If there is none yet.
    """
    _finish_rotation(settings)
    signing = load_key(keys_folder(settings), settings.origin).verifier
    return KnownKeys(signing, tuple(rotation.old for rotation in key_history(settings).rotations))


def key_history(settings: Settings) -> KeyHistory:
    """Return the chain of this registry's key changes."""
    try:
        return KeyHistory.parse((keys_folder(settings) / HISTORY).read_bytes())
    except FileNotFoundError:
        return KeyHistory()


def rotate(session: Session, settings: Settings, *, at: datetime) -> SigningKey:
    """Lay down the signing key and take up a new one; return it. To be called inside ``sequencer.sequencing``, after ``sequence``.

    The announcement is on the disk before the new key is in force, so a rotation that is killed is finished by whoever signs next. The
    newest checkpoint gains the new key's signature: its text, and so its root, stay.
    """
    folder = keys_folder(settings)
    old = signing_key(settings)
    size: int = session.execute(sa.select(sa.func.coalesce(sa.func.max(CheckpointRow.size), 0))).scalar_one()
    new = SigningKey.from_seed(settings.origin, Ed25519PrivateKey.generate().private_bytes_raw())
    history = key_history(settings).announce(old, new, size=size, at=at)
    write_atomically(folder / NEXT_KEY_FILE, new.to_text().encode(), mode=0o600)
    write_atomically(folder / HISTORY, history.to_bytes())
    _finish_rotation(settings)
    sign_newest(session, settings, new)
    return new


def sign_newest(session: Session, settings: Settings, key: SigningKey) -> None:
    """Add a key's signature to the newest checkpoint, in the registry and in the public log, unless it is there."""
    row = session.execute(
        sa.select(CheckpointRow).order_by(CheckpointRow.size.desc()).limit(1)
    ).scalar_one_or_none()
    if row is None:
        return
    text, lines = split_note(row.note)
    if not any(line.is_by(key.verifier) for line in lines):
        row.note += signature_line(text, key.verifier, key.private.sign)
    session.commit()
    LogFiles(log_folder(settings)).publish(row.note)


def publish_history(settings: Settings) -> None:
    """Put the key history beside the log and the published lists, where clients look for it."""
    content = key_history(settings).to_bytes()
    for folder in (log_folder(settings), releases_folder(settings)):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / HISTORY, content)


def _finish_rotation(settings: Settings) -> None:
    """Put an announced key in force. One that is not announced is left alone: somebody may be about to announce it."""
    folder = keys_folder(settings)
    aside = folder / NEXT_KEY_FILE
    if not aside.exists():
        return
    rotations = key_history(settings).rotations
    with suppress(FileNotFoundError):  # another process finished it in this moment
        if rotations and SigningKey.parse(aside.read_text("utf-8")).verifier == rotations[-1].new:
            publish_history(settings)
            aside.replace(folder / KEY_FILE)
            sync_folder(folder)
