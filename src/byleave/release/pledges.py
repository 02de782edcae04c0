"""Pledges: what an organisation says before it trains that it will do with a dataset. Signed like attestations. Light."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

from byleave.consent import RULES_ALONE, Regime, Standard, Use
from byleave.errors import InputError, NotFoundError, as_format_error
from byleave.log import JSON
from byleave.release.file_lists import digests_in, file_sha256, names_in
from byleave.release.statements import MOST_FILES, PREDICATES, FileDigest, Statement
from byleave.release.terms_said import (
    count,
    minimum_members,
    minimum_of,
    moment,
    regime_and_uses,
    word,
    written,
)

PLEDGED: Final = PREDICATES + "pledge/v1"
MOST_LAG_DAYS: Final = 3650


@dataclass(frozen=True, slots=True)
class Pledge:
    """What is promised.

    registry
        Origin of the registry whose lists will be applied.
    most_lag_days
        How old the applied list may become before the organisation applies a newer one.
    files
        The dataset's files where they are known already; otherwise the pledge speaks of the dataset by its name alone.
    """

    organisation: str
    registry: str
    dataset: str
    regime: Regime
    uses: tuple[Use, ...]
    most_lag_days: int
    made_at: datetime
    minimum: Standard = RULES_ALONE
    files: tuple[FileDigest, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.most_lag_days <= MOST_LAG_DAYS:
            raise InputError(
                f"a list cannot be allowed to grow {self.most_lag_days} days old",
                remedy=f"promise 1 to {MOST_LAG_DAYS} days",
            )

    @property
    def most_lag(self) -> timedelta:
        """The same as a span of time."""
        return timedelta(days=self.most_lag_days)

    def statement(self) -> Statement:
        """Return it as a statement about the dataset."""
        predicate: dict[str, JSON] = {
            "dataset": self.dataset,
            "minimum_evidence": minimum_members(self.minimum),
            "made_at": written(self.made_at),
            "most_lag_days": self.most_lag_days,
            "organisation": self.organisation,
            "registry": self.registry,
            "regime": self.regime.value,
            "uses": [use.value for use in self.uses],
        }
        return Statement(self.files or (_by_name(self.dataset),), PLEDGED, predicate)

    @classmethod
    def parse(cls, statement: Statement) -> Self:
        """Read the statement that :meth:`statement` wrote.

        Raises
        ------
        FormatError
            If it is of another kind or lacks a member.
        """
        said = statement.predicate_of(PLEDGED, "pledge")
        with as_format_error("the pledge cannot be read", remedy="ask whoever signed it for it again"):
            regime, uses = regime_and_uses(said)
            dataset = word(said, "dataset")
            named = statement.subjects == (_by_name(dataset),)
            return cls(
                organisation=word(said, "organisation"),
                registry=word(said, "registry"),
                dataset=dataset,
                regime=regime,
                uses=uses,
                most_lag_days=count(said, "most_lag_days"),
                made_at=moment(said, "made_at"),
                minimum=minimum_of(said["minimum_evidence"]),
                files=() if named else statement.subjects,
            )


def files_at(place: Path) -> tuple[FileDigest, ...]:
    """Return the files of a dataset for a pledge: one file, or all below a folder.

    Raises
    ------
    NotFoundError
        If nothing is there.
    InputError
        If they are too many to be named, or one of them cannot be.
    """
    if not place.exists():
        raise NotFoundError(f"{place} does not exist", remedy="check the name, or leave the files out")
    if place.is_file():
        return (FileDigest(place.name, file_sha256(place)),)
    if not 0 < len(names_in(place)) <= MOST_FILES:
        raise InputError(
            f"{place} holds no file, or more than {MOST_FILES:,}",
            remedy="leave the files out: the pledge then speaks of the dataset by its name",
        )
    return tuple(digests_in(place))


def _by_name(dataset: str) -> FileDigest:
    """Name a dataset whose files are not known yet: in-toto asks for a digest, and this is that of the name."""
    return FileDigest(dataset, hashlib.sha256(dataset.encode()).digest())
