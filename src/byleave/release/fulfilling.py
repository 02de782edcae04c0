"""Hold what a run does, or did, against the pledge that it is to fulfil. Light."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from byleave.consent import Regime, Standard, Use
from byleave.errors import VerificationError, as_format_error
from byleave.release.age import words_of
from byleave.release.attestations import Attestation, NamedList
from byleave.release.file_lists import REPORT, SHOWN
from byleave.release.pledges import Pledge
from byleave.release.statements import FileDigest
from byleave.release.terms_said import cut_off_of, is_as_careful

_AS_STRICT: Final = {
    Regime.RESEARCH: frozenset(Regime),
    Regime.OPT_OUT: frozenset({Regime.OPT_OUT, Regime.OPT_IN}),
    Regime.OPT_IN: frozenset({Regime.OPT_IN}),
}
"""The regimes that take out all that the one promised takes out."""


@dataclass(frozen=True, slots=True)
class Doing:
    """What a run does, as far as a pledge speaks of it.

    dataset
        What it is called, or ``None`` where that is not said yet.
    at
        The moment of the run.
    as_of
        The cut-off that it freezes: what was said later counts for nothing.
    files
        What it reads, or ``None`` where that is not known.
    """

    dataset: str | None
    lists: tuple[NamedList, ...]
    regime: Regime
    uses: tuple[Use, ...]
    minimum: Standard
    at: datetime
    as_of: datetime | None = None
    files: tuple[FileDigest, ...] | None = None

    @classmethod
    def of(cls, said: Attestation, files: Sequence[FileDigest] | None = None) -> Self:
        """Return what an attestation says was done; ``files`` are those that it names by its report alone.

        Raises
        ------
        FormatError
            If its cut-off, or another list that was applied, cannot be read.
        """
        named = said.inputs if [file.name for file in said.inputs] != [REPORT] else files
        with as_format_error("the cut-off of the run cannot be read", remedy="apply again"):
            as_of = cut_off_of(said.request)
        return cls(
            said.dataset,
            said.lists,
            said.regime,
            said.uses,
            said.minimum,
            said.applied_at,
            as_of,
            tuple(named) if named is not None else None,
        )


def refuse_broken(pledge: Pledge, doing: Doing) -> None:
    """Refuse a run that does not do what was promised.

    Raises
    ------
    VerificationError
        If it does less: it says what.
    """
    if broken := tuple(_broken(pledge, doing)):
        raise VerificationError(
            f"this is not what was pledged: {'; '.join(broken)}",
            remedy="apply as it was pledged, or name another pledge, or none",
        )


def _broken(pledge: Pledge, doing: Doing) -> Iterator[str]:
    if doing.dataset is not None and doing.dataset != pledge.dataset:
        yield f"the pledge is about {pledge.dataset!r}, this is {doing.dataset!r}"
    yield from _broken_by_list(pledge, doing)
    if doing.regime not in _AS_STRICT[pledge.regime]:
        yield f"{pledge.regime.value} was pledged, this is {doing.regime.value}"
    if missing := [use.value for use in pledge.uses if use not in doing.uses]:
        yield f"it is not for {', '.join(missing)}"
    if not is_as_careful(doing.minimum, pledge.minimum):
        yield "it asks for more evidence of a no, or less of a yes, than was pledged"
    pledged = set(pledge.files)
    if pledged and (others := [file.name for file in doing.files or () if file not in pledged]):
        yield f"{len(others):,} files are not those that were pledged: {', '.join(others[:SHOWN])}"


def _broken_by_list(pledge: Pledge, doing: Doing) -> Iterator[str]:
    applied = next((one for one in doing.lists if one.origin == pledge.registry), None)
    if applied is None:
        origins = " and ".join(one.origin for one in doing.lists)
        yield f"lists of {pledge.registry} were pledged, this is of {origins}"
        return
    heard = min(applied.published_at, doing.as_of or applied.published_at)
    age = doing.at - heard
    if age > timedelta(days=pledge.most_lag_days):
        words = f"list no. {applied.name.number} knows what was said until {words_of(age)} before the run"
        yield f"{words}, and at most {words_of(pledge.most_lag)} were pledged"
