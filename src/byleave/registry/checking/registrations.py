"""Asking a domain's registry whether it is still the registration under which somebody showed it. No answer changes nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from byleave import urls
from byleave.errors import FormatError
from byleave.fetch import Client
from byleave.fetch.looking import anywhere
from byleave.registry.checking.steps import Steps
from byleave.registry.proofs import Proof
from byleave.registry.proving import Finding
from byleave.registry.scopes import Method
from byleave.signals.registrations import Registration, read_registration, read_servers

SERVERS: Final = "https://data.iana.org/rdap/dns.json"
"""Where it is listed which registry answers for which top-level domain."""

SERVERS_BYTES: Final = 512 * 1024
SERVERS_LIFE: Final = 86_400.0
FAILED_LIFE: Final = 600.0
"""Seconds for which that list is kept, and for which it is not asked again after it could not be had."""

SEEN: Final = "registration"
"""Under this name a proof keeps what the registry said when it was shown."""

_OF_DOMAINS: Final = frozenset({Method.DNS, Method.FILE, Method.META, Method.HEADER})
_UNKNOWN: Final = (
    "its registry gives no answer; since when it is registered is unknown, and that changes nothing"
)


@dataclass(slots=True)
class Registrations:
    """Asks registries, each through ``client``; ``servers`` is the address of the list of them."""

    client: Client = field(repr=False)
    servers: str = SERVERS
    clock: Callable[[], float] = time.monotonic
    _known: Mapping[str, str] = field(default_factory=dict)
    _until: float = -1.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, steps: Steps, domain: str) -> Registration | None:
        """Return the entry of a registrable domain, or ``None`` where it cannot be had. The last step is about it."""
        base = self._server_for(steps, domain.rpartition(".")[2])
        if base is None:
            steps.note(domain, _UNKNOWN)
            return None
        asked = Steps(self.client)
        found = asked.look(f"{base.rstrip('/')}/domain/{domain}", follow=anywhere)
        steps.requests += asked.requests
        try:
            entry = read_registration(found.body, domain) if found is not None else None
        except FormatError:
            entry = None
        steps.note(domain, _UNKNOWN)
        return entry

    def _server_for(self, steps: Steps, suffix: str) -> str | None:
        with self._lock:
            if self.clock() >= self._until:
                asked = Steps(self.client)
                found = asked.look(self.servers, follow=anywhere, body_bytes=SERVERS_BYTES)
                steps.requests += asked.requests
                try:
                    self._known = read_servers(found.body) if found is not None else self._known
                except FormatError:
                    found = None
                self._until = self.clock() + (FAILED_LIFE if found is None else SERVERS_LIFE)
            return self._known.get(suffix)


def held_to_registration(
    registrations: Registrations | None, steps: Steps, proof: Proof, finding: Finding, *, asked: bool
) -> Finding:
    """Return a finding as it stands after the domain's registry was asked, with what it said then and now.

    Where the domain was registered anew after the proof was first good, that proof never counts again. Where it went to another
    registrar, it counts again once its owner asks (``asked``) and what she put up is still there.
    """
    before = (proof.seen or {}).get(SEEN)
    host = proof.place.host
    if registrations is None or not finding.good or proof.method not in _OF_DOMAINS or host is None:
        return _with(finding, before)
    if urls.is_shared(host):
        return finding
    domain = urls.registrable_domain(host)
    now = registrations.find(steps, domain)
    if now is None:
        return _with(steps.finding(good=True, subject=finding.subject), before)
    good, words = _judged(now, proof.first_good_at, (before or {}).get("registrar"), asked=asked)
    steps.say(words)
    kept = _facts(now) if good else before
    return _with(steps.finding(good=good, gone=not good, subject=finding.subject), kept)


def _judged(
    now: Registration, shown: datetime | None, registrar: str | None, *, asked: bool
) -> tuple[bool, str]:
    if shown is not None and now.registered is not None and now.registered > shown:
        return False, (
            f"registered anew on {now.registered:%Y-%m-%d}, after you showed it: give this proof up and show it again"
        )
    moved = registrar is not None and now.registrar is not None and now.registrar != registrar
    if moved and not asked:
        return False, "it went to another registrar: if it is still yours, press Check now"
    since = f"since {now.registered:%Y-%m-%d}" if now.registered else "since a day it does not tell"
    return True, f"registered {since}"


def _facts(found: Registration) -> dict[str, str | None]:
    return {
        "registered": found.registered.isoformat() if found.registered else None,
        "registrar": found.registrar,
    }


def _with(finding: Finding, facts: Mapping[str, Any] | None) -> Finding:
    if facts is None:
        return finding
    return Finding(finding.good, finding.gone, finding.subject, {**finding.seen, SEEN: dict(facts)})
