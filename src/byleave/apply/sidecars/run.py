"""Fingerprint a dataset: one sidecar for each shard, made by several workers, each at once or not at all.

A killed run leaves the sidecars it finished, and the next one goes on with the others. A shard whose bytes changed is read again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import SimpleQueue
from threading import Event
from typing import Any

from byleave.apply.sidecars.file import sidecar_name
from byleave.apply.sidecars.finding import find_shards
from byleave.apply.sidecars.making import Made, Making, make_sidecar
from byleave.apply.sidecars.shards import PictureShard
from byleave.datasets import OWN_FOLDER
from byleave.errors import ByleaveError, InputError, UnavailableError
from byleave.media.fingerprinting import Fingerprinter
from byleave.settings import Limits
from byleave.storage import STAGING, alone_in

FOLDER = "fingerprints"
MOST_WORKERS = 256

Progress = Callable[[int, int, int], None]
"""Told of shards done, shards in all, and samples done since it was last told."""


@dataclass(frozen=True, slots=True)
class FingerprintRequest:
    """What to fingerprint.

    input
        A tar, a Parquet file with pictures in its cells, or a folder of such shards or of pictures.
    to
        Folder of the sidecars; ``_byleave/fingerprints`` beside the shards if left out.
    workers
        How many shards are read at once, each with a process of its own that decodes.
    vectors
        Name of a picture model whose vectors are wanted as well, or ``None``.
    """

    input: Path
    to: Path | None = None
    workers: int = 1
    vectors: str | None = None
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not 1 <= self.workers <= MOST_WORKERS:
            raise InputError(
                f"{self.workers} workers cannot read a dataset", remedy=f"give 1 to {MOST_WORKERS}"
            )

    @property
    def folder(self) -> Path:
        """Where sidecars are written."""
        return self.to if self.to is not None else sidecar_folder(self.input)


@dataclass(frozen=True, slots=True)
class Task:
    """One shard, and where its sidecar stands."""

    shard: PictureShard
    path: Path


@dataclass(frozen=True, slots=True)
class Failed:
    """A shard that could not be read in whole, and so has no sidecar."""

    shard: str
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class FingerprintReport:
    """What was made, in the order of the shards' names."""

    folder: Path
    made: tuple[Made, ...]
    failed: tuple[Failed, ...]
    without_pictures: tuple[str, ...]

    @property
    def reasons(self) -> Counter[str]:
        """Samples without fingerprint, by reason."""
        total: Counter[str] = Counter()
        for made in self.made:
            total.update(made.facts.reasons)
        return total

    def to_json(self) -> dict[str, Any]:
        """Return plain values for programs."""
        return {
            "folder": str(self.folder),
            "shards": len(self.made),
            "made_before": sum(made.before for made in self.made),
            "samples": sum(made.facts.rows for made in self.made),
            "fingerprinted": sum(made.facts.fingerprinted for made in self.made),
            "reasons": dict(sorted(self.reasons.items())),
            "failed": [asdict(one) for one in self.failed],
            "without_pictures": list(self.without_pictures),
        }


def fingerprint_dataset(request: FingerprintRequest, progress: Progress) -> FingerprintReport:
    """Make what is missing of the sidecars of a dataset. A shard that cannot be read is reported, and the others are made.

    Raises
    ------
    NotFoundError, FormatError, InputError
        If nothing that holds pictures stands there, or no such model is known.
    MissingExtraError
        If the model is not installed.
    ConflictError
        If another process fingerprints into the same folder.
    """
    making = Making(request.limits, known_model(request.vectors))
    found = find_shards(request.input)
    tasks = [Task(shard, request.folder / sidecar_name(shard.name)) for shard in found.shards]
    request.folder.mkdir(parents=True, exist_ok=True)
    with alone_in(request.folder):
        for leftover in request.folder.rglob(f".*{STAGING}"):
            leftover.unlink(missing_ok=True)
        outcomes = run_here(tasks, making, request.workers, progress)
    return FingerprintReport(
        folder=request.folder,
        made=tuple(one for one in outcomes if isinstance(one, Made)),
        failed=tuple(one for one in outcomes if isinstance(one, Failed)),
        without_pictures=found.without_pictures,
    )


def sidecar_folder(dataset: Path) -> Path:
    """Return where the sidecars of a dataset stand if nobody said otherwise."""
    return (dataset if dataset.is_dir() else dataset.parent) / OWN_FOLDER / FOLDER


def known_model(name: str | None) -> str | None:
    """Return the full name of a picture model, by that name or the name of its package.

    Raises
    ------
    InputError
        If no such model is installed here.
    """
    if name is None:
        return None
    from byleave.media.models import picture_card

    card = picture_card()
    if name not in {card.model_id, card.model_id.partition("/")[0]}:
        raise InputError(
            f"no picture model is called {name[:100]!r}",
            remedy=f"name the one installed here: {card.model_id}",
        )
    return card.model_id


def attempt(
    task: Task, making: Making, printer: Fingerprinter, progress: Callable[[int], None]
) -> Made | Failed:
    """Make one sidecar; what is wrong with a shard is an answer, since the others can still be made."""
    try:
        return make_sidecar(task.shard, task.path, making, printer, progress)
    except ByleaveError as error:
        return Failed(task.shard.name, error.problem, error.remedy)


def run_here(tasks: Sequence[Task], making: Making, workers: int, progress: Progress) -> list[Made | Failed]:
    """Make sidecars in this process, with a thread and a decoding process for each worker; return outcomes in the order of the tasks."""
    stop, done = Event(), 0
    with_pixels = making.model is not None
    printers = [
        Fingerprinter(making.limits, with_pixels=with_pixels) for _ in range(min(workers, len(tasks)))
    ]
    idle: SimpleQueue[Fingerprinter] = SimpleQueue()
    for printer in printers:
        idle.put(printer)

    def step(samples: int) -> None:
        if stop.is_set():
            raise UnavailableError("the run was stopped", remedy="run the same command again: it goes on")
        progress(done, len(tasks), samples)

    def work(task: Task) -> Made | Failed:
        printer = idle.get()
        try:
            return attempt(task, making, printer, step)
        finally:
            idle.put(printer)

    with ThreadPoolExecutor(len(printers)) as pool:
        futures = [pool.submit(work, task) for task in tasks]
        try:
            for future in as_completed(futures):
                future.result()
                done += 1
                progress(done, len(tasks), 0)
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            for printer in printers:
                printer.end()
    return [future.result() for future in futures]
