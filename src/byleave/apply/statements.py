"""How a ruleset holds what was said: for each statement one record, which is a line of the processor's cache, so that judging it waits for memory once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from byleave.consent import ClaimState, Use

STATES = tuple(ClaimState)
"""States of a claim in the order of their numbers."""

STATEMENT = np.dtype(
    [
        ("claim", np.uint8, (16,)),
        ("claimant", np.uint8, (16,)),
        ("effective_at", np.int64),
        ("expires_at", np.int64),
        ("number", np.int64),
        ("preferences", np.uint8, (len(Use),)),
        ("evidence", np.uint8),
        ("marks", np.uint8),
    ]
)
"""One statement. ``marks`` is the number of its state and above it, from :data:`FLAGS_SHIFT` on, 1 where it is disputed and 2 where it is stale;
dates are microseconds since 1970, :data:`NEVER` where there is none."""

RECORD_WORDS = STATEMENT.itemsize // 8
"""Words of a record, as files and loops see it: uint64 (n, RECORD_WORDS)."""
_OFFSETS = {name: facts[1] for name, facts in (STATEMENT.fields or {}).items()}
CLAIM_WORD, EFFECTIVE_WORD, EXPIRES_WORD, FACTS_WORD = (
    _OFFSETS[name] // 8 for name in ("claim", "effective_at", "expires_at", "preferences")
)
"""Where in a record the words begin that loops look at; that of the facts holds preferences, evidence and marks, the first use lowest."""
EVIDENCE_SHIFT, MARKS_SHIFT = (8 * (_OFFSETS[name] % 8) for name in ("evidence", "marks"))
FLAGS_SHIFT = 6
STATE_MASK = (1 << FLAGS_SHIFT) - 1

NEVER = int(np.iinfo(np.int64).min)
"""Stands for a date that is not there, in microseconds since 1970."""

Statements = npt.NDArray[np.void]


def as_statements(records: npt.NDArray[np.uint64]) -> Statements:
    """See records, uint64 (n, :data:`RECORD_WORDS`), as statements (n,)."""
    seen: Statements = records.view(STATEMENT)[:, 0]
    return seen


def as_records(statements: Statements) -> npt.NDArray[np.uint64]:
    """See statements (n,) that stand side by side as records."""
    return statements.view(np.uint64).reshape(len(statements), RECORD_WORDS)


def new_statements(count: int, **columns: npt.NDArray[Any]) -> Statements:
    """Make ``count`` statements from their columns."""
    made = np.zeros(count, STATEMENT)
    for name, column in columns.items():
        made[name] = column
    return made
