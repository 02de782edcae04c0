"""What organisations sign: made by the commands, handed in by a key, held by the log, and believed only as far as it verifies."""

from __future__ import annotations

import json
import re
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from tests import foreign_verifier
from tests.functional.cli.commands import byleave
from tests.unit.apply.worlds import links_file
from tests.website import MARA, Browser, Website

from byleave.apply.attesting import AttestRequest, write_attestation
from byleave.apply.compiling import compile_synced
from byleave.apply.finished import read_report
from byleave.apply.request import ApplyRequest
from byleave.apply.run import apply_ruleset
from byleave.apply.shard import Unchecked
from byleave.consent import Regime, Use
from byleave.log.envelopes import Envelope
from byleave.publish.folders import log_folder
from byleave.publish.keys import known_keys
from byleave.publish.log_files import LogFiles
from byleave.publish.releases import publish
from byleave.registry.account_tables import Account
from byleave.registry.accounts import set_reviewer
from byleave.registry.claims import claims_of
from byleave.registry.permissions import OPERATOR
from byleave.registry.statement_keys import add_statement_key, revoke_statement_key
from byleave.registry.statement_tables import StatementRow
from byleave.registry.tables import ClaimEventRow
from byleave.registry.tokens import Scope, create_token
from byleave.release import SigningKey, sync
from byleave.release.attestations import open_attestation
from byleave.release.attested import ATTESTATION_PATH
from byleave.release.feedback import Feedback, Outcome, Verdict
from byleave.release.pledges import Pledge
from byleave.release.statements import sign_statement

pytestmark = pytest.mark.functional


@dataclass(frozen=True, slots=True)
class Lab:
    """An organisation with a key for signing and one for the API."""

    account: uuid.UUID
    key: SigningKey
    secret: str


def a_lab(website: Website, name: str = "Example Lab", seed: int = 1) -> Lab:
    now = website.clock()
    key = SigningKey.from_seed(f"{name.lower().replace(' ', '-')}.example", bytes([seed]) * 32)
    with website.database.transaction() as session:
        lab = Account(id=uuid.uuid4(), kind="organisation", email=None, name=name, created_at=now)
        session.add(lab)
        session.flush()
        made = create_token(session, "k", who=OPERATOR, at=now, scope=Scope.REPORT, account=lab.id)
        add_statement_key(session, lab.id, str(key.verifier), who=OPERATOR, at=now)
        return Lab(lab.id, key, made.key)


def hand_in(website: Website, secret: str, envelope: bytes) -> httpx.Response:
    headers = {"authorization": f"API {secret}", "content-type": "application/json"}
    return httpx.post(f"{website.address}/api/v1/statements", headers=headers, content=envelope, timeout=30)


def a_pledge(website: Website, lab: Lab, **others: Any) -> bytes:
    facts: dict[str, Any] = {
        "organisation": "Example Lab",
        "registry": website.settings.origin,
        "dataset": "many links",
        "regime": Regime.OPT_OUT,
        "uses": (Use.TRAIN_GEN,),
        "most_lag_days": 30,
        "made_at": website.clock(),
    }
    return sign_statement(Pledge(**facts | others).statement(), lab.key)


def an_output(website: Website, folder: Path) -> Path:
    """Publish, sync from the site, and apply to three links."""
    publish(website.database, website.settings, who=OPERATOR, at=website.clock())
    sync(f"{website.address}/releases", folder / "list", keys=known_keys(website.settings))
    compile_synced(folder / "list")
    links = links_file(
        folder / "links.parquet", ["https://studio.example/harbour-0.jpg", "https://b.example/1"]
    )
    asked = ApplyRequest(
        folder / "list",
        str(links),
        folder / "out",
        Regime.OPT_OUT,
        (Use.TRAIN_GEN,),
        folder / "home",
        unchecked=Unchecked.KEEP,
    )
    apply_ruleset(asked, website.clock())
    return folder / "out"


def an_attestation(website: Website, lab: Lab, folder: Path, **others: Any) -> bytes:
    output = an_output(website, folder)
    note = LogFiles(log_folder(website.settings)).checkpoint()
    assert note
    facts: dict[str, Any] = {"organisation": "Example Lab", "dataset": "many links"}
    write_attestation(AttestRequest(output, lab.key, (note,), **facts | others), website.clock())
    return (output / ATTESTATION_PATH).read_bytes()


