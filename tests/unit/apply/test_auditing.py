"""What binding, drawing and proving catch of a trainer who lies, and what they do not."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.logs import NOW as LOGGED
from tests.logs import Tiles, cosigned, witness_key
from tests.unit.apply.worlds import KEY, NOW, OTHER_KEY, links_file, name_anew, request, row, synced

from byleave.apply.attesting import AttestRequest, write_attestation
from byleave.apply.auditing import Audited, audit_openings
from byleave.apply.binding import KEPT
from byleave.apply.committing import commit_entries
from byleave.apply.item_rows import rows_of
from byleave.apply.item_tree import ItemTree
from byleave.apply.opening import Bound, bind_items, open_drawn
from byleave.apply.proving import Proven, write_absences
from byleave.apply.redeciding import redecider
from byleave.apply.run import apply_ruleset, open_ruleset
from byleave.consent import TargetKind
from byleave.errors import ConflictError, FormatError, NotFoundError, VerificationError
from byleave.log import (
    Checkpoint,
    ClaimEvent,
    Policy,
    commitment,
    hash_reader,
    leaf_hash,
    root_of,
    sign_checkpoint,
)
from byleave.log.policy import PolicyLog, PolicyWitness
from byleave.release import SigningKey, open_synced
from byleave.release.absences import Absences
from byleave.release.attestations import Attestation, open_attestation
from byleave.release.attested import ATTESTATION_PATH, compare_input
from byleave.release.openings import Openings
from byleave.release.receipts import Receipt, make_receipt
from byleave.release.sources import open_source
from byleave.release.statements import Signed, sign_statement
from byleave.urls import canonical_url, item_id_of_url, url_digest

TRAINER = SigningKey.from_seed("models.example", bytes(range(1, 33)))
WITNESS = witness_key("eyes.example/witness")
POLICY = Policy((PolicyLog(KEY.verifier),), (PolicyWitness("eyes", WITNESS),), (), "eyes")
SALT = bytes(range(16))
EVERY = 1_000
"""More than there are rows, so that all of them are drawn."""

URLS = [f"http://a.example/{n}" for n in range(120)]
DENIED = URLS[::6]
LATER = URLS[1::6]


class Trainer:
    """Somebody who applied a list, bound the items, signed, and logged it; every step can be done wrongly."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.bound = folder / "bound"
        self.ruleset = folder / "synced"
        self.rulesets = [self.ruleset]

    def run(self) -> None:
        rows = [row(n, TargetKind.URL, url) for n, url in enumerate(DENIED, 1)]
        synced(self.folder, rows, number=len(rows))
        for at in range(3):
            links_file(self.folder / "data" / f"{at}.parquet", URLS[at::3])
        apply_ruleset(request(self.folder, self.folder / "data"), NOW)

    def sign(self, **lies: Any) -> Signed[Attestation]:
        bind_items(self.out, open_ruleset(self.ruleset)[1], self.bound, SALT)
        return self.sign_bound(**lies)

    def sign_bound(self, **lies: Any) -> Signed[Attestation]:
        commitments = Bound.open(self.bound).commitments
        note = log_of(len(DENIED))[0]
        asked = AttestRequest(self.out, TRAINER, (note,), dataset="many links", commitments=commitments)
        honest = write_attestation(asked, NOW)
        (self.out / ATTESTATION_PATH).write_bytes(
            sign_statement(replace(honest, **lies).statement(), TRAINER)
        )
        return open_attestation((self.out / ATTESTATION_PATH).read_bytes(), [TRAINER.verifier])

    def open(self, signed: Signed[Attestation], note: str, count: int = EVERY) -> Openings:
        decider = redecider(signed.said, self.rulesets, ())
        return open_drawn(self.out, Bound.open(self.bound), signed, note, POLICY, count, decider)


def entries(size: int) -> list[bytes]:
    return [f"entry {n}".encode() for n in range(size)]


def log_of(size: int, *more: bytes) -> tuple[str, list[bytes]]:
    """Make the registry's log and its signed checkpoint."""
    hashes = [leaf_hash(one) for one in [*entries(size), *more]]
    checkpoint = Checkpoint(KEY.verifier.name, len(hashes), root_of(hashes))
    return sign_checkpoint(checkpoint, KEY.verifier, KEY.private.sign), hashes


def receipt_of(signed: Signed[Attestation]) -> Receipt:
    """Log an attestation after the list's events and hand out its receipt."""
    record = {
        "at": LOGGED.isoformat(),
        "claim": bytes(16).hex(),
        "op": "attest",
        "statement_sha256": signed.sha256.hex(),
    }
    number = len(DENIED) + 1
    event = ClaimEvent(number, bytes(16), "attest", commitment(bytes(32), record), LOGGED)
    note, hashes = log_of(len(DENIED), event.entry())
    checkpoint = Checkpoint(KEY.verifier.name, number, root_of(hashes))
    read = hash_reader(number, Tiles(hashes).read)
    return make_receipt(event, record, bytes(32), (), checkpoint=checkpoint, note=note, read=read)


