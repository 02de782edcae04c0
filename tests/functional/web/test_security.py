"""What the site refuses, and what every answer carries."""

from __future__ import annotations

import io
import re
import socket
import zlib
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from tests.website import Gallery, Website, served

from byleave.registry.database import Database
from byleave.settings import Limits, Settings

pytestmark = pytest.mark.functional

PAGES = (
    "/",
    "/?q=oil",
    "/choices/new",
    "/sign-in",
    "/about",
    "/datasets",
    "/nothing",
    "/api/v1/health",
    "/api/v1/nothing",
)


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_carries_the_strict_headers(website: Website, path: str) -> None:
    headers = website.browser().get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy, "nothing from anywhere else"
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert "server" not in headers


@pytest.mark.parametrize("path", ["/", "/choices/new", "/about", "/sign-in", "/nothing"])
def test_pages_hold_nothing_inline_and_nothing_foreign(website: Website, path: str) -> None:
    page = website.browser().get(path).text
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)
    assert not re.search(r"<script(?![^>]*\ssrc=\"/static/)", page)
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8321", "127.0.0.1.evil.example", "", "[::2]"])
def test_a_foreign_host_name_is_refused(website: Website, host: str) -> None:
    answer = website.browser().http.get("/", headers={"host": host})
    assert answer.status_code == 403
    assert "does not answer to that host name" in answer.text


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:8321", "LOCALHOST:8321"])
def test_names_of_this_machine_are_answered(website: Website, host: str) -> None:
    assert website.browser().http.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://127.0.0.1:1", "https://{host}"]
)
def test_a_change_from_another_origin_is_refused(website: Website, origin: str | None) -> None:
    browser = website.browser()
    host = website.address.removeprefix("http://")
    headers = {} if origin is None else {"origin": origin.format(host=host)}
    data = {"form_token": browser.token(), "email": "ada@example.org"}
    answer = browser.http.post("/sign-in", data=data, headers=headers)
    assert answer.status_code == 403
    assert "was not sent from a page of this site" in answer.text


def test_a_form_needs_its_token(website: Website) -> None:
    browser, stranger = website.browser(), website.browser()
    for token in ("", "0" * 64, stranger.token()):
        browser.get("/")
        answer = browser.post("/sign-in", data={"form_token": token, "email": "ada@example.org"})
        assert answer.status_code == 403
        assert "This form has run out or is not yours" in answer.text


def test_a_token_from_before_signing_in_is_worth_nothing_after_it(website: Website) -> None:
    browser = website.browser()
    before = browser.token()
    browser.sign_in("ada@example.org")
    assert browser.post("/sign-out", data={"form_token": before}).status_code == 403


def test_cookies_are_http_only_and_lax_and_secure_over_https(website: Website) -> None:
    browser = website.browser()
    plain = browser.get("/").headers["set-cookie"]
    assert "HttpOnly" in plain
    assert "SameSite=lax" in plain
    assert "Secure" not in plain
    proxied = website.browser().http.get("/", headers={"x-forwarded-proto": "https"})
    assert "Secure" in proxied.headers["set-cookie"]
    sent = browser.post("/sign-in", data={"form_token": browser.token(), "email": "ada@example.org"})
    assert sent.status_code == 200
    link = browser.newest_link()
    data = {"form_token": browser.token(link), "code": link.partition("code=")[2]}
    answer = browser.http.post(
        "/sign-in/confirm", data=data, headers={"origin": website.address}, follow_redirects=False
    )
    session = answer.headers["set-cookie"]
    assert session.startswith("byleave_session=")
    assert "HttpOnly" in session
    assert "SameSite=lax" in session


def test_a_forged_visitor_cookie_makes_a_new_visitor(website: Website) -> None:
    browser = website.browser()
    browser.http.cookies.set("byleave_visitor", "a" * 22 + "." + "0" * 64)
    assert "byleave_visitor" in browser.get("/").headers["set-cookie"]


