"""Single entries of an output, from the keeper's commands to the artist's: bound, logged, drawn by a witness, decided again, looked up."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.forked import RUN
from tests.functional.cli.commands import byleave
from tests.functional.publish.filing import acknowledged, link
from tests.functional.web.test_statements import a_lab, an_output, run
from tests.website import Website

from byleave.log import VerifierKey
from byleave.publish.folders import log_folder
from byleave.publish.keys import show_keys
from byleave.publish.log_files import LogFiles
from byleave.publish.witnesses import ask_witness
from byleave.registry.permissions import OPERATOR
from byleave.registry.statement_keys import add_statement_key
from byleave.release import SigningKey
from byleave.release.attested import ATTESTATION_PATH
from byleave.release.witnessing import cosigning, witness_key
from byleave.settings import Settings

pytestmark = pytest.mark.functional
REFUSED = "https://studio.example/harbour-0.jpg"


@contextmanager
def witness_of(settings: Settings, home: Path, log: VerifierKey) -> Iterator[tuple[str, VerifierKey]]:
    """Run `byleave witness serve` in a home of its own; give its address and its key."""
    seeing = Settings(home=home, origin="eyes.example/witness")
    server = subprocess.Popen(
        [sys.executable, "-c", RUN, "witness", "serve", "--port", "0", "--log", str(log)],
        env={"BYLEAVE_HOME": str(home), "BYLEAVE_ORIGIN": seeing.origin, "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        address = server.stdout.readline().split()[-1]
        yield address, cosigning(witness_key(seeing))
    finally:
        server.kill()
        server.communicate()


def test_from_binding_to_the_audit_and_the_proof_for_one_choice(website: Website, tmp_path: Path) -> None:
    home = tmp_path / "home"
    now = website.clock()
    (filed,) = acknowledged(website.database, website.settings, link(1), link(2), at=now)
    mine = tmp_path / "mine.receipt"
    mine.write_text(filed.receipt.to_text())
    run(home, "keys", "make", "models.example", "--to", tmp_path / "key")
    key = SigningKey.parse((tmp_path / "key").read_text()).verifier
    lab = a_lab(website)
    (tmp_path / "token").write_text(lab.secret)
    with website.database.transaction() as session:
        add_statement_key(session, lab.account, str(key), who=OPERATOR, at=now)

    output = an_output(website, tmp_path)
    bound, lists = tmp_path / "bound", ("--ruleset", tmp_path / "list")
    roots = json.loads(run(home, "attest", "bind", output, *lists, "--to", bound, "--json").stdout)
    assert roots["kept"]["size"] + roots["removed"]["size"] == 2
    signing = ("--key", tmp_path / "key", *lists, "--dataset", "many links", "--bound", bound)
    run(home, "attest", "sign", output, *signing)
    attestation = output / ATTESTATION_PATH
    run(home, "attest", "submit", attestation, "--to", website.address, "--token", tmp_path / "token")

    registry = show_keys(website.settings).signing
    with witness_of(website.settings, tmp_path / "eyes", registry) as (address, witness):
        acknowledged(website.database, website.settings, link(3), at=now)
        ask_witness(website.database, website.settings, address, witness, at=now)
    note = LogFiles(log_folder(website.settings)).checkpoint()
    assert note
    (tmp_path / "checkpoint").write_text(note)
    policy = tmp_path / "policy"
    policy.write_text(f"log {registry}\nwitness eyes {witness}\nquorum eyes\n")

    drawn, believing = tmp_path / "drawn.json", ("--policy", policy, "--key", key, *lists)
    draw = ("--bound", bound, "--checkpoint", tmp_path / "checkpoint", "--to", drawn)
    receipt = output / "_byleave" / "attestation.tlog-proof"
    too_early_to_open(home, ("attest", "open", output, *believing, *draw), receipt)
    run(home, "attest", "open", output, *draw, *believing)
    holding = ("--receipt", receipt, "--output", output)
    auditing = ("audit-attestation", attestation, drawn, *holding, *believing)
    said = json.loads(run(home, *auditing, "--json").stdout)
    assert (said["ok"], said["opened"], said["kept"]) == (True, roots["kept"]["size"], roots["kept"]["size"])
    assert said["witnesses"] == [witness.name]
    assert not said["checkpoint_given"]
    told = run(home, *auditing, "--checkpoint", tmp_path / "checkpoint").stderr
    assert "all of them stay" in told
    assert "may have tried many" not in told

    proofs = tmp_path / "proofs"
    proving = ("attest", "prove", attestation, "--bound", bound, *lists, "--key", key, "--to")
    for within in (output / "proofs", bound / "proofs"):
        assert "one in the other" in byleave(*proving, within, home=home).stderr
        assert not within.exists()
    run(home, *proving, proofs)
    for_one_choice(home, mine, attestation, proofs, key)


def too_early_to_open(home: Path, opening: tuple[object, ...], receipt: Path) -> None:
    """See that nothing is opened that an audit would refuse: without a receipt, or by the checkpoint that the attestation itself names."""
    unlogged = byleave(*opening, "--receipt", home.parent / "none", home=home)
    assert unlogged.returncode != 0
    assert "hand the attestation in first with `byleave attest submit`" in unlogged.stderr
    signed = json.loads(receipt.with_name("attestation.dsse.json").read_bytes())
    early, believing_it = home.parent / "early", home.parent / "believing-it"
    early.write_text(json.loads(b64decode(signed["payload"]))["predicate"]["registry"]["checkpoint"]["note"])
    log = (home.parent / "policy").read_text().partition("\n")[0]
    believing_it.write_text(f"{log}\nquorum none\n")
    told = byleave(*opening, "--checkpoint", early, "--policy", believing_it, home=home)
    assert told.returncode == 5
    assert "is not one after the attestation was logged" in told.stderr
    assert "take a later checkpoint of the same log" in told.stderr
    assert not (home.parent / "drawn.json").exists()


def for_one_choice(home: Path, mine: Path, attestation: Path, proofs: Path, key: VerifierKey) -> None:
    """See what the command tells whoever made a choice: proofs that hold, none where none are, and one that is missing."""
    kept = home.parent / "kept"
    asking = ("prove-absent", mine, attestation, "--proofs", proofs, "--key", key)
    told = json.loads(run(home, *asking, "--to", kept, "--json").stdout)
    assert (told["ok"], told["absent"], told["missing"], told["log_checked"]) == (True, 2, [], False)
    told = json.loads(run(home, *asking, "--policy", home.parent / "policy", "--json").stdout)
    assert (told["ok"], told["log_checked"]) == (True, True)
    assert all(path.stat().st_size < 10_000 for path in kept.iterdir())
    again = byleave(*asking, "--to", kept, home=home)
    assert (again.returncode, "kept is there already" in again.stderr) == (4, True)
    for nowhere in (home / "nowhere", mine.parent):
        asked = ("prove-absent", mine, attestation, "--proofs", nowhere, "--key", key)
        told = byleave(*asked, home=home)
        assert (told.returncode, f"{nowhere} cannot be used" in told.stderr) == (2, True)
        assert "byleave attest prove" in told.stderr

    names = proofs / "all.jsonl"
    names.write_bytes(b"")
    missing = byleave(*asking, "--json", home=home)
    assert missing.returncode == 8, missing.stderr
    assert json.loads(missing.stdout)["absent"] == 0