def draw(signed: Signed[Attestation], *, size: int = 5, now: datetime = LOGGED) -> str:
    """Return a checkpoint some entries after the attestation, cosigned at a moment."""
    event = receipt_of(signed).event
    return cosigned(log_of(len(DENIED), event.entry(), *entries(size))[0], WITNESS.name, now=now)


def audit(
    trainer: Trainer, signed: Signed[Attestation], openings: Openings | None = None, **others: Any
) -> Audited:
    openings = openings or trainer.open(signed, draw(signed))
    folders = others.pop("folders", [trainer.ruleset])
    return audit_openings(openings, signed, receipt_of(signed), POLICY, folders, **others)


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("applied")
    Trainer(folder).run()
    return folder


@pytest.fixture
def trainer(applied: Path, tmp_path: Path) -> Trainer:
    shutil.copytree(applied, tmp_path / "world")
    return Trainer(tmp_path / "world")


def keep_everything(trainer: Trainer) -> None:
    """Put the denied rows back into the output, and name its files anew: nothing is signed that is not as the run left it."""
    for path in (trainer.folder / "data").iterdir():
        shutil.copyfile(path, trainer.out / path.name)
    name_anew(trainer.out)


class TestHonest:
    """Whoever does what he signs passes."""

    def test_every_row_drawn_stays(self, trainer: Trainer) -> None:
        audited = audit(trainer, trainer.sign(), output=trainer.out)
        assert (audited.opened, audited.kept, audited.breaches) == (100, 100, ())
        assert audited.compared
        assert audited.missed() == 0.0

    def test_some_rows_say_how_much_is_shown(self, trainer: Trainer) -> None:
        signed = trainer.sign()
        openings = trainer.open(signed, draw(signed), 20)
        audited = audit(trainer, signed, Openings.parse(openings.to_bytes()))
        assert (audited.opened, audited.breaches) == (20, ())
        assert audited.missed() == pytest.approx(0.99**20)

    def test_a_thousand_openings_miss_a_breach_of_one_in_a_hundred_as_rarely_as_is_said(self) -> None:
        audited = Audited(1000, 10**6, (), None, False)  # type: ignore[arg-type]  # the checkpoint does not count here
        assert audited.missed() == pytest.approx(4.3e-5, rel=0.01)

    def test_what_was_refused_is_proven_absent(self, trainer: Trainer) -> None:
        signed = trainer.sign()
        proven = prove(trainer, signed)
        assert proven == Proven(len(DENIED), 0, 0)
        absences = Absences(open_source(str(trainer.folder / "proofs")), signed)
        for url in DENIED:
            shown = absences.find(TargetKind.URL, url_digest(canonical_url(url)))
            assert shown is not None
            assert shown.kept is None
        assert absences.find(TargetKind.URL, url_digest(canonical_url(LATER[0]))) is None


def prove(trainer: Trainer, signed: Signed[Attestation]) -> Proven:
    shown: list[tuple[int, int]] = []
    return write_absences(
        Bound.open(trainer.bound),
        signed,
        [open_synced(one) for one in trainer.rulesets],
        trainer.folder / "proofs",
        lambda *step: shown.append(step),
    )


def speaks_of(bound: Bound, kind: TargetKind, item: bytes) -> bool:
    return bool(bound.speaks_of(kind, np.array([item], "S16"))[0])


