"""One run may obey several registries: each is verified for itself, any refusal wins, and causes say whose they are."""

from __future__ import annotations

import fcntl
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.unit.apply.worlds import KEY, NOW, OTHER_KEY, coverage_file, links_file, request, row, synced
from typer.testing import CliRunner, Result

from byleave.apply import Ruleset
from byleave.apply.registries import KEPT_UNIONS, open_registries, open_registry
from byleave.apply.run import apply_ruleset
from byleave.apply.shard import Unchecked
from byleave.apply.sources import dataset_version
from byleave.cli.commands import app
from byleave.consent import Evidence, Preference, TargetKind
from byleave.datasets import OWN_FOLDER, source_digest
from byleave.errors import InputError, VerificationError
from byleave.release.age import AgeLimit
from byleave.storage import STAGING

URLS = ("http://a.example/1", "http://b.example/2", "http://c.example/3", "http://free.example/4")
ORIGINS = ("registry.example/list", "union.example/list")
NO_OF_BOTH = {"registry.example/list": (1).to_bytes(16).hex(), "union.example/list": (1).to_bytes(16).hex()}
PICTURE = "pdq-512/1:90:00"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("registries")
    yes = row(2, TargetKind.HOST, "c.example", Preference.ALLOW, claimant=9)
    synced(folder, [row(1, TargetKind.HOST, "a.example"), yes])
    others = [row(1, TargetKind.HOST, "b.example"), row(3, TargetKind.HOST, "c.example", claimant=9)]
    synced(folder, others, 4, key=OTHER_KEY, name="other")
    links_file(folder / "links.parquet", URLS)
    return folder


def both(folder: Path) -> tuple[Path, Path]:
    return folder / "synced", folder / "other"


def applied(world: Path, out: Path, **others: Any) -> Path:
    asked = {"ruleset": both(world), "output": out} | others
    apply_ruleset(request(world, world / "links.parquet", **asked), NOW)
    return out


class TestUnion:
    """What either registry refuses goes."""

    def test_any_refusal_wins_and_every_cause_names_its_registry(self, world: Path, tmp_path: Path) -> None:
        out = applied(world, tmp_path / "out")
        assert pq.read_table(out / "links.parquet")["row"].to_pylist() == [3]
        removed = pq.read_table(out / OWN_FOLDER / "removed.parquet").to_pylist()
        told = [[(cause["reference"], cause["origin"]) for cause in one["causes"]] for one in removed]
        first, third = ((number).to_bytes(16).hex() for number in (1, 3))
        assert told == [[(first, ORIGINS[0])], [(first, ORIGINS[1])], [(third, ORIGINS[1])]]

    def test_the_order_of_the_registries_and_the_number_of_workers_change_no_byte(
        self, world: Path, tmp_path: Path
    ) -> None:
        folder = tmp_path / "data"
        for place in range(3):
            links_file(folder / f"{place}.parquet", URLS[place:])
        outs = []
        for place, (rulesets, workers) in enumerate(((both(world), 1), (both(world)[::-1], 2))):
            out = tmp_path / f"out{place}"
            apply_ruleset(request(world, folder, ruleset=rulesets, workers=workers, output=out), NOW)
            outs.append({p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()})
        assert outs[0] == outs[1]

    def test_report_and_page_list_each_registry_with_its_list(self, world: Path, tmp_path: Path) -> None:
        out = applied(world, tmp_path / "out") / OWN_FOLDER
        report = json.loads((out / "report.json").read_bytes())
        listed = [(one["origin"], one["number"], one["age_seconds"]) for one in report["registries"]]
        assert listed == [(ORIGINS[0], 1, 0), (ORIGINS[1], 4, 0)]
        assert {(one["claim"], one["origin"]) for one in report["claims"]} >= set(
            zip(NO_OF_BOTH.values(), NO_OF_BOTH, strict=True)
        )
        page = (out / "report.html").read_text()
        assert all(origin in page for origin in ORIGINS)

    def test_a_program_loads_several_folders_as_one_ruleset(self, world: Path) -> None:
        rules = Ruleset.load(*both(world))
        stays = rules.decider(regime="opt_out", uses=["train_gen"], at=NOW).keep_links(URLS)
        assert stays == [False, False, False, True]


