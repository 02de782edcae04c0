"""Search the catalog: copies of a picture first, then what looks or sounds like it; the same question, the same order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, assert_never

import numpy as np
from numpy.typing import NDArray

from byleave import media, urls
from byleave.catalog import candidates, pictures
from byleave.catalog.candidates import Scored
from byleave.catalog.copies import open_copy_index
from byleave.catalog.dataset import Dataset
from byleave.catalog.queries import Answer, BothQuery, Hit, HitKind, Page, PictureQuery, Query, WordsQuery
from byleave.catalog.table import in_list, text
from byleave.datasets import mend
from byleave.errors import ConflictError, InputError
from byleave.fingerprints import PICTURE_VERSION, REVIEW_RADIUS, SAME_WORK_RADIUS, ClaimedPicture
from byleave.media.models import caption_card, caption_model, picture_card
from byleave.settings import Limits

_ORDER = {kind: place for place, kind in enumerate(HitKind)}
_FAR = 257


class PictureReader(Protocol):
    """Reads query pictures: :mod:`byleave.media` here, :mod:`byleave.media.isolated` for strangers' files."""

    def describe(
        self, encoded: bytes, *, limits: Limits, thumbnail_px: int | None = ...
    ) -> media.Picture | media.Unusable: ...

    def claimed_picture(self, encoded: bytes, *, limits: Limits) -> ClaimedPicture | media.Unusable: ...


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A query, read: its words with their vector, its picture with everything comparable about it."""

    words: str | None = None
    caption_vector: NDArray[np.float32] | None = None
    digest: bytes | None = None
    claimed: ClaimedPicture | None = None
    embedding: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class _Candidate:
    dataset: Dataset
    sample_key: bytes
    kind: HitKind
    distance: int | None
    score: float

    @property
    def place(self) -> tuple[int, int, float, str, bytes]:
        distance = _FAR if self.distance is None else self.distance
        return (_ORDER[self.kind], distance, -self.score, self.dataset.name, self.sample_key)


def read_query(query: Query, *, limits: Limits, reader: PictureReader) -> Asked:
    """Turn a query into what can be compared.

    Raises
    ------
    InputError
        If the words are empty or the picture is none.
    """
    match query:
        case WordsQuery(words):
            return _read_words(words, limits)
        case PictureQuery(encoded):
            return _read_picture(encoded, None, limits, reader)
        case BothQuery(words, encoded):
            return _read_picture(encoded, _read_words(words, limits), limits, reader)
        case _:
            assert_never(query)


def search(asked: Asked, datasets: Sequence[Dataset], page: Page, *, limits: Limits) -> Answer:
    """Answer one page. Every dataset is looked at, and the best hits of all come first."""
    if page.limit < 1 or page.offset < 0:
        raise InputError(
            "a page has at least one hit and begins at 0 or later", remedy="ask for another page"
        )
    found: list[_Candidate] = []
    for dataset in datasets:
        _check_models(dataset, asked)
        found.extend(_in_dataset(dataset, asked, _where(page.domain)))
    found.sort(key=lambda candidate: candidate.place)
    shown = found[page.offset : page.offset + min(page.limit, limits.search_results)]
    dates = [dataset.info.as_of for dataset in datasets]
    return Answer(
        tuple(_hits(shown)), tuple(d.name for d in datasets), min(dates) if dates else None, len(found)
    )


def _read_words(words: str, limits: Limits) -> Asked:
    plain = mend(words).strip()
    if not plain or len(plain.encode()) > limits.caption_bytes:
        raise InputError("there are no words to search for", remedy="write one word or a short sentence")
    return Asked(plain, caption_model().embed([plain])[0])


def _read_picture(encoded: bytes, words: Asked | None, limits: Limits, reader: PictureReader) -> Asked:
    picture = reader.describe(encoded, limits=limits, thumbnail_px=None)
    claimed = reader.claimed_picture(encoded, limits=limits)
    if isinstance(picture, media.Unusable) or isinstance(claimed, media.Unusable):
        fault = picture if isinstance(picture, media.Unusable) else claimed
        detail = fault.detail if isinstance(fault, media.Unusable) else ""
        raise InputError(
            f"this file cannot be read as a picture: {detail}", remedy="give a JPEG, PNG or WebP file"
        )
    vectors, _ = pictures.model().embed([picture.rgb])
    return Asked(
        words.words if words else None,
        words.caption_vector if words else None,
        picture.digest,
        claimed,
        vectors[0],
    )


def _check_models(dataset: Dataset, asked: Asked) -> None:
    models = dataset.info.models
    wanted: dict[str, str] = {}
    if asked.words is not None:
        wanted["captions"] = caption_card().model_id
    if asked.digest is not None:
        wanted |= {"picture": picture_card().model_id, "fingerprint": PICTURE_VERSION}
    for use, model in wanted.items():
        if models.get(use) != model:
            raise ConflictError(
                f"the dataset {dataset.name!r} was indexed with {models.get(use)!r}, this installation has {model!r}",
                remedy=candidates.INGEST_AGAIN,
            )


def _in_dataset(dataset: Dataset, asked: Asked, where: str | None) -> list[_Candidate]:
    """Collect candidates, each under the best kind it was found by."""
    found: dict[bytes, _Candidate] = {}
    table = dataset.table.open()
    if asked.digest is not None:
        for key in candidates.by_digest(table, asked.digest, where):
            found[key] = _Candidate(dataset, key, HitKind.EXACT, 0, 1.0)
    if asked.claimed is not None and not asked.claimed.is_flat:
        for candidate in _near(dataset, asked.claimed, where):
            found.setdefault(candidate.sample_key, candidate)
    looks: list[Scored] = []
    if asked.embedding is not None:
        floor = candidates.LOOKALIKE_FLOOR
        looks = candidates.by_vector(table, "embedding", asked.embedding, where=where, floor=floor)
    worded: list[Scored] = []
    if asked.words is not None and asked.caption_vector is not None:
        worded = candidates.fused(
            candidates.by_text(table, asked.words, where),
            candidates.by_vector(
                table, "caption_vector", asked.caption_vector, where=where, floor=candidates.CAPTION_FLOOR
            ),
        )
    kind = HitKind.LOOKALIKE if asked.embedding is not None else HitKind.WORDS
    ranked = candidates.fused(looks, worded) if looks and worded else looks or worded
    for scored in ranked:
        found.setdefault(scored.sample_key, _Candidate(dataset, scored.sample_key, kind, None, scored.score))
    return list(found.values())


def _near(dataset: Dataset, claimed: ClaimedPicture, where: str | None) -> list[_Candidate]:
    near = open_copy_index(dataset.table, dataset.folder / "copies").near(claimed, REVIEW_RADIUS)
    near = near[: candidates.DEPTH]
    if where is not None:
        table = dataset.table.open()
        inside = f"({in_list('sample_key', [n.sample_key for n in near])}) AND ({where})"
        kept = set(table.to_table(columns=["sample_key"], filter=inside).column(0).to_pylist())
        near = [n for n in near if n.sample_key in kept]
    return [
        _Candidate(
            dataset,
            n.sample_key,
            HitKind.COPY if n.distance <= SAME_WORK_RADIUS else HitKind.LOOKALIKE,
            n.distance,
            1 - n.distance / 256,
        )
        for n in near
    ]


def _where(domain: str | None) -> str | None:
    if domain is None:
        return None
    host = urls.canonical_host(domain)
    return f"domain = {text(host)} OR host = {text(host)} OR ends_with(host, {text('.' + host)})"


_SHOWN = ("sample_key", "item_id", "url", "host", "caption", "width", "height")


def _hits(shown: Sequence[_Candidate]) -> list[Hit]:
    columns = {name: name for name in _SHOWN} | {"has_thumbnail": "thumbnail IS NOT NULL"}
    rows: dict[tuple[str, bytes], dict[str, Any]] = {}
    for dataset in {candidate.dataset.name: candidate.dataset for candidate in shown}.values():
        keys = [c.sample_key for c in shown if c.dataset.name == dataset.name]
        for row in dataset.table.light_rows(keys, columns):
            rows[dataset.name, row["sample_key"]] = row
    return [
        Hit(
            dataset=c.dataset.name,
            kind=c.kind,
            distance=c.distance,
            score=c.score,
            **rows[c.dataset.name, c.sample_key],
        )
        for c in shown
        if (c.dataset.name, c.sample_key) in rows
    ]