class TestCaught:
    """Lies that do not get through."""

    def test_what_was_refused_was_kept(self, trainer: Trainer) -> None:
        keep_everything(trainer)
        signed = trainer.sign(rows={"input": 140, "kept": 120, "removed": 20})
        audited = audit(trainer, signed)
        assert {one.row.link for one in audited.breaches} == set(DENIED)
        assert prove(trainer, signed) == Proven(0, len(DENIED), 0)
        shown = Absences(open_source(str(trainer.folder / "proofs")), signed).find(
            TargetKind.URL, url_digest(canonical_url(DENIED[0]))
        )
        assert shown is not None
        assert shown.kept is not None

    def test_an_older_list_was_applied_than_is_said(self, trainer: Trainer) -> None:
        rows = [row(n, TargetKind.URL, url) for n, url in enumerate([*DENIED, *LATER], 1)]
        newer = synced(trainer.folder, rows, number=len(rows), name="newer")
        release = open_synced(newer)
        signed = trainer.sign()
        which = replace(signed.said.applied.which, name=release.name)
        applied = replace(signed.said.applied, which=which)
        trainer.rulesets = [newer]
        (trainer.out / ATTESTATION_PATH).unlink()
        lying = trainer.sign_bound(applied=applied)
        audited = audit(trainer, lying, folders=[newer])
        assert {one.row.link for one in audited.breaches} == set(LATER)
        with pytest.raises(VerificationError, match="was applied, and the folder holds"):
            audit(trainer, lying)

    def test_the_lists_of_all_registries_are_asked_for_and_no_other(self, trainer: Trainer) -> None:
        signed, other = trainer.sign(), synced(trainer.folder, [], key=OTHER_KEY, name="other")
        folders = [trainer.ruleset, other]
        with pytest.raises(VerificationError, match=r"no\. 1 of union\.example/list was not applied"):
            audit(trainer, signed, folders=folders)
        release = open_synced(other)
        told = {
            "number": 1,
            "origin": release.origin,
            "manifest_sha256": release.manifest_digest.hex(),
            "published_at": NOW.isoformat(),
        }
        (trainer.out / ATTESTATION_PATH).unlink()
        trainer.rulesets = folders
        both = trainer.sign_bound(found={**signed.said.found, "other_lists": [told]})
        assert audit(trainer, both, folders=folders).breaches == ()
        with pytest.raises(VerificationError, match=r"no\. 1 of union\.example/list was applied, and"):
            audit(trainer, both)
        (trainer.out / ATTESTATION_PATH).unlink()
        with pytest.raises(FormatError, match="does not say which other lists"):
            audit(trainer, trainer.sign_bound(found={"other_lists": [{"number": 1}]}), folders=folders)

    def test_rows_were_left_out_of_what_is_bound(self, trainer: Trainer) -> None:
        keep_everything(trainer)
        bind_items(trainer.out, open_ruleset(trainer.ruleset)[1], trainer.bound, SALT)
        Bound.open(trainer.bound)
        only_allowed(trainer)
        with pytest.raises(VerificationError, match="counts 120 rows kept and binds 100"):
            audit(trainer, trainer.sign_bound(rows={"input": 140, "kept": 120, "removed": 20}))

    def test_they_were_left_out_of_the_count_too_and_somebody_has_the_output(self, trainer: Trainer) -> None:
        keep_everything(trainer)
        bind_items(trainer.out, open_ruleset(trainer.ruleset)[1], trainer.bound, SALT)
        Bound.open(trainer.bound)
        only_allowed(trainer)
        signed = trainer.sign_bound(rows={"input": 120, "kept": 100, "removed": 20})
        assert audit(trainer, signed).breaches == ()
        with pytest.raises(VerificationError, match="has 120 rows, and 100 were bound"):
            audit(trainer, signed, output=trainer.out)

    def test_another_link_is_shown_than_was_bound(self, trainer: Trainer) -> None:
        keep_everything(trainer)
        signed = trainer.sign(rows={"input": 140, "kept": 120, "removed": 20})
        openings = trainer.open(signed, draw(signed))
        shown = tuple(replace(one, link="http://harmless.example/") for one in openings.rows)
        audited = audit(trainer, signed, replace(openings, rows=shown))
        assert {one.reason for one in audited.breaches} == {
            "the link that is shown is not the one that was bound"
        }

    def test_other_rows_are_opened_than_were_drawn(self, trainer: Trainer) -> None:
        signed = trainer.sign()
        openings = trainer.open(signed, draw(signed), 20)
        other = trainer.open(signed, draw(signed, size=6), 20)
        with pytest.raises(VerificationError, match="not those that the checkpoint draws"):
            audit(trainer, signed, replace(openings, rows=other.rows, leaves=other.leaves))
        with pytest.raises(VerificationError, match="not those that the checkpoint draws"):
            audit(trainer, signed, replace(openings, rows=openings.rows[:-1]))
        with pytest.raises(VerificationError, match="is not opened"):
            audit(trainer, signed, replace(openings, leaves=openings.leaves[1:]))

    def test_the_draw_was_known_before_the_items_were_bound(self, trainer: Trainer) -> None:
        signed = trainer.sign()
        early = cosigned(log_of(len(DENIED))[0], WITNESS.name)
        with pytest.raises(VerificationError, match="not one after the attestation"):
            audit(trainer, signed, trainer.open(signed, early))

    def test_nobody_but_the_logs_operator_vouches_for_the_draw(self, trainer: Trainer) -> None:
        signed = trainer.sign()
        openings = trainer.open(signed, draw(signed))
        with pytest.raises(VerificationError, match="have not cosigned"):
            audit(trainer, signed, replace(openings, note=draw(signed).rpartition("— ")[0]))

    def test_the_openings_or_the_receipt_are_of_another_run(self, trainer: Trainer) -> None:
        first = trainer.sign()
        openings = trainer.open(first, draw(first))
        (trainer.out / ATTESTATION_PATH).unlink()
        second = trainer.sign_bound(organisation="Somebody else")
        with pytest.raises(VerificationError, match="for another attestation"):
            audit(trainer, second, openings)
        with pytest.raises(VerificationError, match="for something else"):
            audit_openings(openings, first, receipt_of(second), POLICY, [trainer.ruleset])

    def test_leaves_out_of_order_cannot_be_opened(self, trainer: Trainer) -> None:
        trainer.sign()
        tree = Bound.open(trainer.bound).kept
        entries = np.fromfile(trainer.bound / KEPT, np.uint64).reshape(-1, 3)
        commit_entries([np.ascontiguousarray(entries[::-1])], SALT, trainer.bound / KEPT)
        unsorted = ItemTree(trainer.bound / KEPT, SALT)
        assert unsorted.commitment != tree.commitment
        with pytest.raises(VerificationError, match="out of order"):
            unsorted.leaves([3])[0].check(unsorted.commitment, SALT)


