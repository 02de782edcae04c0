"""`byleave serve` as a process: it says when it is ready, publishes by itself, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from byleave.consent import PRESETS
from byleave.registry.accounts import account_of
from byleave.registry.database import Database
from byleave.registry.filing import NewClaim, file_claim
from byleave.registry.permissions import OPERATOR
from byleave.registry.targets import url_target
from byleave.settings import Settings
from byleave.web.app import utc_now
from byleave.web.choices import ask_for_list

pytestmark = pytest.mark.functional

COMMAND = (sys.executable, "-m", "byleave.cli.main", "serve")


def environment(home: Path) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("BYLEAVE_")} | {
        "BYLEAVE_HOME": str(home)
    }


@pytest.fixture
def serving(registry_settings: Settings, database: Database) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve the home of the tests' registry, so that no second database has to be made."""
    shutil.rmtree(registry_settings.home / "releases", ignore_errors=True)  # of an earlier test's registry
    server = subprocess.Popen(
        [*COMMAND, "--port", "0"],
        env=environment(registry_settings.home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    said = server.stdout.readline()
    assert said.startswith("Byleave is ready at http://127.0.0.1:"), said
    yield server, said.split()[-1]
    if server.poll() is None:
        server.kill()
    server.communicate()


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_it_says_that_mail_is_missing_and_ends_cleanly_on_a_signal(
    serving: tuple[subprocess.Popen[str], str], name: signal.Signals
) -> None:
    server, address = serving
    assert httpx.get(f"{address}/about", timeout=60).status_code == 200
    server.send_signal(name)
    _, complaints = server.communicate(timeout=60)
    assert server.returncode == 0
    assert "Traceback" not in complaints
    assert "mail is not configured" in complaints


def test_the_worker_beside_it_publishes_what_is_filed(
    serving: tuple[subprocess.Popen[str], str], database: Database
) -> None:
    _, address = serving
    with database.transaction() as session:
        account = account_of(session, "ada@example.org", utc_now())
        new = NewClaim(PRESETS["no_training"], (url_target("https://a.example/x.jpg"),))
        file_claim(session, new, who=OPERATOR, account=account, at=utc_now())
        ask_for_list(session)
    give_up = time.monotonic() + 60
    while (found := httpx.get(f"{address}/releases/latest.json", timeout=60)).status_code != 200:
        assert time.monotonic() < give_up, "nothing was published"
        time.sleep(0.1)
    assert found.json()["number"] == 2
    note = httpx.get(f"{address}/releases/2/manifest.note", timeout=60)
    assert "byleave.example/registry" in note.text
    assert "immutable" in note.headers["cache-control"]
    assert found.headers["cache-control"] == "no-cache"
    again = httpx.get(
        f"{address}/releases/latest.json", headers={"If-None-Match": found.headers["etag"]}, timeout=60
    )
    assert (again.status_code, again.content) == (304, b"")
    assert httpx.get(f"{address}/outbox", timeout=60).status_code == 404, "this is no demo"


@pytest.mark.parametrize(
    "path",
    ["../keys/site.secret", "%2e%2e/keys/site.secret", "1/../../keys/site.secret", ".hidden", "1/", ""],
)
def test_only_files_of_published_lists_are_given(
    serving: tuple[subprocess.Popen[str], str], path: str
) -> None:
    _, address = serving
    assert httpx.get(f"{address}/releases/{path}", timeout=60).status_code == 404


def test_a_taken_port_is_told_in_words(registry_settings: Settings, database: Database) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = subprocess.run(
            [*COMMAND, "--port", str(taken.getsockname()[1])],
            env=environment(registry_settings.home),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 4
    assert "choose another by --port" in done.stderr
