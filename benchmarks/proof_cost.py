"""What showing control costs: one look by each way, and what a proof then does to a claim of many links.

Strangers' servers run on this machine, so a look's time is ours alone; the wait for a real server comes on top. The limits: a look in
100 ms of our processor time, and confirming 10,000 links in ten times what filing them took.

    python benchmarks/proof_cost.py [--large]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.strangers import Strangers, strangers

from byleave.consent import Evidence, Preference, Preferences, Use
from byleave.registry.accounts import account_of
from byleave.registry.claims import claim_by_id
from byleave.registry.confirming import reconfirm_later
from byleave.registry.database import Database
from byleave.registry.filing import NewClaim, file_claim
from byleave.registry.permissions import Role, Who
from byleave.registry.proving import begin_proof
from byleave.registry.rechecking import check_now
from byleave.registry.scopes import Method
from byleave.registry.targets import url_target
from byleave.settings import Settings

LINKS, LARGE = 10_000, 1_000_000
LOOKS = 15
LOOK_LIMIT_S = 0.1
CONFIRM_LIMIT = 10.0


def measure_looks(database: Database, settings: Settings, world: Strangers, who: Who, at: datetime) -> None:
    """Print processor time and requests of one look, for the three ways that most people use."""
    checks = world.checks(settings)
    assert who.account is not None
    for method, place in (
        (Method.DNS, "dns.example"),
        (Method.FILE, "file.example"),
        (Method.META, "meta.example/"),
    ):
        with database.transaction() as session:
            proof = begin_proof(session, checks.keys, method, place, who=who, account=who.account, at=at)
        token = checks.keys.token(proof.id, who.account)
        world.text("_byleave-challenge.dns.example", f"token={token}")
        world.put(
            f"file.example/.well-known/byleave-challenge/{token}", checks.keys.file(proof.id, who.account)
        )
        world.put("meta.example/", f'<head><meta name="byleave-verification" content="{token}"></head>')
        begun = time.process_time()
        for _ in range(LOOKS):
            proof = check_now(database, checks, proof.id, who=who, at=at)
        spent = (time.process_time() - begun) / LOOKS
        requests = proof.seen["requests"] if proof.seen else 0
        print(
            f"one look by {method.value}: {spent * 1000:.1f} ms of processor time, {requests} questions; "
            f"{spent / LOOK_LIMIT_S:.2f} of the limit; now {proof.state.value}"
        )


def measure_confirming(
    database: Database, settings: Settings, world: Strangers, who: Who, links: int, at: datetime
) -> None:
    """Print what a proof of a domain takes to confirm a claim of many links on it, beside what filing them took."""
    checks = world.checks(settings)
    assert who.account is not None
    targets = tuple(url_target(f"https://host{n % 100}.many.example/{n}.jpg") for n in range(links))
    no = Preferences.same(Preference.DENY, [Use.TRAIN_GEN])
    begun = time.monotonic()
    with database.transaction() as session:
        claim = file_claim(session, NewClaim(no, targets), who=who, account=who.account, at=at)
    filed = time.monotonic() - begun
    with database.transaction() as session:
        proof = begin_proof(
            session, checks.keys, Method.DNS, "many.example", who=who, account=who.account, at=at
        )
    token = checks.keys.token(proof.id, who.account)
    world.text("_byleave-challenge.many.example", f"token={token}")
    begun = time.monotonic()
    check_now(database, checks, proof.id, who=who, at=at)
    answered = time.monotonic() - begun
    reconfirm_later(database, str(who.account), at)
    confirmed = time.monotonic() - begun
    with database.transaction() as session:
        found = claim_by_id(session, claim.id, who=who)
    assert all(target.evidence is Evidence.E3 for target in found.targets)
    print(
        f"confirming {links:,} links: {confirmed:.2f} s, {confirmed / links * 1e6:.0f} microseconds each; filing them took "
        f"{filed:.2f} s; {confirmed / filed / CONFIRM_LIMIT:.2f} of the limit; whoever asked had her answer after {answered:.2f} s"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help=f"confirm {LARGE:,} links")
    links = LARGE if parser.parse_args().large else LINKS
    home = Path(tempfile.mkdtemp(prefix="byleave-proofs-"))
    home.chmod(0o755)
    settings, at = Settings(home=home), datetime.now(UTC)
    try:
        with Database.open(settings) as database, strangers() as world:
            with database.transaction() as session:
                who = Who(Role.CLAIMANT, account_of(session, "ann@example.com", at))
            measure_looks(database, settings, world, who, at)
            measure_confirming(database, settings, world, who, links, at)
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