def only_allowed(trainer: Trainer) -> None:
    """Bind only the rows that may be there, though the output holds more."""
    facts = json.loads((trainer.bound / "commitments.json").read_bytes())
    entries = np.fromfile(trainer.bound / KEPT, np.uint64).reshape(-1, 3)
    denied = {item_id_of_url(canonical_url(url)) for url in DENIED}
    shown = [row.tobytes()[:16] not in denied for row in rows_of(entries)]
    kept = commit_entries([entries[shown]], SALT, trainer.bound / KEPT)
    facts["kept"] = kept.members()
    (trainer.bound / "commitments.json").write_text(json.dumps(facts))


class TestNotCaught:
    """What this cannot show, as the documentation says."""

    def test_a_dataset_that_was_trimmed_before_is_seen_only_by_who_has_it(self, trainer: Trainer) -> None:
        whole = trainer.folder / "whole"
        shutil.copytree(trainer.folder / "data", whole)
        table = pq.read_table(whole / "0.parquet")
        more = pa.table(
            {"URL": [*table["URL"].to_pylist(), *LATER], "row": range(table.num_rows + len(LATER))}
        )
        pq.write_table(more, whole / "0.parquet")
        signed = trainer.sign()
        assert audit(trainer, signed, output=trainer.out).breaches == ()
        compared = compare_input(signed.said, whole, output=trainer.out)
        assert compared.different == ("0.parquet",)

    def test_what_was_trained_on_beside_the_output_leaves_no_trace(self, trainer: Trainer) -> None:
        signed = trainer.sign()
        links_file(trainer.folder / "elsewhere" / "more.parquet", DENIED)
        assert audit(trainer, signed, output=trainer.out).breaches == ()


class TestRefusals:
    """Nothing is bound twice, and nothing that is not there."""

    def test_a_folder_that_is_there_is_left_alone(self, trainer: Trainer) -> None:
        trainer.sign()
        with pytest.raises(ConflictError, match="is there already"):
            bind_items(trainer.out, open_ruleset(trainer.ruleset)[1], trainer.bound)

    def test_a_run_that_wrote_no_rows_has_nothing_to_bind(self, trainer: Trainer) -> None:
        (trainer.out / "_byleave" / "removed.parquet").unlink()
        with pytest.raises(NotFoundError, match="no rows were written"):
            bind_items(trainer.out, open_ruleset(trainer.ruleset)[1], trainer.bound)

    def test_trees_that_changed_are_not_believed(self, trainer: Trainer) -> None:
        trainer.sign()
        content = (trainer.bound / KEPT).read_bytes()
        (trainer.bound / KEPT).write_bytes(content[24:])
        with pytest.raises(VerificationError, match="is not what was bound"):
            Bound.open(trainer.bound)

    def test_a_folder_without_trees_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(NotFoundError, match="holds no bound items"):
            Bound.open(tmp_path)

    def test_trees_prove_nothing_of_an_attestation_that_names_none_or_others(self, trainer: Trainer) -> None:
        trainer.sign()
        for named, said in ((None, "binds no entries"), ("others", "binds other entries")):
            (trainer.out / ATTESTATION_PATH).unlink()
            bound = Bound.open(trainer.bound).commitments
            signed = trainer.sign_bound(commitments=named and replace(bound, salt=bytes(16)))
            with pytest.raises(VerificationError, match=said) as told:
                prove(trainer, signed)
            assert "byleave a" in told.value.remedy
            with pytest.raises(VerificationError, match=said):
                trainer.open(signed, draw(signed))
