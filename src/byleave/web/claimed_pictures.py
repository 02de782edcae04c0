"""All claimed pictures of the registry in memory, so that a page can say which of them an entry shows."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.catalog import Sample
from byleave.consent import ClaimState, TargetKind
from byleave.fingerprints import PDQ_BYTES, SAME_WORK_RADIUS, ClaimedPicture
from byleave.hamming import HammingIndex
from byleave.registry.events import last_number
from byleave.registry.tables import ClaimRow, TargetRow

LIVE: Final = (ClaimState.FILED.value, ClaimState.EFFECTIVE.value)
"""States of claims that the published list carries."""


class ClaimedPictures:
    """All claimed pictures of the registry, searchable by fingerprint, as of its last claim event."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = -1
        self._claims: tuple[bytes, ...] = ()
        self._index = HammingIndex.build(np.empty((0, PDQ_BYTES), np.uint8))

    def near(self, session: Session, sample: Sample) -> dict[bytes, int]:
        """Return claim → least distance, for claims whose picture is the same work as the sample's."""
        if sample.pdq is None or sample.pdq_trimmed is None:
            return {}
        found: dict[bytes, int] = {}
        for near in self.near_values(session, [sample.pdq, sample.pdq_trimmed], SAME_WORK_RADIUS):
            for claim, distance in near.items():
                found[claim] = min(distance, found.get(claim, distance))
        return found

    def near_values(self, session: Session, values: Sequence[bytes], radius: int) -> list[dict[bytes, int]]:
        """Return, for each 32-byte PDQ value, claim → least distance of the claims within ``radius`` bits."""
        with self._lock:
            self._catch_up(session)
            claims, index = self._claims, self._index
        hits = index.search(np.frombuffer(b"".join(values), np.uint8).reshape(-1, PDQ_BYTES), radius)
        found: list[dict[bytes, int]] = [{} for _ in values]
        for query, row, distance in zip(
            hits.query.tolist(), hits.row.tolist(), hits.distance.tolist(), strict=True
        ):
            near = found[query]
            near[claims[row]] = min(distance, near.get(claims[row], distance))
        return found

    def _catch_up(self, session: Session) -> None:
        number = last_number(session)
        if number == self._number:
            return
        chosen = (
            sa.select(TargetRow.claim_id, TargetRow.value)
            .join(ClaimRow, ClaimRow.id == TargetRow.claim_id)
            .where(
                TargetRow.kind == TargetKind.PICTURE.value,
                ClaimRow.state.in_(LIVE),
            )
        )
        claims: list[bytes] = []
        variants: list[bytes] = []
        for claim, value in session.execute(chosen):
            if value is None:
                continue
            picture = ClaimedPicture.parse(value)
            variants += picture.variants
            claims += [claim] * len(picture.variants)
        self._claims = tuple(claims)
        self._index = HammingIndex.build(np.frombuffer(b"".join(variants), np.uint8).reshape(-1, PDQ_BYTES))
        self._number = number
