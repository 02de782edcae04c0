"""Fingerprints that an output states are bound with its rows, opened by the draw, and decided about again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests import foreign_verifier
from tests.unit.apply.pictured import (
    BROKEN,
    LIMITS,
    claimed,
    fingerprinted,
    image_cells,
    picture,
    picture_row,
    reposted,
    tar_shard,
)
from tests.unit.apply.test_auditing import Trainer, audit, draw, prove, speaks_of
from tests.unit.apply.worlds import NOW, links_file, request, row, synced

from byleave.apply.binding import COVERING, KEPT, REMOVED, VALUES
from byleave.apply.opening import Bound, bind_items
from byleave.apply.proving import Proven
from byleave.apply.run import apply_ruleset, open_ruleset
from byleave.apply.shard import Unchecked
from byleave.apply.sidecars.file import METADATA_KEY, SIDECAR_FOLDER, read_facts
from byleave.consent import Preference, TargetKind
from byleave.errors import VerificationError
from byleave.media.fingerprinting import Fingerprinter
from byleave.release import open_synced
from byleave.release.absences import Absences
from byleave.release.attestations import Attestation
from byleave.release.attested import ATTESTATION_PATH
from byleave.release.openings import Opened, OpenedPicture, Openings
from byleave.release.rows import Row
from byleave.release.sources import open_source
from byleave.release.statements import Signed
from byleave.storage.outputs import OUTPUT_NOTE, Written, output_note, read_output_note
from byleave.urls import picture_digest

REFUSED, ALLOWED, HIDDEN, OTHER = 3, 5, 7, 8
STANDING = [picture(OTHER), reposted(REFUSED), reposted(ALLOWED), picture(REFUSED), picture(OTHER + 1)]
STAY = 3
UNLIKE = "what is shown of its file or picture is not what was bound"


def allowed(number: int, seed: int) -> Row:
    """A yes to a picture."""
    said, yes = picture_row(number, seed), row(number, TargetKind.HOST, "a.example", Preference.ALLOW)
    return replace(said, statement=replace(said.statement, preferences=yes.statement.preferences))


LIST = [picture_row(1, REFUSED), allowed(2, ALLOWED)]


@pytest.fixture(scope="module")
def printer() -> Iterator[Fingerprinter]:
    with Fingerprinter(LIMITS) as one:
        yield one


def pairs(folder: Path) -> None:
    for place in range(3):
        tar_shard(folder, f"{place:05d}", STANDING)


def tars_alone(folder: Path) -> None:
    tar_shard(folder, "00000", STANDING, parquet=False, links=False)


def cells(folder: Path) -> None:
    image_cells(folder / "0.parquet", STANDING)


def beside_a_list(folder: Path) -> None:
    links = [f"https://pictures.example/{place}" for place in range(len(STANDING))]
    keys = [f"k{place}" for place in range(len(STANDING))]
    links_file(folder / "0.parquet", links, key=keys)
    (folder / "0").mkdir()
    for key, content in zip(keys, STANDING, strict=True):
        (folder / "0" / f"{key}.jpg").write_bytes(content)


class Holder(Trainer):
    """Somebody who holds the pictures of a dataset, and compared them by their fingerprints."""

    def run(
        self,
        printer: Fingerprinter | None = None,
        make: Callable[[Path], None] = pairs,
        rows: list[Row] = LIST,
        **asked: Any,
    ) -> None:
        assert printer is not None
        synced(self.folder, rows, number=len(rows))
        make(self.folder / "data")
        fingerprinted(self.folder / "data", self.folder / "prints", printer)
        words = {"fingerprints": self.folder / "prints", "unchecked": Unchecked.KEEP} | asked
        apply_ruleset(request(self.folder, self.folder / "data", **words), NOW)

    def sign_again(self, **lies: Any) -> Signed[Attestation]:
        (self.out / ATTESTATION_PATH).unlink(missing_ok=True)
        return self.sign_bound(**lies)


@pytest.fixture
def holder(tmp_path: Path, printer: Fingerprinter) -> Holder:
    holder = Holder(tmp_path)
    holder.run(printer)
    return holder


def trees(folder: Path) -> tuple[bytes, ...]:
    bound = Bound.open(folder)
    kinds = bound.commitments.covering.kinds if bound.commitments.covering else ()
    content = tuple((folder / name).read_bytes() for name in (KEPT, REMOVED, COVERING, VALUES))
    return (*content, repr(kinds).encode())


def afterwards(folder: Path) -> tuple[bytes, ...]:
    bind_items(folder / "out", open_ruleset(folder / "synced")[1], folder / "afterwards")
    return trees(folder / "afterwards")


def speaks_of_pictures(folder: Path) -> bool:
    covering = Bound.open(folder).commitments.covering
    return covering is not None and TargetKind.PICTURE in covering.kinds


def with_failures(folder: Path) -> None:
    tar_shard(folder, "00000", [*STANDING, BROKEN, None])


@pytest.mark.parametrize("make", [pairs, tars_alone, cells, beside_a_list, with_failures])
@pytest.mark.parametrize("workers", [1, 2])
def test_amid_the_run_and_afterwards_the_same_is_bound(
    make: Callable[[Path], None], workers: int, tmp_path: Path, printer: Fingerprinter
) -> None:
    Holder(tmp_path).run(printer, make, bind=tmp_path / "amid", workers=workers)
    assert trees(tmp_path / "amid") == afterwards(tmp_path)
    bound = Bound.open(tmp_path / "amid")
    assert all(bound.kept.row(place).item != bytes(16) for place in range(len(bound.kept)))
    assert bound.covering is not None
    covering = {bound.covering.row(place).item for place in range(len(bound.covering))}
    assert picture_digest(claimed(ALLOWED).to_text())[:16] in covering or make is with_failures


class TestSpoken:
    """Pictures are spoken of only where every entry kept was compared."""

    def test_an_entry_kept_without_a_fingerprint_leaves_nothing_to_say(
        self, tmp_path: Path, printer: Fingerprinter
    ) -> None:
        Holder(tmp_path).run(printer, with_failures, bind=tmp_path / "amid")
        assert not speaks_of_pictures(tmp_path / "amid")

    def test_where_such_entries_are_dropped_there_is(self, tmp_path: Path, printer: Fingerprinter) -> None:
        Holder(tmp_path).run(printer, with_failures, bind=tmp_path / "amid", unchecked=Unchecked.DROP)
        assert speaks_of_pictures(tmp_path / "amid")

    def test_a_part_without_fingerprints_leaves_nothing_to_say(
        self, tmp_path: Path, printer: Fingerprinter
    ) -> None:
        def more(folder: Path) -> None:
            pairs(folder)
            links_file(folder / "more.parquet", ["https://a.example/1"])

        Holder(tmp_path).run(printer, more, bind=tmp_path / "amid")
        assert not speaks_of_pictures(tmp_path / "amid")
        assert trees(tmp_path / "amid") == afterwards(tmp_path)

    def test_of_a_picture_whose_values_are_not_published_nothing_is_said(
        self, tmp_path: Path, printer: Fingerprinter
    ) -> None:
        holder = Holder(tmp_path)
        holder.run(printer, rows=[*LIST, picture_row(3, HIDDEN, ticked=False)])
        signed = holder.sign()
        bound = Bound.open(holder.bound)
        hidden = picture_digest(claimed(HIDDEN).to_text())
        assert speaks_of_pictures(holder.bound)
        assert not speaks_of(bound, TargetKind.PICTURE, hidden[:16])
        assert prove(holder, signed) == Proven(1, 1, 1)
        path = holder.folder / "proofs" / "all.jsonl"
        assert bound.covering is not None
        forged, _ = next(bound.covering.proofs(signed.sha256, [hidden[:16]], covering=True))
        path.write_bytes(path.read_bytes() + forged + b"\n")
        absences = Absences(open_source(str(holder.folder / "proofs")), signed)
        assert absences.find(TargetKind.PICTURE, hidden) is None, "the best that can be given shows nothing"
        assert audit(holder, signed, output=holder.out).breaches == ()


class TestHonest:
    """Whoever does what he signs passes, and his fingerprints are there to see."""

    def test_a_refused_picture_is_proven_absent_and_an_allowed_one_there(self, holder: Holder) -> None:
        signed = holder.sign()
        assert prove(holder, signed) == Proven(1, 1, 0)
        absences = Absences(open_source(str(holder.folder / "proofs")), signed)
        refused = absences.find(TargetKind.PICTURE, picture_digest(claimed(REFUSED).to_text()))
        there = absences.find(TargetKind.PICTURE, picture_digest(claimed(ALLOWED).to_text()))
        assert refused is not None
        assert refused.kept is None
        assert there is not None
        assert there.kept is not None
        assert (there.kept.part, there.kept.row) == (0, 1)
        assert signed.said.commitments is not None
        said = json.loads(json.dumps(signed.said.commitments.members()))
        for line in (holder.folder / "proofs" / "all.jsonl").read_bytes().splitlines():
            foreign_verifier.absence(line, said, signed.sha256.hex())

    def test_entries_drawn_are_opened_with_what_their_pictures_are(self, holder: Holder) -> None:
        signed = holder.sign()
        openings = Openings.parse(holder.open(signed, draw(signed)).to_bytes())
        assert openings == holder.open(signed, draw(signed))
        stated = pq.read_table(holder.out / SIDECAR_FOLDER / "00000.parquet").to_pylist()
        shown = {
            (one.picture.digest, one.picture.fingerprint.plain)
            for one in openings.rows
            if one.part == "00000.parquet" and one.picture is not None and one.picture.fingerprint is not None
        }
        assert shown == {(one["sha256"], one["pdq"]) for one in stated}
        audited = audit(holder, signed, openings, output=holder.out)
        assert (audited.opened, audited.breaches) == (3 * STAY, ())
        assert (audited.stated, audited.bound) == (3 * STAY, True)
        assert openings.covering, "the allowed picture was found again by its fingerprint"

    @pytest.mark.parametrize("make", [tars_alone, cells])
    def test_entries_without_a_link_are_named_by_what_their_pictures_are(
        self, make: Callable[[Path], None], tmp_path: Path, printer: Fingerprinter
    ) -> None:
        holder = Holder(tmp_path)
        holder.run(printer, make)
        signed = holder.sign()
        audited = audit(holder, signed, output=holder.out)
        assert (audited.opened, audited.breaches) == (STAY, ())

    def test_fingerprints_made_beside_an_output_later_are_none_of_its_own(
        self, tmp_path: Path, printer: Fingerprinter
    ) -> None:
        holder = Holder(tmp_path)
        holder.run(printer, fingerprints=None)
        made, aside = holder.out / SIDECAR_FOLDER, tmp_path / "aside"
        fingerprinted(holder.out, made, printer)
        bind_items(holder.out, open_ruleset(holder.ruleset)[1], holder.bound)
        with pytest.raises(VerificationError, match="3 not named"):
            holder.sign_bound()
        made.rename(aside)
        signed = holder.sign_bound()
        aside.rename(made)
        assert not speaks_of_pictures(holder.bound)
        assert all(one.picture is None for one in holder.open(signed, draw(signed)).rows)


def reasons(holder: Holder, signed: Signed[Attestation], openings: Openings, **others: Any) -> set[str]:
    return {one.reason for one in audit(holder, signed, openings, **others).breaches}


def with_other_pictures(openings: Openings) -> Openings:
    """The same rows, opened with the fingerprint of a picture that nobody refuses."""
    other = claimed(OTHER).variants[0]

    def lying(one: Opened) -> Opened:
        assert one.picture is not None
        assert one.picture.fingerprint is not None
        seen = replace(one.picture.fingerprint, plain=other, trimmed=other)
        return replace(one, picture=replace(one.picture, fingerprint=seen))

    return replace(openings, rows=tuple(map(lying, openings.rows)))


def kept_what_was_refused(folder: Path, printer: Fingerprinter) -> tuple[Holder, Signed[Attestation]]:
    """Apply a list that knows no pictures, and sign that the one which refuses one was applied."""
    holder = Holder(folder)
    holder.run(printer, rows=[allowed(1, ALLOWED)])
    holder.ruleset = synced(folder, LIST, number=len(LIST), name="newer")
    holder.rulesets = [holder.ruleset]
    honest = holder.sign()
    which = replace(honest.said.applied.which, name=open_synced(holder.ruleset).name)
    signed = holder.sign_again(applied=replace(honest.said.applied, which=which))
    return holder, signed


class TestCaught:
    """Lies about pictures that do not get through."""

    def test_a_copy_of_a_refused_picture_was_kept(self, tmp_path: Path, printer: Fingerprinter) -> None:
        holder, signed = kept_what_was_refused(tmp_path, printer)
        audited = audit(holder, signed)
        assert len(audited.breaches) == 6
        assert {one.reason for one in audited.breaches} == {"the list says no to it"}
        assert prove(holder, signed) == Proven(0, 2, 0)

    def test_it_is_opened_without_its_fingerprint(self, tmp_path: Path, printer: Fingerprinter) -> None:
        holder, signed = kept_what_was_refused(tmp_path, printer)
        openings = holder.open(signed, draw(signed))
        nothing = OpenedPicture(None, None, "no_picture")
        for hidden in (None, nothing):
            rows = tuple(replace(one, picture=hidden) for one in openings.rows)
            lying = replace(openings, rows=rows)
            told = {"its picture is said to have been compared, and is not opened", UNLIKE}
            assert reasons(holder, signed, lying) == told

    def test_it_is_opened_with_another_fingerprint(self, tmp_path: Path, printer: Fingerprinter) -> None:
        holder, signed = kept_what_was_refused(tmp_path, printer)
        lying = with_other_pictures(holder.open(signed, draw(signed)))
        assert reasons(holder, signed, lying) == {UNLIKE}
        unlike = {UNLIKE, "the output holds another row there"}
        assert reasons(holder, signed, lying, output=holder.out) == unlike

    def test_the_fingerprints_are_exchanged_after_signing(self, holder: Holder) -> None:
        signed = holder.sign()
        openings = holder.open(signed, draw(signed))
        change_values(holder)
        with pytest.raises(VerificationError, match="not the file that the run wrote"):
            audit(holder, signed, openings, output=holder.out)
        note_again(holder)
        with pytest.raises(VerificationError, match="not the one that the attestation names"):
            audit(holder, signed, openings, output=holder.out)

    def test_fingerprints_of_another_version_are_not_compared(self, holder: Holder) -> None:
        signed = holder.sign()
        openings = holder.open(signed, draw(signed))
        picture = openings.rows[0].picture
        assert picture is not None
        assert picture.fingerprint is not None
        other = replace(picture, fingerprint=replace(picture.fingerprint, version="pdq-512/0"))
        lying = replace(openings, rows=(replace(openings.rows[0], picture=other), *openings.rows[1:]))
        with pytest.raises(VerificationError, match="version pdq-512/0"):
            audit(holder, signed, lying)


def change_values(holder: Holder) -> None:
    """State for all pictures of the output the values of one that nobody refuses, as if they had been made of its files."""
    other = claimed(OTHER).variants[0]
    for path in (holder.out / SIDECAR_FOLDER).iterdir():
        facts, table = read_facts(path), pq.read_table(path)
        for name in ("pdq", "pdq_trimmed"):
            at = table.schema.get_field_index(name)
            field = table.schema.field(at)
            table = table.set_column(at, field, pa.array([other] * table.num_rows, field.type))
        pq.write_table(table.replace_schema_metadata({METADATA_KEY: facts.to_json()}), path)


def note_again(holder: Holder) -> None:
    """Let the note name the files as they are now."""
    path = holder.out / OUTPUT_NOTE
    files = read_output_note(path.read_bytes(), "")
    path.write_bytes(output_note([Written.of(holder.out / file.name, file.name) for file in files]))


class TestNotCaught:
    """What this cannot show, as the documentation says."""

    def test_fingerprints_that_were_false_when_they_were_signed_are_seen_only_by_who_has_the_pictures(
        self, tmp_path: Path, printer: Fingerprinter
    ) -> None:
        holder, honest = kept_what_was_refused(tmp_path, printer)
        change_values(holder)
        note_again(holder)
        shutil.rmtree(holder.bound)
        (holder.out / ATTESTATION_PATH).unlink()
        signed = holder.sign(applied=honest.said.applied)
        assert audit(holder, signed, output=holder.out).breaches == ()
        fingerprinted(holder.out, tmp_path / "made again", printer)
        stated, there = (
            pq.read_table(folder / "00000.parquet")["pdq"]
            for folder in (holder.out / SIDECAR_FOLDER, tmp_path / "made again")
        )
        assert stated != there
