"""The union of registries decides as if all parties of all of them had spoken in one, and nobody for anybody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.apply.test_kernel import covering, dataset_rows, faults_of, release_rows
from tests.unit.apply.worlds import NOW, row, ruleset_of

from byleave.apply.judging import Terms
from byleave.apply.listing import Listing, Taken
from byleave.apply.matching import Matched, Matcher
from byleave.apply.merging import merge_rulesets
from byleave.apply.naming import ClaimName
from byleave.apply.ruleset import KINDS, Ruleset, load_ruleset
from byleave.apply.sections import write_sections
from byleave.apply.tally import Tally
from byleave.apply.verdicts import Verdicts, kept
from byleave.consent import CauseKind, Preference, Regime, Statement, TargetKind, Use, decide
from byleave.release.rows import Row

DENY, ALLOW = Preference.DENY, Preference.ALLOW
TERMS = Terms((Use.TRAIN_GEN, Use.TDM), NOW, with_pending=False)
LINKS = ("http://b.example/a", "http://c.b.example/", "http://nobody.example/")


def union_of(parts: Sequence[Sequence[Row]], folder: Path) -> Ruleset:
    """Compile the rows of several registries, called ``a.example``, ``b.example`` and so on, into their union."""
    rulesets = []
    for place, rows in enumerate(parts):
        (folder / str(place)).mkdir()
        rulesets.append(ruleset_of(rows, folder / str(place)))
    origins = "\n".join(f"{chr(97 + place)}.example" for place in range(len(parts)))
    facts: dict[str, str | int] = {"number": 0, "manifest_sha256": "00", "origins": origins}
    write_sections(folder / "union.bin", facts, merge_rulesets(rulesets))
    return load_ruleset(folder / "union.bin", 0, b"\0")


def statements_of(parts: Sequence[Sequence[Row]]) -> list[Statement]:
    """Return all statements, with the registry's place in front of the ids of parties and claims."""
    return [
        replace(
            one.statement,
            claim=bytes([place]) + one.statement.claim,
            claimant=bytes([place]) + one.statement.claimant,
        )
        for place, rows in enumerate(parts)
        for one in rows
    ]


def matched(ruleset: Ruleset, links: Sequence[str | None], digests: Sequence[str | None]) -> Matched:
    one, other = (pa.array(column, pa.string()) for column in (links, digests))
    return Matcher(ruleset, None).match(one, other, len(links))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(release_rows(), min_size=2, max_size=3), dataset_rows)
def test_a_row_is_decided_as_by_all_statements_of_all_parties(
    parts: list[list[Row]], dataset: list[tuple[str | None, str | None]]
) -> None:
    with TemporaryDirectory() as folder:
        union = union_of(parts, Path(folder))
        found = matched(union, [raw for raw, _ in dataset], [digest for _, digest in dataset])
        verdicts = Verdicts(union, None, TERMS)
        answers = verdicts.answers(found.rows, found.targets, len(dataset))
        stays = kept(answers, found.bad_link | found.bad_digest, Regime.OPT_OUT)
        taken = Taken(found, np.flatnonzero(~stays), np.zeros(int((~stays).sum()), bool))
        listed = Listing(union, None, verdicts, Regime.OPT_OUT).batch(taken, "f", 0, Tally())
        expected = []
        for place, (raw, digest) in enumerate(dataset):
            said = covering(statements_of(parts), raw, digest)
            told = decide(said, uses=TERMS.uses, regime=Regime.OPT_OUT, at=NOW, faults=faults_of(raw, digest))
            assert stays[place] == told.keep
            if not told.keep:
                expected.append({(c.kind.value, c.reference, c.use) for c in told.causes})
        assert [
            {(c["kind"], _reference(c, union), Use(c["use"]) if c["use"] else None) for c in causes}
            for causes in listed.column("causes").to_pylist()
        ] == expected


