"""The card of an output names its files with rows, in the splits that names tell, or keeps what the input's card says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.unit.apply.datasets_in_forms import FORMS
from tests.unit.apply.worlds import NOW, URLS, links_file, request, row, synced

from byleave.apply.card import CARD, MOST_CARD_BYTES, README, card_of, configs_in
from byleave.apply.modes import Mode
from byleave.apply.run import apply_ruleset
from byleave.consent import TargetKind
from byleave.storage.outputs import OUTPUT_NOTE, read_output_note


def told(*names: str) -> dict[str, list[str]]:
    """Return the patterns of each split, without their quotes."""
    card = card_of(names, None)
    assert card is not None
    splits: dict[str, list[str]] = {}
    for split in card.decode().split("- split: ")[1:]:
        name, *patterns = re.findall(r'"(.*)"\n', split)
        splits[name] = patterns
    return splits


class TestNames:
    @pytest.mark.parametrize(
        ("names", "splits"),
        [
            (["a.parquet", "b.parquet"], {"train": ["*.parquet"]}),
            (["a.parquet", "b/c.parquet"], {"train": ["*.parquet", "b/*.parquet"]}),
            (["a.jsonl", "b.jsonl.gz"], {"train": ["*.jsonl", "*.jsonl.gz"]}),
            (["train.csv", "dev.csv"], {"train": ["train.csv"], "validation": ["dev.csv"]}),
            (
                ["my-test/1.csv", "x/training 2/1.csv", "other/2.csv"],
                {"train": ["x/training 2/*.csv"], "test": ["my-test/*.csv"]},
            ),
            (["trainset/1.csv", "testimony.csv"], {"train": ["*.csv", "trainset/*.csv"]}),
            (
                ["data/b-00000-of-00001.parquet", "data/test-00000-of-00001-0f.parquet", "more.parquet"],
                {"test": ["data/test-00000-of-00001-0f.parquet"], "b": ["data/b-00000-of-00001.parquet"]},
            ),
        ],
    )
    def test_tell_the_splits_as_they_do_to_the_package(
        self, names: list[str], splits: dict[str, list[str]]
    ) -> None:
        assert told(*names) == splits

    def test_of_most_files_are_those_with_rows(self) -> None:
        assert told("a.tar", "a.parquet", "a_stats.json") == {"train": ["*.parquet"]}
        assert told("a.csv", "b.csv", "a.parquet") == {"train": ["*.csv"]}

    @pytest.mark.parametrize("names", [[], ["index.json", "a.mds"], ["_byleave/fingerprints/a.parquet"]])
    def test_of_no_kind_that_it_loads_make_no_card(self, names: list[str]) -> None:
        assert card_of(names, "configs:\n- data_files: a\n") is None


class TestConfigsOfTheInput:
    CONFIGS = "configs:\n- config_name: en\n\n  data_files: en/*\n# fr is to come\n- config_name: de\n  data_dir: de\n"

    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_are_those_of_its_card(self, tmp_path: Path, end: str) -> None:
        card = f"---\nlicense: mit\n{self.CONFIGS}tags: [a]\n---\nconfigs:\n- data_files: of the text\n"
        (tmp_path / README).write_bytes(card.replace("\n", end).encode())
        assert configs_in(tmp_path) == self.CONFIGS

    def test_are_those_of_the_hidden_card_first(self, tmp_path: Path) -> None:
        (tmp_path / README).write_text("---\nconfigs:\n- data_files: other\n---\n")
        (tmp_path / CARD).write_text(self.CONFIGS)
        assert configs_in(tmp_path) == self.CONFIGS

    @pytest.mark.parametrize(
        "card",
        [
            "no front matter\nconfigs:\n- data_files: a\n",
            "---\nlicense: mit\n---\n",
            "---\nconfigs:\n- config_name: takes everything\n---\n",
            "---\nconfigs:\n- data_files: '**/*.parquet'\n---\n",
            "---\nconfigs:\n- data_dir: data\n---\n",
            "",
        ],
    )
    def test_are_none_where_they_would_take_what_is_ours(self, tmp_path: Path, card: str) -> None:
        (tmp_path / README).write_text(card)
        assert configs_in(tmp_path) is None

    @pytest.mark.parametrize(
        "path",
        [
            "https://elsewhere.example/whole.parquet",
            "hf://datasets/somebody/whole/*.parquet",
            "/data/whole/*.parquet",
            "'/data/whole/*.parquet'",
            "[/data/whole/a.parquet]",
            "../whole/*.parquet",
            'data/"\\x2e\\x2e/whole"',
        ],
    )
    def test_are_none_where_they_would_lead_out_to_rows_that_nobody_decided_about(
        self, tmp_path: Path, path: str
    ) -> None:
        (tmp_path / README).write_text(f"---\nconfigs:\n- config_name: a\n  data_files: {path}\n---\n")
        assert configs_in(tmp_path) is None

    def test_are_looked_for_in_the_beginning_of_bytes_of_any_kind(self, tmp_path: Path) -> None:
        with (tmp_path / README).open("wb") as file:
            file.write(b"---\n\xff\n" + self.CONFIGS.encode() + b"---\n")
            file.truncate(2 * MOST_CARD_BYTES)
        assert configs_in(tmp_path) == self.CONFIGS

    def test_are_none_of_an_empty_folder(self, tmp_path: Path) -> None:
        assert configs_in(tmp_path) is None


class TestOutput:
    @pytest.mark.parametrize("mode", [Mode.FILTER, Mode.ANNOTATE])
    def test_names_its_card_as_one_of_its_files(self, tmp_path: Path, mode: Mode) -> None:
        synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
        source = links_file(tmp_path / "links.parquet", URLS)
        apply_ruleset(request(tmp_path, source, mode=mode), NOW)
        note = read_output_note((tmp_path / "out" / OUTPUT_NOTE).read_bytes(), "note")
        (named,) = (file for file in note if file.name == CARD)
        assert named.size == (tmp_path / "out" / CARD).stat().st_size
        assert b'"*.parquet"' in (tmp_path / "out" / CARD).read_bytes()

    @pytest.mark.parametrize("form", ["mds", "saved", "lance"])
    def test_in_a_form_that_has_its_own_loader_has_no_card(self, tmp_path: Path, form: str) -> None:
        (made,) = (one for one in FORMS if one.name == form)
        synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
        made.make(tmp_path / "data")
        apply_ruleset(request(tmp_path, tmp_path / "data"), NOW)
        assert not (tmp_path / "out" / CARD).exists()

    def test_of_a_mask_has_no_card(self, tmp_path: Path) -> None:
        synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
        source = links_file(tmp_path / "links.parquet", URLS)
        apply_ruleset(request(tmp_path, source, mode=Mode.MASK), NOW)
        assert not (tmp_path / "out" / CARD).exists()
