"""A gate lets a dataset through only where everything its policy asks for holds, and names each thing that does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.logs import checkpoint_of, signed, signing_key

from byleave.consent import Evidence, Regime, Standard, Use
from byleave.errors import FormatError
from byleave.release.attestations import Attestation, ListApplied, NamedList, open_attestation
from byleave.release.attested import ATTESTATION_PATH, BESIDE_OUTPUT
from byleave.release.file_lists import REPORT, digests_in
from byleave.release.gate import CHECKS, Asking, gate
from byleave.release.gate_policy import GatePolicy
from byleave.release.manifest import ReleaseName
from byleave.release.pledges import Pledge
from byleave.release.statements import FileDigest, open_statement, sign_statement
from byleave.release.terms_said import minimum_members

TRAINER = signing_key("models.example")
REGISTRY = signing_key()
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
POLICY = f"""
keys = ["{TRAINER.verifier}"]
registry_keys = ["{REGISTRY.verifier}"]
regimes = ["opt_out", "opt_in"]
uses = ["train_gen"]
max_age = "30d"
"""


def dataset(folder: Path) -> Path:
    """Make a dataset of one file in ``out``, and in ``source`` the file it was made from."""
    (folder / "out" / "_byleave").mkdir(parents=True)
    (folder / "out" / "links.jsonl").write_text("kept\n")
    (folder / "source").mkdir()
    (folder / "source" / "links.jsonl").write_text("kept\nremoved\n")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return dataset(tmp_path)


def attested(folder: Path, **others: Any) -> Path:
    """Sign the dataset; what is said may be told otherwise."""
    out = folder / "out"
    facts: dict[str, Any] = {
        "organisation": "Models",
        "dataset": "many links",
        "made_at": NOW,
        "applied_at": NOW,
        "byleave": "1",
        "applied": ListApplied(
            NamedList(REGISTRY.verifier.name, ReleaseName(4, bytes(32)), NOW - timedelta(days=29)),
            signed(checkpoint_of(5)),
        ),
        "regime": Regime.OPT_OUT,
        "uses": (Use.TRAIN_GEN, Use.TDM),
        "mode": "filter",
        "minimum": Standard(),
        "request": {"unchecked": None},
        "rows": {"input": 2, "kept": 1, "removed": 1},
        "found": {"coverage": None, "unchecked": {"rows": 0}},
        "inputs": tuple(digests_in(folder / "source")),
        "outputs": (),
        "limits": (),
    }
    facts |= others
    facts["request"] = {**facts["request"], "minimum_evidence": minimum_members(facts["minimum"])}
    said = Attestation(**facts)
    (out / REPORT).write_text(json.dumps(report_of(said)))
    said = replace(said, outputs=tuple(digests_in(out, without=BESIDE_OUTPUT)))
    (out / ATTESTATION_PATH).write_bytes(sign_statement(said.statement(), TRAINER))
    return out


def report_of(said: Attestation) -> dict[str, Any]:
    """Return what a report must say for such an attestation."""
    predicate: dict[str, Any] = dict(said.statement().predicate)
    return {
        **said.found,
        "at": predicate["applied_at"],
        "byleave": said.byleave,
        "input": {
            "files": [{"name": file.name, "sha256": file.sha256.hex()} for file in said.inputs],
            "left_out": [],
        },
        "registries": [predicate["registry"]],
        "request": predicate["request"],
        "rows": dict(said.rows),
    }


def failing(folder: Path, policy: str = POLICY, source: Path | None = None) -> set[str]:
    checks = gate(Asking(folder, GatePolicy.parse(policy.encode()), NOW, source))
    return {check.name for check in checks if not check.holds}


def test_what_was_signed_and_left_as_it_was_passes(folder: Path) -> None:
    out = attested(folder)
    assert failing(out, source=folder / "source") == set()
    checks = gate(Asking(out, GatePolicy.parse(POLICY.encode()), NOW))
    assert [check.name for check in checks] == ["attestation", *CHECKS]
    assert not any("are not named" in check.found or "allowed" in check.found for check in checks)


def test_without_an_attestation_nothing_passes(folder: Path) -> None:
    assert failing(folder / "out") == {"attestation"}
    assert failing(folder / "nowhere") == {"attestation"}
    (check,) = gate(Asking(folder / "out", GatePolicy.parse(POLICY.encode()), NOW))
    assert check.found.endswith("does not exist; sign it with `byleave attest sign`")


@pytest.mark.parametrize("content", [b"", b"{}", b"nothing", b'{"payload": '])
def test_an_attestation_that_cannot_be_read_fails(folder: Path, content: bytes) -> None:
    out = attested(folder)
    (out / ATTESTATION_PATH).write_bytes(content)
    assert failing(out) == {"attestation"}


def test_a_key_that_is_not_trusted_fails(folder: Path) -> None:
    other = POLICY.replace(str(TRAINER.verifier), str(signing_key("others.example").verifier))
    assert failing(attested(folder), other) == {"attestation"}
    other = POLICY.replace(str(REGISTRY.verifier), str(signing_key(seed="other").verifier))
    assert failing(attested(folder), other) == {"log"}


def test_files_that_differ_fail(folder: Path) -> None:
    out = attested(folder)
    (out / "links.jsonl").write_text("kept\nslipped in\n")
    (folder / "source" / "links.jsonl").write_text("another\n")
    assert failing(out, source=folder / "source") == {"output", "source"}


def test_what_the_report_does_not_say_fails(folder: Path) -> None:
    out = attested(folder)
    report = json.loads((out / REPORT).read_bytes())
    (out / REPORT).write_text(json.dumps(report | {"rows": {"input": 3, "kept": 1, "removed": 2}}))
    said = open_attestation((out / ATTESTATION_PATH).read_bytes(), [TRAINER.verifier]).said
    lie = replace(said, outputs=tuple(digests_in(out, without=BESIDE_OUTPUT)))
    (out / ATTESTATION_PATH).write_bytes(sign_statement(lie.statement(), TRAINER))
    assert failing(out) == {"report"}
    (out / REPORT).unlink()
    assert failing(out) == {"output", "report"}


def test_a_file_that_nobody_named_fails(folder: Path) -> None:
    out = attested(folder)
    (out / "more.jsonl").write_text("slipped in\n")
    assert failing(out) == {"output"}


SAYS: list[tuple[str, dict[str, Any]]] = [
    ("regime", {"regime": Regime.RESEARCH}),
    ("uses", {"uses": (Use.TDM,)}),
    ("evidence", {"minimum": Standard(deny=Evidence.E1)}),
    ("unchecked", {"found": {"unchecked": {"rows": 1}}, "request": {"unchecked": "keep"}}),
    ("unchecked", {"found": {}}),
    ("coverage", {}),
    ("pledge", {}),
    ("dataset", {"dataset": "few links"}),
]
STRICT = (
    POLICY
    + 'minimum_evidence = {deny = "E0", allow = "E2"}\ncoverage = true\npledge = true\ndatasets = ["many links"]\n'
)
FINE: dict[str, Any] = {
    "found": {"coverage": {"manifest_sha256": "00" * 32}, "unchecked": {"rows": 0}},
    "pledge": bytes(32),
}


@pytest.mark.parametrize(
    ("name", "said"), SAYS, ids=[f"{place}-{name}" for place, (name, _) in enumerate(SAYS)]
)
def test_each_thing_that_is_not_as_asked_fails_by_its_name(
    folder: Path, name: str, said: dict[str, Any]
) -> None:
    fine = {key: value for key, value in FINE.items() if key != ("pledge" if name == "pledge" else "")}
    if name == "coverage":
        fine["found"] = {"coverage": None, "unchecked": {"rows": 0}}
    assert name in failing(attested(folder, **fine | said), STRICT)
    assert failing(attested(folder, **FINE), STRICT) == set()


TOLD = {
    "regime": "research; opt_out or opt_in is asked for",
    "uses": "applied for tdm, not for train_gen",
    "evidence": "deny from E1, conditional from E0, allow from E2; at most deny from E0",
    "unchecked": "1 rows stayed that could not be checked; at most 0 are allowed",
    "coverage": "no coverage and no fingerprints were used; one of them is asked for",
    "pledge": "no pledge is named; one is asked for",
    "dataset": "few links; many links is asked for",
    "mode": "mask; filter is asked for",
    "source": "the files it was made from were not looked at; name them with --input",
}


def test_what_fails_is_told_with_what_was_asked_for(folder: Path) -> None:
    said: dict[str, Any] = {"mode": "mask"}
    for _, one in SAYS:
        said |= one
    said["found"] = {"coverage": None, "unchecked": {"rows": 1}}
    checks = gate(Asking(attested(folder, **said), GatePolicy.parse(STRICT.encode()), NOW))
    failed = {check.name: check.found for check in checks if not check.holds}
    assert failed.keys() == TOLD.keys()
    assert [name for name in TOLD if not failed[name].startswith(TOLD[name])] == []


@pytest.mark.parametrize(
    ("seen", "fails"),
    [
        ({"fingerprinted": 3}, set()),
        ({"fingerprinted": 0}, {"coverage"}),
        ({}, {"coverage"}),
        ("3", {"coverage"}),
    ],
)
def test_pictures_are_compared_by_fingerprints_as_well(folder: Path, seen: Any, fails: set[str]) -> None:
    said = FINE | {"found": {"coverage": None, "fingerprints": seen, "unchecked": {"rows": 0}}}
    assert failing(attested(folder, **said), STRICT) == fails


def test_rows_that_were_dropped_unchecked_do_not_count(folder: Path) -> None:
    said: dict[str, Any] = {"found": {"unchecked": {"rows": 9}}, "request": {"unchecked": "drop"}}
    assert failing(attested(folder, **said)) == set()
    said["request"] = {"unchecked": "keep"}
    assert failing(attested(folder, **said, regime=Regime.OPT_IN)) == set()


def test_an_old_list_fails_and_so_does_an_old_cut_off(folder: Path) -> None:
    assert failing(attested(folder), POLICY.replace("30d", "28d")) == {"age"}
    frozen = (NOW - timedelta(days=31)).isoformat()
    assert failing(attested(folder, request={"as_of": frozen})) == {"age"}
    assert failing(attested(folder, request={"as_of": "some day"})) == {"age"}


@pytest.mark.parametrize("mode", ["mask", "annotate"])
def test_rows_that_were_only_marked_pass_with_what_they_were_marked_in(folder: Path, mode: str) -> None:
    out = attested(folder, mode=mode)
    assert failing(out) == {"mode", "source"}
    allowed = POLICY + f'modes = ["{mode}"]\n'
    assert failing(out, allowed) == {"source"}
    assert failing(out, allowed, folder / "source") == set()


def test_a_pledge_that_is_given_must_be_the_one_named_and_kept(folder: Path) -> None:
    promised = Pledge(
        "Models", REGISTRY.verifier.name, "many links", Regime.OPT_OUT, (Use.TRAIN_GEN,), 30, NOW
    )
    policy = GatePolicy.parse(POLICY.encode())
    for pledge, fails in (
        (promised, set()),
        (replace(promised, most_lag_days=28), {"pledge"}),
        (replace(promised, regime=Regime.OPT_IN), {"pledge"}),
        (replace(promised, files=(FileDigest("other.jsonl", bytes(32)),)), {"pledge"}),
    ):
        content = sign_statement(pledge.statement(), TRAINER)
        (folder / "pledge.json").write_bytes(content)
        sha256 = open_statement(content, [TRAINER.verifier]).sha256
        for named, failed in ((sha256, fails), (bytes(32), {"pledge"}), (None, {"pledge"})):
            asking = Asking(attested(folder, pledge=named), policy, NOW, pledge=folder / "pledge.json")
            assert {check.name for check in gate(asking) if not check.holds} == failed
    others = sign_statement(promised.statement(), REGISTRY)
    (folder / "pledge.json").write_bytes(others)
    sha256 = open_statement(others, [REGISTRY.verifier]).sha256
    asking = Asking(attested(folder, pledge=sha256), policy, NOW, pledge=folder / "pledge.json")
    assert {check.name for check in gate(asking) if not check.holds} == {"pledge"}


def test_a_file_that_came_into_what_was_masked_fails(folder: Path) -> None:
    out = attested(folder, mode="mask")
    (folder / "source" / "more.jsonl").write_text("nobody decided about this\n")
    assert failing(out, POLICY + 'modes = ["mask"]\n', folder / "source") == {"source"}


def test_a_source_that_must_be_at_hand_is_asked_for(folder: Path) -> None:
    assert failing(attested(folder), POLICY + "source = true\n") == {"source"}


BREAKS: list[Callable[[str], str]] = [
    lambda policy: "",
    lambda policy: policy.replace("max_age", "max_aeg"),
    lambda policy: policy + "anything = 1\n",
    lambda policy: policy.replace('"30d"', '"soon"'),
    lambda policy: policy.replace('"opt_out"', '"opt_some"'),
    lambda policy: policy.replace('["train_gen"]', "[]"),
    lambda policy: policy.replace('["train_gen"]', '"train_gen"'),
    lambda policy: policy + "most_unchecked = -1\n",
    lambda policy: policy + 'coverage = "yes"\n',
    lambda policy: policy + 'modes = ["all"]\n',
    lambda policy: policy + 'minimum_evidence = {deny = "E9"}\n',
    lambda policy: policy + 'minimum_evidence = {perhaps = "E1"}\n',
    lambda policy: policy + "= nonsense",
    lambda policy: policy.replace("models.example+", "models.example-"),
]


@pytest.mark.parametrize("broken", BREAKS, ids=[f"policy-{place}" for place in range(len(BREAKS))])
def test_a_policy_that_cannot_be_used_is_refused_whole(broken: Callable[[str], str]) -> None:
    with pytest.raises(FormatError):
        GatePolicy.parse(broken(POLICY).encode())


SPOKEN: list[tuple[str, str, str]] = [
    ('"30d"', "30", 'max_age is a span of time in quotes, such as "30d"'),
    ('"30d"', '"soon"', 'max_age is a span of time in quotes, such as "30d"'),
    ('"train_gen"', '"nope"', "uses holds 'nope'; it may hold train_gen, train_other, tdm"),
    ('"opt_out"', '"opt_some"', "regimes holds 'opt_some'; it may hold"),
    (
        "keys =",
        "minimum_evidence = 3\nkeys =",
        'minimum_evidence is a table such as {deny = "E0", allow = "E2"}',
    ),
    ("keys =", "= 3\nkeys =", "it is not TOML, or says something twice, at line "),
    ("keys =", "regimes = []\nkeys =", "it is not TOML, or says something twice, at line "),
]


@pytest.mark.parametrize(("was", "becomes", "said"), SPOKEN)
def test_what_is_wrong_with_a_policy_is_told_in_plain_words(was: str, becomes: str, said: str) -> None:
    with pytest.raises(FormatError) as told:
        GatePolicy.parse(POLICY.replace(was, becomes, 1).encode(), "gate.toml")
    assert told.value.problem.startswith(f"gate.toml cannot be used: {said}")
    assert "docs/reference/attestation.md" in told.value.remedy


def test_a_policy_says_what_may_stay_unchecked() -> None:
    assert GatePolicy.parse(POLICY.encode()).most_unchecked == 0
    assert GatePolicy.parse((POLICY + "most_unchecked = 7\n").encode()).most_unchecked == 7
    assert GatePolicy.parse((POLICY + 'most_unchecked = "any"\n').encode()).most_unchecked is None
    assert replace(GatePolicy.parse(POLICY.encode()), coverage=True).coverage
