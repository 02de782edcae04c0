"""Ways to find samples in one dataset: by words, by meaning, by the same bytes, by fingerprint, by looks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import lance
import numpy as np
from lance.query import MatchQuery
from numpy.typing import NDArray

from byleave.catalog.table import INDEXED_ROWS
from byleave.errors import ConflictError

DEPTH = 1_000
"""Candidates taken from each way; always the same number, so that pages of one answer fit together."""

RANK_CONSTANT = 60
"""Reciprocal rank fusion, as published by Cormack, Clarke and Büttcher in 2009."""

CAPTION_FLOOR = 0.35
LOOKALIKE_FLOOR = 0.80
"""Cosines below which two captions, or two pictures, have nothing to say to each other."""

NPROBES = 20
REFINE = 10
"""Recall@10 of .995 was measured with these on a million vectors."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A sample key and how well it fits, larger is better."""

    sample_key: bytes
    score: float


def by_text(table: lance.LanceDataset, words: str, where: str | None) -> list[Scored]:
    """Rank by BM25 over captions, creators, titles and tags."""
    found = table.to_table(
        columns=["sample_key", "_score"],
        full_text_query=MatchQuery(words, "words"),
        filter=where,
        prefilter=True,
        limit=DEPTH,
    )
    return _ranked(found.column("sample_key").to_pylist(), found.column("_score").to_pylist())


def by_vector(
    table: lance.LanceDataset, column: str, query: NDArray[np.float32], *, where: str | None, floor: float
) -> list[Scored]:
    """Rank by cosine. Exact for small tables and for selective filters, where an index would lose rows."""
    dimensions = table.schema.field(column).type.list_size
    if dimensions != len(query):
        raise ConflictError(
            f"the query has {len(query)} dimensions, {column} has {dimensions}", remedy=INGEST_AGAIN
        )
    nearest: dict[str, Any] = {
        "column": column,
        "q": query.astype(np.float16),
        "k": DEPTH,
        "metric": "cosine",
        "use_index": False,
    }
    if table.count_rows(where) >= INDEXED_ROWS:
        nearest |= {"use_index": True, "nprobes": NPROBES, "refine_factor": REFINE}
    found = table.to_table(
        columns=["sample_key", "_distance"], nearest=nearest, filter=where, prefilter=where is not None
    )
    scores = [1.0 - distance for distance in found.column("_distance").to_pylist()]
    ranked = _ranked(found.column("sample_key").to_pylist(), scores)
    return [scored for scored in ranked if scored.score >= floor]


def by_digest(table: lance.LanceDataset, digest: bytes, where: str | None) -> list[bytes]:
    """Return the keys of samples whose picture has exactly these bytes."""
    same = f"digest = X'{digest.hex()}'"
    found = table.to_table(
        columns=["sample_key"], filter=f"({same}) AND ({where})" if where else same, limit=DEPTH
    )
    return sorted(found.column(0).to_pylist())


def fused(*rankings: Iterable[Scored]) -> list[Scored]:
    """Merge rankings by reciprocal rank; what stands high in several comes first, equals by key."""
    scores: dict[bytes, float] = {}
    for ranking in rankings:
        for rank, scored in enumerate(ranking, start=1):
            scores[scored.sample_key] = scores.get(scored.sample_key, 0.0) + 1 / (RANK_CONSTANT + rank)
    return _ranked(list(scores), list(scores.values()))


INGEST_AGAIN = "ingest the dataset again under a new name, or search with the installation that made it"


def _ranked(keys: list[bytes], scores: list[float]) -> list[Scored]:
    pairs = (Scored(key, round(score, 6)) for key, score in zip(keys, scores, strict=True))
    return sorted(pairs, key=lambda scored: (-scored.score, scored.sample_key))
