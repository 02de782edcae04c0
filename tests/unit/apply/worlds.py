"""Small registries, signed and synced, and datasets to apply them to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from byleave.apply.compiling import compile_rows, compile_synced
from byleave.apply.item_tree import ItemTree
from byleave.apply.request import ApplyRequest
from byleave.apply.ruleset import Ruleset, load_ruleset
from byleave.consent import (
    AI_USES,
    ClaimState,
    Evidence,
    Preference,
    Preferences,
    Regime,
    Statement,
    TargetKind,
    Use,
)
from byleave.fingerprints import PICTURE_VERSION
from byleave.release import Covers, SigningKey, sync
from byleave.release.coverage import write_coverage
from byleave.release.items import Absence
from byleave.release.rows import Row, table
from byleave.release.writing import write_release
from byleave.storage.outputs import OUTPUT_NOTE, output_note, written_below
from byleave.urls import (
    canonical_prefix,
    canonical_url,
    domain_digest,
    host_digest,
    host_of,
    item_id_of_url,
    picture_digest,
    prefix_digest,
    url_digest,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEY = SigningKey.from_seed("registry.example/list", bytes(range(32)))
OTHER_KEY = SigningKey.from_seed("union.example/list", bytes(range(1, 33)))
DIGESTS = {
    TargetKind.HOST: host_digest,
    TargetKind.DOMAIN: domain_digest,
    TargetKind.PICTURE: picture_digest,
}

URLS = (
    "http://a.example/1",
    "http://b.example/2",
    None,
    "http://c.example/3",
    "nonsense",
    "http://www.a.example/4",
)
"""Links of three hosts, one of them twice, one that is none, and one that is not there."""


def row(
    number: int,
    kind: TargetKind,
    value: str | bytes,
    preference: Preference = Preference.DENY,
    *,
    claimant: int = 0,
    preferences: Preferences | None = None,
    evidence: Evidence = Evidence.E5,
    ticked: str | None = None,
    **others: Any,
) -> Row:
    """Make the release row of claim ``number`` on a link, prefix, host, domain, 32-byte digest or picture."""
    scope = None
    if isinstance(value, bytes):
        digest = value
    elif kind is TargetKind.URL:
        digest = url_digest(canonical_url(value))
    elif kind is TargetKind.PREFIX:
        prefix = canonical_prefix(value)
        digest, scope = prefix_digest(prefix), host_digest(host_of(prefix))
    else:
        digest = DIGESTS[kind](value)
    statement = Statement(
        claim=number.to_bytes(16),
        claimant=(claimant or number).to_bytes(16),
        kind=kind,
        digest=digest,
        preferences=preferences or Preferences.same(preference, AI_USES),
        evidence=evidence,
        state=others.pop("state", ClaimState.EFFECTIVE),
        number=number,
        effective_at=others.pop("effective_at", NOW - timedelta(days=1)),
        **others,
    )
    return Row(statement, NOW - timedelta(days=2), scope_host=scope, value=ticked)


def compile_table(
    claims: pa.Table, path: Path, secret: bytes = bytes(16), *, batch_rows: int | None = None
) -> None:
    """Compile the rows of a release, in batches of at most ``batch_rows``, without a release around them."""
    facts: dict[str, str | int] = {"number": 1, "manifest_sha256": "00"}
    compile_rows(lambda columns: claims.select(columns).to_batches(batch_rows), path, facts, secret)


def ruleset_of(rows: Sequence[Row], folder: Path) -> Ruleset:
    """Compile rows without a release around them."""
    path = folder / "ruleset-1.bin"
    compile_table(table(rows), path)
    return load_ruleset(path, 1, b"\0")


def synced(
    folder: Path,
    rows: Sequence[Row],
    number: int = 1,
    *,
    key: SigningKey = KEY,
    name: str = "synced",
    published_at: datetime = NOW,
) -> Path:
    """Publish rows as release ``number`` of the registry with that key, sync them into ``folder/name`` and compile."""
    releases = folder / ("releases" if key is KEY else f"releases of {name}")
    write_release(releases, rows, number=number, published_at=published_at, policy={}, key=key)
    sync(str(releases), folder / name, keys=[key.verifier])
    compile_synced(folder / name)
    return folder / name


def links_file(path: Path, urls: Sequence[str | None], **columns: Sequence[Any]) -> Path:
    """Write a LAION-like Parquet file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"URL": pa.array(urls, pa.string()), "row": range(len(urls)), **columns}), path)
    return path


def request(folder: Path, source: Path | str, **others: Any) -> ApplyRequest:
    """Ask for ``opt_out`` and training of generative models, into ``folder/out``, unless told otherwise."""
    asked: dict[str, Any] = {
        "ruleset": folder / "synced",
        "input": str(source),
        "output": folder / "out",
        "regime": Regime.OPT_OUT,
        "uses": (Use.TRAIN_GEN,),
        "home": folder / "home",
    }
    return ApplyRequest(**asked | others)


def coverage_file(
    path: Path,
    *,
    release_manifest: bytes,
    version: str,
    matches: Sequence[Mapping[str, Any]] = (),
    checked: Sequence[str] = (),
    dataset: str = "set",
    number: int = 1,
    key: SigningKey = KEY,
) -> Path:
    """Write a coverage file. A match names ``url``, ``claim`` and ``distance``; ``checked`` lists links."""
    columns = {
        "sample_key": pa.array([m["claim"].to_bytes(16) for m in matches], pa.binary(16)),
        "item_id": pa.array([item_id_of_url(canonical_url(m["url"])) for m in matches], pa.binary(16)),
        "claim": pa.array([m["claim"].to_bytes(16) for m in matches], pa.binary(16)),
        "method": pa.array(["pdq" for _ in matches], pa.string()),
        "distance": pa.array([m["distance"] for m in matches], pa.uint8()),
        "threshold": pa.array([31 if m["distance"] <= 31 else 50 for m in matches], pa.uint8()),
        "band": pa.array(["same_work" if m["distance"] <= 31 else "review" for m in matches], pa.string()),
    }
    items = sorted({item_id_of_url(canonical_url(url)) for url in checked})
    covers = Covers(dataset, version, number, release_manifest, PICTURE_VERSION)
    write_coverage(path, covers, pa.table(columns), b"".join(items), made_at=NOW, key=key)
    return path


def kept_rows(folder: Path, name: str = "links.parquet") -> list[int]:
    """Return the numbers of the rows that stand in an output."""
    return [int(n) for n in pq.read_table(folder / name)["row"].to_pylist()]


def absences(tree: ItemTree, attestation: bytes, items: Sequence[bytes]) -> Iterator[Absence]:
    """Yield the proofs for items in rising order, each read from its line, which is to be the one way to write it."""
    for line, has_item in tree.proofs(attestation, items):
        proof = Absence.parse(line)
        assert proof.to_bytes() == line
        assert proof.has_item == has_item
        yield proof


def name_anew(output: Path) -> None:
    """Write the note on an output as though the run had left what stands there now."""
    note = output / OUTPUT_NOTE
    note.unlink()
    note.write_bytes(output_note(written_below(output)))
