"""What rows state besides their links is bound with them: nothing else can be opened once the draw is known."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests import foreign_verifier
from tests.unit.apply.pictured import LIMITS, claimed, tar_shard
from tests.unit.apply.test_auditing import TRAINER, WITNESS, Trainer, audit, draw, receipt_of
from tests.unit.apply.test_bound_fingerprints import (
    OTHER,
    UNLIKE,
    Holder,
    cells,
    pairs,
    reasons,
    tars_alone,
    with_failures,
)
from tests.unit.apply.worlds import KEY, NOW, links_file, name_anew, request, row, synced
from typer.testing import CliRunner

from byleave.apply.binding import FACTS, VALUES
from byleave.apply.opening import Bound
from byleave.apply.run import apply_ruleset
from byleave.apply.shard import Unchecked
from byleave.cli.commands import app
from byleave.consent import TargetKind
from byleave.errors import VerificationError
from byleave.fingerprints import PictureFingerprint
from byleave.media.fingerprinting import Fingerprinter
from byleave.release import open_synced
from byleave.release.attestations import Attestation
from byleave.release.attested import ATTESTATION_PATH
from byleave.release.openings import Opened, OpenedPicture, Openings
from byleave.release.statements import Signed
from byleave.storage.outputs import OUTPUT_NOTE

DENIED = hashlib.sha256(b"a file that is refused").digest()
LINKS = [f"http://b.example/{n}" for n in range(40)]


@pytest.fixture(scope="module")
def printer() -> Iterator[Fingerprinter]:
    with Fingerprinter(LIMITS) as one:
        yield one


def said_in(signed: Signed[Attestation]) -> dict[str, Any]:
    assert signed.said.commitments is not None
    members: dict[str, Any] = json.loads(json.dumps(signed.said.commitments.members()))
    return members


@pytest.mark.parametrize("make", [pairs, tars_alone, cells, with_failures])
def test_a_verifier_that_shares_no_code_finds_every_entry_bound(
    make: Callable[[Path], None], tmp_path: Path, printer: Fingerprinter
) -> None:
    def with_links(folder: Path) -> None:
        make(folder)
        links_file(folder / "more.parquet", LINKS)

    holder = Holder(tmp_path)
    holder.run(printer, with_links)
    signed = holder.sign()
    openings = holder.open(signed, draw(signed))
    assert foreign_verifier.stated(openings.to_bytes(), said_in(signed)) == len(openings.rows)
    assert audit(holder, signed, openings).breaches == ()


class Lister(Trainer):
    """Somebody who has a list of links, of which some state what file they lead to, and kept one that is refused."""

    def run(self) -> None:
        digests = [DENIED if n == 20 else bytes([n]) * 32 if n % 4 else None for n in range(40)]
        links_file(self.folder / "data" / "0.parquet", LINKS, sha256=digests)
        links_file(self.folder / "data" / "1.parquet", [f"{link}/more" for link in LINKS])
        synced(self.folder, [row(1, TargetKind.HOST, "a.example")])
        apply_ruleset(request(self.folder, self.folder / "data"), NOW)

    def sign_newer(self, **lies: Any) -> Signed[Attestation]:
        """Sign that a list was applied which refuses a file that stayed."""
        rows = [row(1, TargetKind.HOST, "a.example"), row(2, TargetKind.DIGEST, DENIED)]
        honest = self.sign()
        self.ruleset = synced(self.folder, rows, 2, name="newer")
        self.rulesets = [self.ruleset]
        which = replace(honest.said.applied.which, name=open_synced(self.ruleset).name)
        (self.out / ATTESTATION_PATH).unlink()
        return self.sign_bound(applied=replace(honest.said.applied, which=which), **lies)


@pytest.fixture
def lister(tmp_path: Path) -> Lister:
    lister = Lister(tmp_path)
    lister.run()
    return lister


def changed(openings: Openings, change: Callable[[Opened], Opened]) -> Openings:
    return replace(openings, rows=tuple(map(change, openings.rows)))


class TestHonest:
    """Whoever opens what he bound passes."""

    def test_digests_that_a_list_states_are_opened_as_they_were_bound(self, lister: Lister) -> None:
        signed = lister.sign()
        openings = lister.open(signed, draw(signed))
        assert Openings.parse(openings.to_bytes()) == openings
        assert foreign_verifier.stated(openings.to_bytes(), said_in(signed)) == 80
        audited = audit(lister, signed, openings, output=lister.out)
        assert (audited.breaches, audited.stated, audited.bound) == ((), 31, True)

    def test_some_entries_are_shown_with_those_of_their_leaves_alone(self, lister: Lister) -> None:
        signed = lister.sign()
        openings = lister.open(signed, draw(signed), 3)
        assert sum(len(part.leaves) for part in openings.values) <= 3
        assert audit(lister, signed, openings).breaches == ()

    def test_links_alone_bind_nothing_more(self, tmp_path: Path) -> None:
        trainer = Trainer(tmp_path)
        trainer.run()
        signed = trainer.sign()
        openings = trainer.open(signed, draw(signed))
        assert "values" not in said_in(signed)
        assert b'"values"' not in openings.to_bytes()
        audited = audit(trainer, signed, openings)
        assert (audited.stated, audited.bound) == (0, False)

    def test_a_statement_that_binds_links_alone_is_audited_as_before(self, lister: Lister) -> None:
        lister.sign()
        (lister.bound / FACTS).write_text(json.dumps(without_values(lister)))
        (lister.out / ATTESTATION_PATH).unlink()
        signed = lister.sign_bound()
        openings = lister.open(signed, draw(signed))
        assert openings.values == ()
        audited = audit(lister, signed, openings)
        assert (audited.breaches, audited.stated, audited.bound) == ((), 31, False)
        told = command_tells(lister, signed, openings)
        assert "31 state what file or picture they are, as it was told: it was not bound with them" in told


def command_tells(lister: Lister, signed: Signed[Attestation], openings: Openings) -> str:
    """Return what `byleave audit-attestation` says."""
    drawn, receipt, policy = (lister.folder / name for name in ("drawn.json", "receipt", "policy"))
    drawn.write_bytes(openings.to_bytes())
    receipt.write_text(receipt_of(signed).to_text())
    policy.write_text(f"log {KEY.verifier}\nwitness eyes {WITNESS}\nquorum eyes\n")
    believing = ("--receipt", receipt, "--policy", policy, "--ruleset", lister.ruleset)
    words = ("audit-attestation", lister.out / ATTESTATION_PATH, drawn, *believing, "--key", TRAINER.verifier)
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 0, done.output
    return done.output


def without_values(lister: Lister) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((lister.bound / FACTS).read_bytes())
    del facts["values"]
    return facts


class TestCaught:
    """Lies about what rows state that the draw alone shows."""

    def test_a_refused_file_was_kept(self, lister: Lister) -> None:
        assert reasons_of(lister, lambda one: one) == {"the list says no to it"}

    def test_it_is_opened_with_another_digest(self, lister: Lister) -> None:
        assert reasons_of(lister, lambda one: replace(one, digest=harmless(one))) == {UNLIKE}

    def test_it_is_opened_without_its_digest(self, lister: Lister) -> None:
        assert reasons_of(lister, lambda one: replace(one, digest=None)) == {UNLIKE}

    def test_a_picture_is_put_beside_it_that_nobody_bound(self, lister: Lister) -> None:
        value = claimed(OTHER).variants[0]
        picture = OpenedPicture(None, PictureFingerprint(value, value, 90), None)
        told = reasons_of(lister, lambda one: replace(one, picture=picture))
        assert told == {"the list says no to it", UNLIKE}

    def test_what_two_rows_state_is_exchanged(self, lister: Lister) -> None:
        signed = lister.sign_newer()
        openings = lister.open(signed, draw(signed))
        digests = {one.place: one.digest for one in openings.rows}
        denied = next(place for place, digest in digests.items() if digest == DENIED)
        other = next(place for place, digest in digests.items() if digest not in {DENIED, None})
        swap = {denied: digests[other], other: DENIED}
        lying = changed(openings, lambda one: replace(one, digest=swap.get(one.place, one.digest)))
        told = audit(lister, signed, lying).breaches
        assert sorted(one.row.place for one in told if one.reason == UNLIKE) == sorted(swap)

    def test_their_entries_are_exchanged_as_well(self, lister: Lister) -> None:
        signed = lister.sign_newer()
        openings = lister.open(signed, draw(signed))
        part = next(one for one in openings.values if one.leaves)
        leaf = part.leaves[0]
        turned = replace(leaf, entries=leaf.entries[::-1])
        lying = replace(part, leaves=(turned, *part.leaves[1:]))
        with pytest.raises(VerificationError, match="not stand in the tree that the attestation names"):
            audit(lister, signed, replace(openings, values=(lying, *openings.values[1:])))

    def test_it_is_not_shown_what_was_bound(self, lister: Lister) -> None:
        signed = lister.sign_newer()
        openings = lister.open(signed, draw(signed))
        first, *others = openings.values
        for shown in ((), tuple(others), (replace(first, leaves=first.leaves[1:]), *others)):
            with pytest.raises(VerificationError, match="is not shown as bound"):
                audit(lister, signed, replace(openings, values=shown))

    def test_a_picture_is_opened_for_another_reason(self, tmp_path: Path, printer: Fingerprinter) -> None:
        holder = Holder(tmp_path)
        holder.run(printer, with_failures)
        signed = holder.sign()
        openings = holder.open(signed, draw(signed))

        def lying(one: Opened) -> Opened:
            assert one.picture is not None
            picture = replace(one.picture, reason="too_small" if one.picture.reason else None)
            return replace(one, picture=picture)

        assert reasons(holder, signed, changed(openings, lying)) == {UNLIKE}


def harmless(one: Opened) -> bytes | None:
    return bytes(32) if one.digest == DENIED else one.digest


def reasons_of(lister: Lister, change: Callable[[Opened], Opened]) -> set[str]:
    """Sign that the newer list was applied, open every row as it suits, and return what the audit says."""
    signed = lister.sign_newer()
    openings = lister.open(signed, draw(signed))
    return {one.reason for one in audit(lister, signed, changed(openings, change)).breaches}


class TestNotCaught:
    """What the draw alone cannot show, as the documentation says."""

    def test_another_digest_was_bound_than_the_output_states_and_nobody_has_it(self, lister: Lister) -> None:
        false, true = lister.out, lister.folder / "true"
        shutil.copytree(false, true)
        table = pq.read_table(false / "0.parquet")
        digests = [bytes(32) if one == DENIED else one for one in table["sha256"].to_pylist()]
        links_file(false / "0.parquet", table["URL"].to_pylist(), sha256=digests)
        name_anew(false)
        (true / OUTPUT_NOTE).unlink()
        signed = lister.sign_newer()
        openings = lister.open(signed, draw(signed))
        assert audit(lister, signed, openings).breaches == ()
        (told,) = audit(lister, signed, openings, output=true).breaches
        assert (told.row.digest, told.reason) == (bytes(32), "the output holds another row there")


class TestRefusals:
    """What is opened is what was bound, or nothing is."""

    def test_an_output_that_states_something_else_by_now_is_not_opened(self, lister: Lister) -> None:
        signed = lister.sign()
        table = pq.read_table(lister.out / "0.parquet")
        digests = table.column("sha256").to_pylist()[::-1]
        links_file(lister.out / "0.parquet", table.column("URL").to_pylist(), sha256=digests)
        with pytest.raises(VerificationError, match="states something else than was bound"):
            lister.open(signed, draw(signed))

    @pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_bytes(bytes(80))])
    def test_roots_that_changed_or_are_gone_are_not_believed(
        self, lister: Lister, change: Callable[[Path], object]
    ) -> None:
        lister.sign()
        change(lister.bound / VALUES)
        with pytest.raises(VerificationError, match="is not what was bound"):
            Bound.open(lister.bound)


def test_where_unchecked_rows_are_dropped_what_stays_is_bound(tmp_path: Path, printer: Fingerprinter) -> None:
    holder = Holder(tmp_path)
    holder.run(printer, lambda folder: tar_shard(folder, "0", [None, None]), unchecked=Unchecked.DROP)
    assert "values" not in said_in(holder.sign()), "nothing stays, so nothing is stated"
