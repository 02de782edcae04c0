"""The registry inside a training program: batches in, what stays and why out. Nothing is written.

A :class:`Decider` is a ruleset together with the trainer's written choices. It holds working memory: one per thread. It travels to the
processes of a data loader as its facts alone, and opens the ruleset again there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Required, Self, TypedDict, Unpack

import numpy as np
import pyarrow as pa

from byleave.apply.causes import CAUSES_TYPE, spread_causes
from byleave.apply.choice_words import (
    age_of,
    cut_off_of,
    minimum_of,
    moment_of,
    paths_of,
    texts_of,
    truth_of,
    word_of,
)
from byleave.apply.coverages import asking, open_coverages, tables_of
from byleave.apply.inputs import Columns, columns_of
from byleave.apply.judging import Flags, Terms
from byleave.apply.listing import Taken
from byleave.apply.near import exact_pairs
from byleave.apply.registries import open_registries
from byleave.apply.ruleset import Ruleset
from byleave.apply.shard import Plan, Unchecked, decide_batch
from byleave.apply.sidecars.seen import Seen
from byleave.apply.tables import Ints
from byleave.apply.tally import Tally
from byleave.consent import RULES_ALONE, Evidence, Regime, Standard, Use
from byleave.errors import InputError
from byleave.release import Release
from byleave.release.age import AgeLimit

LINK, DIGEST = "url", "sha256"
SAMPLE_COLUMNS = Columns(LINK, DIGEST)


class ChoiceWords(TypedDict, total=False):
    """The written choices, by the names of the options of ``byleave apply`` and in its words, or in values of Python.

    regime, uses, unchecked, with_pending, coverage
        As the command has them; one use, or one coverage, needs no list.
    max_age
        Text such as ``3d``, ``12h`` or ``30m``, or a ``timedelta``.
    min_evidence
        Text such as ``deny=E1,allow=E3``, or a mapping of answers to levels such as ``{"deny": "E1"}``.
    as_of
        A day, as text or ``date``, which counts to its end in UTC; or a moment with its time zone, as text or ``datetime``.
    at
        The moment that counts for claims that begin or run out, with its time zone, as text or ``datetime``; now if left out.
    """

    regime: Required[str]
    uses: Required[str | Sequence[str]]
    unchecked: str | None
    with_pending: bool
    coverage: Path | str | Sequence[Path | str] | None
    max_age: str | timedelta | None
    min_evidence: str | Mapping[str, str | Evidence] | None
    as_of: str | date | datetime | None
    at: str | datetime | None


@dataclass(frozen=True, slots=True)
class Choices:
    """What a trainer chose. Regime and uses have no default; see ``byleave apply`` for each of the others."""

    regime: Regime
    uses: tuple[Use, ...]
    unchecked: Unchecked | None = None
    with_pending: bool = False
    coverages: tuple[Path, ...] = ()
    standard: Standard = RULES_ALONE

    def __post_init__(self) -> None:
        if not self.uses or len(set(self.uses)) != len(self.uses):
            raise InputError(
                "what the dataset is for must be said: one or more different uses",
                remedy="name some of: " + ", ".join(use.value for use in Use),
            )


@dataclass(frozen=True, slots=True)
class Decisions:
    """What was decided about ``n`` rows.

    keep
        bool (n,): whether a row stays.
    causes
        list of struct (n,), as ``removed.parquet`` has them: why a row goes. Empty for one that stays; in ``research``, where all stay, what
        ``opt_out`` would take it out for.
    """

    keep: pa.BooleanArray
    causes: pa.ListArray


class Decider:
    """Decides about rows by one release and one set of choices.

    Parameters
    ----------
    folders
        One or more synced folders, see ``byleave sync``.
    at
        The moment that counts for claims that begin or run out, with a time zone.

    Raises
    ------
    VerificationError
        If the registry or the coverage does not verify, or is older than ``max_age`` allows.
    NotFoundError, FormatError
        If the folder holds no list in force, or none that was compiled.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        choices: Choices,
        at: datetime | None = None,
        max_age: AgeLimit | None = None,
    ) -> None:
        self._facts = (tuple(folders), choices, at if at is not None else datetime.now(UTC), max_age)
        self._numbers: list[int] | None = None
        self._open()

    def _open(self) -> None:
        folders, choices, at, max_age = self._facts
        registries = open_registries(folders)
        numbers = [one.release.number for one in registries.members]
        if self._numbers not in (None, numbers):
            raise InputError(
                f"the lists in force changed from {_numbered(self._numbers)} to {_numbered(numbers)} during the work",
                remedy="begin again, and sync between two runs only",
            )
        if max_age is not None:
            registries.check_age(max_age, at)
        self._numbers = numbers
        self.releases: tuple[Release, ...] = tuple(one.release for one in registries.members)
        terms = Terms(choices.uses, at, choices.with_pending, choices.standard)
        ruleset, coverages = registries.ruleset, open_coverages(choices.coverages, registries)
        tables = tables_of(coverages, ruleset, asking(registries, terms)) if coverages else None
        self._plan = Plan(ruleset, tables, terms, choices.regime, choices.unchecked)

    @property
    def choices(self) -> Choices:
        """What was chosen."""
        return self._facts[1]

    @property
    def ruleset(self) -> Ruleset:
        """The ruleset by which it decides."""
        return self._plan.ruleset

    def covering(self, rows: pa.RecordBatch, seen: Seen | None = None) -> tuple[Ints, Ints]:
        """Return pairs of a row of a batch, int64 (k,), and a target of the ruleset that covers it, by rising row; raises as :meth:`decide`."""
        matched = decide_batch(self._plan, rows, self._checked_columns(rows), seen).matched
        return exact_pairs(matched.rows, matched.targets, self._plan.ruleset, self._plan.coverage)

    def decide(self, rows: pa.RecordBatch, seen: Seen | None = None) -> Decisions:
        """Decide about a batch with a column ``url`` or ``image_url``, ``sha256``, or both, in any case, and what is known of its pictures.

        Raises
        ------
        FormatError
            If it has none of these columns, or one that does not hold text or bytes.
        InputError
            If a row could not be checked against all claims, and nobody chose what becomes of such rows.
        """
        plan = self._plan
        decided = decide_batch(plan, rows, self._checked_columns(rows), seen)
        self._ask_about_unchecked(decided.unchecked)
        listed = ~decided.stays[plan.listed_regime]
        taken = np.flatnonzero(listed)
        causes = pa.array([], CAUSES_TYPE)
        if len(taken):
            unchecked = decided.unchecked[taken] & plan.drops_unchecked
            described = plan.listing.batch(Taken(decided.matched, taken, unchecked), "", 0, Tally())
            causes = described.column("causes")
        return Decisions(pa.array(decided.stays[plan.regime]), spread_causes(listed, causes))

    def keep_mask(self, rows: pa.Table | pa.RecordBatch) -> pa.BooleanArray:
        """Say for each row of a table or batch whether it stays, without looking up why; raises as :meth:`decide`."""
        columns = self._checked_columns(rows)
        batches = rows.to_batches() if isinstance(rows, pa.Table) else [rows]
        masks = [pa.array(self._stays(batch, columns)) for batch in batches]
        return pa.concat_arrays([pa.array([], pa.bool_()), *masks])

    def keep_links(
        self, links: Sequence[str | bytes | None], digests: Sequence[str | bytes | None] | None = None
    ) -> list[bool]:
        """Say for each link, with the SHA-256 of its file where that is known, whether it stays; raises as :meth:`decide`.

        Bytes stand for text in UTF-8. A link that cannot be read, and a row with neither link nor digest, does not stay.
        """
        given = digests if digests is not None else [None] * len(links)
        batch = pa.record_batch([_bytes_of(links), _bytes_of(given)], names=[LINK, DIGEST])
        return [bool(stays) for stays in self._stays(batch, SAMPLE_COLUMNS).tolist()]

    def _stays(self, batch: pa.RecordBatch, columns: Columns) -> Flags:
        decided = decide_batch(self._plan, batch, columns)
        self._ask_about_unchecked(decided.unchecked)
        return decided.stays[self._plan.regime]

    @staticmethod
    def _checked_columns(rows: pa.Table | pa.RecordBatch) -> Columns:
        if not isinstance(rows, pa.Table | pa.RecordBatch):
            raise InputError(
                f"rows are a table or batch of Arrow, and no {type(rows).__name__}",
                remedy="make one, for instance with pyarrow.Table.from_pandas or from_pylist",
            )
        return columns_of(rows.schema, "the table")

    def _ask_about_unchecked(self, unchecked: Flags) -> None:
        if self._plan.unchecked is None and unchecked.any():
            raise InputError(
                f"{int(unchecked.sum()):,} rows could not be checked against all claims: {self._plan.needs.why()}",
                remedy="give a coverage made with `byleave copies cover`, and choose what becomes of rows that stay unchecked: keep or drop",
            )

    def __getstate__(self) -> dict[str, Any]:
        """Travel as facts: mapped tables stay where they are."""
        return {"_facts": self._facts, "_numbers": self._numbers}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    @classmethod
    def of_words(cls, folders: Sequence[Path], **words: Unpack[ChoiceWords]) -> Self:
        """Make one from the words that ``byleave apply`` takes.

        Raises
        ------
        InputError
            If a word is not known, or a value of another type than :class:`ChoiceWords` names.
        """
        _check_names(words)
        now = datetime.now(UTC)
        unchecked, max_age, at = words.get("unchecked"), words.get("max_age"), words.get("at")
        minimum, as_of = words.get("min_evidence"), words.get("as_of")
        counts = moment_of(at, "at") if at is not None else now
        cut_off = cut_off_of(as_of, "as_of", max(now, counts)) if as_of is not None else None
        choices = Choices(
            regime=word_of(Regime, words["regime"], "regime"),
            uses=tuple(word_of(Use, use, "a use") for use in texts_of(words["uses"], "uses")),
            unchecked=word_of(Unchecked, unchecked, "unchecked") if unchecked is not None else None,
            with_pending=truth_of(words.get("with_pending", False), "with_pending"),
            coverages=paths_of(words.get("coverage"), "coverage"),
            standard=Standard.parse(
                minimum_of(minimum, "min_evidence") if minimum is not None else None, cut_off
            ),
        )
        limit = age_of(max_age, "max_age") if max_age is not None else None
        return cls(folders, choices, counts, limit)


def _check_names(words: Mapping[str, object]) -> None:
    """Refuse a choice that is not known, which would be passed over, or a missing one that has no default."""
    unknown = sorted(words.keys() - ChoiceWords.__annotations__.keys())
    if unknown:
        known = ", ".join(ChoiceWords.__annotations__)
        raise InputError(f"no choice is called {', '.join(unknown)[:200]}", remedy=f"use some of: {known}")
    missing = [name for name in ("regime", "uses") if name not in words]
    if missing:
        raise InputError(
            f"{' and '.join(missing)} must be said: there is no default",
            remedy="say for instance regime='opt_out', uses=['train_gen']",
        )


def _numbered(numbers: Sequence[int] | None) -> str:
    return ", ".join(f"no. {number}" for number in numbers or ())


def _bytes_of(values: Sequence[str | bytes | None]) -> pa.Array:
    return pa.array(
        [v.encode("utf-8", "surrogatepass") if isinstance(v, str) else v for v in values],
        pa.large_binary(),
    )
