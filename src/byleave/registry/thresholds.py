"""From where on a claim is looked at by a person before it touches anybody's samples: all thresholds, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class HoldReason(StrEnum):
    """Why a claim is held, in the words of :data:`byleave.release.standing.REASONS`."""

    FLAT = "flat"
    CROWDED = "crowded"
    COMMON = "common"
    HOSTS = "hosts"
    BURST = "burst"
    COMPARING = "comparing"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a claim may touch unseen.

    works
        Distinct works that one picture of a claim may match in one dataset. It is counted for each picture, since a claim may
        name thousands; an honest picture matches one, itself, however many copies of it there are.
    hosts
        Hosts on which the copies of one picture may stand, for a claimant who has shown no control over a page of hers.
    claims_an_hour, pictures_a_day
        Claims and pictures that one account may file before the next ones wait.
    comparing_seconds
        How long filing may wait for comparisons; what is not compared by then is held, compared by a job and let go by it.
    """

    works: int = 4
    hosts: int = 500
    claims_an_hour: int = 1_000
    pictures_a_day: int = 20_000
    comparing_seconds: float = 10.0


THRESHOLDS: Final = Thresholds()
