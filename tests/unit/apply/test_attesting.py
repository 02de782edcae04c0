"""An attestation says what a run did, names every file, and holds for whoever checks it with other code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests import foreign_verifier
from tests.logs import write_log
from tests.unit.apply.worlds import KEY, NOW, coverage_file, links_file, name_anew, request, row, synced

from byleave.apply import attesting
from byleave.apply.attesting import AttestRequest, write_attestation
from byleave.apply.run import apply_ruleset
from byleave.apply.shard import Unchecked
from byleave.apply.sources import dataset_version
from byleave.consent import Evidence, Regime, Standard, TargetKind, Use
from byleave.datasets import source_digest
from byleave.errors import ByleaveError, ConflictError, FormatError, NotFoundError, VerificationError
from byleave.log import Policy
from byleave.release import SigningKey, open_synced, statements
from byleave.release.attestations import open_attestation
from byleave.release.attested import ATTESTATION_PATH, compare_input, compare_output
from byleave.release.commitments import Commitment, Commitments
from byleave.release.file_lists import REPORT, Compared
from byleave.release.pledges import Pledge
from byleave.release.reported import differs_from_report

TRAINER = SigningKey.from_seed("models.example", bytes(range(1, 33)))
AT = NOW + timedelta(hours=1)


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Apply a list to two files, with a log of three entries beside the lists."""
    folder = tmp_path_factory.mktemp("applied")
    synced(folder, [row(1, TargetKind.HOST, "a.example")])
    links_file(folder / "data" / "one.parquet", ["http://a.example/1", "http://b.example/2", None])
    links_file(folder / "data" / "two.parquet", ["http://b.example/3"])
    write_log(folder / "log", [b"x", b"y", b"z"], KEY)
    apply_ruleset(request(folder, folder / "data"), NOW)
    return folder


@pytest.fixture
def world(applied: Path, tmp_path: Path) -> Path:
    """Give each test a copy of it."""
    shutil.copytree(applied, tmp_path / "world")
    return tmp_path / "world"


def asked(world: Path, **others: Any) -> AttestRequest:
    note = (world / "log" / "checkpoint").read_text("utf-8")
    facts: dict[str, Any] = {
        "output": world / "out",
        "key": TRAINER,
        "notes": (note,),
        "dataset": "many links",
    }
    return AttestRequest(**facts | others)


def signed(world: Path, **others: Any) -> bytes:
    write_attestation(asked(world, **others), AT)
    return (world / "out" / ATTESTATION_PATH).read_bytes()


def test_it_says_what_was_applied_to_what_and_what_came_of_it(world: Path) -> None:
    said = open_attestation(signed(world), [TRAINER.verifier]).said
    assert (said.organisation, said.dataset, said.number) == ("models.example", "many links", 1)
    assert (said.regime, said.uses, said.mode) == (Regime.OPT_OUT, (Use.TRAIN_GEN,), "filter")
    assert dict(said.rows) == {"input": 4, "kept": 2, "removed": 2}
    assert (said.applied_at, said.made_at) == (NOW, AT)
    assert [file.name for file in said.inputs] == ["one.parquet", "two.parquet"]
    assert {file.name for file in said.outputs} == {
        "one.parquet",
        "two.parquet",
        "_byleave/removed.parquet",
        "_byleave/report.json",
        "_byleave/report.html",
        "_byleave.json",
        ".huggingface.yaml",
    }
    assert said.applied.check_log(Policy.of_keys([KEY.verifier])).checkpoint.size == 3
    assert any("not shown by it" in limit for limit in said.limits)
    assert "hosts" not in said.found


