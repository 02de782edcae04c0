"""Nothing about anybody is in what the server writes: real requests to a real process, everything it prints looked through."""

from __future__ import annotations

import io
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.website import Browser

from byleave.registry.database import Database
from byleave.settings import Settings
from byleave.web.discreet import Discreet, scrubbed

pytestmark = pytest.mark.functional

ADDRESS = "mara.lindqvist@studio-lindqvist.example"
LINK = "https://studio-lindqvist.example/private/picture.jpg?token=s3cr3t"
ELSEWHERE = "203.0.113.77"
TELLING = ("lindqvist", "s3cr3t", ELSEWHERE, "code=", "127.0.0.1:", "byleave_session=", "form_token")


def serve(home: Path) -> subprocess.Popen[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("BYLEAVE_")}
    return subprocess.Popen(
        [sys.executable, "-m", "byleave.cli.main", "serve", "--demo", "--port", "0"],
        env=own | {"BYLEAVE_HOME": str(home), "PYTHONWARNINGS": "always"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def visit(address: str) -> None:
    """Sign in, choose, ask for what is not there, send nonsense."""
    browser = Browser(address)
    browser.sign_in(ADDRESS)
    browser.http.headers["x-forwarded-for"] = ELSEWHERE
    browser.post("/choices", data={"form_token": browser.token(), "link": LINK, "answer": "no_training"})
    browser.get(f"/?q={ADDRESS}")
    browser.get(f"/{ADDRESS}")
    browser.get(f"/sign-in/confirm?code={ADDRESS}")
    browser.post("/choices", data={"form_token": "wrong", "link": LINK})
    browser.post("/choices", content=b"\xff" * 300_000, headers={"content-type": "application/json"})
    browser.http.get("/", headers={"host": f"{ADDRESS}:80"})
    browser.http.close()


def test_the_server_writes_nothing_about_anybody(registry_settings: Settings, database: Database) -> None:
    server = serve(registry_settings.home)
    assert server.stdout is not None
    address = server.stdout.readline().split()[-1]
    try:
        visit(address)
        with database.transaction() as session:
            session.execute(sa.text("ALTER TABLE claims RENAME TO claims_gone"))
        try:
            browser = Browser(address)
            broken = [browser.get("/registry"), browser.get(f"/sign-in?next=/{ADDRESS}")]
            visit_signed_in(browser)
            browser.http.close()
        finally:
            with database.transaction() as session:
                session.execute(sa.text("ALTER TABLE claims_gone RENAME TO claims"))
    finally:
        server.terminate()
        out, err = server.communicate(timeout=60)
    assert 500 in {answer.status_code for answer in broken}
    assert "a fault while answering GET /registry" in err, "the fault itself is written down"
    for word in TELLING:
        assert word not in out + err, err[-3000:]


def visit_signed_in(browser: Browser) -> None:
    """Meet the broken database with an address in the statement."""
    browser.sign_in(ADDRESS)
    browser.post("/choices", data={"form_token": browser.token("/datasets"), "link": LINK, "answer": "no_ai"})


def test_reports_of_libraries_lose_what_they_were_told() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(Discreet())
    log = logging.getLogger("somebody.elses")
    log.addHandler(handler)
    log.propagate = False
    try:
        try:
            raise ValueError(f"duplicate key: (email)=({ADDRESS})")
        except ValueError:
            log.exception("could not store %s", ADDRESS)
        log.error(f"GET {LINK} from {ELSEWHERE} by {ADDRESS}")  # noqa: G004 - what is being tried
    finally:
        log.removeHandler(handler)
    told = out.getvalue()
    assert "lindqvist" not in told
    assert ELSEWHERE not in told
    assert "builtins.ValueError" in told
    assert re.search(r'File ".*test_discreet.py", line [0-9]+', told)


@pytest.mark.parametrize(
    "word",
    [
        ADDRESS,
        LINK,
        ELSEWHERE,
        "2001:db8::7",
        "fe80:0:0:0:1:2:3:4",
        "mailto:a@b.example",
        "postgresql://u:p@h/d",
    ],
)
def test_what_names_somebody_is_taken_out(word: str) -> None:
    assert word not in scrubbed(f"before {word} after")
    assert scrubbed("publish: 12:30 done, 3 of 4 (75 %)") == "publish: 12:30 done, 3 of 4 (75 %)"


def test_a_thread_that_ends_by_a_fault_is_reported_so_too() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import threading; from byleave.web.discreet import be_discreet; be_discreet()\n"
            f"t = threading.Thread(target=lambda: [][{ADDRESS!r}]); t.start(); t.join()",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "builtins.TypeError" in done.stderr
