"""Asking name servers: from two vantage points, which must agree before anything counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

LIFETIME_S: Final = 5.0
DNS_PORT: Final = 53

Record = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Vantage:
    """A resolver that is asked: its address and port."""

    address: str
    port: int = DNS_PORT


DEFAULT_VANTAGES: Final = (Vantage("9.9.9.9"), Vantage("1.1.1.1"))
"""Two public resolvers of different operators, so that one that was lied to is not enough."""


class Answered(StrEnum):
    """What a resolver said."""

    FOUND = "found"
    NOTHING = "nothing"
    NO_SUCH_NAME = "no_such_name"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Texts:
    """What one resolver says about TXT records at a name, aliases followed."""

    vantage: Vantage
    answered: Answered
    records: tuple[Record, ...] = ()


class Names:
    """Asks every vantage point the same question."""

    def __init__(self, vantages: Sequence[Vantage] = DEFAULT_VANTAGES) -> None:
        self._resolvers = [(vantage, _resolver(vantage)) for vantage in vantages]

    def texts(self, name: str) -> tuple[Texts, ...]:
        """Return the TXT records at ``name`` as each vantage point sees them."""
        return tuple(_texts(vantage, resolver, name) for vantage, resolver in self._resolvers)

    def agree(self, answers: Sequence[Texts], holds: Callable[[Sequence[Record]], bool]) -> bool:
        """Whether every vantage point has records for which ``holds`` is true."""
        return bool(answers) and all(holds(one.records) for one in answers)

    def is_gone(self, domain: str) -> bool:
        """Whether every vantage point says that the domain does not exist at all. Silence is no such answer."""
        return all(
            _texts(vantage, resolver, domain).answered is Answered.NO_SUCH_NAME
            for vantage, resolver in self._resolvers
        )


def _texts(vantage: Vantage, resolver: dns.resolver.Resolver, name: str) -> Texts:
    try:
        absolute = dns.name.from_text(f"{name.removesuffix('.')}.")
        answer = resolver.resolve(absolute, dns.rdatatype.TXT, raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return Texts(vantage, Answered.NO_SUCH_NAME)
    except dns.exception.DNSException:
        return Texts(vantage, Answered.UNREACHABLE)
    records = tuple(tuple(record.strings) for record in answer.rrset or ())
    return Texts(vantage, Answered.FOUND if records else Answered.NOTHING, records)


def _resolver(vantage: Vantage) -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [vantage.address]
    resolver.port = vantage.port
    resolver.lifetime = resolver.timeout = LIFETIME_S
    return resolver
