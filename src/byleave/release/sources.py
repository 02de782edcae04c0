"""Where releases are fetched from: a folder or a web address that serves one as plain files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Protocol

from byleave.errors import NotFoundError, VerificationError
from byleave.fetch import Client, FetchLimits
from byleave.release.folders import read_limited
from byleave.release.manifest import MAX_MANIFEST_BYTES

MAX_FILE_BYTES = 16 * 1024**3
_FETCH_LIMITS = FetchLimits(body_bytes=MAX_MANIFEST_BYTES, total_seconds=3600.0)


class Source(Protocol):
    """A folder of releases, wherever it is. Nothing it gives is believed before it verifies."""

    def read(self, name: str) -> bytes:
        """Return a small file.

        Raises
        ------
        NotFoundError, UnavailableError, FormatError
            If there is none, it cannot be had, or it is too long.
        """
        ...

    def copy(self, name: str, to: Path, *, size: int) -> None:
        """Copy a file that should have ``size`` bytes."""
        ...

    def close(self) -> None:
        """Give up connections."""
        ...


def is_web_address(source: str) -> bool:
    """Whether a source is a web address, and no path."""
    return source.startswith(("http://", "https://"))


def open_source(source: str) -> Source:
    """Return the source that a path or an address names."""
    if is_web_address(source):
        return _Web(source.rstrip("/"))
    path = Path(source)
    if not path.is_dir():
        raise NotFoundError(
            f"{source} is no folder",
            remedy="name the registry's folder of releases, which holds latest.json, or its web address",
        )
    return _Folder(path)


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, name: str) -> bytes:
        return read_limited(self._root / name)

    def copy(self, name: str, to: Path, *, size: int) -> None:
        try:
            found = (self._root / name).stat().st_size
            if found != size:
                raise VerificationError(
                    f"{name} has {found} bytes, not {size}", remedy="ask the operator; keep what you have"
                )
            shutil.copyfile(self._root / name, to)
        except FileNotFoundError as error:
            raise VerificationError(
                f"the source lacks {name}", remedy="ask its operator; keep what you have"
            ) from error

    def close(self) -> None:
        """Nothing is held open."""


class _Web:
    """The source is named by the trainer on her own command line, so her local network is allowed."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._client = Client(_FETCH_LIMITS, private_addresses=True)

    def read(self, name: str) -> bytes:
        return self._client.get(f"{self._root}/{name}")

    def copy(self, name: str, to: Path, *, size: int) -> None:
        with self._client.stream(f"{self._root}/{name}", body_bytes=size) as chunks, to.open("wb") as out:
            for chunk in chunks:
                out.write(chunk)

    def close(self) -> None:
        self._client.close()
