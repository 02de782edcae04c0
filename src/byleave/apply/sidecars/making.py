"""Make the sidecar of one shard: a function of the shard's bytes alone, so that any process anywhere may do it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from byleave.apply.sidecars.file import (
    ShardFile,
    SidecarFacts,
    SidecarRow,
    SidecarWriter,
    read_facts,
    sidecar_name,
)
from byleave.apply.sidecars.places import SidecarPlace
from byleave.apply.sidecars.shards import PictureShard, Sample
from byleave.datasets import mend
from byleave.errors import ConflictError, FormatError
from byleave.fingerprints import PICTURE_VERSION
from byleave.media import Unusable
from byleave.media.fingerprinting import TOGETHER, Fingerprinted, Fingerprinter, Outcome
from byleave.settings import Limits
from byleave.storage import refuse_disk_faults
from byleave.urls import canonical_url, item_id_of_bytes, item_id_of_url

NO_PICTURE = "no_picture"
"""The reason of a sample without a picture. All others are names of :class:`byleave.media.UnusableKind`."""

AT_ONCE = 4 * TOGETHER
AT_ONCE_BYTES = 32 * 1024 * 1024
"""Samples read before any of them is written: a bound on memory."""


@dataclass(frozen=True, slots=True)
class Making:
    """How sidecars are made. ``model`` names what makes vectors, ``None`` for none."""

    limits: Limits
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """The facts of a sidecar, and whether an earlier run had made it."""

    facts: SidecarFacts
    before: bool


@dataclass(frozen=True, slots=True)
class WithoutPictures:
    """A file that holds no pictures, and so gets no sidecar."""

    name: str


def make_sidecar(
    shard: PictureShard,
    place: SidecarPlace,
    making: Making,
    printer: Fingerprinter,
    progress: Callable[[int], None],
) -> Made | WithoutPictures:
    """Write the sidecar of a shard, unless one that fits stands there; it appears at once.

    ``progress`` is told the number of samples done since it was last told, and may raise to stop the work.

    Raises
    ------
    FormatError
        If the shard cannot be read in whole.
    ConflictError
        If it changed while it was read.
    """
    stamps = _stamps(shard)
    try:
        if not shard.holds_pictures():
            return WithoutPictures(shard.name)
        files, name = shard.digests(), sidecar_name(shard.name)
        with place.stored(name) as path:
            found = fitting(path, shard.name, files, making)
        if found is None:
            with place.staged(name) as aside:
                found = _written(shard, aside, files, making, printer, progress)
        else:
            progress(found.facts.rows)
    except (pa.ArrowException, OSError) as error:
        refuse_disk_faults(error, shard.paths[0])
        raise FormatError(
            f"{shard.name}: cannot be read, or its fingerprints not be written: {str(error)[:200]}",
            remedy="check the disk, then run the same command again: it goes on with what is missing",
        ) from error
    if stamps != _stamps(shard):
        raise ConflictError(f"{shard.name} changed while it was read", remedy="run the same command again")
    return found


def fitting(path: Path, name: str, files: Sequence[ShardFile], making: Making) -> Made | None:
    """Return what an earlier run made of these very bytes in the same way, if it stands at ``path``."""
    try:
        facts = read_facts(path)
    except FormatError:
        return None
    fits = (facts.shard, facts.files, facts.fingerprint_version) == (name, tuple(files), PICTURE_VERSION)
    return Made(facts, before=True) if fits and making.model in {None, facts.model} else None


def _written(
    shard: PictureShard,
    aside: Path,
    files: Sequence[ShardFile],
    making: Making,
    printer: Fingerprinter,
    progress: Callable[[int], None],
) -> Made:
    dim = _vector_dim() if making.model is not None else None
    with SidecarWriter(aside, dim) as writer:
        for samples in _together(shard.samples(making.limits)):
            for row in _rows(samples, printer, with_vectors=making.model is not None):
                writer.add(row)
            progress(len(samples))
        facts = writer.finish(shard.name, files, making.model)
    return Made(facts, before=False)


def _together(samples: Iterator[Sample]) -> Iterator[list[Sample]]:
    held: list[Sample] = []
    size = 0
    for sample in samples:
        held.append(sample)
        size += len(sample.picture) if isinstance(sample.picture, bytes) else 0
        if len(held) >= AT_ONCE or size >= AT_ONCE_BYTES:
            yield held
            held, size = [], 0
    if held:
        yield held


def _rows(samples: Sequence[Sample], printer: Fingerprinter, *, with_vectors: bool) -> Iterator[SidecarRow]:
    outcomes = printer.read([sample.picture for sample in samples if isinstance(sample.picture, bytes)])
    vectors = iter(_embedded(outcomes) if with_vectors else [None] * len(outcomes))
    waiting = iter(outcomes)
    for sample in samples:
        if isinstance(sample.picture, bytes):
            yield _row(sample, hashlib.sha256(sample.picture).digest(), next(waiting), next(vectors))
        else:
            yield _row(sample, None, sample.picture, None)


def _row(
    sample: Sample,
    digest: bytes | None,
    outcome: Outcome | None,
    vector: npt.NDArray[np.float16] | None,
) -> SidecarRow:
    if isinstance(outcome, Fingerprinted):
        seen, reason = outcome.fingerprint, None
    else:
        seen, reason = None, outcome.kind.value if isinstance(outcome, Unusable) else NO_PICTURE
    key = mend(sample.key) if sample.key is not None else None
    return SidecarRow(key, _item_id(sample.link, digest), digest, seen, reason, vector)


def _item_id(link: bytes | None, digest: bytes | None) -> bytes | None:
    if link is not None:
        try:
            return item_id_of_url(canonical_url(link.decode()))
        except (UnicodeDecodeError, FormatError):
            return None
    return item_id_of_bytes(digest) if digest is not None else None


def _embedded(outcomes: Sequence[Outcome]) -> list[npt.NDArray[np.float16] | None]:
    from byleave.media.models import picture_model

    copies = [one.rgb if isinstance(one, Fingerprinted) else None for one in outcomes]
    pictures = [copy for copy in copies if copy is not None]
    vectors = iter(picture_model().embed(pictures)[0].astype(np.float16) if pictures else ())
    return [None if copy is None else next(vectors) for copy in copies]


def _vector_dim() -> int:
    from byleave.media.models import picture_card

    return picture_card().dim


def _stamps(shard: PictureShard) -> list[tuple[int, int]]:
    facts = [path.stat() for path in shard.paths]
    return [(fact.st_size, fact.st_mtime_ns) for fact in facts]
