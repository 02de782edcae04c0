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
class FoundOfDecoder:
    """How far a browser's match codes lie from ours of the same files.

    within
        Share of files whose whole picture differs by at most 8 of 256 bits, 0 to 1.
    most
        Furthest that any file lies from its own code, over all variants; up to 31 it is found.
    """

    decoder: str
    within: float
    most: int


@dataclass(frozen=True, slots=True)
class Found:
    """One measurement: so many altered copies of so many originals, among so many other pictures."""

    measured_on: str
    originals: int
    copies: int
    others: int
    kinds: tuple[FoundOfKind, ...]
    decoders: tuple[FoundOfDecoder, ...]

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
    decoders = tuple(FoundOfDecoder(**decoder) for decoder in told["decoders"])
    return Found(told["measured_on"], told["originals"], told["copies"], told["others"], kinds, decoders)


@cache
def device_figures() -> Found:
    """Return the measurement that comes with this version."""
    return read(json.loads((resources.files("byleave.web") / FILE).read_text()))
