"""The registries that a run obeys: synced folders, each verified by its own keys, and the one ruleset that stands for all of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from byleave.apply.merging import MOST_REGISTRIES, merge_rulesets
from byleave.apply.ruleset import Ruleset, load_ruleset, ruleset_path
from byleave.apply.sections import header_digest, write_sections
from byleave.apply.wholeness import note_path
from byleave.errors import InputError, UnavailableError
from byleave.log import VerifierKey
from byleave.release import Release, open_synced
from byleave.release.age import AgeLimit, check_age
from byleave.release.sync import read_current

KEPT_UNIONS = 3
"""Unions that stay in a folder: those of other lists, or with other registries, are made again when they are asked for."""
_UNION = re.compile(r"union-[0-9a-f]{32}\.bin")


@dataclass(frozen=True, slots=True)
class Registry:
    """One synced folder: the release in force, verified again, the keys trusted for it, and where its ruleset stands."""

    folder: Path
    release: Release
    keys: tuple[VerifierKey, ...]
    ruleset: Ruleset
    path: Path


@dataclass(frozen=True, slots=True)
class Registries:
    """All registries of a run, sorted by origin, and the ruleset that counts.

    path
        Where that ruleset stands: of a single registry its own, of several their union in the folder of the first.
    """

    members: tuple[Registry, ...]
    ruleset: Ruleset
    path: Path

    @property
    def release(self) -> Release:
        """The release of the first registry."""
        return self.members[0].release

    @property
    def several(self) -> bool:
        """Whether there is more than one."""
        return len(self.members) > 1

    def check_age(self, limit: AgeLimit, now: datetime) -> list[str]:
        """Return a warning for each list in its days of grace.

        Raises
        ------
        VerificationError
            If any is too old.
        """
        said = [check_age(one.release, limit, now) for one in self.members]
        return [warning for warning in said if warning is not None]


def open_registry(folder: Path) -> Registry:
    """Open the release in force in a synced folder, verified again, with the ruleset compiled from it."""
    release = open_synced(folder)
    path = ruleset_path(folder, release.number)
    current = read_current(folder)
    ruleset = load_ruleset(path, release.number, release.manifest_digest)
    return Registry(folder, release, current.keys if current else (), ruleset, path)


def open_registries(folders: Sequence[Path]) -> Registries:
    """Open several synced folders, in whatever order; their union is compiled when it is first asked for.

    Raises
    ------
    InputError
        If none is named, or two are of one registry.
    NotFoundError, FormatError, VerificationError
        If one holds no list in force, none that was compiled here, or does not verify.
    UnavailableError
        If the union cannot be written.
    """
    members = sorted(map(open_registry, folders), key=lambda one: one.release.origin)
    origins = [one.release.origin for one in members]
    if not members or len(members) > MOST_REGISTRIES:
        raise InputError(
            f"{len(members)} registries cannot be obeyed at once", remedy=f"name 1 to {MOST_REGISTRIES}"
        )
    if len(set(origins)) < len(origins):
        raise InputError(
            f"two folders hold the registry {next(o for o in origins if origins.count(o) > 1)}",
            remedy="name each registry once, by the folder with its newest list",
        )
    if len(members) == 1:
        return Registries(tuple(members), members[0].ruleset, members[0].path)
    digest = _union_digest(members)
    path = members[0].folder / f"union-{digest.hex()[:32]}.bin"
    if not path.exists():
        _compile_union(members, path, digest)
    return Registries(tuple(members), load_ruleset(path, 0, digest), path)


def _union_digest(members: Sequence[Registry]) -> bytes:
    """Name the union by all that is in it: registries, releases, and the very rulesets, which a redaction makes anew."""
    lines = [
        f"{one.release.origin}\n{one.release.manifest_digest.hex()}\n{header_digest(one.path).hex()}\n"
        for one in members
    ]
    return hashlib.sha256("".join(["byleave/union/1\n", *lines]).encode()).digest()


def _compile_union(members: Sequence[Registry], path: Path, digest: bytes) -> None:
    facts: dict[str, str | int] = {
        "number": 0,
        "manifest_sha256": digest.hex(),
        "origins": "\n".join(one.release.origin for one in members),
    }
    arrays = merge_rulesets([one.ruleset for one in members])
    try:
        write_sections(path, facts, arrays)
    except OSError as error:
        raise UnavailableError(
            f"the union of the registries cannot be written to {path.parent}: {error}",
            remedy="sync into folders that you may write to",
        ) from error
    _remove_older(path)


def _remove_older(path: Path) -> None:
    """Remove all but the newest unions of a folder. Running processes keep what they mapped."""
    others = [other for other in path.parent.glob("union-*.bin") if _UNION.fullmatch(other.name)]
    with suppress(OSError):
        others.sort(key=lambda other: other.stat().st_mtime_ns, reverse=True)
        for other in others[KEPT_UNIONS:]:
            other.unlink(missing_ok=True)
            note_path(other).unlink(missing_ok=True)
