"""From the pictures of a dataset to the proof for one of them, by the commands alone: fingerprinted, applied, bound, signed, drawn, decided again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.functional.cli.commands import byleave
from tests.functional.publish.filing import NO
from tests.functional.web.test_single_entries import witness_of
from tests.functional.web.test_statements import a_lab, run
from tests.unit.apply.pictured import claimed, picture, reposted, tar_shard
from tests.website import Website

from byleave.apply.compiling import compile_synced
from byleave.log import VerifierKey, canonical_json
from byleave.publish.folders import log_folder
from byleave.publish.keys import known_keys, show_keys
from byleave.publish.log_files import LogFiles
from byleave.publish.receipts import file_all_with_receipts
from byleave.publish.releases import publish
from byleave.publish.witnesses import ask_witness
from byleave.registry.accounts import account_of
from byleave.registry.filing import Filing, NewClaim
from byleave.registry.permissions import OPERATOR
from byleave.registry.statement_keys import add_statement_key
from byleave.registry.targets import Target, picture_target, url_target
from byleave.release import SigningKey, sync
from byleave.release.attested import ATTESTATION_PATH

pytestmark = pytest.mark.functional
REFUSED, OTHER = 3, 8
CHOICES = ("--regime", "opt_out", "--use", "train_gen", "--unchecked", "keep")


@dataclass(frozen=True, slots=True)
class Lab:
    """Where everything of this story stands, and whom to believe."""

    folder: Path
    home: Path
    key: VerifierKey
    registry: VerifierKey

    @property
    def attestation(self) -> Path:
        return self.folder / "out" / ATTESTATION_PATH

    @property
    def believing(self) -> tuple[object, ...]:
        return ("--policy", self.folder / "policy", "--key", self.key, "--ruleset", self.folder / "list")

    def auditing(self, drawn: Path) -> tuple[object, ...]:
        receipt = self.folder / "out" / "_byleave" / "attestation.tlog-proof"
        return ("audit-attestation", self.attestation, drawn, "--receipt", receipt, *self.believing)

    def tells(self, drawn: Path) -> str:
        return run(self.home, *self.auditing(drawn)).stderr

    def audit(self, drawn: Path, *more: object) -> dict[str, Any]:
        done = byleave(*self.auditing(drawn), *more, "--json", home=self.home)
        assert done.returncode in {0, 5}, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        assert told["ok"] == (done.returncode == 0)
        return told


def filed(website: Website, target: Target, *, publish_values: bool) -> str:
    """File a no, and return its receipt."""
    now = website.clock()
    with website.database.transaction() as session:
        account = account_of(session, "ann@example.com", now)
    said = Filing(NewClaim(NO, (target,), publish_values=publish_values), account)
    (done,) = file_all_with_receipts(website.database, website.settings, [said], who=OPERATOR, at=now)
    return done.receipt.to_text()


@pytest.fixture
def lab(website: Website, tmp_path: Path) -> Lab:
    """Somebody who holds the pictures of a dataset, in which one that is refused stands twice, and once under other bytes."""
    home, now = tmp_path / "home", website.clock()
    receipt = filed(website, picture_target(claimed(REFUSED)), publish_values=True)
    (tmp_path / "mine.receipt").write_text(receipt)
    publish(website.database, website.settings, who=OPERATOR, at=now)
    sync(f"{website.address}/releases", tmp_path / "list", keys=known_keys(website.settings))
    compile_synced(tmp_path / "list")
    run(home, "keys", "make", "models.example", "--to", tmp_path / "key")
    key = SigningKey.parse((tmp_path / "key").read_text()).verifier
    organisation = a_lab(website)
    (tmp_path / "token").write_text(organisation.secret)
    with website.database.transaction() as session:
        add_statement_key(session, organisation.account, str(key), who=OPERATOR, at=now)
    pictures = [picture(OTHER), reposted(REFUSED), picture(OTHER + 1), picture(REFUSED)]
    for place in range(2):
        tar_shard(tmp_path / "data", f"{place:05d}", pictures)
    registry = show_keys(website.settings).signing
    return Lab(tmp_path, home, key, registry)


def applies(website: Website, lab: Lab) -> None:
    """Fingerprint, apply, bind and sign by one command each, and hand the statement in."""
    folder, home = lab.folder, lab.home
    run(home, "fingerprint", folder / "data")
    run(
        home,
        *("apply", "--ruleset", folder / "list", "--input", folder / "data", "--output", folder / "out"),
        *("--fingerprints", folder / "data", "--bind", folder / "bound", "--sign-with", folder / "key"),
        *(*CHOICES, "--dataset", "pictures", "--log", f"{website.address}/log"),
    )
    said = ("--to", website.address, "--token", folder / "token")
    run(home, "attest", "submit", lab.attestation, *said)


def opens(website: Website, lab: Lab) -> Path:
    """Let the log grow and a witness draw, and open what is drawn."""
    folder = lab.folder
    with witness_of(website.settings, folder / "eyes", lab.registry) as (address, witness):
        filed(website, url_target("https://a.example/later.jpg"), publish_values=False)
        ask_witness(website.database, website.settings, address, witness, at=website.clock())
    note = LogFiles(log_folder(website.settings)).checkpoint()
    assert note
    (folder / "checkpoint").write_text(note)
    (folder / "policy").write_text(f"log {lab.registry}\nwitness eyes {witness}\nquorum eyes\n")
    opening = ("--bound", folder / "bound", *lab.believing, "--checkpoint", folder / "checkpoint")
    run(lab.home, "attest", "open", folder / "out", *opening, "--to", folder / "drawn.json")
    return folder / "drawn.json"


def test_from_fingerprints_to_the_proof_for_a_picture_and_to_a_lie_about_one(
    website: Website, lab: Lab
) -> None:
    folder, home = lab.folder, lab.home
    applies(website, lab)
    (folder / "gate.toml").write_text(
        f'keys = ["{lab.key}"]\nregistry_keys = ["{lab.registry}"]\nregimes = ["opt_out"]\nuses = ["train_gen"]\n'
        'max_age = "30d"\nmost_unchecked = "any"\ncoverage = true\n'
    )
    run(home, "gate", folder / "out", "--policy", folder / "gate.toml", "--input", folder / "data")

    again = "apply", "--ruleset", folder / "list", "--input", folder / "out", "--output", folder / "again"
    told = json.loads(run(home, *again, "--fingerprints", folder / "out", *CHOICES, "--json").stdout)
    assert (told["rows"]["input"], told["rows"]["removed"], told["checked_by"]["fingerprint"]) == (4, 0, 4)

    lists = ("--bound", folder / "bound", "--ruleset", folder / "list", "--key", lab.key)
    run(home, "attest", "prove", lab.attestation, *lists, "--to", folder / "proofs")
    asking = ("prove-absent", folder / "mine.receipt", lab.attestation, "--proofs", folder / "proofs")
    proven = json.loads(run(home, *asking, "--key", lab.key, "--json").stdout)
    assert (proven["ok"], proven["absent"], proven["missing"]) == (True, 1, [])

    drawn = opens(website, lab)
    honest = json.loads(drawn.read_bytes())
    assert all(len(bytes.fromhex(one["picture"]["pdq"])) == 32 for one in honest["rows"])
    for more in ((), ("--output", folder / "out")):
        audited = lab.audit(drawn, *more)
        assert (audited["opened"], audited["fingerprints"], audited["breaches"]) == (4, 4, [])
        assert (audited["stated"], audited["stated_was_bound"]) == (4, True)

    assert "4 state what file or picture they are, as it was bound before the draw" in lab.tells(drawn)

    assert "the list says no to it" in lies(lab, honest, {"pdq": claimed(REFUSED).variants[0].hex()})
    hidden, unlike = {"picture": None}, "what is shown of its file or picture is not what was bound"
    told = {unlike, "its picture is said to have been compared, and is not opened"}
    assert lies(lab, honest, hidden) == told
    other = {"pdq": claimed(OTHER + 40).variants[0].hex()}
    assert lies(lab, honest, other) == {unlike}
    with_output = {unlike, "the output holds another row there"}
    assert lies(lab, honest, other, "--output", folder / "out") == with_output


def lies(lab: Lab, honest: dict[str, Any], lie: dict[str, Any], *more: object) -> set[str]:
    """Open the first row otherwise than it is, and return what the audit says of it."""
    first, *others = honest["rows"]
    told = lie if "picture" in lie else {"picture": first["picture"] | lie}
    (lab.folder / "lying.json").write_bytes(canonical_json(honest | {"rows": [first | told, *others]}))
    return {breach["reason"] for breach in lab.audit(lab.folder / "lying.json", *more)["breaches"]}
