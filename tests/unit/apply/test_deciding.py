"""Inside a training program the same rows stay as in a run over the files, and nothing is decided that nobody chose."""

from __future__ import annotations

import copy
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.apply.worlds import NOW, links_file, request, row, synced

from byleave.apply import Decider, Ruleset
from byleave.apply.loaders import facts_of, kept
from byleave.apply.run import apply_ruleset
from byleave.consent import Evidence, Preference, TargetKind
from byleave.errors import FormatError, InputError, NotFoundError, VerificationError

LINKS = [
    "http://free.example/1", "http://a.example/2", None, "http://b.example/p/3", "http://b.example/q/4", "", "http://b.example/\ud800",
]  # fmt: skip
STAYS = [True, False, False, False, True, False, False]
CHOICES: dict[str, Any] = {"regime": "opt_out", "uses": ["train_gen"], "at": NOW}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = tmp_path_factory.mktemp("world")
    rows = [
        row(1, TargetKind.HOST, "a.example"),
        row(2, TargetKind.PREFIX, "b.example/p/"),
        row(3, TargetKind.URL, "http://yes.example/1", Preference.ALLOW),
        row(4, TargetKind.URL, "http://soon.example/1", effective_at=NOW + timedelta(days=9)),
    ]
    return synced(world, rows)


@pytest.fixture(scope="module")
def decider(folder: Path) -> Decider:
    return Ruleset.load(folder).decider(**CHOICES)


class TestDecider:
    """What a decider answers."""

    def test_links_that_are_refused_or_cannot_be_read_do_not_stay(self, decider: Decider) -> None:
        assert decider.keep_links(LINKS) == STAYS
        assert decider.keep_links([]) == []

    def test_a_mask_over_a_table_has_a_value_for_each_row_whatever_the_chunks(self, folder: Path) -> None:
        rules = Ruleset.load(folder)
        chunks = [
            pa.array(LINKS[:2], pa.string()),
            pa.array([], pa.string()),
            pa.array(LINKS[2:6], pa.string()),
        ]
        table = pa.table({"URL": pa.chunked_array(chunks)})
        mask = rules.keep_mask(table, **CHOICES)
        assert mask.to_pylist() == STAYS[:6]
        assert rules.keep_mask(table.slice(0, 0), **CHOICES).to_pylist() == []
        assert table.filter(mask)["URL"].to_pylist() == [LINKS[0], LINKS[4]]

    def test_a_decision_names_its_causes_and_a_row_that_stays_has_none(self, folder: Path) -> None:
        batch = pa.record_batch({"url": pa.array(LINKS[:4], pa.string())})
        decided = Ruleset.load(folder).decide(batch, **CHOICES)
        assert decided.keep.to_pylist() == STAYS[:4]
        causes = decided.causes.to_pylist()
        assert [[(c["kind"], c["method"]) for c in told] for told in causes] == [
            [], [("claim", "host")], [("unreadable", None)], [("claim", "prefix")],
        ]  # fmt: skip
        assert causes[1][0]["reference"] == (1).to_bytes(16).hex()

    def test_what_stays_in_a_program_stays_in_a_run_over_the_file(self, folder: Path, tmp_path: Path) -> None:
        links = [link for link in LINKS if link is None or "\ud800" not in link] * 3
        path = links_file(tmp_path / "in.parquet", links)
        apply_ruleset(request(folder.parent, path, output=tmp_path / "out"), NOW)
        mask = Ruleset.load(folder).keep_mask(pq.read_table(path), **CHOICES)
        assert pq.read_table(path).filter(mask) == pq.read_table(tmp_path / "out" / "in.parquet")

    def test_silence_goes_under_opt_in_and_all_stays_in_research(self, folder: Path) -> None:
        rules = Ruleset.load(folder)
        links = pa.record_batch(
            {"url": ["http://yes.example/1", "http://free.example/", "http://a.example/"]}
        )
        assert rules.keep_mask(links, **CHOICES | {"regime": "opt_in"}).to_pylist() == [True, False, False]
        research = rules.decide(links, **CHOICES | {"regime": "research"})
        assert research.keep.to_pylist() == [True] * 3
        assert [len(told) for told in research.causes.to_pylist()] == [0, 0, 1]

    def test_the_moment_that_counts_is_fixed(self, folder: Path) -> None:
        later = Ruleset.load(folder).decider(**CHOICES | {"at": NOW + timedelta(days=10)})
        soon = ["http://soon.example/1"]
        assert later.keep_links(soon) == [False]
        assert Ruleset.load(folder).decider(**CHOICES).keep_links(soon) == [True]

    def test_a_decider_travels_as_facts_and_decides_the_same(self, decider: Decider) -> None:
        assert copy.deepcopy(decider).keep_links(LINKS) == STAYS
        assert set(decider.__getstate__()) == {"_facts", "_numbers"}

    def test_a_list_that_changes_during_the_work_is_noticed(self, tmp_path: Path) -> None:
        synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
        decider = Ruleset.load(tmp_path / "synced").decider(**CHOICES)
        synced(tmp_path, [row(1, TargetKind.HOST, "a.example")], number=2)
        with pytest.raises(InputError, match=r"from no\. 1 to no\. 2"):
            copy.deepcopy(decider)

    @given(st.lists(st.sampled_from(LINKS), max_size=40), st.integers(1, 7))
    @settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    def test_samples_stay_in_order_and_however_many_are_decided_together(
        self, decider: Decider, links: list[str | None], at_once: int
    ) -> None:
        samples: list[dict[str, Any]] = [{"url": link, "place": place} for place, link in enumerate(links)]
        once = list(kept(samples, decider, at_once=at_once))
        assert once == [s for s in samples if STAYS[LINKS.index(s["url"])]]
        assert list(kept(once, decider)) == once