def test_other_code_reads_the_same(world: Path) -> None:
    envelope = signed(world)
    said = foreign_verifier.statement(envelope, str(TRAINER.verifier))
    assert said["predicateType"] == "https://byleave.example/statement/applied/v1"
    assert foreign_verifier.subjects_are(said, world / "out")
    predicate = said["predicate"]
    note = predicate["registry"]["checkpoint"]["note"]
    origin, size, root = foreign_verifier.checkpoint(note, str(KEY.verifier))
    stated = predicate["registry"]["checkpoint"]
    assert (stated["origin"], stated["size"], stated["root"]) == (origin, size, root.hex())
    report = json.loads((world / "out" / "_byleave" / "report.json").read_bytes())
    assert predicate["registry"]["manifest_sha256"] == report["release"]["manifest_sha256"]
    assert predicate["rows"] == {name: report["rows"][name] for name in ("input", "kept", "removed")}
    opened = open_attestation(envelope, [TRAINER.verifier])
    assert opened.sha256.hex() == foreign_verifier.payload_sha256(envelope)


@pytest.mark.parametrize("touched", ["one.parquet", "_byleave/report.json", "_byleave/removed.parquet"])
def test_a_file_that_was_touched_is_told(world: Path, touched: str) -> None:
    said = open_attestation(signed(world), [TRAINER.verifier]).said
    assert compare_output(said, world / "out").same
    (world / "out" / touched).write_bytes(b"something else")
    assert compare_output(said, world / "out").different == (touched,)


def test_a_file_that_went_or_came_is_told(world: Path) -> None:
    said = open_attestation(signed(world), [TRAINER.verifier]).said
    (world / "out" / "one.parquet").rename(world / "out" / "three.parquet")
    compared = compare_output(said, world / "out")
    assert (compared.missing, compared.unnamed) == (("one.parquet",), ("three.parquet",))


def test_a_link_is_not_the_file_it_leads_to(world: Path) -> None:
    said = open_attestation(signed(world), [TRAINER.verifier]).said
    path = world / "out" / "one.parquet"
    path.rename(world / "elsewhere.parquet")
    path.symlink_to(world / "elsewhere.parquet")
    assert compare_output(said, world / "out").missing == ("one.parquet",)


def test_the_input_is_held_to_what_it_was(world: Path) -> None:
    said = open_attestation(signed(world), [TRAINER.verifier]).said
    assert compare_input(said, world / "data", output=world / "out").same
    links_file(world / "data" / "two.parquet", ["http://c.example/3"])
    assert compare_input(said, world / "data", output=world / "out").different == ("two.parquet",)


def test_a_file_that_came_into_the_input_later_is_told(world: Path) -> None:
    said = open_attestation(signed(world), [TRAINER.verifier]).said
    links_file(world / "data" / "more" / "three.parquet", ["http://c.example/3"])
    (world / "data" / "linked").symlink_to(world / "out")
    compared = compare_input(said, world / "data", output=world / "out")
    assert compared == Compared(unnamed=("linked", "more/three.parquet"))


def test_what_a_run_passes_over_in_the_input_is_no_fault(world: Path) -> None:
    (world / "data" / "README.md").write_text("a card")
    apply_ruleset(request(world, world / "data", output=world / "again"), NOW)
    write_attestation(asked(world, output=world / "again"), AT)
    content = (world / "again" / ATTESTATION_PATH).read_bytes()
    said = open_attestation(content, [TRAINER.verifier]).said
    (world / "data" / ".cache").mkdir()
    for name in (".cache/three.parquet", ".gitattributes", "_byleave.json"):
        (world / "data" / name).write_text("beside the data")
    assert compare_input(said, world / "data", output=world / "again").same
    (world / "again" / "_byleave" / "report.json").write_text("{}")
    with pytest.raises(VerificationError, match="not the one that was named"):
        compare_input(said, world / "data", output=world / "again")


def test_an_input_of_one_file_is_that_file(world: Path) -> None:
    alone = world / "data" / "one.parquet"
    apply_ruleset(request(world, alone, output=world / "alone"), NOW)
    write_attestation(asked(world, output=world / "alone"), AT)
    content = (world / "alone" / ATTESTATION_PATH).read_bytes()
    said = open_attestation(content, [TRAINER.verifier]).said
    assert compare_input(said, alone, output=world / "alone").same
    other = compare_input(said, world / "data" / "two.parquet", output=world / "alone")
    assert other.unnamed == ("two.parquet",)
    assert compare_input(said, world / "data", output=world / "alone").unnamed == ("two.parquet",)


