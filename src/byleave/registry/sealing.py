"""Addresses, and mails that wait, are sealed before they reach the database: a copy of it shows nobody's.

AES-256-SIV (RFC 5297) gives equal texts equal sealed forms, so that an address is found by its sealed form and stored once. What is
sealed can be neither read nor changed, nor guessed at by trying addresses, without the key, a file of the home beside the signing keys.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from byleave.errors import ConflictError, VerificationError
from byleave.settings import Settings
from byleave.storage import sync_folder

KEY_FILE: Final = "addresses.secret"
NEXT_KEY_FILE: Final = "addresses.secret.next"
"""The key that takes over while everything is sealed anew; a process that was killed then leaves it."""

KEY_BYTES: Final = 64
"""Of AES-256-SIV: 32 for the seal and 32 for the cipher."""

ADDRESS: Final = "address"
MAIL: Final = "mail"

_REMEDY: Final = f"put back the file keys/{KEY_FILE} that belongs to this database, and start again"


class Seal:
    """Seals and opens texts under the key of one home. What is sealed for one purpose does not open for another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cipher: AESSIV | None = None

    @classmethod
    def of(cls, settings: Settings) -> Seal:
        """Return the seal of a home. Its key is read, or made, when it is first needed."""
        return cls(settings.home / "keys")

    def close(self, purpose: str, text: str) -> bytes:
        """Return the sealed form of a text: 16 bytes longer than it in UTF-8, and always the same."""
        return self._ready().encrypt(text.encode("utf-8", "surrogatepass"), _bound_to(purpose))

    def open(self, purpose: str, sealed: bytes) -> str:
        """Return what was sealed.

        Raises
        ------
        VerificationError
            If it was sealed under another key or for another purpose, or was changed.
        """
        try:
            return self._ready().decrypt(sealed, _bound_to(purpose)).decode("utf-8", "surrogatepass")
        except InvalidTag as error:
            raise VerificationError(
                "an address in the database was sealed under another key than that of this home",
                remedy=_REMEDY,
            ) from error

    def check(self, example: bytes | None) -> None:
        """Make sure that this is the key of a database, given any address in it. One without addresses goes with any key.

        Raises
        ------
        ConflictError
            If it is not, or is missing: a new one would make a second account of everybody who signs in.
        """
        if example is None:
            return
        for name in (KEY_FILE, NEXT_KEY_FILE):
            key = _read(self._folder / name)
            if key is not None and _opens(key, example):
                self._take_up(name, key)
                return
        raise ConflictError(
            f"the addresses in this database do not open with {self._folder / KEY_FILE}", remedy=_REMEDY
        )

    @contextlib.contextmanager
    def renewed(self) -> Iterator[Seal]:
        """Give a seal with a new key, and take it up when the block ends well: everything must be sealed under it by then."""
        fresh = secrets.token_bytes(KEY_BYTES)
        following = Seal(self._folder)
        following._cipher = AESSIV(fresh)
        (self._folder / NEXT_KEY_FILE).unlink(missing_ok=True)
        _make(self._folder / NEXT_KEY_FILE, fresh)
        yield following
        self._take_up(NEXT_KEY_FILE, fresh)

    def _take_up(self, name: str, key: bytes) -> None:
        if name == NEXT_KEY_FILE:
            with contextlib.suppress(FileNotFoundError):  # another process was first, with the same key
                (self._folder / NEXT_KEY_FILE).replace(self._folder / KEY_FILE)
            sync_folder(self._folder)
        self._cipher = AESSIV(key)

    def _ready(self) -> AESSIV:
        if self._cipher is None:
            path = self._folder / KEY_FILE
            key = _read(path)
            if key is None:
                _make(path, secrets.token_bytes(KEY_BYTES))
                key = path.read_bytes()
            self._cipher = AESSIV(key)
        return self._cipher


class Sealed(sa.TypeDecorator[str]):
    """A text that its column holds sealed. It can be compared for equality with a text; nothing else makes sense in SQL."""

    impl = sa.LargeBinary
    cache_ok = True

    def __init__(self, purpose: str) -> None:
        super().__init__()
        self.purpose = purpose

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> bytes | None:
        """Seal what goes into the database."""
        return None if value is None else _SEALS[dialect].close(self.purpose, value)

    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> str | None:
        """Open what comes out of it."""
        return None if value is None else _SEALS[dialect].open(self.purpose, bytes(value))


_SEALS: Final[WeakKeyDictionary[sa.Dialect, Seal]] = WeakKeyDictionary()
"""The seal of each engine, by its dialect: all that a column's type is told of where its values go."""


def give_seal(engine: sa.Engine, seal: Seal) -> None:
    """Let the columns of an engine's tables be sealed under this key."""
    _SEALS[engine.dialect] = seal


def seal_of(connection: sa.Connection) -> Seal:
    """Return the seal that was given to the engine of a connection."""
    return _SEALS[connection.dialect]


def check_seal(connection: sa.Connection) -> None:
    """Make sure that the addresses in a database, up to date, open with the key of this home; refusals as those of :meth:`Seal.check`."""
    example = sa.text("SELECT email FROM accounts WHERE email IS NOT NULL LIMIT 1")
    seal_of(connection).check(connection.scalar(example))


def reseal(connection: sa.Connection, metadata: sa.MetaData) -> int:
    """Seal everything under a new key and return how many values that were; the caller's transaction is stored before the key counts.

    Raises
    ------
    ConflictError
        If anybody else uses the database: what they seal meanwhile could not be opened any more.
    """
    others = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    if connection.scalar(others):
        raise ConflictError(
            "others use this database", remedy="stop the site and every other command, then try again"
        )
    changed = 0
    with seal_of(connection).renewed() as fresh:
        for table in metadata.sorted_tables:
            for column in table.columns:
                if isinstance(column.type, Sealed):
                    changed += _reseal_column(connection, column, column.type.purpose, fresh)
        connection.commit()
    return changed


def _reseal_column(connection: sa.Connection, column: sa.Column[Any], purpose: str, fresh: Seal) -> int:
    table = column.table
    keys = list(table.primary_key)
    rows = connection.execute(sa.select(*keys, column).where(column.is_not(None))).all()
    here = sa.and_(*(key == sa.bindparam(f"key{number}") for number, key in enumerate(keys)))
    change = sa.update(table).where(here).values({column: sa.bindparam("sealed", type_=sa.LargeBinary())})
    for row in rows:
        named = {f"key{number}": value for number, value in enumerate(row[:-1])}
        connection.execute(change, {**named, "sealed": fresh.close(purpose, row[-1])})
    return len(rows)


def _bound_to(purpose: str) -> list[bytes]:
    return [b"byleave/sealed/1", purpose.encode()]


def _opens(key: bytes, sealed: bytes) -> bool:
    try:
        AESSIV(key).decrypt(sealed, _bound_to(ADDRESS))
    except InvalidTag:
        return False
    return True


def _read(path: Path) -> bytes | None:
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(key) != KEY_BYTES:
        raise ConflictError(f"{path} is damaged: it is not {KEY_BYTES} bytes long", remedy=_REMEDY)
    return key


def _make(path: Path, key: bytes) -> None:
    """Write a key whole, unless another process was first with its own: then that one counts."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink()
    sync_folder(path.parent)