class TestOpening:
    """Each folder is verified by its own keys, and the union is made once."""

    def test_one_registry_is_named_once(self, world: Path) -> None:
        with pytest.raises(InputError, match=r"two folders hold the registry registry\.example/list"):
            open_registries([world / "synced", world / "synced"])

    def test_a_registry_must_be_named(self) -> None:
        with pytest.raises(InputError, match="0 registries"):
            open_registries([])

    def test_a_damaged_list_of_either_is_an_error(self, tmp_path: Path) -> None:
        synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
        other = synced(tmp_path, [], key=OTHER_KEY, name="other")
        (other / "releases" / "1" / "claims.parquet").write_bytes(b"nothing")
        with pytest.raises(VerificationError):
            open_registries(both(tmp_path))

    def test_the_union_is_compiled_once_and_again_for_another_list(self, tmp_path: Path) -> None:
        synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
        other = synced(tmp_path, [], key=OTHER_KEY, name="other")
        first = open_registries(both(tmp_path))
        written = first.path.stat().st_ino
        assert open_registries(both(tmp_path)[::-1]).path.stat().st_ino == written
        seen = {first.path}
        for number in range(2, KEPT_UNIONS + 3):
            synced(tmp_path, [], number, key=OTHER_KEY, name="other")
            seen.add(open_registries(both(tmp_path)).path)
        assert len(seen) == KEPT_UNIONS + 2
        assert len(list(first.path.parent.glob("union-*.bin"))) == KEPT_UNIONS
        assert not list(other.glob("union-*.bin"))

    def test_what_a_killed_process_left_goes_and_what_another_is_writing_stays(self, tmp_path: Path) -> None:
        folder = synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
        synced(tmp_path, [], key=OTHER_KEY, name="other")
        left, written = (folder / f".union-{name}.bin.x{STAGING}" for name in ("left", "written"))
        left.write_bytes(b"half")
        with written.open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            path = open_registries(both(tmp_path)).path
            assert written.exists()
        assert path.is_file()
        assert not left.exists()

    def test_a_damaged_union_is_an_error(self, tmp_path: Path) -> None:
        synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
        synced(tmp_path, [], key=OTHER_KEY, name="other")
        path = open_registries(both(tmp_path)).path
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        with pytest.raises(VerificationError, match="is damaged"):
            open_registries(both(tmp_path))

    def test_the_age_of_every_list_is_looked_at(self, tmp_path: Path) -> None:
        synced(tmp_path, [])
        synced(tmp_path, [], key=OTHER_KEY, name="other", published_at=NOW - timedelta(days=5))
        links_file(tmp_path / "links.parquet", URLS)
        with pytest.raises(VerificationError, match="5 days"):
            applied(tmp_path, tmp_path / "out", max_age=AgeLimit(timedelta(days=3)))
        assert not (tmp_path / "out").exists()
        (warning,) = open_registries(both(tmp_path)).check_age(
            AgeLimit(timedelta(days=3), timedelta(days=9)), NOW
        )
        assert "grace" in warning

    def test_a_number_of_one_list_is_refused_where_there_are_several(self, world: Path) -> None:
        with pytest.raises(InputError, match="that of one list"):
            request(world, world / "links.parquet", ruleset=both(world), since=1)


COPY, PLAIN = "http://x.example/copy", "http://x.example/plain"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    claim = row(1, TargetKind.PICTURE, PICTURE, evidence=Evidence.E0)
    synced(folder, [claim])
    synced(folder, [claim], key=OTHER_KEY, name="other")
    links_file(folder / "links.parquet", [COPY, PLAIN])
    return folder