def test_very_many_files_are_named_by_a_list(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attesting, "MOST_FILES", 1)
    said = open_attestation(signed(world), [TRAINER.verifier]).said
    assert [file.name for file in said.outputs] == ["_byleave.json"]
    assert [file.name for file in said.inputs] == ["_byleave/report.json"]
    assert compare_output(said, world / "out").same
    assert compare_input(said, world / "data", output=world / "out").same
    (world / "out" / "two.parquet").unlink()
    assert compare_output(said, world / "out").missing == ("two.parquet",)
    (world / "out" / "_byleave.json").write_text("{}")
    with pytest.raises(VerificationError, match="not the one that was named"):
        compare_output(said, world / "out")


def test_a_coverage_is_named_by_its_manifest(tmp_path: Path) -> None:
    release = open_synced(synced(tmp_path, [row(1, TargetKind.PICTURE, "pdq1:" + "0" * 64)]))
    links = links_file(tmp_path / "links.parquet", ["http://a.example/1"])
    write_log(tmp_path / "log", [b"x"], KEY)
    coverage = coverage_file(
        tmp_path / "coverage",
        release_manifest=release.manifest_digest,
        version=dataset_version([source_digest(links)]),
        checked=["http://a.example/1"],
    )
    ran = request(tmp_path, links, coverage=coverage, unchecked=Unchecked.KEEP)
    report = apply_ruleset(ran, NOW)
    said = open_attestation(signed(tmp_path), [TRAINER.verifier]).said
    assert report.coverage
    assert said.coverage_sha256 == report.coverage.manifest_sha256


def test_commitments_travel_with_it(world: Path) -> None:
    commitments = Commitments(bytes(16), Commitment(bytes(32), 7), Commitment(bytes([1]) * 32, 2))
    said = open_attestation(signed(world, commitments=commitments), [TRAINER.verifier]).said
    assert said.commitments == commitments


def pledge_file(path: Path, key: SigningKey = TRAINER, **others: Any) -> bytes:
    facts: dict[str, Any] = {
        "organisation": "models.example",
        "registry": KEY.verifier.name,
        "dataset": "many links",
        "regime": Regime.OPT_OUT,
        "uses": (Use.TRAIN_GEN,),
        "most_lag_days": 30,
        "made_at": NOW,
    }
    content = statements.sign_statement(Pledge(**facts | others).statement(), key)
    path.write_bytes(content)
    return content


def test_it_names_the_pledge_it_fulfils(world: Path) -> None:
    content = pledge_file(world / "pledge.json")
    said = open_attestation(signed(world, pledge=world / "pledge.json"), [TRAINER.verifier]).said
    assert said.pledge == statements.open_statement(content, [TRAINER.verifier]).sha256


def test_a_pledge_of_another_key_or_dataset_is_none_of_ours(world: Path) -> None:
    pledge_file(world / "pledge.json", KEY)
    with pytest.raises(VerificationError, match="no key that is trusted"):
        signed(world, pledge=world / "pledge.json")
    pledge_file(world / "pledge.json", dataset="few links")
    with pytest.raises(VerificationError, match="few links"):
        signed(world, pledge=world / "pledge.json")


def test_a_log_of_somebody_else_is_refused(world: Path) -> None:
    write_log(world / "other", [b"x"], SigningKey.from_seed("other.example/log", bytes(32)))
    note = (world / "other" / "checkpoint").read_text("utf-8")
    with pytest.raises(VerificationError):
        signed(world, notes=(note,))
    assert not (world / "out" / ATTESTATION_PATH).exists()


def test_what_was_signed_is_not_signed_again(world: Path) -> None:
    first = signed(world)
    with pytest.raises(ConflictError):
        signed(world)
    assert (world / "out" / ATTESTATION_PATH).read_bytes() == first


def test_a_folder_without_a_report_cannot_be_attested(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        write_attestation(AttestRequest(tmp_path, TRAINER, ()), AT)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"format": "byleave/report/1"}', b"[" * 9999])
def test_a_report_that_cannot_be_read_gives_no_attestation(world: Path, content: bytes) -> None:
    (world / "out" / REPORT).write_bytes(content)
    name_anew(world / "out")
    with pytest.raises(FormatError):
        signed(world)