class TestUploads:
    """Files strangers send: decoded in a child, refused in words, never above their limit."""

    def send(
        self, website: Website, content: bytes, name: str = "x.png", path: str = "/search/picture"
    ) -> httpx.Response:
        browser = website.browser()
        return browser.post(
            path, data={"form_token": browser.token()}, files={"picture": (name, content, "image/png")}
        )

    def test_svg_is_refused(self, website: Website) -> None:
        svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
        answer = self.send(website, svg)
        assert answer.status_code == 400
        assert "cannot be read as a picture" in answer.text
        assert "JPEG, PNG or WebP" in answer.text

    def test_a_bomb_is_refused(self, website: Website) -> None:
        answer = self.send(website, bomb(30_000))
        assert answer.status_code == 400
        assert "cannot be read as a picture" in answer.text

    @pytest.mark.parametrize("content", [b"", b"\0" * 100, b"\xff\xd8\xff\xe0 cut off"])
    def test_what_is_no_picture_is_refused(self, website: Website, content: bytes) -> None:
        assert self.send(website, content).status_code == 400
        assert self.send(website, content, path="/choices/picture").status_code == 400

    def test_a_form_without_a_picture_is_told_so(self, website: Website) -> None:
        browser = website.browser()
        answer = browser.post("/search/picture", data={"form_token": browser.token()})
        assert answer.status_code == 400
        assert "No picture was chosen" in answer.text

    def test_a_body_that_says_it_is_too_large_is_refused_unread(self, website: Website) -> None:
        host, _, port = website.address.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=20) as wire:
            request = (
                f"POST /search/picture HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: {website.address}\r\n"
                "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 99999999999\r\n\r\n"
            )
            wire.sendall(request.encode())
            assert b" 413 " in wire.recv(4096).partition(b"\r\n")[0] + b" "

    def test_a_body_without_a_length_is_counted_while_it_comes(self, website: Website) -> None:
        def endless() -> Iterator[bytes]:
            for _ in range(60):
                yield b"a" * (1024 * 1024)

        browser = website.browser()
        headers = {"content-type": "multipart/form-data; boundary=x"}
        try:
            answer = browser.post("/search/picture", content=endless(), headers=headers)
        except (httpx.WriteError, httpx.RemoteProtocolError):
            return  # the server hung up while we were still sending: refused as well
        assert answer.status_code == 413

    def test_a_plain_form_may_not_be_large(self, website: Website) -> None:
        browser = website.browser()
        answer = browser.post("/sign-in", data={"form_token": browser.token(), "email": "a" * 300_000})
        assert answer.status_code == 413


class TestOutbox:
    """Mail is shown in a demo on this machine, and nowhere else."""

    @pytest.mark.parametrize(
        ("demo", "bound_to", "status"),
        [
            (True, "127.0.0.1", 200),
            (True, "localhost", 200),
            (True, "::1", 200),
            (False, "127.0.0.1", 404),
            (True, "0.0.0.0", 404),
            (True, "::", 404),
            (True, "192.0.2.7", 404),
            (False, "0.0.0.0", 404),
        ],
    )
    def test_it_exists_only_in_a_demo_on_loopback(
        self,
        gallery: Gallery,
        site_settings: Settings,
        database: Database,
        *,
        demo: bool,
        bound_to: str,
        status: int,
    ) -> None:
        with served(gallery, site_settings, database, demo=demo, bound_to=bound_to) as website:
            assert website.browser().get("/outbox").status_code == status
            assert ("/outbox" in website.browser().get("/").text) is (status == 200)

    def test_it_is_not_there_under_a_public_name(
        self, gallery: Gallery, registry_home: object, database: Database, site_settings: Settings
    ) -> None:
        from dataclasses import replace

        settings = replace(site_settings, allowed_hosts=("byleave.example",))
        with served(gallery, settings, database) as website:
            client = website.browser().http
            assert client.get("/about", headers={"host": "byleave.example"}).status_code == 200
            assert client.get("/outbox", headers={"host": "byleave.example"}).status_code == 404
            assert client.get("/outbox").status_code == 200


