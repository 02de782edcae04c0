"""Everything that looks need, put together once, and the one function that looks at a proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from byleave.fetch import Client, FetchLimits, Pace
from byleave.registry.checking.handles import look_at_handle
from byleave.registry.checking.names import Names
from byleave.registry.checking.registrations import Registrations, held_to_registration
from byleave.registry.checking.sign_ins import ClientKey, SignIns, client_keys
from byleave.registry.checking.sites import (
    look_at_file,
    look_at_header,
    look_at_links,
    look_at_meta,
    look_at_names,
    look_at_profile,
)
from byleave.registry.checking.steps import Steps
from byleave.registry.proof_keys import ProofKeys
from byleave.registry.proofs import Proof
from byleave.registry.proving import Finding
from byleave.registry.scopes import Confirmed, Method
from byleave.settings import DEFAULT_PLC_DIRECTORY, Settings

PAGE_LIMITS: Final = FetchLimits(
    body_bytes=512 * 1024, connect_seconds=5.0, silent_seconds=15.0, total_seconds=15.0, redirects=5
)
"""What a page may take that a stranger names."""

REGISTRY_LIMITS: Final = FetchLimits(
    body_bytes=512 * 1024, connect_seconds=3.0, silent_seconds=5.0, total_seconds=5.0, redirects=3
)
"""What the registry of a domain may take; it is asked besides, and nothing hangs on its answer."""

ASKED_PER_MINUTE: Final = 30
"""How often one host is asked in a minute, whoever wants it."""


@dataclass(frozen=True, slots=True)
class Checks:
    """What looks are made with. A test gives its own client and resolvers here; nothing else can change where they lead."""

    keys: ProofKeys
    client: Client = field(repr=False)
    names: Names = field(repr=False)
    directory: str = DEFAULT_PLC_DIRECTORY
    sign_ins: Mapping[str, ClientKey] = field(default_factory=dict)
    registrations: Registrations | None = None

    @property
    def platforms(self) -> SignIns:
        """Where people may sign in to show who they are."""
        return SignIns(self.client, self.sign_ins)

    def look(self, proof: Proof, confirmed: Confirmed, at: datetime, *, asked: bool = False) -> Finding:
        """Look at the place of a proof, and at the registration of its domain.

        Parameters
        ----------
        confirmed
            What the account has shown by other proofs, which links both ways build upon.
        asked
            Whether its owner asks just now.
        """
        steps = Steps(self.client)
        finding = self._look(steps, proof, confirmed, at)
        return held_to_registration(self.registrations, steps, proof, finding, asked=asked)

    def _look(self, steps: Steps, proof: Proof, confirmed: Confirmed, at: datetime) -> Finding:
        match proof.method:
            case Method.DNS:
                return look_at_names(steps, self.names, self.keys, proof, at)
            case Method.FILE:
                return look_at_file(steps, self.names, self.keys, proof)
            case Method.META:
                return look_at_meta(steps, proof)
            case Method.HEADER:
                return look_at_header(steps, proof)
            case Method.PROFILE:
                return look_at_profile(steps, proof)
            case Method.REL_ME:
                return look_at_links(steps, proof, confirmed)
            case Method.BLUESKY:
                return look_at_handle(steps, self.names, self.directory, proof)
            case _:
                steps.note(proof.place.value, "this cannot be looked at without you: show it once more")
                return steps.finding(good=False)


def checks_for(settings: Settings) -> Checks:
    """Return the checks of a site in service: public addresses only, public resolvers."""
    client = Client(PAGE_LIMITS, pace=Pace(ASKED_PER_MINUTE), keep_alive=False)
    keys = client_keys(settings.sign_in_keys)
    registrations = Registrations(Client(REGISTRY_LIMITS, pace=Pace(ASKED_PER_MINUTE), keep_alive=False))
    return Checks(ProofKeys.load(settings), client, Names(), settings.plc_directory, keys, registrations)
