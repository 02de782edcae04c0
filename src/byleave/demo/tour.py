"""The tour: the whole job once, without a server, with every result compared with what is known to be true.

Folder of pictures and Parquet of links in → copies → claims → claim events → release → sync → coverage → apply → the claimed
pictures and their re-posts gone, nothing else.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from byleave.apply.compiling import compile_ruleset
from byleave.apply.report import Report
from byleave.apply.request import ApplyRequest
from byleave.apply.run import apply_ruleset
from byleave.catalog import Catalog, HitKind, Page, PictureQuery, WordsQuery
from byleave.consent import PRESETS, ClaimState, Regime, Use
from byleave.copies.cover import cover
from byleave.demo import outcome
from byleave.demo.dataset import DemoDataset
from byleave.demo.entries import COVERED_BY_PDQ, Entry, RepostKind
from byleave.demo.telling import Check, Teller
from byleave.demo.truth import Truth, claimed_work, main_picture, truth
from byleave.log import VerifierKey
from byleave.publish import publish
from byleave.publish.folders import keys_folder, releases_folder
from byleave.publish.receipts import file_with_receipt
from byleave.publish.releases import Published
from byleave.registry.accounts import account_of
from byleave.registry.changing import withdraw_claim
from byleave.registry.claims import all_claims
from byleave.registry.database import Database
from byleave.registry.events import last_number
from byleave.registry.filing import NewClaim
from byleave.registry.permissions import OPERATOR
from byleave.registry.targets import picture_target
from byleave.release import load_key, open_latest
from byleave.release.sync import sync
from byleave.settings import Settings

DATASET = "tour"
SIZE = 300
ORIGIN = "byleave.example/tour"


@dataclass(slots=True)
class Tour:
    """One run. ``home`` is the tour's own; what an earlier tour left in it is taken back first.

    The registry is always the embedded one, so a tour never writes into a registry that people use.
    """

    home: Path
    dataset: DemoDataset
    teller: Teller
    now: Callable[[], datetime]
    checks: list[Check] = field(default_factory=list)

    def run(self) -> bool:
        """Do everything; return whether every check held."""
        self._clear()
        catalog = Catalog(self.home)
        self._ingest(catalog)
        known = self._compare_directly()
        main = main_picture(self.dataset, known)
        self._search(catalog, known, main)
        with Database.open(self.settings) as database:
            self._withdraw_earlier(database)
            self._claim(database, known, main)
            published = self._publish(database, known)
            self._sync(published)
            self._cover(database, catalog)
        reports = {regime: self._apply(regime) for regime in Regime}
        self._compare(known, main, reports)
        return all(check.holds for check in self.checks)

    @property
    def settings(self) -> Settings:
        """Return the settings of the tour's own home."""
        return Settings(home=self.home, origin=ORIGIN)

    @property
    def results(self) -> Path:
        """Return the folder of what the tour wrote: the synced list, the coverage and three outputs."""
        return self.home / "results"

    def output(self, regime: Regime) -> Path:
        """Return the folder of the dataset as a trainer of this regime keeps it."""
        return self.results / regime.value

    def check(self, sentence: str, holds: bool) -> None:  # noqa: FBT001 - reads as an assertion
        """Compare one result with the truth."""
        self.checks.append(Check(sentence, holds))
        self.teller.check(self.checks[-1])

    def _clear(self) -> None:
        for made in (self.results, self.home / "catalog"):
            shutil.rmtree(made, ignore_errors=True)
        self.results.mkdir(parents=True)

    def _ingest(self, catalog: Catalog) -> None:
        entries = len(self.dataset.entries)
        self.teller.step("Bring the dataset in: links first, pictures later")
        first = catalog.ingest(self.dataset.links, dataset=DATASET)
        self.check(f"{entries} links gave {entries} entries", first.dataset.samples == entries)
        second = catalog.ingest(self.dataset.pictures, dataset=DATASET)
        self.check(
            "the pictures found their entries by the same keys: not one entry more",
            (second.dataset.samples, second.dataset.with_pictures) == (entries, entries),
        )
        self.check("nothing was rejected", not second.source.rejected and not first.source.rejected)

    def _compare_directly(self) -> Truth:
        self.teller.step("Compare the picture files directly, to know what must come out")
        known = truth(self.dataset)
        strangers = known.recognised - known.family
        made_for = sum(
            count for kind, count in known.reposts_by_kind(self.dataset).items() if kind in COVERED_BY_PDQ
        )
        found = known.reposts_by_kind(self.dataset, known.recognised)
        recognised = sum(count for kind, count in found.items() if kind in COVERED_BY_PDQ)
        self.teller.say(
            f"{len(known.claimed)} originals were re-posted. Of {made_for} re-posts that PDQ is made for it recognises {recognised}; "
            f"of {len(known.claimed)} cropped ones {found[RepostKind.CROPPED]}."
        )
        self.check("no stranger's picture looks like a claimed one", not strangers)
        self.check(
            "PDQ recognises at least nine in ten of the re-posts it is made for", recognised >= 0.9 * made_for
        )
        return known

    def _search(self, catalog: Catalog, known: Truth, main: Entry) -> None:
        self.teller.step(f"Search as its maker would: “{main.title}” by {main.creator}")
        words = catalog.search(WordsQuery(f"{main.title} {main.creator}"), Page(limit=20))
        self.check("by words: the picture is found", main.url in {hit.url for hit in words.hits})
        mirrored = next(e for e in self.dataset.reposts_of(main) if e.repost_kind is RepostKind.MIRRORED)
        answer = catalog.search(PictureQuery(self.dataset.picture(mirrored).read_bytes()), Page(limit=100))
        copies = {hit.url for hit in answer.hits if hit.kind in {HitKind.EXACT, HitKind.COPY}}
        self.teller.say(
            f"Searched with the file of a mirrored re-post from {mirrored.url.split('/')[2]}: {len(copies)} copies found."
        )
        self.check("by picture: the original is found as a copy", main.url in copies)
        expected = known.copies_of(claimed_work(self.dataset, mirrored))
        self.check(
            "by picture: the copies are those a direct comparison of the files finds", copies == expected
        )
        self.check("by picture: no stranger is called a copy", expected <= known.family)

    def _withdraw_earlier(self, database: Database) -> None:
        with database.transaction() as session:
            earlier = all_claims(
                session, who=OPERATOR, states=(ClaimState.FILED, ClaimState.EFFECTIVE, ClaimState.HELD)
            )
            for claim in earlier:
                withdraw_claim(session, claim.id, who=OPERATOR, at=self.now())

    def _claim(self, database: Database, known: Truth, main: Entry) -> None:
        self.teller.step("Say no: “no AI training” to the picture and all its copies")
        with database.transaction() as session:
            before = last_number(session)
        others = [entry for entry in known.claimed if entry != main]
        claims = [self._say_no(database, entry) for entry in (main, *others)]
        self.teller.say(f"{main.creator} said no to one picture; the makers of {len(others)} more followed.")
        self.check("every claim acts at once", all(state is ClaimState.EFFECTIVE for state, _ in claims))
        expected = list(range(before + 1, before + 1 + len(claims)))
        self.check("claim events are numbered without a gap", [number for _, number in claims] == expected)

    def _say_no(self, database: Database, entry: Entry) -> tuple[ClaimState, int]:
        target = picture_target(claimed_work(self.dataset, entry), entry.title)
        with database.transaction() as session:
            account = account_of(session, f"maker@{entry.url.split('/')[2]}", self.now())
        filed = file_with_receipt(
            database,
            self.settings,
            NewClaim(PRESETS["no_training"], (target,)),
            who=OPERATOR,
            account=account,
            at=self.now(),
        )
        return filed.claim.state, filed.claim.number

    def _publish(self, database: Database, known: Truth) -> Published:
        self.teller.step("Publish: everything in force becomes a signed list")
        published = publish(database, self.settings, who=OPERATOR, at=self.now())
        with database.transaction() as session:
            number = last_number(session)
        release = published.release
        self.check(f"the list bears the number of the last claim event, {number}", release.number == number)
        claims = release.claims()
        self.check(
            "it holds every claim and no other", len(set(claims["claim"].to_pylist())) == len(known.claimed)
        )
        self.check(
            "it holds no plain picture fingerprint: nobody ticked that",
            claims["value"].null_count == len(claims),
        )
        return published

    def _sync(self, published: Published) -> None:
        self.teller.step("Fetch the list as a trainer would, verify it and compile it")
        key = VerifierKey.parse(published.verifier_key)
        held = sync(str(releases_folder(self.settings)), self.results / "list", keys=[key])
        compile_ruleset(held, self.results / "list")
        self.check(
            "what was fetched is what was signed", held.manifest_digest == published.release.manifest_digest
        )

    def _cover(self, database: Database, catalog: Catalog) -> None:
        self.teller.step("Find the copies of claimed pictures in the dataset, and sign what was found")
        key = load_key(keys_folder(self.settings), ORIGIN)
        release = open_latest(releases_folder(self.settings), [key.verifier])
        with database.transaction() as session:
            made = cover(
                catalog,
                session,
                dataset=DATASET,
                release=release,
                out=self._coverage,
                made_at=self.now(),
                key=key,
            )
        checked, entries = len(made.checked()), len(self.dataset.entries)
        self.check(f"all {entries} pictures were compared", checked == entries)

    def _apply(self, regime: Regime) -> Report:
        self.teller.step(f"Apply the list to the dataset under the regime `{regime.value}`")
        request = ApplyRequest(
            ruleset=self.results / "list",
            input=DATASET,
            output=self.output(regime),
            regime=regime,
            uses=(Use.TRAIN_GEN,),
            home=self.home,
            coverage=self._coverage,
        )
        report = apply_ruleset(request, self.now())
        self.teller.say(f"{report.rows} rows in, {report.kept} kept, {report.removed} removed.")
        return report

    def _compare(self, known: Truth, main: Entry, reports: dict[Regime, Report]) -> None:
        self.teller.step("Compare what was removed with what is true")
        for check in outcome.checks(self.dataset, known, main, self.output, reports):
            self.check(check.sentence, check.holds)
        removed = outcome.removed_links(self.dataset, self.output(Regime.OPT_OUT))
        for sentence in outcome.sentences(self.dataset, known, removed):
            self.teller.say(sentence)

    @property
    def _coverage(self) -> Path:
        return self.results / "coverage.byleave"
