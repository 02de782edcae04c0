"""What is set, and whether keys, published lists and datasets are whole: the part of `byleave doctor` above the database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.catalog.info import read_info
from byleave.errors import ByleaveError
from byleave.log import GrowingTree, open_checkpoint
from byleave.publish.folders import keys_folder, log_folder, releases_folder
from byleave.publish.health import health
from byleave.publish.keys import known_keys, show_keys
from byleave.publish.log_files import LogFiles
from byleave.publish.witnesses import own_policy
from byleave.registry.doctor import Finding, parameters_if_running
from byleave.release import open_latest
from byleave.release.keys import KEY_FILE, verify_ed25519
from byleave.release.reading import LATEST
from byleave.settings import Settings


def check(settings: Settings, now: datetime) -> list[Finding]:
    """Look at settings, signing key, newest release, what waits for the next, and every dataset. Starts nothing."""
    return [
        *_settings(settings),
        *_publication(settings),
        *_waiting(settings, now),
        *_datasets(settings.home / "catalog"),
    ]


def _settings(settings: Settings) -> Iterator[Finding]:
    yield Finding("origin", "ok", settings.origin, "")
    yield Finding(
        "remote pictures", "ok", "linked from their hosts" if settings.remote_pictures else "not shown", ""
    )
    yield Finding("thumbnails", "ok", "kept at ingest" if settings.thumbnails else "not kept", "")
    if settings.allowed_hosts:
        yield Finding("allowed hosts", "ok", ", ".join(settings.allowed_hosts), "")


def _publication(settings: Settings) -> Iterator[Finding]:
    path = keys_folder(settings) / KEY_FILE
    if not path.exists():
        yield Finding("signing key", "ok", "none yet: the first `byleave publish` makes it", "")
        return
    if path.stat().st_mode & 0o077:
        yield Finding("signing key", "broken", f"{path} can be read by others", f"run: chmod 600 '{path}'")
    try:
        yield Finding("signing key", "ok", str(show_keys(settings).signing), "")
        if (releases_folder(settings) / LATEST).exists():
            release = open_latest(releases_folder(settings), known_keys(settings))
            said = (
                f"no. {release.number} of {release.published_at:%Y-%m-%d %H:%M} UTC, signature and files hold"
            )
            yield Finding("published list", "ok", said, "")
    except ByleaveError as error:
        yield Finding("published list", "broken", error.problem, error.remedy)
        return
    yield from _log(settings)
    yield from _policy(settings)


def _waiting(settings: Settings, now: datetime) -> Iterator[Finding]:
    try:
        parameters = parameters_if_running(settings)
        if parameters is None:
            return
        engine = sa.create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(**parameters | {"connect_timeout": 5})
        )
        with Session(engine) as session:
            found = health(session, now)
        engine.dispose()
    except (ByleaveError, sa.exc.DatabaseError):
        return  # the part of the doctor that looks at the database names the fault
    if found.late:
        yield Finding(
            "publishing",
            "broken",
            f"{found.waiting} claim events wait since {found.waiting_since:%Y-%m-%d %H:%M} UTC, longer than a day",
            "keep `byleave serve` running, or run `byleave publish` every day",
        )
    else:
        yield Finding("publishing", "ok", f"{found.waiting} claim events wait for the next list", "")


def _log(settings: Settings) -> Iterator[Finding]:
    """Look at the log's newest checkpoint and at the tiles on its right edge; `byleave verify` reads all of it."""
    files = LogFiles(log_folder(settings))
    try:
        note = files.checkpoint()
        if note is None:
            yield Finding("public log", "ok", "empty: nothing was filed yet", "")
            return
        checkpoint, _ = open_checkpoint(note, known_keys(settings), verify_ed25519)
        if GrowingTree.at(checkpoint.size, files.read).root() != checkpoint.root:
            yield Finding(
                "public log", "broken", "its files do not give its signed root", "run `byleave log rebuild`"
            )
            return
        yield Finding("public log", "ok", f"{checkpoint.size} entries, signature and newest tiles hold", "")
    except ByleaveError as error:
        yield Finding("public log", "broken", error.problem, error.remedy)


def _policy(settings: Settings) -> Iterator[Finding]:
    try:
        if own_policy(settings) is not None:
            yield Finding("witness policy", "ok", "names this log; visitors are given it", "")
    except ByleaveError as error:
        yield Finding("witness policy", "broken", error.problem, error.remedy)


def _datasets(folder: Path) -> Iterator[Finding]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not path.is_dir():
            continue
        try:
            info = read_info(path)
        except ByleaveError as error:
            yield Finding(f"dataset {path.name}", "broken", error.problem, error.remedy)
            continue
        if info is None:
            continue
        if info.unfinished is not None:
            again = f"run: byleave ingest '{info.unfinished.path}' --dataset {info.name}"
            yield Finding(
                f"dataset {info.name}", "warning", f"{info.unfinished.path} is not read in whole", again
            )
        else:
            yield Finding(
                f"dataset {info.name}",
                "ok",
                f"{info.samples} entries, {info.with_pictures} with pictures",
                "",
            )
