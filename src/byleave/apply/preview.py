"""What a new list would take out of a dataset that the list in force leaves in: both are compiled, and their masks compared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from byleave.apply.forms.applying import wants_digests
from byleave.apply.forms.units import DECIDING
from byleave.apply.inputs import Columns, InputFile, columns_of, open_parquet
from byleave.apply.judging import Terms
from byleave.apply.matching import Matched
from byleave.apply.ruleset import Ruleset
from byleave.apply.shard import Plan, decide_batch
from byleave.apply.sources import Input
from byleave.consent import Preference, Regime, Statement, acting
from byleave.errors import InputError, RefusedError

SHOWN = 20
"""How many pseudonyms and hosts a preview names."""

NOT_ANSWERED = "not answered"
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%")


@dataclass(slots=True)
class Preview:
    """Rows of the trainer's dataset, counted under both lists. A row that several claims take out counts once for each level and party.

    newly_dropped, newly_kept
        Rows that only the new list takes out, and rows that only the old one does.
    levels, claimants, hosts
        Of the newly dropped rows: by evidence (``E0`` to ``E5``), by pseudonym (hex, of the new list) and by host.
    """

    rows: int = 0
    dropped_before: int = 0
    dropped_after: int = 0
    newly_dropped: int = 0
    newly_kept: int = 0
    levels: Counter[str] = field(default_factory=Counter)
    claimants: Counter[str] = field(default_factory=Counter)
    hosts: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> float:
        """Which share of all rows is newly dropped, 0 to 1."""
        return self.newly_dropped / self.rows if self.rows else 0.0

    def members(self) -> dict[str, object]:
        """Return it as JSON shows it."""
        return {
            "rows": self.rows,
            "dropped_before": self.dropped_before,
            "dropped_after": self.dropped_after,
            "newly_dropped": self.newly_dropped,
            "newly_kept": self.newly_kept,
            "share": self.share,
            "levels": dict(sorted(self.levels.items())),
            "claimants": dict(self.claimants.most_common(SHOWN)),
            "hosts": dict(self.hosts.most_common(SHOWN)),
        }


def preview(before: Ruleset | None, after: Ruleset, source: Input, regime: Regime, terms: Terms) -> Preview:
    """Decide about every row of a dataset under both lists and count where they differ.

    Links and digests are compared; what a coverage file would add is not known before it is made for the new list. Without a list in
    force, everything that the new one takes out is new.

    Raises
    ------
    FormatError
        If a file of the dataset cannot be read.
    """
    found = Preview()
    old = Plan(before, None, terms, regime, None) if before is not None else None
    new = Plan(after, None, terms, regime, None)
    for batch, columns in _batches(source, digests=wants_digests(new.ruleset)):
        decided = decide_batch(new, batch, columns)
        stays = decided.stays[new.listed_regime]
        stayed = np.ones(batch.num_rows, bool)
        if old is not None:
            stayed = decide_batch(old, batch, columns).stays[old.listed_regime]
        found.rows += batch.num_rows
        found.dropped_before += int((~stayed).sum())
        found.dropped_after += int((~stays).sum())
        found.newly_kept += int((stays & ~stayed).sum())
        _count(found, new, decided.matched, np.flatnonzero(stayed & ~stays))
    return found


def _batches(source: Input, *, digests: bool) -> Iterator[tuple[pa.RecordBatch, Columns]]:
    """Yield all rows with the columns that decide."""
    for part in source.parts:
        if not isinstance(part, InputFile):
            yield from ((rows.batch, DECIDING) for rows in part.rows(digests=digests))
            continue
        with open_parquet(part.path) as opened:
            columns = columns_of(opened.schema_arrow, part.name)
            for batch in opened.iter_batches(columns=columns.names(), use_threads=False):
                yield batch, columns


def check_share(found: Preview, most: float) -> None:
    """Refuse a list that newly drops more than ``most``, 0 to 1, of a dataset.

    Raises
    ------
    RefusedError
        If it does.
    """
    if found.share > most:
        raise RefusedError(
            f"the new list would newly drop {found.newly_dropped:,} of {found.rows:,} rows ({found.share:.2%}), more than {most:.2%}",
            remedy="look who asks for it with --preview, then sync again with a higher --max-drop",
        )


def parse_share(text: str) -> float:
    """Read a share such as ``2%``; returns 0 to 1.

    Raises
    ------
    InputError
        If it is none.
    """
    found = _PERCENT.fullmatch(text.strip())
    if not found or float(found[1]) > 100:
        raise InputError(f"{text!r} is no share", remedy="write it like 2% or 0.5%")
    return float(found[1]) / 100


def _count(found: Preview, plan: Plan, matched: Matched, dropped: npt.NDArray[np.int64]) -> None:
    found.newly_dropped += len(dropped)
    begins = np.searchsorted(matched.rows, dropped, side="left").tolist()
    ends = np.searchsorted(matched.rows, dropped, side="right").tolist()
    for row, begin, end in zip(dropped.tolist(), begins, ends, strict=True):
        refusing = [
            said for target in matched.targets[begin:end].tolist() for said in _refusing(plan, int(target))
        ]
        levels = {said.evidence.name for said in refusing} or {NOT_ANSWERED}
        found.levels.update(levels)
        found.claimants.update({said.claimant.hex() for said in refusing})
        found.hosts[matched.host(row)] += 1


def _refusing(plan: Plan, target: int) -> list[Statement]:
    terms = plan.verdicts.terms
    statements = plan.verdicts.statements(target)
    return [
        said
        for use in terms.uses
        for said in acting(
            statements, use, terms.at, with_pending_refusals=terms.with_pending, standard=terms.standard
        )
        if said.preferences.for_use(use) > Preference.ALLOW
    ]
