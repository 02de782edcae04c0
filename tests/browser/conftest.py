"""A real server in a process of its own, and a real browser that reports what no page may do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from tests.forked import run_command
from tests.sources import write_links
from tests.website import caption_of, link_of, write_gallery

from byleave.catalog import Catalog

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 30_000
"""A busy machine is no fault of the page."""

expect.set_options(timeout=PATIENCE_MS)


@dataclass(frozen=True, slots=True)
class Running:
    """A site in a process of its own, and the home it serves."""

    address: str
    home: Path

    def byleave(self, *words: str | Path) -> str:
        """Run a command in the same home and return what it prints."""
        return command(self.home, *words)


def command(home: Path, *words: str | Path) -> str:
    """Run `byleave` in a home."""
    done = run_command([str(word) for word in words], environment(home))
    assert done.returncode == 0, done.stderr
    return done.stdout


def environment(home: Path) -> dict[str, str]:
    """Return an environment in which commands find this home and nothing else of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("BYLEAVE_")} | {
        "BYLEAVE_HOME": str(home)
    }


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    """Serve a gallery as `byleave serve --demo` does."""
    home = Path(tempfile.mkdtemp(prefix="byleave-browser-"))
    home.chmod(0o755)  # the database server of a root user runs as another
    names = write_gallery(home / "pictures")
    links = write_links(
        home / "links" / "links.parquet", [{"URL": link_of(name), "TEXT": caption_of(name)} for name in names]
    )
    catalog = Catalog(home)
    catalog.ingest(links.parent, dataset="gallery")
    catalog.ingest(home / "pictures", dataset="gallery")
    server = subprocess.Popen(
        [sys.executable, "-m", "byleave.cli.main", "serve", "--demo", "--port", "0"],
        env=environment(home),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        ready = server.stdout.readline()
        assert "Byleave is ready at http://127.0.0.1:" in ready, ready
        yield Running(ready.split()[-1], home)
    finally:
        server.terminate()
        code = server.wait(30)
        if server.stdout is not None:
            server.stdout.close()
        assert not list((home / "postgres").glob("**/postmaster.pid")), (
            "the database stops with the last one out"
        )
        shutil.rmtree(home)
    assert code == 0


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Start Chromium once a module: while Playwright runs, so does its event loop, and no other test could start one."""
    path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"no Chromium on this machine: none of {', '.join(CHROMIUM)} is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


NewPage = Callable[..., Page]


@pytest.fixture
def new_page(chromium: Browser, running: Running) -> Iterator[NewPage]:
    """Open pages as new visitors. Afterwards: none asked another origin for anything, and no console held an error."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def visit(**options: object) -> Page:
        context = chromium.new_context(base_url=running.address, **options)  # type: ignore[arg-type]  # Playwright's own options
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: note_foreign(request.url))
        page.on(
            "console", lambda said: faults.append(said.text) if said.type in {"error", "warning"} else None
        )
        page.on("pageerror", lambda error: faults.append(str(error)))
        return page

    def note_foreign(url: str) -> None:
        if not url.startswith((running.address + "/", "data:", "blob:")):
            faults.append(f"asked for {url}")

    yield visit
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """Open one page at desktop size."""
    return new_page(viewport={"width": 1280, "height": 900})


def sign_in(page: Page, email: str) -> None:
    """Sign in from the sign-in page, by the outbox of the demo."""
    page.get_by_label("Your e-mail address").fill(email)
    page.get_by_role("button", name="Send me a link").click()
    page.get_by_role("link", name="Open the outbox instead.").click()
    page.locator(".mail a").first.click()
    page.get_by_role("button", name="Sign in").click()
