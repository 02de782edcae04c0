"""Fill a home with the demo: pictures, the dataset `demo`, a registry and a first list. What is done is skipped.

Each finished step leaves a stamp beside the pictures; it counts only while what the step made still stands.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from byleave.demo.telling import Teller
from byleave.errors import FormatError
from byleave.settings import Settings
from byleave.storage import write_atomically

DATASET = "demo"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What stands ready, and how many seconds each step that ran took; skipped ones are left out."""

    folder: Path
    seconds: Mapping[str, float]


def demo_folder(settings: Settings) -> Path:
    """Return the folder of everything that is the demo's alone."""
    return settings.home / "demo"


def prepare(
    settings: Settings, *, size: int, seed: int, teller: Teller, now: Callable[[], datetime]
) -> Prepared:
    """Do what is not done yet, in order. Killed and started again it goes on where it was.

    ``size`` is the number of originals; a home prepared with another number is prepared again as far as it differs.
    """
    folder = demo_folder(settings)
    stamps = folder / "done"
    stamps.mkdir(parents=True, exist_ok=True)
    wanted = {"size": size, "seed": seed}
    seconds: dict[str, float] = {}
    steps: list[tuple[str, Path, Callable[[], None]]] = [
        ("pictures", folder / "dataset", lambda: _pictures(folder, size, seed, teller)),
        ("entries", settings.home / "catalog" / DATASET, lambda: _entries(settings, folder, teller)),
        ("registry", settings.home / "releases", lambda: _registry(settings, teller, now)),
    ]
    for name, made, act in steps:
        stamp = stamps / f"{name}.json"
        if made.exists() and _stamped(stamp) == wanted:
            continue
        began = time.monotonic()
        act()
        seconds[name] = time.monotonic() - began
        write_atomically(stamp, json.dumps(wanted).encode())
    return Prepared(folder, seconds)


def make_pictures(package: Path, folder: Path, size: int, seed: int, teller: Teller) -> None:
    """Write the dataset of pictures into ``folder``, unless the same one stands there."""
    from byleave.demo import dataset, pictures

    try:
        if dataset.read(folder).wanted == (size, seed):
            return
    except FormatError:
        pass
    teller.step("Fetch drawings by named people")
    collection = pictures.collect(package)
    for remark in collection.remarks:
        teller.say(remark)
    teller.say(collection.credit)
    teller.step(f"Draw {size:,} originals and simulate re-posts")
    made = dataset.write(
        folder, collection, size=size, seed=seed, tell=lambda done: teller.progress(done, size)
    )
    makers = len({entry.creator for entry in made.originals})
    teller.say(
        f"{len(made.originals):,} originals by {makers} makers, {len(made.entries) - len(made.originals)} simulated re-posts: "
        + ", ".join(f"{count} {kind.value}" for kind, count in made.count_by_kind().items())
    )


def _pictures(folder: Path, size: int, seed: int, teller: Teller) -> None:
    make_pictures(folder / "package", folder / "dataset", size, seed, teller)


def _entries(settings: Settings, folder: Path, teller: Teller) -> None:
    from byleave.catalog import Catalog, IngestOptions

    catalog = Catalog(settings.home, limits=settings.limits)
    options = IngestOptions(thumbnails=True, limits=settings.limits, forget_unfinished=False)
    for source in ("links", "pictures"):
        teller.step(f"Bring the {source} into the dataset `{DATASET}`")
        report = catalog.ingest(
            folder / "dataset" / source, dataset=DATASET, options=options, progress=_Ingesting(teller)
        )
        teller.say(f"{report.dataset.samples:,} entries, {report.dataset.with_pictures:,} with a picture")


def _registry(settings: Settings, teller: Teller, now: Callable[[], datetime]) -> None:
    from byleave.publish import publish
    from byleave.registry.database import Database
    from byleave.registry.permissions import OPERATOR

    teller.step("Set up the registry and publish a first list")
    with Database.open(settings) as database:
        published = publish(database, settings, who=OPERATOR, at=now())
    teller.say(f"published list no. {published.release.number}")


def _stamped(stamp: Path) -> object:
    try:
        content: object = json.loads(stamp.read_bytes())
    except (OSError, ValueError):
        return None
    return content


class _Ingesting:
    """Passes the progress of an ingest on, in bytes."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._done = self._total = 0

    def begin(self, what: str, total: int) -> None:  # noqa: ARG002 - the shape the catalog asks for
        self._done, self._total = 0, total

    def advance(self, amount: int, samples: int) -> None:  # noqa: ARG002 - the shape the catalog asks for
        self._done += amount
        self._teller.progress(self._done, self._total)
