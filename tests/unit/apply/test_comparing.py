"""Two variants of a dataset differ by the rows that only one of them has, however many equal rows there are."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.apply.worlds import NOW, OTHER_KEY, links_file, request, row, synced
from typer.testing import CliRunner

from byleave.apply import comparing
from byleave.apply.comparing import Difference, compare
from byleave.apply.row_keys import UNREADABLE
from byleave.apply.run import apply_ruleset
from byleave.apply.sources import find_input
from byleave.cli.commands import app
from byleave.consent import Evidence, Standard, TargetKind
from byleave.errors import ConflictError, FormatError, NotFoundError

ROWS = st.lists(
    st.tuples(
        st.sampled_from(
            ["http://a.example/1", "https://a.example/1", "http://b.example/2", "nonsense", None]
        ),
        st.sampled_from(["a red house", "a dog", None]),
    ),
    max_size=12,
)
CANONICAL = {"https://a.example/1": "http://a.example/1"}


def written(path: Path, rows: Sequence[tuple[str | None, str | None]], **columns: Sequence[Any]) -> Path:
    return links_file(path, [url for url, _ in rows], TEXT=[caption for _, caption in rows], **columns)


def compared(before: Path, after: Path, **others: Any) -> Difference:
    one, other = (find_input(str(path), before.parent, with_version=False) for path in (before, after))
    return compare(one, other, **others)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS, ROWS, st.sampled_from([2, 1 << 21]))
def test_what_is_lost_and_gained_is_the_difference_of_multisets(
    before: list[tuple[str | None, str | None]], after: list[tuple[str | None, str | None]], at_once: int
) -> None:
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparing, "ROWS_OF_A_PART", at_once)
        folder = Path(name)
        found = compared(written(folder / "a.parquet", before), written(folder / "b.parquet", after))
        first, second = (Counter((CANONICAL.get(u or "", u), c) for u, c in rows) for rows in (before, after))
        lost, gained = first - second, second - first
        assert (found.before, found.after) == (len(before), len(after))
        assert (found.lost.rows, found.gained.rows) == (lost.total(), gained.total())
        assert found.shared == (first & second).total()
        assert found.lost.hosts == hosts(lost)
        assert found.gained.hosts == hosts(gained)


def hosts(rows: Counter[tuple[str | None, str | None]]) -> Counter[str]:
    named = {"http://a.example/1": "a.example", "http://b.example/2": "b.example"}
    counts = Counter[str]()
    for (url, _), count in rows.items():
        counts[named.get(url or "", UNREADABLE)] += count
    return counts


def test_words_and_creators_are_those_of_the_rows_without_a_partner(tmp_path: Path) -> None:
    before = [("http://a.example/1", "A Red House, é!"), ("http://b.example/2", "red")]
    first = written(tmp_path / "a.parquet", before, Artist=["Ann", "Bob"])
    second = written(tmp_path / "b.parquet", before[1:], Artist=["Bob"])
    found = compared(first, second)
    assert found.lost.words == {"red": 1, "house": 1}
    assert found.lost.creators == {"Ann": 1}
    assert found.with_captions
    assert not found.gained.words


def test_a_file_without_links_is_refused_and_no_work_files_stay(tmp_path: Path) -> None:
    pq.write_table(pa.table({"other": [1]}), tmp_path / "a.parquet")
    (tmp_path / "scratch").mkdir()
    second = written(tmp_path / "b.parquet", [])
    with pytest.raises(FormatError, match="no column named"):
        compared(tmp_path / "a.parquet", second, scratch=tmp_path / "scratch")
    assert not list((tmp_path / "scratch").iterdir())


def test_a_variant_that_changes_meanwhile_is_noticed(tmp_path: Path) -> None:
    first = written(tmp_path / "a.parquet", [("http://a.example/1", "x")])
    second = written(tmp_path / "b.parquet", [("http://a.example/2", "x")])

    def meddle(step: str, done: int, total: int) -> None:
        if step == "compare":
            written(first, [("http://a.example/1", "x")] * 5)

    with pytest.raises(ConflictError, match="changed while it was read"):
        compared(first, second, progress=meddle)


class TestCommand:
    """The command says what differs, for people, for programs and as a page."""

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("variants")
        weak = row(2, TargetKind.URL, "http://b.example/2", evidence=Evidence.E0, claimant=8)
        synced(folder, [row(1, TargetKind.HOST, "a.example", claimant=7), weak])
        synced(folder, [], key=OTHER_KEY, name="other")
        links = [f"http://{host}.example/{n}" for n in range(4) for host in "abc"]
        written(
            folder / "links.parquet", [(link, f"picture of {link[7]}{link[7]}{link[7]}") for link in links]
        )
        for name, standard in (
            ("strict", Standard()),
            ("loose", Standard(deny=Evidence.E1, as_of=NOW - timedelta(hours=1))),
        ):
            asked = request(folder, folder / "links.parquet", output=folder / name, standard=standard)
            apply_ruleset(asked, NOW)
        return folder

    def told(self, *arguments: str | Path) -> Any:
        result = CliRunner().invoke(app, ["diff", *map(str, arguments)])
        assert result.exception is None, result.output
        return json.loads(result.stdout) if "--json" in arguments else result.output

    def test_a_program_reads_hosts_words_and_whose_choices_they_are(self, world: Path) -> None:
        told = self.told(world / "loose", world / "strict", "--json", "--ruleset", world / "synced")
        assert told["rows"] == {"both": 7, "lost": 1, "gained": 0}
        assert told["hosts"]["lost"] == [{"host": "b.example", "rows": 1}]
        assert {one["word"] for one in told["words"]["lost"]} == {"picture", "bbb"}
        assert told["creators"] is None
        claim = {"claim": (2).to_bytes(16).hex(), "origin": "registry.example/list", "first": 0, "second": 1}
        (listed,) = told["claims"]
        assert listed.pop("claimant") == told["claimants"][0]["claimant"]
        assert listed == claim
        assert told["first"]["asked"]["minimum evidence"] == "deny=E1"

    def test_an_output_is_compared_with_what_it_was_made_of(self, world: Path) -> None:
        told = self.told(world / "links.parquet", world / "strict", "--json")
        assert told["rows"] == {"both": 7, "lost": 5, "gained": 0}
        assert told["first"]["asked"] is None

    def test_a_person_reads_it_and_gets_a_page(self, world: Path, tmp_path: Path) -> None:
        page = tmp_path / "diff.html"
        said = self.told(world / "loose", world / "strict", "--html", page)
        assert "7 rows in both, 1 lost, 0 gained" in said
        html = page.read_text()
        assert "b.example" in html
        assert "They differ in: minimum evidence, cut-off." in html
        assert "<script" not in html

    def test_a_page_that_is_there_is_not_written_over(self, world: Path, tmp_path: Path) -> None:
        (tmp_path / "diff.html").write_text("mine")
        result = CliRunner().invoke(
            app, ["diff", str(world / "loose"), str(world / "strict"), "--html", str(tmp_path / "diff.html")]
        )
        assert isinstance(result.exception, ConflictError)
        assert (tmp_path / "diff.html").read_text() == "mine"

    @pytest.mark.parametrize("lacking", [("--html", "nowhere/diff.html"), ("--ruleset", "nowhere")])
    def test_what_is_not_there_is_told_before_anything_is_compared(
        self, world: Path, tmp_path: Path, lacking: tuple[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        result = CliRunner().invoke(
            app, ["diff", str(world / "loose"), str(tmp_path / "no dataset"), *lacking]
        )
        assert isinstance(result.exception, NotFoundError)
        assert "nowhere" in result.exception.problem, "and not that there is no dataset"

    def test_the_numbers_of_a_choice_come_before_its_long_names(self, world: Path, tmp_path: Path) -> None:
        self.told(
            world / "loose", world / "strict", "--html", tmp_path / "diff.html", "--ruleset", world / "synced"
        )
        heads = re.findall(r"<th scope=\"col\"[^>]*>([^<]*)</th>", (tmp_path / "diff.html").read_text())
        assert heads[heads.index("Choice", heads.index("Word")) :] == [
            "Choice",
            "First",
            "Second",
            "Registry",
            "Pseudonym",
        ]

    def test_a_report_that_cannot_be_read_is_an_error(self, world: Path, tmp_path: Path) -> None:
        (tmp_path / "_byleave").mkdir()
        (tmp_path / "_byleave" / "report.json").write_text("{}")
        result = CliRunner().invoke(app, ["diff", str(tmp_path), str(world / "strict")])
        assert isinstance(result.exception, FormatError)