def _reference(cause: dict[str, str], union: Ruleset) -> str:
    """Return a cause's reference with the place of its registry in front, as the statements of this test have it."""
    if cause["kind"] != CauseKind.CLAIM:
        return cause["reference"]
    return f"{union.origins.index(cause['origin']):02x}{cause['reference']}"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(release_rows(), release_rows())
def test_a_further_registry_never_turns_a_drop_into_a_keep_where_silence_stays(
    one: list[Row], other: list[Row]
) -> None:
    with TemporaryDirectory() as folder:
        union = union_of([one, other], Path(folder))
        stays = []
        for ruleset in (union, ruleset_of(one, Path(folder))):
            found = matched(ruleset, LINKS, [None] * len(LINKS))
            answers = Verdicts(ruleset, None, TERMS).answers(found.rows, found.targets, len(LINKS))
            stays.append(kept(answers, found.bad_link, Regime.OPT_OUT))
        assert (stays[0] <= stays[1]).all()


def test_a_yes_in_one_registry_lifts_no_no_of_another_though_names_and_numbers_are_alike(
    tmp_path: Path,
) -> None:
    no = row(1, TargetKind.HOST, "b.example", DENY, claimant=7)
    yes = row(2, TargetKind.HOST, "b.example", ALLOW, claimant=7)
    union = union_of([[no], [yes]], tmp_path)
    found = matched(union, LINKS[:1], [None])
    assert Verdicts(union, None, TERMS).answers(found.rows, found.targets, 1).tolist() == [[DENY, DENY]]
    (tmp_path / "alone").mkdir()
    alone = ruleset_of([no, yes], tmp_path / "alone")
    found = matched(alone, LINKS[:1], [None])
    assert Verdicts(alone, None, TERMS).answers(found.rows, found.targets, 1).tolist() == [[ALLOW, ALLOW]]


def test_claims_of_one_id_in_two_registries_stay_two_claims_with_one_name_each(tmp_path: Path) -> None:
    same = row(5, TargetKind.HOST, "b.example")
    union = union_of([[same], [same]], tmp_path)
    found = matched(union, LINKS[:1], [None])
    tally = Tally()
    taken = Taken(found, np.arange(1), np.zeros(1, bool))
    verdicts = Verdicts(union, None, Terms((Use.TDM,), NOW, with_pending=False))
    listed = Listing(union, None, verdicts, Regime.OPT_OUT).batch(taken, "f", 0, tally)
    named = [(cause["reference"], cause["origin"]) for cause in listed.column("causes").to_pylist()[0]]
    claim = (5).to_bytes(16).hex()
    assert named == [(claim, "a.example"), (claim, "b.example")]
    tally.cut_names()
    assert {ClaimName.of_key(key) for key in tally.claims} == {ClaimName(*name) for name in named}


def test_every_target_keeps_its_rows_and_every_picture_its_values(tmp_path: Path) -> None:
    value = "pdq1:" + "0f" * 32
    ticked = row(1, TargetKind.PICTURE, value)
    parts = [
        [ticked, row(2, TargetKind.PREFIX, "http://b.example/a/"), row(3, TargetKind.URL, "http://x.org/")],
        [ticked, row(4, TargetKind.PREFIX, "http://c.example/"), row(5, TargetKind.URL, "http://x.org/")],
    ]
    union = union_of(parts, tmp_path)
    assert np.diff(union.bases).tolist() == [1, 2, 0, 0, 0, 1, 0, 0]
    for kind in (TargetKind.URL, TargetKind.PICTURE):
        (target,) = union.targets_of([kind])
        assert len(union.statements(target)) == 2
        assert union.digest_of(target) == next(
            one.statement.digest for one in parts[0] if one.statement.kind is kind
        )
    assert len(union.prefix_hosts.keys) == 2


def test_the_union_of_nothing_said_covers_nothing(tmp_path: Path) -> None:
    arrays = merge_rulesets([union_of([[], []], tmp_path)])
    assert arrays["bases"].tolist() == [0] * (len(KINDS) + 1)
