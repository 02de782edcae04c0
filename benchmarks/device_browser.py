"""A real Chromium with the modules of the site, to measure what a browser computes beside what we compute."""

from __future__ import annotations

import base64
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources

from playwright.sync_api import Page, sync_playwright

from byleave.settings import Limits

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
COPY_BYTES = 240 * 1024

ASK = """
async ([files, limits, want]) => {
  const { Pool } = await import("/pictures/picture_pool.js");
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const items = files.map((text, at) => ({ at, file: new File([bytes(text)], `${at}.jpg`) }));
  const pool = new Pool("/pictures/picture_worker.js", limits, want);
  const answers = [];
  const took = async ({ at }, { code, fault, flat, copy }) => {
    let sent = null;
    if (copy) sent = btoa(Array.from(new Uint8Array(await copy.arrayBuffer()), (byte) => String.fromCharCode(byte)).join(""));
    answers[at] = { code: code ?? null, fault: fault ?? null, flat: flat ?? false, copy: sent };
  };
  await pool.run(items, took, new AbortController().signal);
  await pool.close();
  return answers;
}
"""


@dataclass(frozen=True, slots=True)
class OnDevice:
    """What the browser says of one file: a match code as text, or why there is none, and the small copy it would send."""

    code: str | None
    fault: str | None
    copy: bytes | None


class _Modules(SimpleHTTPRequestHandler):
    """Serves the modules below ``/pictures/`` and an empty page everywhere else."""

    extensions_map = {".js": "text/javascript"}  # noqa: RUF012 - as its base class has it

    def do_GET(self) -> None:
        """Answer."""
        if self.path.startswith("/pictures/"):
            self.path = self.path.removeprefix("/pictures")
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>measuring</title>")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def browser_page() -> Iterator[Page]:
    """Open an empty page from which the modules can be imported."""
    path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if path is None:
        raise SystemExit(f"none of {', '.join(CHROMIUM)} is installed")
    with resources.as_file(resources.files("byleave.web") / "static") as folder:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Modules, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
                page = browser.new_page()
                page.goto(f"http://127.0.0.1:{server.server_address[1]}/")
                yield page
                browser.close()
        finally:
            server.shutdown()


def on_device(page: Page, files: Sequence[bytes], *, copies: bool = False) -> list[OnDevice]:
    """Let the browser's workers read files as they do on the site."""
    limits = {"bytes": Limits().picture_bytes, "pixels": Limits().picture_pixels, "copyBytes": COPY_BYTES}
    handed = [base64.b64encode(file).decode() for file in files]
    answers = page.evaluate(ASK, [handed, limits, "copy" if copies else "code"])
    return [
        OnDevice(one["code"], one["fault"], base64.b64decode(one["copy"]) if one["copy"] else None)
        for one in answers
    ]
