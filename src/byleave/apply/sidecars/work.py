"""Shards to fingerprint, as work for an engine: on this machine or on a cluster."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

from byleave.apply.engine import Rows
from byleave.apply.object_input import ObjectInput, Wanted
from byleave.apply.sidecars.making import Made, Making, WithoutPictures, make_sidecar
from byleave.apply.sidecars.places import SidecarPlace
from byleave.apply.sidecars.shards import PictureShard
from byleave.errors import ByleaveError
from byleave.media.fingerprinting import Fingerprinter


@dataclass(frozen=True, slots=True)
class ShardTask:
    """One shard. ``wanted`` are the objects it is fetched from, none where it stands on disks that workers see."""

    shard: PictureShard
    wanted: tuple[Wanted, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """A shard that could not be read in whole, and so has no sidecar."""

    shard: str
    problem: str
    remedy: str


Outcome = Made | WithoutPictures | Failed


@dataclass(frozen=True, slots=True)
class FingerprintWork:
    """Shards for workers that each start a decoding process of their own."""

    making: Making
    place: SidecarPlace
    objects: ObjectInput | None = None

    def printer(self) -> Fingerprinter:
        """Return what decodes; its process starts with the first picture."""
        return Fingerprinter(self.making.limits, with_pixels=self.making.model is not None)

    def begin(self) -> Callable[[ShardTask, Rows], Outcome]:
        """Make ready to decode until this process ends."""
        return partial(fingerprint_shard, self, self.printer())


@dataclass(frozen=True, slots=True)
class FingerprintWorkHere:
    """Shards for the process that has a decoding process already."""

    work: FingerprintWork
    printer: Fingerprinter

    def begin(self) -> Callable[[ShardTask, Rows], Outcome]:
        """Use what is there."""
        return partial(fingerprint_shard, self.work, self.printer)


def fingerprint_shard(
    work: FingerprintWork, printer: Fingerprinter, task: ShardTask, progress: Rows
) -> Outcome:
    """Make one sidecar. What is wrong with a shard is an answer, since the others can still be made."""
    try:
        with _here(work, task) as (shard, _):
            return make_sidecar(shard, work.place, work.making, printer, progress)
    except ByleaveError as error:
        return Failed(task.shard.name, error.problem, error.remedy)


def _here(
    work: FingerprintWork, task: ShardTask
) -> AbstractContextManager[tuple[PictureShard, tuple[str, ...]]]:
    if work.objects is None:
        return nullcontext((task.shard, ()))
    return work.objects.brought(task.shard, task.wanted)
