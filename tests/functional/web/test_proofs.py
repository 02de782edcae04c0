"""*What I control*, without JavaScript, against strangers' real servers."""

from __future__ import annotations

import base64
import html
import json
import re
import uuid

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.platform_servers import stand_up_second
from tests.strangers import Strangers
from tests.website import Browser, Website, encoded, painting

from byleave.consent import PRESETS, Evidence
from byleave.registry.accounts import account_of
from byleave.registry.claims import claim_by_id
from byleave.registry.confirming import MOST_AT_ONCE
from byleave.registry.filing import NewClaim, file_claim
from byleave.registry.permissions import OPERATOR
from byleave.registry.targets import url_target

pytestmark = pytest.mark.functional


@pytest.fixture
def ann(site: Website) -> Browser:
    """Sign somebody in whom nobody has seen before."""
    browser = site.browser()
    browser.sign_in(f"{uuid.uuid4().hex}@example.com")
    return browser


def begun(ann: Browser, method: str, place: str) -> str:
    """Begin a proof as its page does, and return the address of its page."""
    sent = ann.post("/proofs", data={"form_token": ann.token("/proofs"), "method": method, "place": place})
    assert sent.status_code == 200, sent.text
    return sent.url.path


def texts(page: str) -> list[str]:
    """Return what a page gives to copy."""
    return [html.unescape(found) for found in re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", page)]


def test_a_site_is_shown_by_a_file_from_the_page_to_the_choice(ann: Browser, world: Strangers) -> None:
    ways = ann.get("/proofs/new?place=jane.example").text
    assert "A DNS record" in ways
    assert "A file on the site" in ways
    path = begun(ann, "file", "jane.example")
    address, held = texts(ann.get(path).text)[:2]
    file = ann.get(f"{path}/file")
    assert (file.text, file.headers["content-type"]) == (held, "text/plain; charset=utf-8")
    seen = ann.post(f"{path}/check", data={"form_token": ann.token(path)}).text
    assert "What was seen" in seen
    assert "has no address" in seen
    world.put(address.removeprefix("https://"), file.content)
    seen = ann.post(f"{path}/check", data={"form_token": ann.token(path)}).text
    assert "The file is there and holds what it should" in seen
    assert f"Answer 200, {len(held)} bytes" in seen
    assert "Confirmed" in ann.get("/proofs").text


def test_very_many_links_are_confirmed_after_the_answer(site: Website, world: Strangers) -> None:
    email = f"{uuid.uuid4().hex}@example.com"
    ann = site.browser()
    ann.sign_in(email)
    with site.database.transaction() as session:
        account = account_of(session, email, site.clock())
        links = tuple(url_target(f"https://many.example/{n}.jpg") for n in range(MOST_AT_ONCE + 1))
        claim = file_claim(
            session, NewClaim(PRESETS["no_training"], links), who=OPERATOR, account=account, at=site.clock()
        )
    path = begun(ann, "file", "many.example")
    address, held = texts(ann.get(path).text)[:2]
    world.put(address.removeprefix("https://"), held)
    page = ann.post(f"{path}/check", data={"form_token": ann.token(path)}).text
    assert "Confirmed" in page
    assert "10,001 things in all, were left to be confirmed after this answer" in page
    site.publish()
    with site.database.transaction() as session:
        found = claim_by_id(session, claim.id, who=OPERATOR)
    assert {target.evidence for target in found.targets} == {Evidence.E3}


def test_nobody_sees_or_changes_anothers_proofs(site: Website, ann: Browser) -> None:
    bob = site.browser()
    bob.sign_in("bob@example.com")
    path = begun(ann, "dns", "jane.example")
    token = bob.token("/proofs")
    assert bob.get(path).status_code == 404
    assert bob.get(f"{path}/file").status_code == 404
    for what in ("check", "end"):
        assert bob.post(f"{path}/{what}", data={"form_token": token}).status_code == 404
    assert "jane.example</strong>" not in bob.get("/proofs").text
    assert "Sign in" in site.browser().get(path).text


def test_why_a_shared_host_cannot_be_shown_is_said(ann: Browser) -> None:
    page = ann.get("/proofs/new?place=github.io").text
    assert "shared by many people" in page
    assert "A DNS record" not in page
    assert "Use this" not in ann.get("/proofs/new?place=http%3A%2F%2F127.0.0.1%2F").text
    profile = ann.get("/proofs/new?place=deviantart.com/jane").text
    assert "everything below deviantart.com/jane/" in profile
    assert "A DNS record" not in profile
    refused = ann.post(
        "/proofs", data={"form_token": ann.token("/proofs"), "method": "file", "place": "github.io"}
    )
    assert refused.status_code == 403


def test_what_a_stranger_serves_is_never_shown(ann: Browser, world: Strangers) -> None:
    path = begun(ann, "meta", "other.example/<script>alert(1)</script>")
    world.put("other.example/%3Cscript%3Ealert(1)%3C/script%3E", "<title>internal secret</title>")
    seen = ann.post(f"{path}/check", data={"form_token": ann.token(path)}).text
    assert "Its head has no such line" in seen
    assert "internal secret" not in seen
    assert "<script>alert" not in seen


def test_a_proof_is_given_up_and_begun_anew(ann: Browser) -> None:
    path = begun(ann, "dns", "jane.example")
    assert begun(ann, "dns", "jane.example") == path
    page = ann.post(f"{path}/end", data={"form_token": ann.token(path)}).text
    assert path not in page
    assert begun(ann, "dns", "jane.example") != path


@pytest.mark.parametrize(
    ("method", "place"), [("oauth", "x"), ("nonsense", "jane.example"), ("dns", ""), ("dns", "a b")]
)
def test_what_is_no_way_or_no_place_is_said(ann: Browser, method: str, place: str) -> None:
    sent = ann.post("/proofs", data={"form_token": ann.token("/proofs"), "method": method, "place": place})
    assert sent.status_code == 400


def test_a_profile_is_shown_by_signing_in_there(site: Website, ann: Browser, world: Strangers) -> None:
    server = stand_up_second(world, "github.com/login/oauth/access_token", "api.github.com/user")
    left = ann.post("/proofs/sign-in", data={"form_token": ann.token("/proofs"), "platform": "github"}).text
    address = html.unescape(re.findall(r'href="(https://github.com/[^"]+)"', left)[0])
    back = server.authorize(address, {"id": 7, "login": "jane"})
    assert back.startswith(f"{site.address}/proofs/signed-in?")
    page = ann.get(back.removeprefix(site.address)).text
    assert "everything below github.com/jane/" in page
    assert "GitHub says that you are jane" in page
    assert "Check now" not in page
    again = ann.get(back.removeprefix(site.address))
    assert (again.status_code, "too old" in again.text) == (400, True)


def test_a_choice_is_signed_with_a_published_key(ann: Browser, world: Strangers) -> None:
    path = begun(ann, "dns", "signed.example")
    name, _, value = texts(ann.get(path).text)[:3]
    world.text(name, value)
    ann.post(f"{path}/check", data={"form_token": ann.token(path)})
    link = {"link": "https://elsewhere.example/a.jpg", "answer": "no_training"}
    ann.post("/choices", data={"form_token": ann.token("/choices/new"), **link})
    choice = re.findall(r'<option value="([0-9a-f]{32})"', ann.get("/proofs/signed").text)[0]
    key = Ed25519PrivateKey.generate()
    public = base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
    world.put(
        "signed.example/.well-known/byleave.json", json.dumps({"version": 1, "keys": [f"ed25519:{public}"]})
    )
    signature = base64.b64encode(key.sign(ann.get(f"/proofs/statement/{choice}").content)).decode()
    sent = {"choice": choice, "host": "signed.example", "signature": signature}
    page = ann.post("/proofs/statement", data={"form_token": ann.token("/proofs/signed"), **sent})
    assert "signed file" in page.text
    assert "elsewhere.example/a.jpg" in page.text
    wrong = ann.post(
        "/proofs/statement", data={"form_token": ann.token("/proofs/signed"), **sent, "signature": "AAAA"}
    )
    assert wrong.status_code == 400
    plain = encoded(painting(1))
    unsigned = ann.post(
        "/proofs/credentials",
        data={"form_token": ann.token("/proofs/signed"), "host": "signed.example"},
        files={"picture": ("a.jpg", plain, "image/jpeg")},
    )
    assert unsigned.status_code == 400
    assert "no Content Credentials" in unsigned.text