def test_a_report_that_was_edited_is_not_signed(world: Path) -> None:
    report = world / "out" / REPORT
    report.write_bytes(report.read_bytes().replace(b'"removed": 2', b'"removed": 0'))
    with pytest.raises(VerificationError, match="not the report that the run wrote"):
        signed(world)
    assert not (world / "out" / ATTESTATION_PATH).exists()


def test_numbers_that_do_not_add_up_are_not_signed(world: Path) -> None:
    report = world / "out" / REPORT
    report.write_bytes(report.read_bytes().replace(b'"removed": 2', b'"removed": 0'))
    name_anew(world / "out")
    with pytest.raises(FormatError, match="rows kept and removed are not those of the input"):
        signed(world)
    assert not (world / "out" / ATTESTATION_PATH).exists()


TOUCHED: dict[str, Callable[[Path], object]] = {
    "1 not named: three.parquet": lambda out: (out / "three.parquet").write_bytes(b"slipped in"),
    "1 not there: one.parquet": lambda out: (out / "one.parquet").unlink(),
    "1 not there: _byleave/report.html": lambda out: (out / "_byleave" / "report.html").unlink(),
    "1 not the file that was named: one.parquet": lambda out: (out / "one.parquet").write_bytes(b"else"),
}


@pytest.mark.parametrize("told", TOUCHED)
def test_an_output_that_was_touched_is_not_signed(world: Path, told: str) -> None:
    TOUCHED[told](world / "out")
    with pytest.raises(VerificationError, match=f"is not as the run left it: {told}"):
        signed(world)
    assert not (world / "out" / ATTESTATION_PATH).exists()


def test_an_output_of_which_only_the_note_and_the_report_were_copied_is_signed(world: Path) -> None:
    for name in ("one.parquet", "two.parquet", ".huggingface.yaml"):
        (world / "out" / name).unlink()
    assert open_attestation(signed(world), [TRAINER.verifier]).said.rows["kept"] == 2


LIES: dict[str, dict[str, Any]] = {
    "rows": {"rows": {"input": 9, "kept": 7, "removed": 2}},
    "request": {"uses": (Use.TRAIN_GEN, Use.TDM)},
    "applied_at": {"applied_at": AT},
    "tool": {"byleave": "another"},
    "input": {"inputs": (statements.FileDigest("one.parquet", bytes(32)),)},
    "minimum_evidence": {"minimum": Standard(deny=Evidence.E3)},
    "causes": {"found": {"causes": []}},
}


@pytest.mark.parametrize("name", LIES)
def test_an_attestation_that_says_something_else_than_its_report_is_told(world: Path, name: str) -> None:
    said = write_attestation(asked(world), AT)
    assert differs_from_report(said, world / "out") == ()
    lie: dict[str, Any] = {
        key: {**said.found, **value} if key == "found" else value for key, value in LIES[name].items()
    }
    assert differs_from_report(replace(said, **lie), world / "out") == (name,)


def test_another_list_than_the_report_names_is_told(world: Path) -> None:
    said = write_attestation(asked(world), AT)
    which = replace(said.applied.which, published_at=AT)
    lie = replace(said, applied=replace(said.applied, which=which))
    assert differs_from_report(lie, world / "out") == ("registry",)
    nothing = replace(said, outputs=said.outputs[:1])
    with pytest.raises(FormatError):
        differs_from_report(replace(nothing, outputs=(said.outputs[-1],)), world / "out")


def test_numbers_that_cannot_be_right_are_refused(world: Path) -> None:
    made = write_attestation(asked(world), AT)
    for wrong in (
        replace(made, rows={"input": 4, "kept": 4, "removed": 2}),
        replace(made, uses=()),
        replace(made, inputs=()),
        replace(made, organisation=""),
    ):
        envelope = statements.sign_statement(wrong.statement(), TRAINER)
        with pytest.raises(ByleaveError):
            open_attestation(envelope, [TRAINER.verifier])
