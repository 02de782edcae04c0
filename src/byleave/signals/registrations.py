"""What the registry of a domain says in RDAP (RFC 9083): when it was registered and through whom; and where to ask (RFC 9224)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from byleave.errors import FormatError
from byleave.signals.answers import read_object

REGISTRAR_ID: Final = "IANA Registrar ID"
MOST_NAME: Final = 100

_BEGINNINGS: Final = ("registration", "reregistration")


@dataclass(frozen=True, slots=True)
class Registration:
    """A domain's entry, as far as we need it; ``None`` where the registry does not say.

    registered
        When whoever has it now, or somebody before her without a gap, first had it.
    registrar
        The number or, where there is none, the handle of the company it was registered through.
    """

    registered: datetime | None
    registrar: str | None


def read_servers(body: bytes) -> dict[str, str]:
    """Read the list of RDAP servers: top-level domain to the secure base address.

    Raises
    ------
    FormatError
        If it is no such list.
    """
    services = read_object(body).get("services")
    found: dict[str, str] = {}
    for service in services if isinstance(services, list) else []:
        match service:
            case [[*names], [*bases]]:
                secure = next((b for b in bases if isinstance(b, str) and b.startswith("https://")), None)
                if secure is not None:
                    found |= {name.lower(): secure for name in names if isinstance(name, str)}
            case _:
                continue
    if not found:
        raise FormatError("the list of registries names none", remedy="try later")
    return found


def read_registration(body: bytes, domain: str) -> Registration:
    """Read the entry of a domain.

    Raises
    ------
    FormatError
        If it is none, or another domain's.
    """
    entry = read_object(body)
    if entry.get("objectClassName") != "domain" or str(entry.get("ldhName", "")).lower() != domain:
        raise FormatError(f"that is not the entry of {domain}", remedy="try later")
    begun = [when for event in _objects(entry.get("events")) if (when := _beginning(event)) is not None]
    named = [name for entity in _objects(entry.get("entities")) if (name := _registrar(entity))]
    return Registration(max(begun, default=None), named[0] if named else None)


def _beginning(event: dict[str, Any]) -> datetime | None:
    if event.get("eventAction") not in _BEGINNINGS:
        return None
    try:
        when = datetime.fromisoformat(str(event.get("eventDate")))
        return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the year 1, one hour further east
        return None


def _registrar(entity: dict[str, Any]) -> str | None:
    roles = entity.get("roles")
    if not isinstance(roles, list) or "registrar" not in roles:
        return None
    numbers = [
        one.get("identifier") for one in _objects(entity.get("publicIds")) if one.get("type") == REGISTRAR_ID
    ]
    name = next((number for number in numbers if isinstance(number, str)), entity.get("handle"))
    return name[:MOST_NAME] if isinstance(name, str) and name.isprintable() else None


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
