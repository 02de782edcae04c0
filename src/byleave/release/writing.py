"""Write release N into a folder of releases: all of it appears at once, then ``latest.json`` points to it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from byleave.consent import TargetKind
from byleave.fingerprints import PICTURE_VERSION
from byleave.log import JSON
from byleave.release.keys import SigningKey
from byleave.release.manifest import MANIFEST, NOTE, file_entry, sign_manifest
from byleave.release.reading import CLAIMS, LATEST, Release, open_release
from byleave.release.rows import Row, table
from byleave.storage import remove_leftovers, staged_folder, write_atomically
from byleave.urls.suffixes import PLATFORMS_FILE, suffix_list_bytes, table_digests


def write_release(
    folder: Path,
    rows: Iterable[Row],
    *,
    number: int,
    published_at: datetime,
    policy: Mapping[str, JSON],
    key: SigningKey,
) -> Release:
    """Write release ``number`` below ``folder`` and return it, verified.

    A release of that number that is there already is returned as it stands: a release never changes.
    """
    final = folder / str(number)
    if not final.exists():
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder, str(number))
        with staged_folder(final) as staging:
            _fill(staging, table(rows), number=number, published_at=published_at, policy=policy, key=key)
    release = open_release(final, [key.verifier])
    write_atomically(folder / LATEST, json.dumps({"number": number}).encode() + b"\n")
    return release


def _fill(
    staging: Path,
    claims: pa.Table,
    *,
    number: int,
    published_at: datetime,
    policy: Mapping[str, JSON],
    key: SigningKey,
) -> None:
    pq.write_table(claims, staging / CLAIMS, compression="zstd", version="2.6")
    _write_digests(staging / "digests", claims)
    (staging / "policy.json").write_bytes(json.dumps(policy, indent=1, sort_keys=True).encode() + b"\n")
    (staging / PLATFORMS_FILE).write_bytes(
        resources.files("byleave.urls").joinpath(PLATFORMS_FILE).read_bytes()
    )
    (staging / "public_suffix_list.dat").write_bytes(suffix_list_bytes())
    names = sorted(path.relative_to(staging).as_posix() for path in staging.rglob("*") if path.is_file())
    members: dict[str, JSON] = {
        "counts": _counts(claims),
        "files": [file_entry(name, (staging / name).read_bytes()) for name in names],
        "fingerprint_version": PICTURE_VERSION,
        "number": number,
        "published_at": published_at.astimezone(UTC).isoformat(timespec="seconds"),
        "tables": dict(table_digests()),
    }
    manifest, note = sign_manifest(members, kind="release", subject=str(number), key=key)
    (staging / MANIFEST).write_bytes(manifest)
    (staging / NOTE).write_bytes(note)


def _write_digests(folder: Path, claims: pa.Table) -> None:
    folder.mkdir()
    kinds = claims["kind"].to_pylist()
    digests = claims["digest"].to_pylist()
    for kind in TargetKind:
        chosen = sorted({digest for digest, of in zip(digests, kinds, strict=True) if of == kind})
        (folder / f"{kind.value}.sha256").write_bytes(b"".join(chosen))


def _counts(claims: pa.Table) -> JSON:
    states = Counter(claims["state"].to_pylist())
    kinds = Counter(claims["kind"].to_pylist())
    return {
        "claims": len(set(claims["claim"].to_pylist())),
        "statements": claims.num_rows,
        "states": dict(sorted(states.items())),
        "kinds": dict(sorted(kinds.items())),
    }
