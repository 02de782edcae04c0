"""Which targets of a list have an entry kept: bound beside the entries, proven for every kind, and held to the entries by the draw."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import foreign_verifier
from tests.unit.apply.test_auditing import Trainer, audit, draw, prove, speaks_of
from tests.unit.apply.worlds import (
    NOW,
    absences,
    coverage_file,
    kept_rows,
    links_file,
    name_anew,
    request,
    row,
    synced,
)

from byleave.apply.binding import COVERING, FACTS
from byleave.apply.committing import commit_entries
from byleave.apply.item_rows import rows_of
from byleave.apply.opening import Bound, bind_items, bind_output
from byleave.apply.proving import Proven
from byleave.apply.run import apply_ruleset, open_ruleset
from byleave.apply.shard import Unchecked
from byleave.apply.sources import dataset_version
from byleave.consent import Preference, Standard, TargetKind
from byleave.datasets import source_digest
from byleave.errors import InputError, VerificationError
from byleave.release import open_synced
from byleave.release.absences import Absences
from byleave.release.attested import ATTESTATION_PATH
from byleave.release.commitments import Commitments
from byleave.release.openings import Openings
from byleave.release.sources import open_source
from byleave.urls import canonical_prefix, domain_digest, host_digest, picture_digest, prefix_digest

REFUSED_FILE, KEPT_FILE, OTHER_FILE = bytes([1]) * 32, bytes([2]) * 32, bytes([3]) * 32
CLAIMED = (
    row(1, TargetKind.HOST, "refused.example"),
    row(2, TargetKind.DOMAIN, "allowed.example", Preference.ALLOW),
    row(3, TargetKind.PREFIX, "http://paths.example/no/"),
    row(4, TargetKind.PREFIX, "http://paths.example/yes/", Preference.ALLOW),
    row(5, TargetKind.DIGEST, REFUSED_FILE),
    row(6, TargetKind.DIGEST, KEPT_FILE, Preference.ALLOW),
)
LINKS = [
    ("http://other.example/0", OTHER_FILE),
    ("http://refused.example/1", OTHER_FILE),
    ("http://www.allowed.example/2", OTHER_FILE),
    ("http://paths.example/no/3", OTHER_FILE),
    ("http://paths.example/yes/4", OTHER_FILE),
    ("http://other.example/5", REFUSED_FILE),
    ("http://other.example/6", KEPT_FILE),
    ("http://allowed.example/7", OTHER_FILE),
]
NOTHING = {
    (TargetKind.HOST, host_digest("refused.example")),
    (TargetKind.PREFIX, prefix_digest(canonical_prefix("http://paths.example/no/"))),
    (TargetKind.DIGEST, REFUSED_FILE),
}
SOMETHING = {
    (TargetKind.DOMAIN, domain_digest("allowed.example")): 1,
    (TargetKind.PREFIX, prefix_digest(canonical_prefix("http://paths.example/yes/"))): 2,
    (TargetKind.DIGEST, KEPT_FILE): 3,
}
"""Each with the row of the output that it covers first."""


class Keeper(Trainer):
    """Somebody whose list names everything but links."""

    def run(self, **asked: Any) -> None:
        synced(self.folder, CLAIMED, number=len(CLAIMED))
        links, digests = zip(*LINKS, strict=True)
        links_file(self.folder / "data" / "0.parquet", links, sha256=digests)
        words = {"unchecked": Unchecked.KEEP} | asked
        apply_ruleset(request(self.folder, self.folder / "data", **words), NOW)


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    keeper = Keeper(tmp_path)
    keeper.run()
    return keeper


def test_of_every_kind_it_is_proven_what_has_an_entry_and_what_has_none(keeper: Keeper) -> None:
    signed = keeper.sign()
    assert prove(keeper, signed) == Proven(len(NOTHING), len(SOMETHING), 0)
    absences = Absences(open_source(str(keeper.folder / "proofs")), signed)
    for target in NOTHING:
        shown = absences.find(*target)
        assert shown is not None
        assert shown.kept is None
    for target, first in SOMETHING.items():
        shown = absences.find(*target)
        assert shown is not None
        assert shown.kept is not None
        assert shown.kept.row == first
    assert absences.find(TargetKind.HOST, host_digest("other.example")) is None
    assert absences.find(TargetKind.PICTURE, picture_digest("pdq1:" + "0" * 64)) is None


def test_a_verifier_that_shares_no_code_reads_them_alike(keeper: Keeper) -> None:
    signed = keeper.sign()
    prove(keeper, signed)
    commitments = signed.said.commitments
    assert commitments is not None
    said = json.loads(json.dumps(commitments.members()))
    for line in (keeper.folder / "proofs" / "all.jsonl").read_bytes().splitlines():
        assert len(line) < 10_000
        item, first = foreign_verifier.absence(line, said, signed.sha256.hex())
        wanted = {digest[:16]: place for (_, digest), place in SOMETHING.items()}
        assert (None if first is None else first[1]) == wanted.get(item)


def test_the_draw_opens_what_covers_its_rows(keeper: Keeper) -> None:
    signed = keeper.sign()
    openings = Openings.parse(keeper.open(signed, draw(signed)).to_bytes())
    assert openings.covering
    assert audit(keeper, signed, openings, output=keeper.out).breaches == ()


def covering_nothing(keeper: Keeper, but: bytes = b"") -> None:
    """Bind no target but one as covering an entry, though the entries are bound as they are."""
    entries = np.fromfile(keeper.bound / COVERING, np.uint64).reshape(-1, 3)
    left = entries[[row.tobytes()[:16] == but[:16] for row in rows_of(entries)]]
    commitments = Commitments.parse(json.loads((keeper.bound / FACTS).read_bytes()))
    assert commitments.covering is not None
    tree = commit_entries([left], commitments.salt, keeper.bound / COVERING)
    lying = replace(commitments, covering=replace(commitments.covering, tree=tree))
    (keeper.bound / FACTS).write_text(json.dumps(lying.members()))


def test_a_tree_that_leaves_out_what_has_an_entry_is_caught_by_the_draw(keeper: Keeper) -> None:
    keeper.sign()
    (keeper.out / "_byleave" / "attestation.dsse.json").unlink()
    covering_nothing(keeper, but=KEPT_FILE)
    signed = keeper.sign_bound()
    assert prove(keeper, signed) == Proven(len(NOTHING) + len(SOMETHING) - 1, 1, 0)
    audited = audit(keeper, signed)
    assert {one.row.link for one in audited.breaches} == {LINKS[2][0], LINKS[4][0], LINKS[7][0]}
    assert {one.reason for one in audited.breaches} == {
        "something on the list covers it, and was bound as covering nothing before it"
    }


def test_leaves_that_are_not_opened_are_missed(keeper: Keeper) -> None:
    signed = keeper.sign()
    openings = replace(keeper.open(signed, draw(signed)), covering=())
    assert len(audit(keeper, signed, openings).breaches) == 4


def test_an_entry_of_a_refused_site_is_caught_however_it_is_bound(keeper: Keeper) -> None:
    links, digests = zip(*LINKS, strict=True)
    links_file(keeper.out / "0.parquet", links, sha256=digests)
    name_anew(keeper.out)
    bind_items(keeper.out, open_ruleset(keeper.ruleset)[1], keeper.bound)
    covering_nothing(keeper)
    signed = keeper.sign_bound(rows={"input": 11, "kept": 8, "removed": 3})
    reasons = [one.reason for one in audit(keeper, signed).breaches if one.row.link == LINKS[1][0]]
    assert len(reasons) == 2, "the list says no to it, and the site was bound as having no entry"


def test_a_proof_from_the_other_tree_is_not_believed(keeper: Keeper) -> None:
    signed = keeper.sign()
    prove(keeper, signed)
    path = keeper.folder / "proofs" / "all.jsonl"
    wrong = [line.replace(b',"tree":"covering"', b"") for line in path.read_bytes().splitlines()]
    path.write_bytes(b"\n".join(wrong) + b"\n")
    absences = Absences(open_source(str(keeper.folder / "proofs")), signed)
    with pytest.raises(VerificationError, match="about something else"):
        absences.find(*next(iter(NOTHING)))


def test_amid_the_run_the_same_is_bound(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    keeper.run(bind=tmp_path / "amid")
    assert kept_rows(keeper.out, "0.parquet") == [0, 2, 4, 6, 7]
    bind_items(keeper.out, open_ruleset(keeper.ruleset)[1], keeper.bound)
    assert (tmp_path / "amid" / COVERING).read_bytes() == (keeper.bound / COVERING).read_bytes()
    assert len((keeper.bound / COVERING).read_bytes()) == 24 * len(SOMETHING)


def test_pictures_are_spoken_of_where_they_were_compared(tmp_path: Path) -> None:
    refused, allowed = "pdq1:" + "0" * 64, "pdq1:" + "f" * 64
    rows = [row(1, TargetKind.PICTURE, refused), row(2, TargetKind.PICTURE, allowed, Preference.ALLOW)]
    release = open_synced(synced(tmp_path, rows))
    urls = [f"http://a.example/{n}" for n in range(4)]
    links = links_file(tmp_path / "links.parquet", urls)
    coverage = coverage_file(
        tmp_path / "coverage",
        release_manifest=release.manifest_digest,
        version=dataset_version([source_digest(links)]),
        checked=urls,
        matches=[
            {"url": urls[1], "claim": 1, "distance": 4},
            {"url": urls[2], "claim": 2, "distance": 4},
        ],
    )
    asked = request(tmp_path, links, coverage=coverage, unchecked=Unchecked.KEEP, bind=tmp_path / "amid")
    apply_ruleset(asked, NOW)
    with pytest.raises(InputError, match="1 coverage files were applied, and 0 are named"):
        bind_output(tmp_path / "out", [tmp_path / "synced"], [], tmp_path / "afterwards")
    bind_output(tmp_path / "out", [tmp_path / "synced"], [coverage], tmp_path / "afterwards")
    for name in ("amid", "afterwards"):
        bound = Bound.open(tmp_path / name)
        tree = bound.tree_for(TargetKind.PICTURE)
        assert tree is not None
        assert len(tree) == 1
        assert next(absences(tree, bytes(32), [picture_digest(allowed)[:16]])).has_item
        assert not next(absences(tree, bytes(32), [picture_digest(refused)[:16]])).has_item


def test_what_earlier_versions_bound_still_holds(keeper: Keeper) -> None:
    keeper.sign()
    facts = json.loads((keeper.bound / FACTS).read_bytes())
    del facts["covering"]
    (keeper.bound / FACTS).write_text(json.dumps(facts))
    (keeper.out / "_byleave" / "attestation.dsse.json").unlink()
    signed = keeper.sign_bound()
    assert audit(keeper, signed).breaches == ()
    assert prove(keeper, signed) == Proven(0, 0, 6)


def test_of_pictures_nothing_is_said_where_a_coverage_did_not_compare_an_entry_kept(tmp_path: Path) -> None:
    hidden = "pdq1:" + "0" * 64
    release = open_synced(synced(tmp_path, [row(1, TargetKind.PICTURE, hidden)]))
    urls = [f"http://a.example/{n}" for n in range(4)]
    links = links_file(tmp_path / "links.parquet", urls)
    facts: dict[str, Any] = {
        "release_manifest": release.manifest_digest,
        "version": dataset_version([source_digest(links)]),
    }
    for name, checked in (("all", urls), ("but one", urls[1:])):
        coverage = coverage_file(tmp_path / f"{name}.coverage", checked=checked, **facts)
        for unchecked, speaks in ((Unchecked.KEEP, name == "all"), (Unchecked.DROP, True)):
            folder = tmp_path / f"{name} {unchecked}"
            asked = request(tmp_path, links, output=folder / "out", coverage=coverage, unchecked=unchecked)
            apply_ruleset(replace(asked, bind=folder / "amid"), NOW)
            bind_output(folder / "out", [tmp_path / "synced"], [coverage], folder / "afterwards")
            for bound in (Bound.open(folder / "amid"), Bound.open(folder / "afterwards")):
                covering = bound.commitments.covering
                assert covering is not None
                assert (TargetKind.PICTURE in covering.kinds) is speaks
                assert (TargetKind.DIGEST in covering.kinds) is speaks
                assert not speaks or speaks_of(bound, TargetKind.PICTURE, picture_digest(hidden)[:16])


class Freezing(Trainer):
    """Somebody who leaves out what was said after a cut-off, and says so."""

    def run(self) -> None:
        rows = [
            row(1, TargetKind.HOST, "early.example"),
            row(2, TargetKind.HOST, "late.example", effective_at=NOW - timedelta(hours=1)),
        ]
        synced(self.folder, rows, number=len(rows))
        links_file(
            self.folder / "data" / "0.parquet", [f"http://{one}.example/" for one in ("early", "late", "b")]
        )
        frozen = Standard(as_of=NOW - timedelta(hours=2))
        apply_ruleset(request(self.folder, self.folder / "data", standard=frozen), NOW)


def test_whoever_says_up_to_when_claims_counted_is_held_to_that(tmp_path: Path) -> None:
    trainer = Freezing(tmp_path)
    trainer.run()
    signed = trainer.sign()
    audited = audit(trainer, signed)
    assert (audited.opened, audited.breaches) == (2, ())
    (trainer.out / ATTESTATION_PATH).unlink()
    silent = trainer.sign_bound(request={**signed.said.request, "as_of": None})
    assert [one.row.link for one in audit(trainer, silent).breaches] == ["http://late.example/"]
