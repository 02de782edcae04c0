"""The union of several registries' rulesets: one set of tables, in which no party of one registry is a party of another.

Rule 1a lets a party's later claim replace her earlier one. Numbers and pseudonyms mean something within one registry only, so parties
and claims get ids of the union's own: eight bytes that say which registry, and eight that count within it. Whatever a registry
publishes, it can then replace nothing that was said in another; between different parties any refusal wins.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from byleave.apply.compiling import MOST_ROWS
from byleave.apply.ruleset import FILED_AS, KINDS, Ruleset
from byleave.apply.sections import Array
from byleave.apply.statements import as_records
from byleave.apply.tables import Ints, build_slots
from byleave.consent import TargetKind
from byleave.errors import FormatError
from byleave.urls.bulk.sha256 import Words

_RENAMED = ("claim", "claimant")
_PLACE_BYTE = 7
"""Where the id of a claim in a union says which registry it is of: the last of the first eight bytes, which count from the most significant."""

MOST_REGISTRIES = 255


@dataclass(frozen=True, slots=True)
class _Merged:
    """The targets of one kind.

    keys
        uint64 (n, 4), distinct and sorted by their bytes.
    counts
        int64 (n,): rows of each.
    rows
        int64 (k,): the rows of all, target by target, as places among the rows of all rulesets one after the other.
    targets
        int64 (m,): for each target of each ruleset, one after the other, which of ``keys`` it became.
    """

    keys: Words
    counts: Ints
    rows: Ints
    targets: Ints


def merge_rulesets(rulesets: Sequence[Ruleset]) -> dict[str, Array]:
    """Return the arrays of the union of rulesets, under a new secret. Which registry is which follows from their order."""
    secret = np.frombuffer(secrets.token_bytes(16), np.uint64)
    arrays: dict[str, Array] = {"secret": secret}
    lengths = (len(ruleset.records) for ruleset in rulesets)
    firsts = list(accumulate(lengths, initial=0))[:-1]
    merged = [_merge_kind(place, rulesets, firsts) for place in range(len(KINDS))]
    for kind, part in zip(KINDS, merged, strict=True):
        arrays[f"slots.{kind.value}"] = build_slots(part.keys, secret)
        arrays[f"keys.{kind.value}"] = part.keys
    hosts, _ = _distinct(np.concatenate([ruleset.prefix_hosts.keys for ruleset in rulesets]))
    arrays |= {"slots.prefix_hosts": build_slots(hosts, secret), "keys.prefix_hosts": hosts}
    bases = np.cumsum([0, *(len(part.keys) for part in merged)], dtype=np.int64)
    arrays["bases"] = bases
    starts = np.cumsum(np.concatenate([[0], *(part.counts for part in merged)]), dtype=np.int64)
    if starts[-1] > MOST_ROWS:
        raise FormatError(
            "the registries have too many rows together", remedy="obey some of them, then the others"
        )
    arrays["starts"] = starts.astype(np.uint32)
    pictures = KINDS.index(TargetKind.PICTURE)
    arrays |= _picture_values(rulesets, merged[pictures].targets + bases[pictures])
    return arrays | _rows(rulesets, np.concatenate([part.rows for part in merged]))


def place_of(claims: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return which registry of a union each claim is of, by their ids in the union, uint8 (n, 16)."""
    return claims[:, _PLACE_BYTE]


def _merge_kind(kind: int, rulesets: Sequence[Ruleset], firsts: Sequence[int]) -> _Merged:
    spans = [(int(one.bases[kind]), int(one.bases[kind + 1])) for one in rulesets]
    digests = np.concatenate([one.tables[KINDS[kind]].keys for one in rulesets])
    keys, targets = _distinct(digests)
    lengths = np.concatenate(
        [
            np.diff(one.starts[begin : end + 1]).astype(np.int64)
            for one, (begin, end) in zip(rulesets, spans, strict=True)
        ]
    )
    begins = np.concatenate(
        [
            one.starts[begin:end].astype(np.int64) + first
            for one, (begin, end), first in zip(rulesets, spans, firsts, strict=True)
        ]
    )
    order = np.argsort(targets, kind="stable")
    counts = np.zeros(len(keys), np.int64)
    np.add.at(counts, targets, lengths)
    return _Merged(keys, counts, _spread(begins[order], lengths[order]), targets)


def _distinct(digests: Words) -> tuple[Words, Ints]:
    """Return the distinct digests sorted by their bytes, and which of them each one is."""
    if not len(digests):
        return digests, np.zeros(0, np.int64)
    names = np.ascontiguousarray(digests).view(np.uint8).reshape(len(digests), -1).view("S32")[:, 0]
    # What comes here is a few sorted runs behind one another, which this way of sorting merges.
    order = np.argsort(names, kind="stable")
    ranked = digests[order]
    fresh = np.concatenate([[True], (ranked[1:] != ranked[:-1]).any(axis=1)])
    places = np.empty(len(digests), np.int64)
    places[order] = np.cumsum(fresh) - 1
    keys: Words = ranked[fresh]
    return keys, places


def _spread(begins: Ints, lengths: Ints) -> Ints:
    """List the numbers of spans that begin somewhere and have some length, one span after the other."""
    ends = np.cumsum(lengths)
    offsets: Ints = np.repeat(begins - (ends - lengths), lengths)
    return offsets + np.arange(len(offsets))


def _rows(rulesets: Sequence[Ruleset], order: Ints) -> dict[str, Array]:
    rows = np.concatenate([one.rows for one in rulesets])
    filed_as = rows["claim"][order]
    for name in _RENAMED:
        parts = [_renamed(one.rows[name], place) for place, one in enumerate(rulesets)]
        rows[name] = np.concatenate(parts)
    return {"statements": as_records(rows[order]), FILED_AS: filed_as}


def _renamed(ids: npt.NDArray[np.uint8], place: int) -> npt.NDArray[np.uint8]:
    """Give ids, uint8 (n, 16), numbers in the order of their bytes, and put the registry's place in front."""
    halves = np.ascontiguousarray(ids).view(">u8").reshape(-1, 2)
    order = np.lexsort((halves[:, 1], halves[:, 0]))
    ranked = halves[order]
    fresh = np.concatenate([[True] * min(len(ids), 1), (ranked[1:] != ranked[:-1]).any(axis=1)])
    named = np.empty((len(ids), 2), ">u8")
    named[:, 0] = place
    named[order, 1] = np.cumsum(fresh)
    return named.view(np.uint8).reshape(-1, 16)


def _picture_values(rulesets: Sequence[Ruleset], targets: Ints) -> dict[str, Array]:
    """Return the picture values of all, each with its target in the union; ``targets`` says what theirs became."""
    kind, first = KINDS.index(TargetKind.PICTURE), 0
    values, owners = [np.zeros((0, 32), np.uint8)], [np.zeros(0, np.int64)]
    for one in rulesets:
        owners.append(targets[one.picture_targets - int(one.bases[kind]) + first])
        values.append(np.asarray(one.picture_values))
        first += int(one.bases[kind + 1] - one.bases[kind])
    joined = np.concatenate(owners)
    order = np.argsort(joined, kind="stable")
    return {"picture_targets": joined[order], "picture_values": np.concatenate(values)[order]}