class TestSignIn:
    """A link works once, for a while, only by pressing the button, and says nothing about who is known."""

    def ask(self, website: Website, email: str) -> str:
        browser = website.browser()
        return browser.post("/sign-in", data={"form_token": browser.token(), "email": email}).text

    def test_a_link_works_once(self, website: Website) -> None:
        browser = website.browser()
        browser.sign_in("ada@example.org")
        again = website.browser()
        link = again.newest_link()
        assert again.get(link).status_code == 400
        data = {"form_token": again.token(), "code": link.partition("code=")[2]}
        assert again.post("/sign-in/confirm", data=data).status_code == 400

    def test_opening_a_link_uses_nothing(self, website: Website) -> None:
        self.ask(website, "ada@example.org")
        browser = website.browser()
        link = browser.newest_link()
        for _ in range(3):
            assert "ada@example.org" in browser.get(link).text
        assert "My choices" in browser.use_link(link).text

    def test_a_link_runs_out(self, website: Website) -> None:
        self.ask(website, "ada@example.org")
        website.clock.ahead = timedelta(minutes=15, seconds=1)
        assert website.browser().get(website.browser().newest_link()).status_code == 400

    def test_a_session_runs_out(self, website: Website) -> None:
        browser = website.browser()
        browser.sign_in("ada@example.org")
        website.clock.ahead = timedelta(days=14, seconds=1)
        assert "Send me a link" in browser.get("/choices").text

    def test_the_answer_is_the_same_for_known_and_unknown_addresses(self, website: Website) -> None:
        website.browser().sign_in("known@example.org")
        known, unknown = (self.ask(website, email) for email in ("known@example.org", "unknown@example.org"))
        assert re.sub(r'value="[^"]+"', "", known) == re.sub(r'value="[^"]+"', "", unknown)

    def test_an_address_is_sent_a_few_links_and_no_more(self, website: Website) -> None:
        answers = {re.sub(r'value="[^"]+"', "", self.ask(website, "ada@example.org")) for _ in range(9)}
        assert len(answers) == 1, "nobody learns of the limit from the answer"
        assert website.browser().get("/outbox").text.count("/sign-in/confirm?code=") == 2 * 5

    @pytest.mark.parametrize(
        "path",
        ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nb", ""],
    )
    def test_signing_in_never_leads_away(self, website: Website, path: str) -> None:
        browser = website.browser()
        assert str(browser.sign_in("ada@example.org", next_path=path).url) == f"{website.address}/choices"

    def test_a_code_is_kept_only_as_a_digest(self, website: Website) -> None:
        import hashlib

        import sqlalchemy as sa

        self.ask(website, "ada@example.org")
        code = website.browser().newest_link().partition("code=")[2]
        with website.database.transaction() as session:
            kept = session.execute(sa.text("SELECT code_hash FROM sign_in_links")).scalar_one()
        assert bytes(kept) == hashlib.sha256(code.encode()).digest()
        assert len(code) == 22, "128 bits"

    def test_signing_out_ends_the_session_on_the_server(self, website: Website) -> None:
        browser = website.browser()
        browser.sign_in("ada@example.org")
        cookie = browser.http.cookies["byleave_session"]
        browser.post("/sign-out", data={"form_token": browser.token()})
        thief = website.browser()
        thief.http.cookies.set("byleave_session", cookie)
        assert "Send me a link" in thief.get("/choices").text


def bomb(side: int) -> bytes:
    """Make a PNG of a few hundred kilobytes that unpacks to ``side`` times ``side`` pixels."""
    out = io.BytesIO(b"\x89PNG\r\n\x1a\n")
    out.seek(0, io.SEEK_END)
    packer = zlib.compressobj(9)
    row = b"\0" * (side // 8 + 1)
    data = b"".join(packer.compress(row * 100) for _ in range(side // 100)) + packer.flush()
    header = side.to_bytes(4) * 2 + bytes([1, 0, 0, 0, 0])
    for kind, content in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b"")):
        out.write(len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4))
    return out.getvalue()


def test_the_bomb_of_these_tests_is_small_enough_to_get_in() -> None:
    assert len(bomb(30_000)) < Limits().picture_bytes
