"""Fixtures with a real site: a small gallery in a real catalog, a real registry, a real server on a free port."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageOps

if TYPE_CHECKING:
    from tests.strangers import Strangers

    from byleave.catalog import Catalog
    from byleave.registry.checking import Checks
    from byleave.registry.database import Database
    from byleave.settings import Settings

SUBJECTS = (
    "harbour",
    "orchard",
    "lantern",
    "heron",
    "staircase",
    "bicycle",
    "glacier",
    "market",
    "violin",
    "thistle",
)
VIEWS = 3
"""Of every subject three different pictures, so that a search for it has several hits and the whole gallery two pages."""

REPOST_OF = "harbour-0"
MARA = "mara@example.org"


def painting(seed: int, size: tuple[int, int] = (480, 360)) -> Image.Image:
    """Paint a picture unlike that of every other seed: coloured clouds with a few hard edges."""
    chance = np.random.default_rng(seed)
    clouds = Image.fromarray(chance.integers(0, 255, (7, 9, 3), dtype=np.uint8)).resize(
        size, Image.Resampling.BICUBIC
    )
    for _ in range(5):
        left, top = int(chance.integers(0, size[0] - 60)), int(chance.integers(0, size[1] - 60))
        colour = tuple(int(part) for part in chance.integers(0, 255, 3))
        clouds.paste(
            colour, (left, top, left + int(chance.integers(30, 160)), top + int(chance.integers(30, 120)))
        )
    return clouds


def encoded(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """Encode a picture."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def repost(picture: Image.Image) -> bytes:
    """Make what a stranger posts again: mirrored, smaller, poorly compressed."""
    return encoded(ImageOps.mirror(picture).resize((320, 240)), quality=40)


@dataclass(frozen=True, slots=True)
class Gallery:
    """A catalog with one dataset, and the files it was made of."""

    home: Path
    folder: Path
    names: tuple[str, ...]

    def file(self, name: str) -> Path:
        return self.folder / f"{name}.jpg"


def link_of(name: str) -> str:
    """Return the invented link of a picture of the gallery."""
    host = "strangers.example" if name.endswith("-again") else "studio.example"
    return f"https://{host}/{name}.jpg"


def caption_of(name: str) -> str:
    """Return the caption of a picture of the gallery."""
    return f"A {name.partition('-')[0]} in oil, view {name}"


def write_gallery(folder: Path) -> tuple[str, ...]:
    """Write pictures with captions and invented links, one of them re-posted elsewhere."""
    folder.mkdir(parents=True)
    names = [f"{subject}-{view}" for subject in SUBJECTS for view in range(VIEWS)]
    for seed, name in enumerate(names):
        _write(folder, name, encoded(painting(seed), quality=90))
    original = painting(names.index(REPOST_OF))
    _write(folder, f"{REPOST_OF}-again", repost(original))
    return (*names, f"{REPOST_OF}-again")


def _write(folder: Path, name: str, content: bytes) -> None:
    (folder / f"{name}.jpg").write_bytes(content)
    fields = {"url": link_of(name), "caption": caption_of(name), "licence": "CC0-1.0"}
    (folder / f"{name}.json").write_text(json.dumps(fields))


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """Give a catalog with the dataset ``gallery`` of 31 pictures; nobody writes to it."""
    from byleave.catalog import Catalog

    home = tmp_path_factory.mktemp("gallery")
    names = write_gallery(home / "pictures")
    Catalog(home).ingest(home / "pictures", dataset="gallery")
    return Gallery(home, home / "pictures", names)


