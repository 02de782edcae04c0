"""Which share of copies each way of handing in pictures finds, as `benchmarks/device_figures.py` measured it: for pages and docs alike."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

FILE = "device_figures.json"

Way = Literal["device", "copy"]


@dataclass(frozen=True, slots=True)
class FoundOfKind:
    """One kind of change, in words, and the share of such copies that each way finds, 0 to 1."""

    words: str
    device: float
    copy: float


@dataclass(frozen=True, slots=True)
class Found:
    """One measurement: so many altered copies of so many originals, among so many other pictures.

    bits
        Decoder → the most bits by which a browser's match code of a whole picture differed from ours.
    """

    measured_on: str
    originals: int
    copies: int
    others: int
    kinds: tuple[FoundOfKind, ...]
    bits: dict[str, int]

    def share(self, way: Way) -> str:
        """Return what one way finds of copies of all kinds, each kind counting alike, in words."""
        shares = [kind.device if way == "device" else kind.copy for kind in self.kinds]
        return percent(sum(shares) / len(shares))


def percent(share: float) -> str:
    """Write a share as whole percent; nearly all is not all, and nearly none is not none."""
    whole = round(100 * share)
    if whole == 100 and share < 1:
        return "over 99 %"
    return "under 1 %" if whole == 0 and share > 0 else f"{whole} %"


def read(told: dict[str, Any]) -> Found:
    """Read what the benchmark wrote."""
    kinds = tuple(FoundOfKind(**kind) for kind in told["kinds"])
    return Found(told["measured_on"], told["originals"], told["copies"], told["others"], kinds, told["bits"])


@cache
def device_figures() -> Found:
    """Return the measurement that comes with this version."""
    return read(json.loads((resources.files("byleave.web") / FILE).read_text()))
