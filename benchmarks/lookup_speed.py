"""What looking 10,000 links up live costs, as a ratio to one plain SQL look-up of the same digests in the same turns.

A temporary registry is filled with claims on links, paths and domains; one in ten of the links asked about is claimed. The plain
look-up joins the 10,000 link digests, hashed beforehand, with the targets and reads what it needs; ours reads raw links, finds paths,
hosts and domains too, and decides by the rules of consent. Both run over the same connection pool, in turns. Then the same over HTTP, by a
site in a process of its own. The promise is a median of 200 ms.

    python benchmarks/lookup_speed.py [--large]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path

import sqlalchemy as sa
import uvicorn
from sqlalchemy.orm import Session

from byleave import urls
from byleave.catalog import Catalog
from byleave.registry.database import Database
from byleave.registry.lookups import MOST_AT_ONCE, look_up_urls
from byleave.registry.permissions import OPERATOR
from byleave.registry.tokens import create_token
from byleave.settings import Settings
from byleave.web.app import create_app
from byleave.web.server import server_config

TURNS = 15
PROMISED_MS = 200.0
CLAIMS, LARGE = 100_000, 2_000_000
HOSTS = 2_000

CLAIM = """
INSERT INTO claims (id, actor, state, disputed, stale, train_gen, train_other, tdm, ai_input, ai_index, search,
    publish_values, filed_at, effective_at, answered_event, last_event)
SELECT decode(md5(:kind || n), 'hex'), 'claimant', 'effective', false, false, 3, 3, 0, 0, 0, 0, false, now(), now(), n, n
FROM generate_series(1, :count) AS n
"""
TARGET = """
INSERT INTO targets (claim_id, kind, digest, scope_host_digest, evidence)
SELECT decode(md5(:kind || n), 'hex'), :kind, {digest}, {scope}, 3 FROM generate_series(1, :count) AS n
"""
NAMED = r"sha256(convert_to('byleave/{label}/1', 'UTF8') || '\x00'::bytea || convert_to({value}, 'UTF8'))"
LINK = "'host' || (n % :hosts) || '.example/pictures/' || n || '.jpg'"
PLAIN = """
SELECT t.digest, c.id, c.state, c.train_gen, t.evidence FROM unnest(CAST(:digests AS bytea[])) AS asked(digest)
JOIN targets t ON t.kind = 'url' AND t.digest = asked.digest JOIN claims c ON c.id = t.claim_id
"""


def fill(session: Session, claims: int) -> None:
    """File claims on that many links, and on a path and a domain for one host in ten."""
    scope = NAMED.format(label="host", value="'host' || n * 10 || '.example'")
    places = (
        ("url", claims, NAMED.format(label="item", value=LINK), "NULL"),
        (
            "prefix",
            HOSTS // 20,
            NAMED.format(label="prefix", value="'host' || n * 10 || '.example/art/'"),
            scope,
        ),
        (
            "domain",
            HOSTS // 20,
            NAMED.format(label="domain", value="'host' || n * 10 + 5 || '.example'"),
            "NULL",
        ),
    )
    for kind, count, digest, host in places:
        given = {"kind": kind, "count": count, "hosts": HOSTS}
        session.execute(sa.text(CLAIM), given)
        session.execute(
            sa.text(TARGET.format(digest=digest, scope=host).replace(":hosts", str(HOSTS))), given
        )
    for table in ("claims", "targets"):
        session.execute(sa.text(f"ANALYZE {table}"))


def asked_links(claims: int) -> list[str]:
    """Make links as datasets hold them; one in ten is claimed itself."""
    chance = random.Random(1)
    links = []
    for number in range(MOST_AT_ONCE):
        n = chance.randrange(1, claims) if number % 10 == 0 else claims + chance.randrange(10 * claims)
        links.append(f"https://www.host{n % HOSTS}.example/pictures/{n}.jpg")
    return links


def timed_ms(act: object) -> float:
    begun = time.perf_counter()
    assert callable(act)
    act()
    return 1000 * (time.perf_counter() - begun)


def measure(database: Database, settings: Settings, claims: int) -> None:
    """Time the three in turns and print medians, ratio and promise."""
    links = asked_links(claims)
    urls.load_naming_loops()
    digests = [urls.url_digest(urls.canonical_url(link)) for link in links]
    with database.transaction() as session:
        key = create_token(session, "benchmark", who=OPERATOR, at=datetime.now(UTC)).key

    body = json.dumps({"values": links}).encode()

    def plain() -> None:
        with database.transaction() as session:
            assert session.execute(sa.text(PLAIN), {"digests": digests}).all()

    def ours() -> None:
        with database.transaction() as session:
            answers = look_up_urls(session, links, at=datetime.now(UTC))
        assert len(answers) == MOST_AT_ONCE

    headers = {"authorization": f"API {key}", "content-type": "application/json"}
    with serving(settings) as port, closing(HTTPConnection("127.0.0.1", port, timeout=60)) as client:

        def over_http() -> None:
            client.request("POST", "/api/v1/lookup/urls", body, headers)
            assert client.getresponse().read().count(b'"value"') == MOST_AT_ONCE

        acts = {"plain SQL, links only": plain, "look-up": ours, "look-up over HTTP": over_http}
        times: dict[str, list[float]] = {name: [] for name in acts}
        for _ in range(TURNS + 1):
            with database.transaction() as session:  # the rate limit is not what is measured
                session.execute(sa.text("DELETE FROM rate_uses"))
            for name, act in acts.items():
                times[name].append(timed_ms(act))
    medians = {name: statistics.median(found[1:]) for name, found in times.items()}
    base = medians["plain SQL, links only"]
    print(f"{claims:,} claims, {MOST_AT_ONCE:,} links a call, median of {TURNS}")
    for name, median in medians.items():
        print(f"{name:24} {median:7.0f} ms   {median / base:5.1f} times plain")
    held = all(median <= PROMISED_MS for median in medians.values())
    print(
        f"{'promised':24} {PROMISED_MS:7.0f} ms   {'holds' if held else 'does not hold on this machine now'}"
    )


def serve(home: Path, listening: socket.socket) -> None:
    """Serve a site over the database of a home."""
    settings = Settings(home=home)
    urls.load_naming_loops()
    with Database.open(settings) as database:
        app = create_app(settings, database, Catalog(settings.home))
        uvicorn.Server(server_config(app)).run([listening])


@contextmanager
def serving(settings: Settings) -> Iterator[int]:
    """Let a process of its own serve, as sites are served; gives its port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        process = multiprocessing.get_context("spawn").Process(target=serve, args=(settings.home, listening))
        process.start()
        try:
            yield listening.getsockname()[1]
        finally:
            process.terminate()
            process.join()


def main() -> None:
    """Fill a temporary registry and measure it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help=f"{LARGE:,} claims instead of {CLAIMS:,}")
    claims = LARGE if parser.parse_args().large else CLAIMS
    home = Path(tempfile.mkdtemp(prefix="byleave-lookups-"))
    home.chmod(0o755)  # the database server of a root user runs as another
    settings = Settings(home=home)
    try:
        with Database.open(settings) as database:
            with database.transaction() as session:
                fill(session, claims)
            measure(database, settings, claims)
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
