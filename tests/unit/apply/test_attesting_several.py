"""An attestation of a run under several registries names each of them with its log, and whoever checks it holds all to it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests import foreign_verifier
from tests.logs import write_log
from tests.unit.apply.worlds import KEY, NOW, OTHER_KEY, links_file, request, row, synced

from byleave.apply.attesting import AttestRequest, write_attestation
from byleave.apply.opening import Bound, bind_output
from byleave.apply.proving import Proven, write_absences
from byleave.apply.run import apply_ruleset
from byleave.cli.attest import Signing
from byleave.consent import TargetKind
from byleave.errors import InputError, VerificationError
from byleave.release import SigningKey, open_synced
from byleave.release.attestations import Attestation, open_attestation
from byleave.release.attested import ATTESTATION_PATH
from byleave.release.gate import Asking, gate
from byleave.release.gate_policy import GatePolicy
from byleave.release.statements import Signed, sign_statement

TRAINER = SigningKey.from_seed("models.example", bytes(range(1, 33)))
POLICY = """
keys = ["{trainer}"]
registry_keys = [{registries}]
regimes = ["opt_out"]
uses = ["train_gen"]
max_age = "{age}"
"""


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Apply the lists of two registries, the second of them 20 days older, each with its lists and its log in a place of its own."""
    folder = tmp_path_factory.mktemp("several")
    for key, name, host in ((KEY, "one", "a.example"), (OTHER_KEY, "two", "b.example")):
        at = NOW - timedelta(days=20 if name == "two" else 0)
        synced(folder / name, [row(1, TargetKind.HOST, host)], key=key, published_at=at)
        write_log(folder / name / "log", [b"x", b"y"], key)
    links_file(folder / "links.parquet", [f"http://{host}.example/1" for host in "abc"])
    both = (folder / "two" / "synced", folder / "one" / "synced")
    apply_ruleset(request(folder, folder / "links.parquet", ruleset=both), NOW)
    return folder


@pytest.fixture
def world(applied: Path, tmp_path: Path) -> Path:
    """Give each test an output of its own."""
    shutil.copytree(applied / "out", tmp_path / "out")
    for name in ("one", "two"):
        (tmp_path / name).symlink_to(applied / name)
    return tmp_path


def notes(world: Path, *names: str) -> tuple[str, ...]:
    return tuple((world / name / "log" / "checkpoint").read_text("utf-8") for name in names)


def attested(world: Path, *names: str, bound: Path | None = None) -> Signed[Attestation]:
    commitments = Bound.open(bound).commitments if bound is not None else None
    asked = AttestRequest(
        world / "out", TRAINER, notes(world, *names), dataset="many", commitments=commitments
    )
    write_attestation(asked, NOW)
    return open_attestation((world / "out" / ATTESTATION_PATH).read_bytes(), [TRAINER.verifier])


def failing(world: Path, *keys: SigningKey, age: str = "30d") -> dict[str, str]:
    registries = ", ".join(f'"{key.verifier}"' for key in keys)
    policy = POLICY.format(trainer=TRAINER.verifier, registries=registries, age=age)
    checks = gate(Asking(world / "out", GatePolicy.parse(policy.encode()), NOW))
    return {check.name: check.found for check in checks if not check.holds}


def test_each_registry_is_named_with_its_log_in_whatever_order_they_come(world: Path) -> None:
    said = attested(world, "two", "one").said
    assert [one.origin for one in said.applied_lists] == [KEY.verifier.name, OTHER_KEY.verifier.name]
    assert [one.checkpoint.size for one in said.applied_lists] == [2, 2]
    assert [one.name for one in said.lists] == [one.name for one in said.applied_lists]


def test_other_code_reads_both_logs(world: Path) -> None:
    attested(world, "one", "two")
    envelope = (world / "out" / ATTESTATION_PATH).read_bytes()
    predicate = foreign_verifier.statement(envelope, str(TRAINER.verifier))["predicate"]
    (other,) = predicate["other_registries"]
    origin, size, root = foreign_verifier.checkpoint(other["checkpoint"]["note"], str(OTHER_KEY.verifier))
    assert (other["origin"], other["number"]) == (origin, 1)
    assert (other["checkpoint"]["size"], other["checkpoint"]["root"]) == (size, root.hex())


def test_a_log_that_is_not_at_hand_is_asked_for(world: Path) -> None:
    with pytest.raises(VerificationError, match=r"the log of union\.example/list.*is not at hand"):
        attested(world, "one")


def test_a_gate_asks_for_every_log_and_goes_by_the_oldest_list(world: Path) -> None:
    attested(world, "one", "two")
    assert failing(world, KEY, OTHER_KEY) == {}
    assert set(failing(world, KEY)) == {"log"}
    assert "list no. 1 of union.example/list" in failing(world, KEY, OTHER_KEY, age="10d")["age"]


def test_an_attestation_of_an_earlier_version_names_one_log_and_does_not_pass(world: Path) -> None:
    said = attested(world, "one", "two").said
    earlier = replace(said, others=())
    (world / "out" / ATTESTATION_PATH).write_bytes(sign_statement(earlier.statement(), TRAINER))
    assert [one.origin for one in earlier.lists] == [KEY.verifier.name, OTHER_KEY.verifier.name]
    assert "the logs of further lists are not named" in failing(world, KEY, OTHER_KEY)["log"]


def test_what_both_lists_name_is_proven_and_both_must_be_given(world: Path) -> None:
    both = [world / "one" / "synced", world / "two" / "synced"]
    with pytest.raises(VerificationError, match="was applied, and other lists are named"):
        bind_output(world / "out", both[:1], [], world / "bound")
    bind_output(world / "out", both, [], world / "bound")
    signed = attested(world, "one", "two", bound=world / "bound")
    bound, releases = Bound.open(world / "bound"), [open_synced(folder) for folder in both]
    assert write_absences(bound, signed, releases, world / "proofs", lambda *_: None) == Proven(2, 0, 0)
    assert json.loads((world / "proofs" / "absences.json").read_bytes())["proofs"] == 2
    with pytest.raises(VerificationError, match="was applied, and is not named"):
        write_absences(bound, signed, releases[:1], world / "others", lambda *_: None)


def test_a_signature_that_is_asked_for_is_tried_with_every_log_before_the_work(world: Path) -> None:
    (world / "key").write_text(TRAINER.to_text())
    both = [world / "two" / "synced", world / "one" / "synced"]
    asking = request(world, world / "data", ruleset=tuple(both), output=world / "new")
    begun = Signing.begun(asking, world / "key", [], "many", None)
    assert sorted(Path(place).parent.name for place in begun.logs) == ["one", "two"]
    named = [str(world / "one" / "log")]
    with pytest.raises(InputError, match=r"none of the logs named is that of union\.example/list"):
        Signing.begun(asking, world / "key", named, "many", None)