class MovableClock:
    """A clock that tests can set forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True, slots=True)
class Website:
    """A running site and what stands behind it."""

    address: str
    settings: Settings
    database: Database
    catalog: Catalog
    clock: MovableClock
    browsers: list[Browser] = field(default_factory=list)

    def browser(self) -> Browser:
        """Return a browser without JavaScript and without a past."""
        self.browsers.append(Browser(self.address))
        return self.browsers[-1]

    def publish(self) -> int:
        """Run the jobs that wait, as the worker beside the site would."""
        from byleave.registry.jobs import run_pending
        from byleave.web.server import tasks

        return run_pending(self.database, tasks(self.settings))


class Browser:
    """A person's browser without JavaScript: follows links, sends forms with what stands in them, keeps cookies."""

    def __init__(self, address: str) -> None:
        self.http = httpx.Client(base_url=address, follow_redirects=True, timeout=120)
        self.address = address

    def get(self, path: str) -> httpx.Response:
        return self.http.get(path)

    def post(self, path: str, **options: Any) -> httpx.Response:
        """Send a form as a page of the site does."""
        headers = {"origin": self.address} | options.pop("headers", {})
        return self.http.post(path, headers=headers, **options)

    def token(self, path: str = "/") -> str:
        """Return the token in the forms of a page."""
        page = self.get(path).text
        found = re.search(r'name="form_token" value="([^"]+)"', page)
        assert found, page
        return found.group(1)

    def sign_in(self, email: str, *, next_path: str = "/choices") -> httpx.Response:
        """Ask for a link, open the outbox, follow the newest link, press the button."""
        sent = self.post("/sign-in", data={"form_token": self.token("/"), "email": email, "next": next_path})
        assert "Look into your mail" in sent.text
        return self.use_link(self.newest_link())

    def newest_link(self) -> str:
        found = re.search(r'href="(http[^"]+/sign-in/confirm\?code=[^"]+)"', self.get("/outbox").text)
        assert found
        return found.group(1)

    def use_link(self, link: str) -> httpx.Response:
        page = self.get(link)
        assert page.status_code == 200, page.text
        code = link.partition("code=")[2]
        return self.post("/sign-in/confirm", data={"form_token": self.token(link), "code": code})

    def says_no(self, content: bytes) -> None:
        """Say no to one picture by its file, as its page does."""
        data = {"form_token": self.token("/choices/start"), "draft": ""}
        sent = self.post("/choices/copies", data=data, files=[("picture", ("a.jpg", content, "image/jpeg"))])
        found = re.search(r"/choices/draft/([0-9a-f-]{36})", str(sent.url))
        assert found, sent.text
        path = f"/choices/draft/{found.group(1)}"
        filed = self.post(f"{path}/file", data={"form_token": self.token(path), "answer": "no_training"})
        assert filed.status_code == 200, filed.text

    def entries(self, page: str) -> list[str]:
        """Return the entries a page lists, in order."""
        return re.findall(r'<input type="checkbox" name="entry" value="([^"]+)"', page)


@contextmanager
def served(
    gallery: Gallery,
    settings: Settings,
    database: Database,
    *,
    demo: bool = True,
    bound_to: str = "127.0.0.1",
    checks: Checks | None = None,
) -> Iterator[Website]:
    """Serve a site from a thread of this process, on a free port of loopback whatever it is told it is bound to."""
    import socket
    import time

    import uvicorn

    from byleave.catalog import Catalog
    from byleave.web.app import create_app
    from byleave.web.server import server_config

    catalog, clock = Catalog(gallery.home), MovableClock()
    app = create_app(settings, database, catalog, demo=demo, bound_to=bound_to, clock=clock, checks=checks)
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(server_config(app))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    website = Website(f"http://127.0.0.1:{listening.getsockname()[1]}", settings, database, catalog, clock)
    try:
        yield website
    finally:
        for browser in website.browsers:
            browser.http.close()
        server.should_exit = True
        thread.join(10)
        listening.close()


@pytest.fixture
def site_settings(tmp_path: Path) -> Settings:
    """Give a home for keys and published lists; the registry's own home is shared by all tests."""
    from byleave.settings import Settings

    return Settings(home=tmp_path)


@pytest.fixture
def website(gallery: Gallery, site_settings: Settings, database: Database) -> Iterator[Website]:
    """Give a demo site bound to loopback, its registry empty."""
    with served(gallery, site_settings, database) as website:
        yield website


@pytest.fixture(scope="module")
def world() -> Iterator[Strangers]:
    """Run strangers' servers for the tests of one file."""
    from tests.strangers import strangers

    with strangers() as world:
        yield world


@pytest.fixture(scope="module")
def site(
    world: Strangers,
    gallery: Gallery,
    tmp_path_factory: pytest.TempPathFactory,
    _open_database: Database,
    registry_home: Path,
) -> Iterator[Website]:
    """Serve one demo site that finds strangers' servers to all tests of a file: each signs in other people."""
    from tests.postgres import empty

    from byleave.settings import Settings

    empty(_open_database, registry_home)
    settings = Settings(home=tmp_path_factory.mktemp("site"))
    with served(gallery, settings, _open_database, checks=world.checks(settings)) as website:
        yield website


@pytest.fixture
def mara(website: Website) -> Browser:
    """Give the browser of somebody who said no to one picture."""
    browser = website.browser()
    browser.sign_in(MARA)
    entry = browser.entries(browser.get("/?q=harbour").text)[0]
    browser.post("/choices", data={"form_token": browser.token(), "entry": entry, "answer": "no_training"})
    return browser
