"""``dataset.json``: what a dataset is, in plain text beside its table, for readers that open no database."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from byleave.errors import FormatError, InputError
from byleave.storage import write_atomically

FILE_NAME = "dataset.json"
FORMAT = "byleave/dataset/1"
MAX_BYTES = 16 * 1024 * 1024

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """One file or folder that was ingested.

    digest
        SHA-256 (hex) of its content, see :func:`byleave.datasets.source_digest`.
    finished
        Whether all its shards are in. While one is not, no other may start.
    version_before
        The table's version when it began, to which forgetting it returns.
    samples, with_pictures
        Rows of it that went in, and how many of them came with a usable picture.
    rejected, cleaned
        Counts by kind.
    """

    path: str
    format: str
    digest: str
    finished: bool = False
    version_before: int = 0
    samples: int = 0
    with_pictures: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    cleaned: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """One dataset of the catalog.

    version
        SHA-256 (hex) over the sorted digests of its finished sources, each in hex and ended by a newline.
    models
        Ids of what its vectors and fingerprints were made with: ``picture``, ``captions``, ``fingerprint``.
    as_of
        When its last source was finished, or the first one begun; UTC.
    """

    name: str
    version: str
    samples: int
    with_pictures: int
    as_of: datetime
    models: dict[str, str] = field(default_factory=dict)
    sources: tuple[SourceInfo, ...] = ()

    @property
    def unfinished(self) -> SourceInfo | None:
        """The source whose ingest was begun and not finished."""
        return next((source for source in self.sources if not source.finished), None)

    def with_source(self, source: SourceInfo) -> DatasetInfo:
        """Add a source, or replace what was said of it; the version follows."""
        others = tuple(known for known in self.sources if known.digest != source.digest)
        return self.with_sources((*others, source))

    def with_sources(self, sources: tuple[SourceInfo, ...]) -> DatasetInfo:
        """Replace all sources; the version follows."""
        return replace(
            self, sources=sources, version=dataset_version([s.digest for s in sources if s.finished])
        )


def dataset_version(digests: list[str]) -> str:
    """Return the version of a dataset made of sources with these digests."""
    return hashlib.sha256("".join(f"{digest}\n" for digest in sorted(digests)).encode()).hexdigest()


def checked_name(name: str) -> str:
    """Return a dataset's name if it can be one.

    Raises
    ------
    InputError
        If it cannot.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name[:80]!r} cannot name a dataset",
            remedy="use up to 64 lower-case letters, digits, '.', '_' and '-', beginning with a letter or digit",
        )
    return name


def write_info(folder: Path, info: DatasetInfo) -> None:
    """Write ``dataset.json`` at once or not at all."""
    content = {"format": FORMAT, **asdict(info), "as_of": info.as_of.isoformat()}
    write_atomically(folder / FILE_NAME, json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n")


def read_info(folder: Path) -> DatasetInfo | None:
    """Read ``dataset.json``; ``None`` when the folder holds no dataset.

    Raises
    ------
    FormatError
        If the file is there and not as :func:`write_info` writes it.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("too large")
        content: Any = json.loads(path.read_bytes())
        if not isinstance(content, dict) or content.pop("format") != FORMAT:
            raise ValueError("unknown format")
        sources = tuple(SourceInfo(**source) for source in content.pop("sources"))
        as_of = datetime.fromisoformat(content.pop("as_of"))
        return DatasetInfo(**content, sources=sources, as_of=as_of)
    except (ValueError, TypeError, KeyError) as error:
        raise FormatError(
            f"{path} cannot be read: {error}", remedy="restore it from a backup, or ingest the dataset again"
        ) from error