class TestCoverage:
    """A coverage belongs to one registry; a row is checked when every registry that asks has compared it."""

    def covered(self, folder: Path, out: Path, name: str, **facts: Any) -> Path:
        told: dict[str, Any] = {
            "release_manifest": open_registry(folder / name).release.manifest_digest,
            "version": dataset_version([source_digest(folder / "links.parquet")]),
            "key": OTHER_KEY if name == "other" else KEY,
        }
        return coverage_file(out / f"{name}.zip", **told | facts)

    def run(self, folder: Path, out: Path, *coverages: Path, **others: Any) -> tuple[list[str], Any]:
        asked = {"ruleset": both(folder), "coverage": coverages, "output": out / "out"} | others
        report = apply_ruleset(request(folder, folder / "links.parquet", **asked), NOW)
        return pq.read_table(out / "out" / "links.parquet")["URL"].to_pylist(), report

    def test_a_copy_found_by_either_goes_and_the_cause_names_that_registry(
        self, pictures: Path, tmp_path: Path
    ) -> None:
        match = {"url": COPY, "claim": 1, "distance": 5}
        all_seen = [COPY, PLAIN]
        files = [
            self.covered(pictures, tmp_path, "synced", checked=all_seen),
            self.covered(pictures, tmp_path, "other", checked=all_seen, matches=[match]),
        ]
        kept, report = self.run(pictures, tmp_path, *files, unchecked=Unchecked.DROP)
        assert kept == [PLAIN]
        (removed,) = pq.read_table(tmp_path / "out" / OWN_FOLDER / "removed.parquet").to_pylist()
        assert [cause["origin"] for cause in removed["causes"] if cause["method"] == "pdq"] == [ORIGINS[1]]
        assert [one.coverage.same_work for one in report.registries] == [0, 1]

    @pytest.mark.parametrize("names", [("synced",), ("other",), ("synced", "other")])
    def test_what_one_of_them_did_not_compare_is_not_checked(
        self, pictures: Path, tmp_path: Path, names: tuple[str, ...]
    ) -> None:
        seen = {"synced": [COPY, PLAIN], "other": [PLAIN]}
        files = [self.covered(pictures, tmp_path, name, checked=seen[name]) for name in names]
        kept, _ = self.run(pictures, tmp_path, *files, unchecked=Unchecked.DROP)
        assert kept == ([PLAIN] if len(names) == 2 else [])

    def test_two_coverages_of_one_registry_are_refused(self, pictures: Path, tmp_path: Path) -> None:
        path = self.covered(pictures, tmp_path, "synced")
        with pytest.raises(InputError, match="two coverage files"):
            self.run(pictures, tmp_path, path, path)

    def test_a_coverage_of_a_stranger_is_refused(self, pictures: Path, tmp_path: Path) -> None:
        path = self.covered(pictures, tmp_path, "other")
        with pytest.raises(VerificationError):
            self.run(pictures, tmp_path, path, ruleset=(pictures / "synced",))


class TestCommand:
    """The command takes several registries, a minimum of evidence and a cut-off, and says what came of them."""

    def told(self, world: Path, out: Path, *arguments: str) -> Result:
        asked = ["--input", str(world / "links.parquet"), "--output", str(out), "--regime", "opt_out"]
        rulesets = [word for folder in both(world) for word in ("--ruleset", str(folder))]
        return CliRunner().invoke(app, ["apply", *rulesets, *asked, "--use", "train_gen", *arguments])

    def test_it_names_every_list_and_what_was_set_aside(self, world: Path, tmp_path: Path) -> None:
        said = self.told(world, tmp_path / "out", "--min-evidence", "deny=E5", "--as-of", "2026-05-30")
        assert said.exception is None, said.output
        assert f"release 1 of {ORIGINS[0]} and release 4 of {ORIGINS[1]}: kept 4 of 4 rows" in said.output
        assert "3 rows stay because of it, 0 go" in said.output
        report = json.loads((tmp_path / "out" / OWN_FOLDER / "report.json").read_bytes())
        assert report["set_aside"] == {"kept": 3, "removed": 0}
        assert report["request"]["minimum_evidence"] == {"deny": "E5"}
        assert report["request"]["as_of"] == "2026-05-30T23:59:59.999999+00:00"
        page = (tmp_path / "out" / OWN_FOLDER / "report.html").read_text()
        assert "What was set aside beyond the rules" in page

    def test_a_yes_of_less_than_the_rules_is_refused(self, world: Path, tmp_path: Path) -> None:
        said = self.told(world, tmp_path / "out", "--min-evidence", "allow=E0")
        assert isinstance(said.exception, InputError)
        assert not (tmp_path / "out").exists()