class TestChoices:
    """What nobody chose is not made up."""

    @pytest.mark.parametrize(
        "wrong",
        [{"regime": "maybe"}, {"uses": []}, {"uses": ["fun"]}, {"uses": ["tdm", "tdm"]}, {"unchecked": "x"}],
    )
    def test_an_unknown_or_missing_choice_is_refused(self, folder: Path, wrong: dict[str, Any]) -> None:
        with pytest.raises(InputError):
            Ruleset.load(folder).decider(**CHOICES | wrong)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"as_of": "soon"}, {"as_of": "2026-05-01T00:00:00"}, {"as_of": datetime(2026, 5, 1)}, {"as_of": 3},  # noqa: DTZ001
            {"as_of": "9999-01-01"}, {"as_of": date(9999, 1, 1)}, {"at": "2026-05-01"}, {"at": date(2026, 5, 1)},
            {"at": "2026-05-01T00:00:00"}, {"at": datetime(2026, 5, 1)}, {"at": 3}, {"max_age": "3 days"},  # noqa: DTZ001
            {"max_age": 3}, {"max_age": timedelta(days=-1)}, {"min_evidence": {}}, {"min_evidence": {"deny": 7}},
            {"min_evidence": {"no": "E1"}}, {"min_evidence": 3}, {"min_evidence": ["deny=E1"]}, {"regime": None},
            {"uses": None}, {"uses": [None]}, {"unchecked": True}, {"with_pending": "no"}, {"coverage": 3}, {"use": "tdm"},
        ],
    )  # fmt: skip
    def test_a_value_of_another_type_is_refused_by_name_and_with_a_remedy(
        self, folder: Path, wrong: dict[str, Any]
    ) -> None:
        with pytest.raises(InputError) as caught:
            Ruleset.load(folder).decider(**CHOICES | wrong)
        assert caught.value.remedy

    @pytest.mark.parametrize("missing", ["regime", "uses"])
    def test_a_choice_without_a_default_is_asked_for_by_name(self, folder: Path, missing: str) -> None:
        choices: dict[str, Any] = {name: value for name, value in CHOICES.items() if name != missing}
        with pytest.raises(InputError, match=f"{missing} must be said"):
            Ruleset.load(folder).decider(**choices)

    @pytest.mark.parametrize(
        ("given", "same"),
        [
            ({"as_of": "2026-05-01"}, {"as_of": datetime(2026, 5, 1, 23, 59, 59, 999999, UTC)}),
            ({"as_of": date(2026, 5, 1)}, {"as_of": datetime(2026, 5, 1, 23, 59, 59, 999999, UTC)}),
            ({"as_of": "2026-05-01T12:00:00+02:00"}, {"as_of": datetime(2026, 5, 1, 10, tzinfo=UTC)}),
            ({"at": "2026-06-02T00:00:00Z"}, {"at": datetime(2026, 6, 2, tzinfo=UTC)}),
            ({"max_age": timedelta(days=3)}, {"max_age": "3d"}),
            ({"min_evidence": {"deny": "E1", "allow": Evidence.E3}}, {"min_evidence": "deny=E1,allow=E3"}),
            ({"uses": "train_gen"}, {"uses": ["train_gen"]}),
        ],
    )
    def test_values_of_python_say_what_the_words_of_the_command_say(
        self, folder: Path, given: dict[str, Any], same: dict[str, Any]
    ) -> None:
        deciders = [Ruleset.load(folder).decider(**CHOICES | one) for one in (given, same)]
        first, second = (decider.__getstate__()["_facts"] for decider in deciders)
        assert first == second

    def test_rows_that_are_no_arrow_and_folders_that_are_no_paths_are_refused(self, folder: Path) -> None:
        rows: Any = [{"url": "http://a.example/"}]
        for decide in (Ruleset.load(folder).keep_mask, Ruleset.load(folder).decide):
            with pytest.raises(InputError, match="table or batch of Arrow"):
                decide(rows, **CHOICES)
        nothing: Any = None
        with pytest.raises(InputError, match="folder"):
            Ruleset.load(nothing)

    def test_two_columns_of_links_are_refused(self, folder: Path) -> None:
        links = pa.table([["http://a.example/"], ["http://free.example/"]], names=["url", "url"])
        for rows in (links, links.to_batches()[0]):
            with pytest.raises(FormatError, match="the table has 2 columns named 'url'"):
                Ruleset.load(folder).keep_mask(rows, **CHOICES)

    def test_an_old_list_is_refused_where_that_was_asked_for(self, folder: Path) -> None:
        late = CHOICES | {"at": NOW + timedelta(days=4), "max_age": "3d"}
        with pytest.raises(VerificationError, match="4 days"):
            Ruleset.load(folder).decider(**late)

    def test_a_folder_without_a_list_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(NotFoundError):
            Ruleset.load(tmp_path)

    def test_rows_that_could_not_be_checked_ask_for_a_choice(self, tmp_path: Path) -> None:
        synced(tmp_path, [row(1, TargetKind.DIGEST, bytes(range(32)))])
        rules = Ruleset.load(tmp_path / "synced")
        with pytest.raises(InputError, match="could not be checked"):
            rules.decider(**CHOICES).keep_links(["http://b.example/"])
        drops = rules.decider(**CHOICES | {"unchecked": "drop"})
        links = ["http://b.example/"] * 3
        assert drops.keep_links(links, [None, bytes(range(32)).hex(), bytes(32).hex()]) == [
            False,
            False,
            True,
        ]
        keeps = rules.decider(**CHOICES | {"unchecked": "keep"})
        assert keeps.keep_links(links, [None, bytes(range(32)), bytes(32)]) == [True, False, True]