def claim_of(website: Website) -> bytes:
    with website.database.transaction() as session:
        account = session.execute(sa.select(Account.id).where(Account.email == MARA)).scalar_one()
        return claims_of(session, account, who=OPERATOR)[0].id


def told(browser: Browser, claim: bytes) -> list[str]:
    answer = browser.get(f"/api/v1/claims/{claim.hex()}/timeline").json()
    return [moment["words"] for moment in answer["timeline"]]


def run(home: Path, *words: object) -> subprocess.CompletedProcess[str]:
    done = byleave(*words, home=home)
    assert done.returncode == 0, done.stderr
    return done


def test_from_a_pledge_to_a_gate_by_the_commands_alone(
    website: Website, mara: Browser, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    run(home, "keys", "make", "models.example", "--to", tmp_path / "key")
    lab = a_lab(website)
    (tmp_path / "token").write_text(lab.secret)
    verifier = byleave("keys", "make", "models.example", "--to", tmp_path / "key", home=home)
    assert verifier.returncode == 4, "a key is never overwritten"
    key = SigningKey.parse((tmp_path / "key").read_text())
    with website.database.transaction() as session:
        add_statement_key(session, lab.account, str(key.verifier), who=OPERATOR, at=website.clock())
    registry = str(known_keys(website.settings)[0])
    sending = ("--to", website.address, "--token", tmp_path / "token")

    promise = ("--registry", website.settings.origin, "--dataset", "many links", "--regime", "opt_out")
    pledge = tmp_path / "pledge.dsse.json"
    run(
        home,
        "pledge",
        "--to",
        pledge,
        "--key",
        tmp_path / "key",
        *promise,
        "--use",
        "train_gen",
        "--max-lag",
        30,
    )
    lost = tmp_path / "lost"
    lost.write_text("byl_nothing")
    told = byleave("attest", "submit", pledge, "--to", website.address, "--token", lost, home=home)
    assert told.returncode == 3
    assert "your account's page makes keys" in told.stderr, "the registry's remedy is not lost"
    run(home, "attest", "submit", pledge, *sending)
    output = an_output(website, tmp_path)
    signing = ("--key", tmp_path / "key", "--ruleset", tmp_path / "list", "--dataset", "many links")
    run(home, "attest", "sign", output, *signing, "--pledge", pledge)
    attestation = output / ATTESTATION_PATH
    first = json.loads(run(home, "attest", "submit", attestation, *sending, "--json").stdout)
    again = json.loads(run(home, "attest", "submit", attestation, *sending, "--json").stdout)
    assert (first["again"], again["again"], first["entry"]) == (False, True, again["entry"])

    receipt = output / "_byleave" / "attestation.tlog-proof"
    checked = json.loads(run(home, "verify", receipt, "--key", registry, "--json").stdout)
    assert (checked["operation"], checked["statement_sha256"]) == ("attest", first["sha256"])
    shown = foreign_verifier.receipt(receipt.read_text(), registry)
    assert shown["statement_sha256"] == foreign_verifier.payload_sha256(attestation.read_bytes())
    trusting = ("--key", registry, "--key", str(key.verifier))
    log = f"{website.address}/log"
    verified = run(home, "verify", attestation, *trusting, "--release", tmp_path / "list", "--log", log)
    assert verified.stderr.count("holds") == 4, verified.stderr

    policy = tmp_path / "gate.toml"
    policy.write_text(
        f'keys = ["{key.verifier}"]\nregistry_keys = ["{registry}"]\nregimes = ["opt_out"]\n'
        'uses = ["train_gen"]\nmax_age = "30d"\npledge = true\nmost_unchecked = "any"\n'
    )
    source = ("--input", tmp_path / "links.parquet")
    run(home, "gate", output, "--policy", policy, *source)
    (output / "links.parquet").write_bytes(b"")
    refused = byleave("gate", output, "--policy", policy, *source, "--json", home=home)
    assert refused.returncode == 5
    assert [one["check"] for one in json.loads(refused.stdout)["checks"] if not one["holds"]] == ["output"]


def test_it_is_told_to_those_it_concerns_and_readable_by_everybody(
    website: Website, mara: Browser, tmp_path: Path
) -> None:
    lab = a_lab(website)
    envelope = an_attestation(website, lab, tmp_path)
    answer = hand_in(website, lab.secret, envelope)
    assert answer.status_code == 201, answer.text
    said = answer.json()
    lines = told(mara, claim_of(website))
    assert any(
        line.startswith("Example Lab signed that it applied list no.") and f"entry {said['entry']} " in line
        for line in lines
    )
    address = f"{website.address}/api/v1/statements/{said['sha256']}"
    assert httpx.get(address, timeout=60).content == envelope
    record = foreign_verifier.receipt(
        httpx.get(f"{address}/receipt", timeout=60).text, str(known_keys(website.settings)[0])
    )
    assert (record["op"], record["statement_sha256"]) == ("attest", said["sha256"])
    assert httpx.get(f"{website.address}/api/v1/statements/{'0' * 64}", timeout=60).status_code == 404

    claimed = httpx.post(
        f"{website.address}/api/v1/applied",
        headers={"authorization": f"API {lab.secret}"},
        json={
            "number": read_report(tmp_path / "out")["release"]["number"],
            "dataset": "many links",
            "entries": 9,
            "removed": 0,
        },
        timeout=60,
    )
    assert claimed.status_code == 201
    assert lines == told(mara, claim_of(website)), "a mere report does not take the place of what was signed"


def test_a_list_still_verifies_against_a_log_with_statements_in_it(
    website: Website, mara: Browser, tmp_path: Path
) -> None:
    lab = a_lab(website)
    assert hand_in(website, lab.secret, a_pledge(website, lab)).status_code == 201
    an_output(website, tmp_path)
    key = str(known_keys(website.settings)[0])
    run(tmp_path / "home", "verify", tmp_path / "list", "--key", key, "--log", f"{website.address}/log")


def test_only_what_its_own_key_signed_counts(website: Website, mara: Browser) -> None:
    lab, other = a_lab(website), a_lab(website, "Other Lab", seed=2)
    pledge = a_pledge(website, lab)
    assert hand_in(website, "byl_wrong", pledge).status_code == 401
    assert hand_in(website, other.secret, pledge).status_code == 422
    touched = json.loads(pledge)
    touched["payload"] = touched["payload"][:-8] + "fX19fQ=="
    assert hand_in(website, lab.secret, json.dumps(touched).encode()).status_code in {400, 422}
    with website.database.transaction() as session:
        revoke_statement_key(session, lab.account, str(lab.key.verifier), who=OPERATOR, at=website.clock())
    assert hand_in(website, lab.secret, pledge).status_code == 409
    with website.database.transaction() as session:
        assert session.execute(sa.select(sa.func.count()).select_from(StatementRow)).scalar_one() == 0


WRONG: list[Mapping[str, Any]] = [
    {"registry": "other.example/log"},
    {"dataset": "x" * 121},
    {"made_at": None},
]


@pytest.mark.parametrize("others", WRONG, ids=["registry", "dataset", "time"])
def test_a_pledge_that_cannot_be_right_is_refused(website: Website, others: Mapping[str, Any]) -> None:
    lab = a_lab(website)
    changed = dict(others)
    if "made_at" in changed:
        changed["made_at"] = website.clock() + timedelta(days=3)
    assert hand_in(website, lab.secret, a_pledge(website, lab, **changed)).status_code in {400, 422}


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"payload": "", "payloadType": "x", "signatures": []}']
)
def test_what_is_no_statement_is_refused(website: Website, body: bytes) -> None:
    assert hand_in(website, a_lab(website).secret, body).status_code == 400


