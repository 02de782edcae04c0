"""Fingerprint a dataset: one sidecar for each shard, made by several workers, each at once or not at all.

A killed run leaves the sidecars it finished, and the next one goes on with the others. A shard whose bytes changed is read again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from byleave.apply.engine import Engine
from byleave.apply.local_engine import LocalEngine
from byleave.apply.object_input import Outlined, outlined
from byleave.apply.sidecars.file import SIDECAR_FOLDER
from byleave.apply.sidecars.finding import GIVE_PICTURES, PictureShards, find_shards
from byleave.apply.sidecars.making import Made, Making, WithoutPictures
from byleave.apply.sidecars.places import FolderPlace, ObjectPlace, SidecarPlace
from byleave.apply.sidecars.shards import PictureShard
from byleave.apply.sidecars.work import Failed, FingerprintWork, FingerprintWorkHere, Outcome, ShardTask
from byleave.datasets import OWN_FOLDER
from byleave.errors import FormatError, InputError
from byleave.settings import Limits
from byleave.storage import STAGING, alone_in
from byleave.storage.objects import ObjectFolder, is_address

Progress = Callable[[int, int, int], None]
"""Told of shards done, shards in all, and samples done since it was last told."""


@dataclass(frozen=True, slots=True)
class FingerprintRequest:
    """What to fingerprint.

    input
        A tar, a Parquet file with pictures in its cells, or a folder of such shards or of pictures; also ``s3://bucket/folder``.
    to
        Folder or address of the sidecars; ``_byleave/fingerprints`` beside the shards if left out.
    vectors
        Name of a picture model whose vectors are wanted as well, or ``None``.
    """

    input: str
    to: str | None = None
    vectors: str | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class FingerprintReport:
    """What was made, in the order of the shards' names."""

    place: str
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
            "folder": self.place,
            "shards": len(self.made),
            "made_before": sum(made.before for made in self.made),
            "samples": sum(made.facts.rows for made in self.made),
            "fingerprinted": sum(made.facts.fingerprinted for made in self.made),
            "reasons": dict(sorted(self.reasons.items())),
            "failed": [asdict(one) for one in self.failed],
            "without_pictures": list(self.without_pictures),
        }


def fingerprint_dataset(request: FingerprintRequest, engine: Engine, progress: Progress) -> FingerprintReport:
    """Make what is missing of the sidecars of a dataset. A shard that cannot be read is reported, and the others are made.

    Raises
    ------
    NotFoundError, FormatError, InputError
        If nothing that holds pictures stands there, or no such model is known.
    MissingExtraError
        If the model, or what reads objects, is not installed.
    ConflictError
        If another process fingerprints into the same folder.
    """
    making = Making(request.limits, known_model(request.vectors))
    with _found(request.input) as (found, outline):
        place = _place(request, outline)
        work = FingerprintWork(making, place, outline.input if outline else None)
        tasks = [ShardTask(shard, _wanted(shard, outline)) for shard in found.shards]
        with _alone(place):
            outcomes = _done(engine, work, tasks, progress)
    made = tuple(one for one in outcomes if isinstance(one, Made))
    failed = tuple(one for one in outcomes if isinstance(one, Failed))
    without = [*found.without_pictures, *(one.name for one in outcomes if isinstance(one, WithoutPictures))]
    if not made and not failed:
        raise FormatError(f"{request.input} holds no pictures", remedy=GIVE_PICTURES)
    return FingerprintReport(str(place), made, failed, tuple(sorted(without)))


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


@contextmanager
def _found(given: str) -> Iterator[tuple[PictureShards, Outlined | None]]:
    if is_address(given):
        with outlined(given) as outline:
            yield find_shards(outline.top, given), outline
    else:
        yield find_shards(Path(given), given), None


def _wanted(shard: PictureShard, outline: Outlined | None) -> tuple[Any, ...]:
    if outline is None:
        return ()
    names = (path.relative_to(outline.input.outline).as_posix() for path in shard.paths)
    return tuple(outline.wanted[name] for name in names)


def _place(request: FingerprintRequest, outline: Outlined | None) -> SidecarPlace:
    if request.to is not None and is_address(request.to):
        return ObjectPlace(ObjectFolder.of(request.to))
    if request.to is not None:
        if outline is None:
            _refuse_among_data(Path(request.to), Path(request.input))
        return FolderPlace(Path(request.to))
    if outline is not None:
        return ObjectPlace(ObjectFolder.of(f"{outline.input.folder}/{SIDECAR_FOLDER}"))
    given = Path(request.input)
    return FolderPlace((given if given.is_dir() else given.parent) / SIDECAR_FOLDER)


def _refuse_among_data(to: Path, given: Path) -> None:
    """Refuse a folder in which sidecars would be taken for a part of the dataset."""
    inside, data = to.resolve(), given.resolve()
    if inside.is_relative_to(data) and OWN_FOLDER not in inside.relative_to(data).parts:
        raise InputError(
            f"{to} is a folder of the dataset, and fingerprints in it would count as data",
            remedy=f"leave out --to, or name a folder elsewhere, or one below {OWN_FOLDER}",
        )


@contextmanager
def _alone(place: SidecarPlace) -> Iterator[None]:
    """Keep other processes out of a folder, and remove what killed ones left. Objects need neither."""
    if not isinstance(place, FolderPlace):
        yield
        return
    place.folder.mkdir(parents=True, exist_ok=True)
    with alone_in(place.folder):
        for leftover in place.folder.rglob(f".*{STAGING}"):
            leftover.unlink(missing_ok=True)
        yield


def _done(engine: Engine, work: FingerprintWork, tasks: list[ShardTask], progress: Progress) -> list[Outcome]:
    """Let the engine do all tasks; return what came of them, in their order."""
    outcomes: dict[int, Outcome] = {}

    def step(samples: int) -> None:
        progress(len(outcomes), len(tasks), samples)

    def go_on(doing: FingerprintWork | FingerprintWorkHere) -> None:
        step(0)
        for place, outcome in engine.run(doing, tasks, step):
            outcomes[place] = outcome
            step(0)

    if isinstance(engine, LocalEngine) and min(engine.workers, len(tasks)) <= 1:
        with work.printer() as printer:
            go_on(FingerprintWorkHere(work, printer))
    else:
        go_on(work)
    return [outcomes[place] for place in range(len(tasks))]