class TestSamples:
    """Where the link of a sample is looked for."""

    @pytest.mark.parametrize(
        "sample",
        [
            {"url": "http://a/"}, {"URL": "http://a/"}, {"image_url": "http://a/"}, {"json": {"url": "http://a/"}},
            {"json": b'{"url": "http://a/"}', "jpg": b"x"}, {"__key__": "0", "json": '{"URL": "http://a/"}'},
        ],
    )  # fmt: skip
    def test_a_link_is_found_under_its_usual_names(self, sample: dict[str, Any]) -> None:
        assert facts_of(sample) == ("http://a/", None)

    @pytest.mark.parametrize(
        "sample", ["http://a/", {"json": b"{"}, {"json": "[1]"}, {"url": 3}, {"json": b"[" * 99999}]
    )
    def test_a_sample_of_another_shape_is_refused(self, sample: Any) -> None:
        with pytest.raises(FormatError) as caught:
            facts_of(sample)
        assert "facts=" in caught.value.remedy

    def test_a_sample_without_a_link_does_not_stay(self, decider: Decider) -> None:
        assert list(kept([{"jpg": b"x"}], decider)) == []


def test_importing_the_room_loads_nothing_heavy() -> None:
    code = "import sys, byleave.apply; print([m for m in ('numba', 'pyarrow', 'numpy', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