def test_a_list_or_a_pledge_that_is_not_here_is_refused(
    website: Website, mara: Browser, tmp_path: Path
) -> None:
    lab = a_lab(website)
    pledge = tmp_path / "pledge.json"
    pledge.write_bytes(a_pledge(website, lab))
    envelope = an_attestation(website, lab, tmp_path, pledge=pledge)
    refused = hand_in(website, lab.secret, envelope)
    assert refused.status_code == 422
    assert "hand the pledge in first" in refused.text
    assert hand_in(website, lab.secret, pledge.read_bytes()).status_code == 201
    assert hand_in(website, lab.secret, envelope).status_code == 201


def test_a_pledge_that_was_not_kept_is_not_fulfilled_by_whoever_says_so(
    website: Website, mara: Browser, tmp_path: Path
) -> None:
    lab = a_lab(website)
    content = a_pledge(website, lab, uses=(Use.TRAIN_GEN, Use.TDM))
    assert hand_in(website, lab.secret, content).status_code == 201
    envelope = an_attestation(website, lab, tmp_path)
    said = open_attestation(envelope, [lab.key.verifier]).said
    lie = replace(said, pledge=Envelope.parse(content).payload_sha256)
    refused = hand_in(website, lab.secret, sign_statement(lie.statement(), lab.key))
    assert refused.status_code == 422
    assert "it is not for tdm" in refused.text
    assert hand_in(website, lab.secret, envelope).status_code == 201


