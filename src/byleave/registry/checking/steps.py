"""What a look saw, step by step: where, which answer, how long. Never what stood there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from byleave.errors import ByleaveError
from byleave.fetch import Client, Looked
from byleave.fetch.looking import MayFollow, same_host
from byleave.registry.proving import Finding


@dataclass(slots=True)
class Steps:
    """Looks at pages with the guarded client and writes each look down."""

    client: Client
    begun: float = field(default_factory=time.monotonic)
    requests: int = 0
    steps: list[dict[str, Any]] = field(default_factory=list)

    def look(
        self,
        url: str,
        *,
        follow: MayFollow = same_host,
        headers: Mapping[str, str] | None = None,
        body_bytes: int | None = None,
    ) -> Looked | None:
        """Return the answer at ``url`` if it is the page itself, else ``None``. The step says what came instead."""
        try:
            answer = self.client.look(url, follow=follow, headers=headers, body_bytes=body_bytes)
        except ByleaveError as refusal:
            self.requests += 1
            self.note(url, refusal.problem.removeprefix(f"{url} "))
            return None
        self.requests += answer.requests
        words = "" if answer.ok else _status_words(answer)
        self.note(url, words, status=answer.status, size=len(answer.body))
        return answer if answer.ok else None

    def look_secure_first(self, place: str, *, body_bytes: int | None = None) -> Looked | None:
        """Look at a canonical link by https and, where nothing answers there at all, by http."""
        before = len(self.steps)
        found = self.look(f"https://{place}", body_bytes=body_bytes)
        if found is not None or "status" in self.steps[before]:
            return found
        return self.look(f"http://{place}", body_bytes=body_bytes)

    def note(self, asked: str, words: str, *, status: int | None = None, size: int | None = None) -> None:
        """Write one step down."""
        step: dict[str, Any] = {"asked": asked, "words": words}
        if status is not None:
            step |= {"status": status, "bytes": size or 0}
        self.steps.append(step)

    def say(self, words: str) -> None:
        """Say of the last step what was or was not found there."""
        self.steps[-1]["words"] = words

    def finding(self, *, good: bool, gone: bool = False, subject: str | None = None) -> Finding:
        """End the look."""
        seen = {
            "steps": self.steps,
            "requests": self.requests,
            "milliseconds": round((time.monotonic() - self.begun) * 1000),
        }
        return Finding(good, gone, subject, seen)


def _status_words(answer: Looked) -> str:
    if 300 <= answer.status < 400:
        return "it redirects to another host, which shows nothing about this one"
    if answer.status in (401, 403, 429):
        return "the server refuses to show it to us"
    if answer.status in (404, 410):
        return "nothing is there"
    return "the server does not give the page"
