"""The two sides of a comparison: what each run was asked for, and whose choices took how many rows out of each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from byleave.apply.comparing import MOST_NAMES
from byleave.apply.counting import Names
from byleave.apply.inputs import reading_parquet
from byleave.apply.naming import ClaimName
from byleave.apply.registries import Registries
from byleave.apply.since import MOST_REPORT_BYTES
from byleave.consent import CauseKind
from byleave.datasets import OWN_FOLDER
from byleave.errors import FormatError

LISTS = ("removed.parquet", "would_be_removed.parquet", "mask.parquet")


@dataclass(frozen=True, slots=True)
class Variant:
    """One side.

    name
        As it was given.
    report
        What the run that wrote it reported; ``None`` for a dataset that no run wrote.
    claims
        Rows in its list, by claim.
    """

    name: str
    report: dict[str, Any] | None = None
    claims: Counter[ClaimName] = field(default_factory=Counter)

    def asked(self) -> list[tuple[str, str]]:
        """Return what the run was asked for, as name and value; empty where no run wrote the variant."""
        if self.report is None:
            return []
        request = self.report["request"]
        lists = ", ".join(f"no. {one['number']} of {one['origin']}" for one in self.report["registries"])
        minimum = ", ".join(f"{name}={level}" for name, level in request["minimum_evidence"].items())
        return [
            ("lists", lists),
            ("regime", request["regime"]),
            ("uses", ", ".join(request["uses"])),
            ("minimum evidence", minimum or "the rules alone"),
            ("cut-off", request["as_of"] or "none"),
            ("refusals not confirmed yet", "act" if request["with_pending"] else "do not act"),
            ("unchecked rows", request["unchecked"] or "none, or not asked about"),
        ]


def open_variant(given: str) -> Variant:
    """Read what a run left beside its output, where there is such a folder.

    Raises
    ------
    FormatError
        If it cannot be read.
    """
    folder = Path(given) / OWN_FOLDER
    path = folder / "report.json"
    if not path.is_file():
        return Variant(given)
    remedy = "give the output as the run wrote it, or its data without the folder of reports"
    if path.stat().st_size > MOST_REPORT_BYTES:
        raise FormatError(f"{path} is too large for a report", remedy=remedy)
    listed = next((folder / name for name in LISTS if (folder / name).is_file()), None)
    try:
        variant = Variant(given, json.loads(path.read_bytes()), _claims(listed) if listed else Counter())
        variant.asked()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError(f"{path} is no report of a run", remedy=remedy) from error
    return variant


def pseudonyms(registries: Registries, claims: Sequence[ClaimName]) -> dict[ClaimName, str]:
    """Return who made claims, by the pseudonym of the list in force, in hex digits; claims that are not in it are left out."""
    found: dict[ClaimName, str] = {}
    for one in registries.members:
        rows, origin = one.ruleset.rows, one.release.origin
        wanted = {bytes.fromhex(name.claim): name for name in claims if name.origin == origin}
        halves = np.ascontiguousarray(rows["claim"]).view(np.uint64)
        firsts = np.array([np.frombuffer(claim, np.uint64)[0] for claim in wanted], np.uint64)
        for row in np.flatnonzero(np.isin(halves.reshape(-1, 2)[:, 0], firsts)).tolist():
            name = wanted.get(rows["claim"][row].tobytes())
            if name is not None:
                found[name] = rows["claimant"][row].tobytes().hex()
    return found


def _claims(path: Path) -> Counter[ClaimName]:
    """Count the rows of a list by claim; a row counts once for each."""
    seen, counts = Names(), Counter[str]()
    with reading_parquet(path), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=["causes"], use_threads=False):
            seen.add(*_claims_of(batch.column("causes")))
    counts, _ = seen.take(counts, MOST_NAMES)
    return Counter({ClaimName.of_key(key): count for key, count in counts.items()})


def _claims_of(causes: pa.ListArray) -> tuple[pa.Array, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Return the distinct claims among the causes of some rows, and for each how many rows it covers."""
    told = causes.flatten()
    of_claims = pc.equal(told.field("kind"), CauseKind.CLAIM.value)
    owners = pc.list_parent_indices(causes).filter(of_claims).to_numpy()
    origins = pc.fill_null(told.field("origin"), "")
    keys = pc.binary_join_element_wise(told.field("reference"), origins, " ").filter(of_claims)
    coded = keys.dictionary_encode()
    distinct = np.unique(np.stack([owners.astype(np.int64), coded.indices.to_numpy()]), axis=1)
    return coded.dictionary, np.bincount(distinct[1], minlength=len(coded.dictionary))
