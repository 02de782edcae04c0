"""How the demo says what it does; the command line shows it, tests collect it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Check:
    """One result compared with what is known to be true: a sentence that holds or does not."""

    sentence: str
    holds: bool


class Teller(Protocol):
    """Told of every step, in plain words."""

    def step(self, title: str) -> None:
        """Begin a step."""

    def say(self, words: str) -> None:
        """Say one thing about the step."""

    def progress(self, done: int, total: int) -> None:
        """Say how far the step is."""

    def check(self, check: Check) -> None:
        """Show one check of the step."""
