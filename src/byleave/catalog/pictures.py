"""Pictures of an ingest, described by a few worker processes: decoded, fingerprinted, embedded, in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from byleave import media
from byleave.media.models import PictureModel, picture_model
from byleave.processes import Processes
from byleave.settings import Limits

TASK_PICTURES = 16
"""Pictures of one task and of one model batch."""

INLINE_PICTURES = 64
"""Up to so many pictures, starting workers would cost more than it saves."""


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """What a row keeps of a picture. ``embedding`` is float16 and unit length; the pixels are gone."""

    width: int
    height: int
    digest: bytes
    pdq: bytes
    pdq_trimmed: bytes
    quality: int
    version: str
    embedding: NDArray[np.float16]
    unsafe_score: float
    thumbnail: bytes | None
    creator: str | None
    rights: str | None


Outcome = Described | media.Unusable


def model() -> PictureModel:
    """Load the picture model with one thread: each worker has a core of its own, and equal runs give equal vectors."""
    return picture_model(1)


def describe_batch(encoded: list[bytes], limits: Limits, thumbnail_px: int | None) -> list[Outcome]:
    """Describe some pictures; a file that is none yields its :class:`~byleave.media.Unusable` in its place."""
    read = [media.describe(one, limits=limits, thumbnail_px=thumbnail_px) for one in encoded]
    pictures = [one for one in read if isinstance(one, media.Picture)]
    if not pictures:
        return [one for one in read if isinstance(one, media.Unusable)]
    vectors, unsafe = model().embed([picture.rgb for picture in pictures])
    described = iter(
        [
            _described(picture, vector, float(score))
            for picture, vector, score in zip(pictures, vectors, unsafe, strict=True)
        ]
    )
    return [one if isinstance(one, media.Unusable) else next(described) for one in read]


class Describers:
    """A pool that starts when there is enough to do, keeps a bounded queue, and survives a crashing worker."""

    def __init__(self, *, limits: Limits, thumbnail_px: int | None, workers: int | None = None) -> None:
        self.limits = limits
        self.thumbnail_px = thumbnail_px
        self.workers = min(8, os.cpu_count() or 1) if workers is None else workers
        self._pool: Processes | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=kind is None, cancel_futures=True)

    def describe(self, encoded: Iterable[bytes]) -> Iterator[Outcome]:
        """Describe pictures one by one in the order given; only a few of them are held at a time."""
        waiting = iter(encoded)
        if self._pool is None:
            first = list(islice(waiting, INLINE_PICTURES + 1))
            if len(first) <= INLINE_PICTURES or self.workers < 2:
                yield from self._inline(first)
                first = []
            waiting = _chain(first, waiting)
        if self.workers < 2:
            while batch := list(islice(waiting, TASK_PICTURES)):
                yield from self._inline(batch)
            return
        yield from self._by_pool(waiting)

    def _inline(self, encoded: list[bytes]) -> Iterator[Outcome]:
        for start in range(0, len(encoded), TASK_PICTURES):
            yield from describe_batch(encoded[start : start + TASK_PICTURES], self.limits, self.thumbnail_px)

    def _by_pool(self, waiting: Iterator[bytes]) -> Iterator[Outcome]:
        queue: deque[tuple[list[bytes], Future[list[Outcome]]]] = deque()
        while True:
            while len(queue) <= 2 * self.workers and (batch := list(islice(waiting, TASK_PICTURES))):
                queue.append((batch, self._submit(batch)))
            if not queue:
                return
            batch, future = queue.popleft()
            try:
                yield from future.result()
            except BrokenProcessPool:
                self._drop_pool()
                yield from self._one_by_one(batch)
                queue = deque((later, self._submit(later)) for later, _ in queue)

    def _one_by_one(self, batch: list[bytes]) -> Iterator[Outcome]:
        """Find the picture that ends the process that reads it, and keep its neighbours."""
        for encoded in batch:
            try:
                yield from self._submit([encoded]).result()
            except BrokenProcessPool:
                self._drop_pool()
                yield media.Unusable(media.UnusableKind.CRASHED, "the process that read it ended")

    def _submit(self, batch: list[bytes]) -> Future[list[Outcome]]:
        if self._pool is None:
            self._pool = Processes(self.workers)
        return self._pool.submit(describe_batch, batch, self.limits, self.thumbnail_px)

    def _drop_pool(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _described(picture: media.Picture, vector: NDArray[np.float32], unsafe: float) -> Described:
    seen = picture.fingerprint
    return Described(
        width=picture.width,
        height=picture.height,
        digest=picture.digest,
        pdq=seen.plain,
        pdq_trimmed=seen.trimmed,
        quality=seen.quality,
        version=seen.version,
        embedding=vector.astype(np.float16),
        unsafe_score=unsafe,
        thumbnail=picture.thumbnail,
        creator=picture.creator,
        rights=picture.rights,
    )


def _chain(first: list[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    yield from first
    yield from rest
