"""Write release N into a folder of releases: all of it appears at once, then ``latest.json`` points to it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pyarrow as pa

from byleave.fingerprints import PICTURE_VERSION
from byleave.log import JSON, VerifierKey
from byleave.release.claims_file import write_claims
from byleave.release.keys import SigningKey
from byleave.release.leaves import LEAF_FORMAT, RowTree
from byleave.release.manifest import MANIFEST, NOTE, ReleaseName, file_entry_of, sign_manifest
from byleave.release.policy import POLICY
from byleave.release.reading import LATEST, Release, open_release
from byleave.release.rows import Row, table
from byleave.storage import remove_leftovers, staged_folder, write_atomically
from byleave.urls.suffixes import PLATFORMS_FILE, suffix_list_bytes, table_digests

TERMS = "terms.txt"


@dataclass(frozen=True, slots=True)
class Heading:
    """What a release says about itself beside its rows.

    policy
        The rules in force, as ``policy.json`` states them.
    claims
        How many claims its rows are of.
    previous
        The release before, or ``None`` for the first: its number and the SHA-256 of its manifest stand in this one.
    terms
        Terms of use, as text; ``None`` for those that come with Byleave.
    """

    number: int
    published_at: datetime
    policy: Mapping[str, JSON]
    claims: int
    previous: ReleaseName | None = None
    terms: bytes | None = None


def write_release(
    folder: Path,
    rows: Iterable[Row],
    *,
    number: int,
    published_at: datetime,
    policy: Mapping[str, JSON],
    key: SigningKey,
    previous: ReleaseName | None = None,
) -> Release:
    """Write a small release from rows in any order, all of them held in memory. See :func:`write_sorted_release`."""
    held = table(rows)
    heading = Heading(number, published_at, policy, len(held["claim"].unique()), previous)
    return write_sorted_release(folder, held.to_batches(), heading, key=key)


def write_sorted_release(
    folder: Path,
    batches: Iterable[pa.RecordBatch],
    heading: Heading,
    *,
    key: SigningKey,
    earlier: Sequence[VerifierKey] = (),
) -> Release:
    """Write release ``heading.number`` below ``folder`` and return it, verified, in constant memory.

    ``batches`` have the columns of ``rows.SCHEMA`` and come sorted by kind, digest and claim. A release of that number that is there
    already is returned as it stands, signed with ``key`` or one of the ``earlier`` ones, and no batch is taken: a release never changes.

    Raises
    ------
    FormatError
        If the rows are out of order.
    """
    final = folder / str(heading.number)
    folder.mkdir(parents=True, exist_ok=True)
    if not final.exists():
        remove_leftovers(folder, final.name)
        with staged_folder(final) as staging:
            _fill(staging, batches, heading, key)
    release = open_release(final, [key.verifier, *earlier])
    write_atomically(folder / LATEST, json.dumps({"number": heading.number}).encode() + b"\n")
    return release


def _fill(staging: Path, batches: Iterable[pa.RecordBatch], heading: Heading, key: SigningKey) -> None:
    tree = RowTree()
    written = write_claims(staging, batches, tree)
    (staging / POLICY).write_bytes(json.dumps(heading.policy, indent=1, sort_keys=True).encode() + b"\n")
    (staging / PLATFORMS_FILE).write_bytes(_packaged("byleave.urls", PLATFORMS_FILE))
    (staging / "public_suffix_list.dat").write_bytes(suffix_list_bytes())
    (staging / TERMS).write_bytes(heading.terms or _packaged("byleave.release", TERMS))
    names = sorted(path.relative_to(staging).as_posix() for path in staging.rglob("*") if path.is_file())
    files = {name: file_entry_of(staging / name, name) for name in names}
    members: dict[str, JSON] = {
        "counts": {
            "claims": heading.claims,
            "statements": written.rows,
            "states": dict(written.states),
            "kinds": dict(written.kinds),
        },
        "files": list(files.values()),
        "fingerprint_version": PICTURE_VERSION,
        "number": heading.number,
        "previous": heading.previous.members() if heading.previous else None,
        "published_at": heading.published_at.astimezone(UTC).isoformat(timespec="seconds"),
        "rows": {"count": written.rows, "leaf": LEAF_FORMAT, "root": tree.root().hex()},
        "tables": dict(table_digests()),
        "terms": TERMS,
        "writer": WRITER,
    }
    manifest, note = sign_manifest(members, kind="release", subject=str(heading.number), key=key)
    (staging / MANIFEST).write_bytes(manifest)
    (staging / NOTE).write_bytes(note)


def _packaged(package: str, name: str) -> bytes:
    return resources.files(package).joinpath(name).read_bytes()


WRITER = f"arrow {pa.__version__}"
"""Which library laid out ``claims.parquet``: for whoever wants to make the same bytes."""
