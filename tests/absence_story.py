"""An organisation that applied a list, serves its proofs, and handed its statement in; and what somebody chose."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import httpx
from tests.functional.web.test_statements import a_lab, an_output
from tests.strangers import Strangers
from tests.website import Browser, Website

from byleave.apply.attesting import AttestRequest, write_attestation
from byleave.apply.opening import Bound, bind_items
from byleave.apply.proving import write_absences
from byleave.apply.run import open_ruleset
from byleave.consent import Preference, Preferences, Use
from byleave.fingerprints import ClaimedPicture
from byleave.publish.folders import log_folder
from byleave.publish.log_files import LogFiles
from byleave.publish.receipts import file_all_with_receipts
from byleave.registry.accounts import account_of
from byleave.registry.checking.absences import MOST_TARGETS
from byleave.registry.claims import Claim
from byleave.registry.filing import Filing, NewClaim
from byleave.registry.permissions import OPERATOR
from byleave.registry.targets import (
    Target,
    digest_target,
    domain_target,
    picture_target,
    prefix_target,
    url_target,
)
from byleave.release.absences import AbsenceIndex
from byleave.release.attestations import open_attestation
from byleave.release.attested import ATTESTATION_PATH

MARA = "mara@example.org"
REFUSED, ALLOWED = "https://studio.example/harbour-0.jpg", "https://b.example/1"
PLACE = "secure.example/absences"
ADDRESS = f"https://{PLACE}"


@dataclass(frozen=True, slots=True)
class Story:
    """A lab that applied a list, serves its proofs, and handed its statement in; and two choices of one person."""

    site: Website
    world: Strangers
    mara: Browser
    refused: str
    allowed: str
    many: str
    others: str
    secret: str
    envelope: bytes
    statement: str
    files: dict[str, bytes]

    @property
    def proofs(self) -> str:
        """Name the file in which the proof for the refused link stands: there are several where the list is longer, as after other tests."""
        return AbsenceIndex.parse(self.files["absences.json"]).file(url_target(REFUSED).digest)

    def serve(self) -> None:
        """Serve the proofs as they were made."""
        self.world.forget()
        for name, content in self.files.items():
            self.world.put(f"{PLACE}/{name}", content)

    def hand_in(self, **more: object) -> httpx.Response:
        """Hand the statement in, with more beside it."""
        headers = {"authorization": f"API {self.secret}", "content-type": "application/json"}
        content = json.dumps(json.loads(self.envelope) | more).encode()
        address = f"{self.site.address}/api/v1/statements"
        return httpx.post(address, headers=headers, content=content, timeout=30)

    def check(self, claim: str, browser: Browser | None = None, **fields: str) -> httpx.Response:
        """Press the button of a choice."""
        browser = browser or self.mara
        form = {"form_token": browser.token(), "statement": self.statement} | fields
        return browser.post(f"/choices/{claim}/absences", data=form)


def filed(site: Website, preference: Preference, *targets: Target) -> Claim:
    with site.database.transaction() as session:
        account = account_of(session, MARA, site.clock())
    said = NewClaim(Preferences.same(preference, [Use.TRAIN_GEN]), targets)
    (done,) = file_all_with_receipts(
        site.database, site.settings, [Filing(said, account)], who=OPERATOR, at=site.clock()
    )
    return done.claim


def make_story(site: Website, world: Strangers, folder: Path, seed: int) -> Story:
    """Let it happen; each file of tests has a lab with a key of its own, since their sites share a registry."""
    mara = site.browser()
    mara.sign_in(MARA)
    refused = filed(site, Preference.DENY, url_target(REFUSED))
    allowed = filed(site, Preference.ALLOW, url_target(ALLOWED), domain_target("b.example"))
    many = filed(
        site, Preference.DENY, *(url_target(f"https://m.example/{n}") for n in range(MOST_TARGETS + 3))
    )
    others = filed(
        site,
        Preference.DENY,
        domain_target("m.example"),
        prefix_target("https://studio.example/elsewhere/"),
        digest_target(bytes([9]) * 32),
        picture_target(ClaimedPicture((bytes(range(32)),), 100), "harbour.jpg"),
    )
    lab = a_lab(site, seed=seed)
    output = an_output(site, folder)
    release, ruleset = open_ruleset(folder / "list")
    commitments = bind_items(output, ruleset, folder / "bound")
    note = LogFiles(log_folder(site.settings)).checkpoint()
    assert note
    asked = AttestRequest(output, lab.key, (note,), "Example Lab", "many links", commitments=commitments)
    write_attestation(asked, site.clock())
    envelope = (output / ATTESTATION_PATH).read_bytes()
    signed = open_attestation(envelope, [lab.key.verifier])
    write_absences(Bound.open(folder / "bound"), signed, [release], folder / "proofs", lambda *_: None)
    files = {path.name: path.read_bytes() for path in (folder / "proofs").iterdir()}
    hers = refused.id.hex(), allowed.id.hex(), many.id.hex(), others.id.hex()
    story = Story(site, world, mara, *hers, lab.secret, envelope, signed.sha256.hex(), files)
    answer = story.hand_in()
    assert answer.status_code == 201, answer.text
    return story