def test_the_entry_in_the_log_names_nobody(website: Website, mara: Browser) -> None:
    lab = a_lab(website)
    assert hand_in(website, lab.secret, a_pledge(website, lab)).status_code == 201
    with website.database.transaction() as session:
        chosen = sa.select(ClaimEventRow).where(ClaimEventRow.operation == "pledge")
        row = session.execute(chosen).scalar_one()
        assert row.record is not None
        assert set(row.record) == {"v", "at", "claim", "key", "op", "statement_sha256"}


def test_feedback_is_told_and_changes_nothing(website: Website, mara: Browser) -> None:
    lab, claim = a_lab(website), claim_of(website)

    def say(outcome: Outcome, why: str | None = None) -> int:
        verdict = Verdict(claim, outcome, why=why)
        said = Feedback("Example Lab", website.settings.origin, website.clock(), (verdict,))
        return hand_in(website, lab.secret, sign_statement(said.statement(), lab.key)).status_code

    before = mara.get(f"/api/v1/claims/{claim.hex()}/timeline").json()["timeline"]
    assert say(Outcome.NOT_APPLICABLE) == 201
    website.clock.ahead = timedelta(minutes=1)
    assert say(Outcome.SUSPECTED_FALSE, "The picture is a photograph of ours") == 201
    lines = told(mara, claim)
    assert len(lines) == len(before) + 1, "what was said last is told"
    assert any("it may be false" in line and "photograph of ours" in line for line in lines)
    with website.database.transaction() as session:
        account = session.execute(sa.select(Account.id).where(Account.email == MARA)).scalar_one()
        assert claims_of(session, account, who=OPERATOR)[0].state == "effective"
        set_reviewer(session, "rene@example.org", reviews=True, who=OPERATOR, at=website.clock())
    reviewer = website.browser()
    reviewer.sign_in("rene@example.org")
    page = reviewer.get("/review").text
    assert "The picture is a photograph of ours" in page
    assert claim.hex() in page
    unknown = Feedback(
        "Example Lab", website.settings.origin, website.clock(), (Verdict(bytes(16), Outcome.APPLIED),)
    )
    assert hand_in(website, lab.secret, sign_statement(unknown.statement(), lab.key)).status_code == 400


def test_an_admin_adds_and_revokes_keys_on_the_page(website: Website) -> None:
    admin = website.browser()
    admin.sign_in("admin@example.org")
    made = admin.post("/organisations", data={"form_token": admin.token("/account"), "name": "Our Lab"})
    organisation = re.search(r"/organisations/([0-9a-f-]{36})", str(made.url))
    assert organisation
    page = f"/organisations/{organisation.group(1)}"
    key = str(SigningKey.from_seed("our-lab.example", bytes(32)).verifier)

    def send(path: str, value: str) -> httpx.Response:
        return admin.post(page + path, data={"form_token": admin.token(page), "key": value})

    assert key in send("/statement-keys", key).text
    assert send("/statement-keys", key).status_code == 409
    assert send("/statement-keys", "nonsense").status_code == 400
    assert "until" in send("/statement-keys/revoke", key).text
    stranger = website.browser()
    stranger.sign_in("stranger@example.org")
    refused = stranger.post(
        page + "/statement-keys", data={"form_token": stranger.token("/account"), "key": key}
    )
    assert refused.status_code == 403
